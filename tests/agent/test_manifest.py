"""Manifests of real trees in a temporary directory, and their comparison."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path

import pytest

from aisafe.agent import flags, manifest, merge
from aisafe.agent.differences import compare, compare_files, real_changes
from aisafe.agent.lines import Entry, encode, key, lines_of, path_of, read, unread
from aisafe.agent.manifest import Walk
from aisafe.agent.scope import Scope


def scope(root: Path, *named: str) -> Scope:
    found = Scope(named=[str(root / name) for name in named])
    found.roots = frozenset(path for path in found.roots if path.startswith(str(root)))
    found.ways = frozenset(str(place) for path in found.roots for place in Path(path).parents)
    found.shells -= {"/tmp", "/var/tmp", "/run"}
    return found


def walk(root: Path, *named: str) -> list[Entry]:
    found = [entry for entry in Walk(scope(root, *named)) if entry["p"].startswith(str(root))]
    assert [entry["p"] for entry in found] == sorted((entry["p"] for entry in found), key=key)
    return json.loads(json.dumps(found))


def changes(before: list[Entry], now: list[Entry], root: Path) -> list[str]:
    return [f"{d.op} {os.path.relpath(d.path, root)} {','.join(d.fields) if d.op == '~' else ''}".strip()
            for d in compare(before, now)]  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "top"
    (top / "d").mkdir(parents=True)
    (top / "a").write_text("one")
    (top / "d" / "x").write_text("two")
    (top / "d.conf").write_text("beside d in another order")
    os.link(top / "a", top / "b")
    os.symlink("a", top / "l")
    os.mkfifo(top / "p")
    return top


@pytest.fixture
def odd(tree: Path) -> Path:
    """With an extended attribute and a file with holes, and all of it older than manifest.FRESH."""
    os.setxattr(tree / "d" / "x", "user.k", b"v")
    with (tree / "holes").open("wb") as file:
        file.truncate(1 << 20)
    time.sleep(0.06)
    return tree


def test_an_unchanged_tree_has_no_differences(tree: Path) -> None:
    assert changes(walk(tree, "."), walk(tree, "."), tree) == []


def test_manifests_on_the_disk_compare_alike(tree: Path, tmp_path: Path) -> None:
    before, now = str(tmp_path / "before"), str(tmp_path / "now")
    Walk(scope(tree, ".")).write(before)
    (tree / "a").chmod(0o600)
    (tree / "d.conf").unlink()
    (tree / "d" / "x").unlink()
    (tree / "d0").write_text("new")
    (tree / "z").write_text("last")
    Walk(scope(tree, "."), cache=lines_of(before)).write(now)
    assert list(compare_files(before, now)) == list(compare(read(before), read(now))) != []
    assert list(compare_files(now, before)) == list(compare(read(now), read(before)))
    assert [entry["p"] for entry in read(now, having=('"t":"l"',))] == [str(tree / "l")]


def test_what_the_cache_knows_is_as_if_it_were_read(odd: Path, tmp_path: Path) -> None:
    kept, again = tmp_path / "kept", tmp_path / "again"
    Walk(scope(odd, ".")).write(str(kept))
    Walk(scope(odd, "."), cache=lines_of(str(kept))).write(str(again))
    assert kept.read_text() == again.read_text()
    assert '"x":' in again.read_text()
    assert '"sp":1' in again.read_text()
    os.removexattr(odd / "d" / "x", "user.k")
    os.link(odd / "d.conf", odd / "more")
    Walk(scope(odd, "."), cache=lines_of(str(kept))).write(str(again))
    assert [(d.op, os.path.relpath(d.path, odd), d.fields if d.op == "~" else []) for d in compare_files(str(kept), str(again))
            ] == [("~", ".", ["mt"]), ("~", "d/x", ["x"]), ("+", "more", [])]  # fmt: skip


def test_what_cannot_be_looked_at_is_told(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lstat, listdir = os.lstat, os.listdir

    def broken(path: str) -> os.stat_result:
        if str(path) == str(tree / "a"):
            raise OSError(5, "Input/output error")
        if str(path) == str(tree / "d.conf"):
            raise FileNotFoundError(2, "No such file or directory")
        return lstat(path)

    def closed(path: str) -> list[str]:
        if str(path) == str(tree / "d"):
            raise PermissionError(13, "Permission denied")
        return listdir(path)

    monkeypatch.setattr(os, "lstat", broken)
    monkeypatch.setattr(os, "listdir", closed)
    walk = Walk(scope(tree, "."))
    assert [os.path.relpath(entry["p"], tree) for entry in walk][-5:] == [".", "b", "d", "l", "p"]
    assert walk.unseen == {str(tree / "a"): "Input/output error", str(tree / "d"): "Permission denied"}
    assert walk.incomplete >= {str(tree), str(tree / "d")}


@pytest.mark.parametrize("call", ["listxattr", "lseek"])
@pytest.mark.parametrize(("code", "fatal"), [(errno.EIO, True), (errno.EACCES, True), (0, False)])
def test_what_cannot_be_known_of_a_file_is_not_taken_for_nothing(
    odd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, fatal: bool
) -> None:
    none = {"listxattr": errno.ENOTSUP, "lseek": errno.EINVAL}[call]

    def fails(*_: object, **__: object) -> int:
        raise OSError(code or none, "told")

    monkeypatch.setattr(os, call, fails)
    if fatal:
        with pytest.raises(OSError, match="told"):
            Walk(scope(odd, ".")).write(str(tmp_path / "m"))
        return
    Walk(scope(odd, ".")).write(str(tmp_path / "m"))
    assert {"listxattr": '"x":', "lseek": '"sp":'}[call] not in (tmp_path / "m").read_text()


def test_flags_that_cannot_be_known_are_not_none(odd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> int:
        raise OSError(errno.EIO, "told")

    monkeypatch.setattr(flags.fcntl, "ioctl", fails)
    with pytest.raises(OSError, match="told"):
        walk(odd, ".")


def test_a_file_that_goes_while_it_is_read_is_gone(odd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, asked = Walk(scope(odd, ".")), manifest.attributes

    def late(place: str) -> dict[str, str]:
        if place == str(odd / "d.conf") and os.path.exists(place):
            os.unlink(place)
        return asked(place)

    found.write(str(tmp_path / "m"), contents=False)
    monkeypatch.setattr(manifest, "attributes", late)
    lines = {path_of(line): found.finished(path_of(line), line) for line in lines_of(str(tmp_path / "m"))}
    assert [path for path, line in lines.items() if not line] == [str(odd / "d.conf")]
    assert found.unseen == {}


def test_a_large_file_that_changes_while_it_is_read_is_not_what_it_was_before(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "large").write_bytes(b"x" * (manifest.CHUNK + 1))
    before, summed = walk(tree, "."), manifest.summed

    def slowly(handle: int, size: int) -> str:
        found = summed(handle, size)
        if size > manifest.CHUNK:
            os.utime(tree / "large", ns=(0, 0))
        return found

    monkeypatch.setattr(manifest, "summed", slowly)
    assert changes(before, walk(tree, "."), tree) == ["~ large mt"]


def test_files_that_nobody_opened_are_read_later(odd: Path, tmp_path: Path) -> None:
    whole, later = tmp_path / "whole", tmp_path / "later"
    Walk(scope(odd, ".")).write(str(whole))
    (odd / "d" / "x").write_text("owt")
    time.sleep(0.06)
    walk = Walk(scope(odd, "."), cache=lines_of(str(whole)))
    walk.write(str(later), contents=False)
    assert walk.unread == 1, "all others are as they were"
    assert [entry["p"] for entry in read(str(later)) if "s" in entry and "h" not in entry] == [str(odd / "d" / "x")]
    walk = Walk(scope(odd, "."))
    walk.write(str(later), contents=False)
    assert walk.unread == 5
    (odd / "d.conf").unlink()
    (odd / "a").write_text("more than before")
    (odd / "holes").unlink()
    (odd / "holes").mkdir()
    found = [walk.finished(path_of(line), line) if unread(line) else line for line in lines_of(str(later))]
    assert found.count("") == 1
    later.write_text("".join(found))
    Walk(scope(odd, ".")).write(str(whole))
    assert list(compare(read(str(later)), read(str(whole)))) == [
        difference for difference in compare(read(str(later)), read(str(whole))) if difference.fields == ["mt"]
    ], "directories moved on, which the copy would show"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda t: (t / "a").chmod(0o600), ["~ a m", "~ b m"]),
        (lambda t: ((t / "d" / "x").write_text("owt"), os.utime(t / "d" / "x", ns=(0, 0))), ["~ d/x h,mt"]),
        (lambda t: ((t / "l").unlink(), os.symlink("b", t / "l"), os.utime(t, ns=(5, 5))), ["~ . mt", "~ l l,mt"]),
        (lambda t: ((t / "d" / "x").unlink(), os.utime(t / "d", ns=(0, 0))), ["~ d mt", "- d/x"]),
        (lambda t: ((t / "d" / "n").touch(), os.utime(t / "d", ns=(0, 0))), ["~ d mt", "+ d/n"]),
        (lambda t: os.setxattr(t / "d" / "x", "user.k", b"v"), ["~ d/x x"]),
    ],
)
def test_each_kind_of_change_is_seen(tree: Path, change: object, expected: list[str]) -> None:
    before = walk(tree, ".")
    try:
        change(tree)  # type: ignore[operator]
    except OSError as error:
        pytest.skip(f"this file system cannot: {error}")
    assert changes(before, walk(tree, "."), tree) == expected


def test_a_broken_hard_link_is_a_change(tree: Path) -> None:
    before = walk(tree, ".")
    info = (tree / "b").stat()
    (tree / "b").unlink()
    (tree / "b").write_text("one")
    os.utime(tree / "b", ns=(info.st_atime_ns, info.st_mtime_ns))
    os.utime(tree, ns=(0, next(e["mt"] for e in before if e["p"] == str(tree))))
    assert changes(before, walk(tree, "."), tree) == ["~ b hl"]


def test_a_root_that_was_absent_shows_all_that_appears(tree: Path) -> None:
    before = walk(tree, "new/deep")
    (tree / "new" / "deep").mkdir(parents=True)
    (tree / "new" / "deep" / "f").touch()
    assert [line for line in changes(before, walk(tree, "new/deep"), tree) if line[0] == "+"] == [
        "+ new", "+ new/deep", "+ new/deep/f",
    ]  # fmt: skip


def test_content_is_taken_from_the_cache_only_for_the_same_inode_and_times(tree: Path) -> None:
    cache = walk(tree, "d/x")
    for entry in cache:
        if "h" in entry:
            entry["h"], entry["c"] = "cached", os.stat(entry["p"]).st_ctime_ns
    known = [encode(entry) + "\n" for entry in cache]
    again = [e for e in Walk(scope(tree, "d/x"), cache=known) if e["t"] == "f"]
    assert [e["h"] for e in again] == ["cached"]
    info = (tree / "d" / "x").stat()
    (tree / "d" / "x").write_text("owt")
    os.utime(tree / "d" / "x", ns=(info.st_atime_ns, info.st_mtime_ns))
    changed = [e for e in Walk(scope(tree, "d/x"), cache=known) if e["t"] == "f"]
    assert [e["h"] for e in changed] != ["cached"]


def test_logs_that_go_on_are_no_changes_but_new_directories_are() -> None:
    directory = {"p": "/var/log", "t": "d", "m": 493, "u": 0, "g": 0, "k": "loose"}
    new = [{"p": p, "t": t, "m": 420, "u": 0, "g": 0, "k": "loose"}
           for p, t in (("/var/log/app", "d"), ("/var/log/app/x.log", "f"), ("/var/log/new.log", "f"))]  # fmt: skip
    found = real_changes(compare([directory], [directory, *new]))
    assert [d.path for d in found] == ["/var/log/app", "/var/log/app/x.log"]


def entry(path: str, content: str) -> Entry:
    return {"p": path, "t": "f", "h": content}


@pytest.mark.parametrize(
    ("before", "after", "now", "target", "conflict"),
    [
        ("1", "1", "1", "1", False),
        ("1", "1", "2", "2", False),  # foreign only
        ("1", "2", "2", "1", False),  # the run's only
        ("1", "2", "3", "1", True),  # both
        ("1", "2", "1", "1", False),  # somebody took it back already
        (None, "2", "2", None, False),
        (None, "2", "3", None, True),
        (None, None, "3", "3", False),
        ("1", None, None, "1", False),
        ("1", None, "3", "1", True),
        ("1", "1", None, None, False),
        ("1", "2", None, "1", False),
    ],
)
def test_three_way(before: str | None, after: str | None, now: str | None, target: str | None, conflict: bool) -> None:
    conflicts: list[str] = []
    sides = [[] if side is None else [entry("/f", side)] for side in (before, after, now)]
    merged = list(merge.manifests(*sides, conflict=conflicts.append))
    assert [e["h"] for e in merged] == ([] if target is None else [target])
    assert conflicts == (["/f"] if conflict else [])
