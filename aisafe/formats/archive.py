"""What is in an archive: tar(5) in any compression that Python reads, and zip. Nothing is unpacked to a disk."""

from __future__ import annotations

import io
import posixpath
import tarfile
import zipfile
from collections.abc import Iterator
from typing import Literal

from aisafe.frozen import frozen

COUNT_LIMIT = 2000
SIZE_LIMIT = 64 * 1024 * 1024
"""Members, and bytes of all of them together, up to which an archive is looked through."""


@frozen
class Member:
    """``path``: relative, without ``..``. ``content`` of a file, ``target`` of a link. ``owner`` and ``group``: '' for none."""

    path: str
    kind: Literal["file", "directory", "link"]
    content: bytes = b""
    mode: int | None = None
    target: str = ""
    owner: str = ""
    group: str = ""


def members(content: bytes) -> tuple[Member, ...] | None:
    """Every member in its order; None for what is no such archive, is too large, or holds more than files, directories and
    symbolic links."""
    try:
        found: list[Member] = []
        total = 0
        for size, member in _zip(content) if zipfile.is_zipfile(io.BytesIO(content)) else _tar(content):
            total += size
            if member is None or total > SIZE_LIMIT or len(found) >= COUNT_LIMIT:
                return None
            found.append(member)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, ValueError, RuntimeError, NotImplementedError):
        return None
    return tuple(found) if all(member.path.partition("/")[0] != ".." for member in found) else None


def _tar(content: bytes) -> Iterator[tuple[int, Member | None]]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:*") as archive:
        for item in archive:
            path = posixpath.normpath(item.name.lstrip("/"))
            if item.size > SIZE_LIMIT:
                yield item.size, None
            elif item.isdir():
                yield 0, Member(path=path, kind="directory", mode=item.mode, owner=item.uname, group=item.gname)
            elif item.issym():
                yield 0, Member(path=path, kind="link", target=item.linkname, owner=item.uname, group=item.gname)
            elif item.isreg() and (file := archive.extractfile(item)) is not None:
                yield (
                    item.size,
                    Member(
                        path=path, kind="file", content=file.read(), mode=item.mode, owner=item.uname, group=item.gname
                    ),
                )
            else:
                yield 0, None


def _zip(content: bytes) -> Iterator[tuple[int, Member | None]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for item in archive.infolist():
            path, bits = posixpath.normpath(item.filename.lstrip("/")), item.external_attr >> 16
            if item.file_size > SIZE_LIMIT or bits & 0o170000 == 0o120000:
                yield item.file_size, None
            elif item.is_dir():
                yield 0, Member(path=path, kind="directory", mode=bits & 0o777 or None)
            else:
                yield (
                    item.file_size,
                    Member(path=path, kind="file", content=archive.read(item), mode=bits & 0o777 or None),
                )
