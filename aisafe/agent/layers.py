"""A snapshot's copies are a layer: what is as in the snapshot before it lies in that one's layer, and costs nothing here.

``base`` in a run's directory is a link to the run whose layer lies below. Each has at most one that stands on it, so the
layers are a chain. One that is taken away hands what the next still needs over to it. A layer holds whole files only,
each with all directories above it, and of files with several names all or none.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TextIO

from .differences import pairs, unlike
from .lines import NOT_OF_COPIES, Cursor, Entry, above, decode, has, is_directory, lines_of, of_copy, read, size
from .store import ENDED, Run, Store, write

LOOSE_FILE, LOOSE_TOTAL = 1 << 20, 64 << 20
"""Bytes: log files larger than this, or beyond this in all, are not copied."""


def base(run: Run) -> Run | None:
    """The run whose layer lies below; None where there is none. Raises OSError: it cannot be known."""
    try:
        return Run(run.store, os.path.basename(os.readlink(run.file("base"))))
    except FileNotFoundError:
        return None


def trees(run: Run) -> list[str]:
    """The directories of copies, the run's own first. Not all of them may be there."""
    found: list[str] = []
    at: Run | None = run
    while at is not None and at.file("tree") not in found:
        found.append(at.file("tree"))
        at = base(at)
    return found


def whole(run: Run) -> bool:
    """Whether the run has copies of files, and each layer that they lie in is there."""
    return all(map(os.path.isdir, trees(run)))


def below(store: Store) -> Run | None:
    """The run that a new layer can stand on: the newest that ended, with no other on it."""
    runs = store.all_runs()
    carried = {found.ident for found in map(base, runs) if found is not None}
    for run in reversed(runs):
        if run.state in ENDED and run.ident not in carried and whole(run) and os.path.exists(run.file("before.jsonl")):
            return run
    return None


def place(trees: list[str], path: str, *, loose: bool = False) -> str | None:
    """The first of the trees that holds a path; of logs and caches only the run's own copy is of its time."""
    return next((tree for tree in (trees[:1] if loose else trees) if os.path.lexists(tree + path)), None)


class Layer:
    """Chooses, entry by entry of a new manifest in order, what is to be copied, and lists it in a file.

    ``need``: bytes that these copies take; ``entries``: how many they are.
    """

    def __init__(self, listed: TextIO, previous: Run | None) -> None:
        self.need = self.entries = 0
        self._list = listed
        self._lent = Cursor(lines_of(previous.file("before.jsonl")) if previous is not None else ())
        self._ways: list[tuple[str, str]] = []
        self._loose_left = LOOSE_TOTAL

    def chosen(self, path: str, line: str) -> list[str]:
        """The paths to be copied for this line: none, or its own and the directories above it that were not yet."""
        while self._ways and not above(self._ways[-1][0], path):
            self._ways.pop()
        if not self._wanted(path, line):
            if is_directory(line):
                self._ways.append((path, line))
            return []
        found = [*self._ways, (path, line)]
        self._ways.clear()
        for _, one in found:
            self._list.write(one)
            self.need += 4096 if is_directory(one) else size(one) + 512
        self.entries += len(found)
        return [place for place, _ in found]

    def _wanted(self, path: str, line: str) -> bool:
        old = self._lent.line(path)
        if '"k":"loose"' in line and not is_directory(line):
            return self._wanted_log(path, line)
        if path == "/" or not old or has(line, "n") or has(old, "n"):
            return True
        return old != line and of_copy(old) != of_copy(line) and unlike(decode(old)[0], decode(line)[0], NOT_OF_COPIES)

    def _wanted_log(self, path: str, line: str) -> bool:
        if '"t":"f"' not in line:
            return False
        taken = _size(path)
        if taken > min(self._loose_left, LOOSE_FILE):
            return False
        self._loose_left -= taken
        self.need += taken
        return True


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def needed(run: Run, lent_by: set[str]) -> int:
    """Bytes on the disk of what a run has in these other trees."""
    layers, found = trees(run), 0
    for entry in read(run.file("before.jsonl")):
        if entry.get("k") == "loose" and entry["t"] != "d":
            continue
        tree = place(layers, entry["p"])
        if tree in lent_by:
            found += os.lstat(str(tree) + entry["p"]).st_blocks * 512
    return found


def remove(run: Run) -> bool:
    """Take a run's directory away; what another one's layer stands on goes over to that first. The lock is held.

    Returns:
        False when some of it is left; what is needed is never lost.
    """
    try:
        for other in run.store.all_runs():
            found = base(other)
            if found is not None and found.ident == run.ident:
                _hand_over(run, other)
    except (OSError, ValueError):
        return False
    shutil.rmtree(run.path, ignore_errors=True)
    return not os.path.lexists(run.path)


def _hand_over(run: Run, heir: Run) -> None:
    """Fold the heir's layer into this one's, which becomes the heir's. May be cut off anywhere and begun again.

    Raises OSError: it is not done, and both are as usable as before.
    """
    old, new, begun = run.file("tree"), heir.file("tree"), heir.file("inheriting")
    if os.path.isdir(old):
        if not os.path.exists(begun):
            _drop_surplus(run, heir)
            write(begun, "")
        _fold(heir, old)
        if os.path.isdir(new):
            os.rename(new, heir.file("tree.old"))
        os.rename(old, new)
    shutil.rmtree(heir.file("tree.old"), ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(begun)
    stand_on(heir, base(run))


def stand_on(run: Run, other: Run | None) -> None:
    """Say which run's layer lies below."""
    link, scratch = run.file("base"), run.file("base.new")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(scratch if other is not None else link)
    if other is not None:
        os.symlink(os.path.join("..", other.ident), scratch)
        os.rename(scratch, link)


def _drop_surplus(run: Run, heir: Run) -> None:
    """What the heir had not any more when its snapshot was taken, and logs of another time."""
    gone: list[str] = []
    for old, new in pairs(read(run.file("before.jsonl")), read(heir.file("before.jsonl"))):
        if old is not None and new is None and gone and above(gone[-1], old["p"]):
            continue  # it goes with its directory
        log = new is not None and new.get("k") == "loose" and new["t"] != "d"
        if old is not None and (new is None or (log and not os.path.lexists(heir.file("tree") + new["p"]))):
            gone.append(old["p"])
    for path in reversed(gone):
        _clear(run.file("tree") + path)


def _fold(heir: Run, tree: str) -> None:
    """Move the files of the heir's own layer to where they belong in another; directories get its modes and times."""
    own, directories = heir.file("tree"), []
    for entry in read(heir.file("before.jsonl")):
        source, target = own + entry["p"], tree + entry["p"]
        if not os.path.lexists(source):
            continue
        if entry["t"] != "d":
            if _is_directory(target):
                _clear(target)
            os.rename(source, target)
            if os.path.lexists(source):  # both are names of one file, which rename(2) leaves as they are
                os.unlink(source)
            continue
        if not _is_directory(target):
            _clear(target)
            os.mkdir(target, 0o700)
        directories.append(entry)
    for entry in reversed(directories):
        dress(tree + entry["p"], entry)


def dress(directory: str, entry: Entry) -> None:
    """Give a directory what its entry says. Raises OSError."""
    os.chown(directory, entry["u"], entry["g"])
    wanted = entry.get("x", {})
    with contextlib.suppress(OSError):  # a file system without them
        for name in set(os.listxattr(directory)) - set(wanted):
            os.removexattr(directory, name)
    for name, value in wanted.items():
        os.setxattr(directory, name, bytes.fromhex(value))
    os.chmod(directory, entry["m"])
    if "mt" in entry:
        os.utime(directory, ns=(entry["mt"], entry["mt"]))


def _is_directory(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _clear(path: str) -> None:
    if _is_directory(path):
        shutil.rmtree(path)
    else:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(path)
