"""The proof on real trees: what equals is completed, each difference is told, by one process and by two."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from aisafe.agent import contents, layers, proof
from aisafe.agent.lines import decode, is_directory, lines_of, path_of
from aisafe.agent.manifest import Walk
from aisafe.agent.scope import Scope


class Place:
    """A directory of a host, and copies of it with the list of them."""

    def __init__(self, top: Path) -> None:
        self.live, self.tree = top / "live", top / "tree"
        self.manifest, self.listed = str(top / "m"), str(top / "listed")
        self.scope = Scope(named=[str(self.live)])
        self.scope.roots = frozenset([str(self.live), str(self.live / "log")])
        self.scope.ways = frozenset(str(place) for place in self.live.parents)
        self.scope.shells -= {"/tmp", "/var/tmp"}

    def copy(self) -> Walk:
        """Of all, by cp(1)."""
        walk = Walk(self.scope)
        walk.write(self.manifest, contents=False)
        shutil.copy(self.manifest, self.listed)
        lines = list(lines_of(self.listed))
        for line in lines:
            path, target = path_of(line), Path(f"{self.tree}{path_of(line)}")
            first = decode(line)[0].get("hl")
            if is_directory(line):
                target.mkdir(exist_ok=True, parents=True)
            elif first is not None:
                os.link(f"{self.tree}{first}", target)
            else:
                subprocess.run(["cp", "-a", path, target], check=True)
        for line in reversed(lines):
            if is_directory(line):
                layers.dress(f"{self.tree}{path_of(line)}", decode(line)[0])
        return walk

    def whole(self) -> str:
        """The manifest as one walk that reads all of it writes it."""
        other = f"{self.manifest}.whole"
        Walk(self.scope).write(other)
        return Path(other).read_text()

    def copied(self, name: str) -> Path:
        return Path(f"{self.tree}{self.live}") / name

    def differing(self, walk: Walk) -> list[str]:
        return [os.path.relpath(path, self.live) for path in proof.prove(walk, str(self.tree), self.listed)]


@pytest.fixture(params=["one", "two"])
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Place:
    made = Place(tmp_path)
    for number in range(40):
        (made.live / f"d{number % 7}").mkdir(parents=True, exist_ok=True)
        (made.live / f"d{number % 7}" / f"f{number}").write_text(f"{number}" * number)
    os.link(made.live / "d0" / "f0", made.live / "d6" / "name")
    os.symlink("f1", made.live / "d1" / "l")
    os.mkfifo(made.live / "d1" / "p")
    os.setxattr(made.live / "d2" / "f2", "user.k", b"v")
    with (made.live / "d3" / "holes").open("wb") as file:
        file.truncate(1 << 20)
    (made.live / "large").write_bytes(b"x" * 3_000_000)
    (made.live / 'quote"h":').write_text("in its name")
    time.sleep(0.06)  # older than manifest.FRESH
    if request.param == "two":
        monkeypatch.setattr(proof, "LARGE", 100)
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    return made


def test_what_equals_is_completed(place: Place, tmp_path: Path) -> None:
    walk = place.copy()
    assert walk.unread == 44
    assert place.differing(walk) == []
    assert proof.fill(place.manifest, place.listed) == 0
    assert Path(place.manifest).read_text() == place.whole()
    assert place.differing(walk) == [], "lines that are whole are compared, too"
    assert sorted(os.listdir(tmp_path)) == ["listed", "live", "m", "m.whole", "tree"]


def _rewritten(path: Path, text: str) -> None:
    """With another content and nothing else."""
    info, size = path.stat(), path.stat().st_size
    path.write_text(text[:size])
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))


def _added(place: Place, name: str) -> None:
    """With the directory's time as it was."""
    info = place.copied("d4").stat()
    place.copied(name).write_text("")
    os.utime(place.copied("d4"), ns=(info.st_atime_ns, info.st_mtime_ns))


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("d5/f5", lambda p: _rewritten(p.copied("d5/f5"), "66666")),
        ("large", lambda p: _rewritten(p.copied("large"), "x" * 2_500_000 + "y" * 500_000)),
        ("d5/f5", lambda p: p.copied("d5/f5").chmod(0o600)),
        ("d5/f5", lambda p: os.utime(p.copied("d5/f5"), ns=(0, 0))),
        ("d5/f5", lambda p: p.copied("d5/f5").write_text("555555")),
        ("d5/f5", lambda p: p.copied("d5/f5").unlink()),
        ("d5/f5", lambda p: (p.copied("d5/f5").unlink(), p.copied("d5/f5").mkdir())),
        ("d5", lambda p: p.copied("d5").chmod(0o700)),
        ("d2/f2", lambda p: os.removexattr(p.copied("d2/f2"), "user.k")),
        ("d5/f5", lambda p: os.setxattr(p.copied("d5/f5"), "user.k", b"v")),
        ("d1/l", lambda p: (p.copied("d1/l").unlink(), os.symlink("other", p.copied("d1/l")))),
        ("d6/name", lambda p: (p.copied("d6/name").unlink(), shutil.copy2(p.copied("d0/f0"), p.copied("d6/name")))),
        ("d3/holes", lambda p: _rewritten(p.copied("d3/holes"), "\0" * 1_000_000 + "x" * (1 << 20))),
        ("d4/more", lambda p: _added(p, "d4/more")),
    ],
)  # fmt: skip
def test_each_difference_of_a_copy_is_told(place: Place, name: str, change: object, known: bool) -> None:
    walk = place.copy()
    if known:
        assert place.differing(walk) == []
    change(place)  # type: ignore[operator]
    found = place.differing(walk)
    assert name in found
    assert set(found) - {name} <= {os.path.dirname(name)}, "a directory's time moves with what is in it"


def test_all_of_a_directory_too_many_is_told(place: Place) -> None:
    walk = place.copy()
    (place.copied("d4") / "more" / "deep").mkdir(parents=True)
    (place.copied("d4") / "more" / "deep" / "file").write_text("")
    os.symlink("/etc", place.copied("d4") / "more" / "link")
    assert place.differing(walk) == ["d4", "d4/more", "d4/more/deep", "d4/more/deep/file", "d4/more/link"]


def test_what_changed_on_the_host_meanwhile_is_told_and_is_as_it_is_now(place: Place) -> None:
    walk = place.copy()
    _rewritten(place.live / "d5" / "f5", "66666")
    (place.live / "d5" / "f12").write_text("longer than it was before")
    (place.live / "d4" / "f4").unlink()
    (place.live / "d3" / "f3").chmod(0o600)
    os.removexattr(place.live / "d2" / "f2", "user.k")
    assert sorted(place.differing(walk)) == ["d2/f2", "d3/f3", "d4/f4", "d5/f12", "d5/f5"]
    assert proof.fill(place.manifest, place.listed) == 1
    now = [line for line in place.whole().splitlines() if not is_directory(line)]
    assert [line for line in Path(place.manifest).read_text().splitlines() if not is_directory(line)] == now


def test_what_cannot_be_looked_at_is_known_afterwards(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    walk, lost = place.copy(), str(place.live / "d6" / "f6")
    lstat, opened = os.lstat, proof.opened

    def broken(path: str) -> os.stat_result:
        if path == lost:
            raise OSError(5, "Input/output error")
        return lstat(path)

    def closed(path: str) -> int:
        if path == lost:
            raise OSError(5, "Input/output error")
        return opened(path)

    monkeypatch.setattr(os, "lstat", broken)
    monkeypatch.setattr(proof, "opened", closed)
    assert place.differing(walk) == ["d6/f6"]
    assert walk.unseen == {lost: "Input/output error"}


def test_new_logs_among_the_copies_are_no_difference(place: Place) -> None:
    place.scope.volatile.add(str(place.live / "d4"))
    walk = place.copy()
    (place.copied("d4") / "new").write_text("a log that began meanwhile")
    place.copied("d4/f4").write_text("goes on")
    assert place.differing(walk) == []
    (place.copied("d4") / "directory").mkdir()
    assert place.differing(walk) == ["d4/directory"]


def fails(monkeypatch: pytest.MonkeyPatch, error: Exception, *, here: bool) -> None:
    mine, prove = os.getpid(), proof._prove

    def half(walk: Walk, tree: str, listed: str) -> list[str]:
        if (os.getpid() == mine) == here:
            raise error
        return prove(walk, tree, listed)

    monkeypatch.setattr(proof, "_prove", half)


@pytest.mark.parametrize("name", ["d1/f1", "d6/f6", "d6/name"])
def test_what_cannot_be_read_is_named(place: Place, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    walk, lost, lstat, opened = place.copy(), str(place.copied(name)), os.lstat, contents.opened

    def broken(path: str) -> os.stat_result:
        if path == lost:
            raise OSError(5, "Input/output error")
        return lstat(path)

    def closed(path: str) -> int:
        if path == lost:
            raise OSError(5, "Input/output error")
        return opened(path)

    monkeypatch.setattr(os, "lstat", broken)
    monkeypatch.setattr(proof, "opened", closed)
    with pytest.raises(OSError, match=f"{name} or its copy could not be read: Input/output error"):
        place.differing(walk)


@pytest.mark.parametrize("place", ["two"], indirect=True)
@pytest.mark.parametrize(
    ("error", "told"),
    [(OSError(5, "/f could not be read"), "read"), (ValueError("ours"), "read: the process that read it crashed")],
)
def test_a_half_that_is_not_read_is_no_proof(
    place: Place, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    walk = place.copy()
    fails(monkeypatch, error, here=False)
    with pytest.raises(OSError, match=f"could not be {told}"):
        place.differing(walk)


@pytest.mark.parametrize("place", ["two"], indirect=True)
def test_a_process_that_fails_waits_for_the_other(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = place.copy()
    fails(monkeypatch, OSError(28, "No space left on device"), here=True)
    with pytest.raises(OSError, match="No space left"):
        place.differing(walk)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
