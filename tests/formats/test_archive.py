from __future__ import annotations

import io
import tarfile
import zipfile

import pytest

from aisafe.formats import archive


def packed(*infos: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:xz") as made:
        for info in infos:
            made.addfile(info, io.BytesIO(b"x" * info.size))
    return out.getvalue()


def info(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.size, made.linkname = kind, size, target
    return made


def test_tar() -> None:
    found = archive.members(
        packed(info("d", tarfile.DIRTYPE), info("./d/f", size=3), info("/l", tarfile.SYMTYPE, target="d/f"))
    )
    assert found is not None
    assert [(one.path, one.kind, one.content, one.target) for one in found] == [
        ("d", "directory", b"", ""), ("d/f", "file", b"xxx", ""), ("l", "link", b"", "d/f")
    ]  # fmt: skip


def test_zip() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("d/f", "x")
    found = archive.members(out.getvalue())
    assert found is not None
    assert [(one.path, one.content) for one in found] == [("d/f", b"x")]


@pytest.mark.parametrize(
    "content",
    [b"", b"nonsense", packed(info("../x")), packed(info("x", tarfile.CHRTYPE)), packed(info("a/../../x"))],
)
def test_what_is_not_told(content: bytes) -> None:
    assert archive.members(content) is None


def test_more_than_is_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "SIZE_LIMIT", 10)
    assert archive.members(packed(info("a", size=6), info("b", size=6))) is None
    monkeypatch.setattr(archive, "COUNT_LIMIT", 1)
    assert archive.members(packed(info("a"), info("b"))) is None
