"""What is there, path by path: JSON lines in the order of a depth-first walk, written and read as a stream.

One entry: p path, t type (f d l p s c b), m mode, u uid, g gid, s size, mt mtime in ns, h sha256, l link target, r
device, x extended attributes and ACLs in hex, fl inode flags (immutable…), sp 1 for a file with holes, hl the first path
of its hard-link group within the scope, k closeness where it is not exact. Not compared: i inode and c ctime in ns, by
which a later walk knows that nothing of the file changed (inode(7): every change of content, attributes or flags moves
ctime), and n, how many names a file has that has several.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time
from typing import Any, Callable, Dict, Iterable, Iterator, TextIO

from . import flags
from .contents import CHUNK, attributes, holes, opened, summed
from .scope import Scope

Entry = Dict[str, Any]
Seen = Callable[[Entry], None]

TYPES = {
    stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFIFO: "p", stat.S_IFSOCK: "s",
    stat.S_IFCHR: "c", stat.S_IFBLK: "b",
}  # fmt: skip
NOT_COMPARED = ("i", "c", "n")
NOT_OF_COPIES = (*NOT_COMPARED, "fl", "sp")
"""Flags are put on at a restore, and holes made again."""
OF_CONTENT = ("h", "sp", "x", "fl")
FRESH = 50_000_000
"""Nanoseconds: a file changed so shortly before the walk may change again within one tick of its ctime."""


encode = json.JSONEncoder(separators=(",", ":")).encode
"""An entry as one line; `json.dumps` would make an encoder for each."""

decode = json.JSONDecoder().raw_decode
"""A line as an entry, and where that ends."""


def key(path: str) -> str:
    """Sorts paths as the walk meets them: a directory, then all that is in it, then its next sibling."""
    return path.replace("/", "\0") if path != "/" else ""


def above(directory: str, path: str) -> bool:
    """Whether a path lies anywhere below a directory."""
    return directory == "/" or path.startswith(directory + "/")


class Walk:
    """One walk over a scope.

    ``root``: where the tree is that is walked: '' for the live host, else a copy, of which nothing is told that it need
    not have of its original (NOT_OF_COPIES). ``cache``: an earlier manifest of the live host. ``mounts`` afterwards:
    directories that other file systems are mounted on, and that were left out for it; ``incomplete``: directories that
    hold what was left out; ``unseen``: why what is there could not be looked at, path by path; ``unread``: how many files
    `write` did not read.
    """

    def __init__(self, scope: Scope, *, root: str = "", cache: Iterable[Entry] = ()) -> None:
        self.scope, self.root = scope, root
        self.mounts: list[str] = []
        self.incomplete: set[str] = set()
        self.unseen: dict[str, str] = {}
        self.entries = self.bytes = self.unread = 0
        self._contents = True
        self._cache = Cursor(cache)
        self._links: dict[tuple[int, int], str] = {}
        self._fresh = time.time_ns() - FRESH

    def __iter__(self) -> Iterator[Entry]:
        info = os.lstat(self.root or "/")
        yield from self._directory("/", info, "exact" if "/" in self.scope.roots else "way")

    def write(self, path: str, seen: Seen = lambda entry: None, *, contents: bool = True) -> None:
        """Walk, and write the manifest, which may be the one of the cache; ``seen`` is called with each entry.

        Without ``contents`` no file is read: what the cache cannot tell of one is left out, all of OF_CONTENT but ``sp``,
        until `complete`.
        """
        self._contents = contents
        with _anew(path) as file:
            for entry in self:
                file.write(encode(entry) + "\n")
                self.entries += 1
                self.bytes += int(entry.get("s", 0))
                seen(entry)

    def complete(self, path: str, seen: Seen = lambda entry: None) -> None:
        """Read what `write` left out. A file that is gone by now is in the manifest no more."""
        self._contents, self.unread = True, 0
        with open(path, encoding="utf-8") as written, _anew(path) as file:
            for line in written:
                entry: Entry = decode(line)[0]
                if "s" not in entry or "h" in entry:
                    file.write(line)
                    seen(entry)
                    continue
                now = self._read(entry) or self._now(entry)
                if now is None:
                    self.entries -= 1
                    continue
                file.write(encode(now) + "\n")
                seen(now)

    def _read(self, entry: Entry) -> Entry | None:
        """The entry with its content; None when the file is not what it was, or cannot be opened: `_now` tells which."""
        place = self.root + entry["p"]
        try:
            handle = opened(place)
        except OSError:
            return None
        try:
            info = os.fstat(handle)
            had = {"m": stat.S_IMODE(info.st_mode), "u": info.st_uid, "g": info.st_gid, "s": info.st_size,
                   "mt": info.st_mtime_ns}  # fmt: skip
            if not self.root:
                had["i"] = info.st_ino
                if info.st_nlink != entry.get("n", 1) or info.st_ctime_ns != entry.get("c", info.st_ctime_ns):
                    return None
            if not stat.S_ISREG(info.st_mode) or any(entry[name] != value for name, value in had.items()):
                return None
            entry.pop("sp", None)
            return self._with_content(entry, place, handle, info)
        except FileNotFoundError:  # its attributes are asked by its name
            return None
        finally:
            os.close(handle)

    def _with_content(self, entry: Entry, place: str, handle: int, info: os.stat_result) -> Entry:
        entry["h"] = summed(handle, info.st_size)
        if info.st_size > CHUNK:  # it changed while it was read: then it is not what was copied before
            entry["mt"] = os.fstat(handle).st_mtime_ns
        if not self.root and info.st_blocks * 512 < info.st_size and holes(handle, info.st_size):
            entry["sp"] = 1
        return _dressed(place, entry, 0 if self.root else flags.of(handle))

    def _now(self, entry: Entry) -> Entry | None:
        try:
            info = os.lstat(self.root + entry["p"])
        except OSError as error:
            self._missed(entry["p"], error)
            return None
        return self._entry(entry["p"], info, entry.get("k", "exact"))

    def _directory(self, path: str, info: os.stat_result, closeness: str) -> Iterator[Entry]:
        entry = self._entry(path, info, closeness)
        if entry is None:
            return
        yield entry
        if closeness == "shell":
            self.incomplete.add(path)
            return
        for child in self._children(path):
            try:
                found = os.lstat(self.root + child)
            except OSError as error:
                self._missed(child, error)
                self.incomplete.add(path)
                continue
            near = self.scope.closeness(child, closeness)
            if stat.S_ISDIR(found.st_mode) and near:
                if near in ("exact", "loose") and found.st_dev != info.st_dev and child not in self.scope.roots:
                    self.mounts.append(child)
                    near = "shell"
                yield from self._directory(child, found, near)
                continue
            taken = near in ("exact", "loose") or (near == "way" and stat.S_ISLNK(found.st_mode))
            single = self._entry(child, found, near) if taken and child not in self.scope.volatile else None
            if single is None:
                self.incomplete.add(path)
            else:
                yield single

    def _children(self, path: str) -> list[str]:
        base = path.rstrip("/")
        try:
            names = sorted(os.listdir(self.root + path))
        except OSError as error:
            self._missed(path, error)
            self.incomplete.add(path)
            return []
        return [base + "/" + name for name in names]

    @property
    def blind(self) -> list[str]:
        """What is there and could not be looked at, in words."""
        return ["%s: it could not be looked at (%s)" % (path, why) for path, why in sorted(self.unseen.items())]

    def _missed(self, path: str, error: OSError) -> None:
        """What went while we walked is shown by the comparison with the copy; all else stays unknown."""
        if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
            self.unseen[path] = os.strerror(error.errno or 0)

    def _entry(self, path: str, info: os.stat_result, closeness: str) -> Entry | None:
        try:
            return self._described(path, info, closeness)
        except FileNotFoundError:
            return None

    def _described(self, path: str, info: os.stat_result, closeness: str) -> Entry:
        place, kind = self.root + path, TYPES[stat.S_IFMT(info.st_mode)]
        entry: Entry = {"p": path, "t": kind, "m": stat.S_IMODE(info.st_mode), "u": info.st_uid, "g": info.st_gid}
        if closeness in ("loose", "shell") or (closeness == "way" and not self.scope.timed(path)):
            entry["k"] = closeness
            if kind == "l":
                entry["l"] = os.readlink(place)
            return entry
        if closeness == "way":
            entry["k"] = "way"
        if kind != "l" or closeness != "way":
            entry["mt"] = info.st_mtime_ns
        if kind == "f":
            return self._file(path, place, info, entry)
        if kind == "l":
            entry["l"] = os.readlink(place)
        elif kind in "cb":
            entry["r"] = info.st_rdev
        return _dressed(place, entry, flags.get(place) if kind == "d" and not self.root else 0)

    def _file(self, path: str, place: str, info: os.stat_result, entry: Entry) -> Entry:
        """A file's entry; from the earlier manifest where nothing at all of the inode changed since."""
        entry["s"] = info.st_size
        if not self.root:
            entry["i"] = info.st_ino
        if info.st_nlink > 1:
            if not self.root:
                entry["n"] = info.st_nlink
            first = self._links.setdefault((info.st_dev, info.st_ino), path)
            if first != path:
                entry["hl"] = first
        known = self._cache.find(path)
        if known is not None and "h" in known and known.get("c") == info.st_ctime_ns and all(
            known.get(name) == entry.get(name) for name in ("i", "s", "mt", "k")
        ):  # fmt: skip
            entry["c"] = info.st_ctime_ns
            entry.update((name, known[name]) for name in OF_CONTENT if name in known)
            return entry
        if info.st_ctime_ns < self._fresh and not self.root:
            entry["c"] = info.st_ctime_ns
        if not self._contents:
            self.unread += 1
            if self.root or info.st_blocks * 512 >= info.st_size:
                return entry
        handle = opened(place)
        try:
            if self._contents:
                return self._with_content(entry, place, handle, info)
            if holes(handle, info.st_size):
                entry["sp"] = 1
            return entry
        finally:
            os.close(handle)


@contextlib.contextmanager
def _anew(path: str) -> Iterator[TextIO]:
    """A file to write that takes a path's place when it is complete."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        yield file
    os.rename(path + ".new", path)


def _dressed(place: str, entry: Entry, bits: int) -> Entry:
    """With what only some have: inode flags, which a copy cannot have, and extended attributes."""
    found = attributes(place)
    if found:
        entry["x"] = found
    if bits:
        entry["fl"] = bits
    return entry


class Cursor:
    """Looks paths up in a sorted stream, in rising order."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = iter(entries)
        self._next = next(self._entries, None)

    def find(self, path: str) -> Entry | None:
        wanted = key(path)
        while self._next is not None and key(self._next["p"]) < wanted:
            self._next = next(self._entries, None)
        return self._next if self._next is not None and self._next["p"] == path else None


def read(path: str, *, having: tuple[str, ...] = ()) -> Iterator[Entry]:
    """The entries of a manifest on the disk; ``having``: all whose line holds one of these texts, and perhaps others."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            if not having or any(text in line for text in having):
                yield decode(line)[0]
