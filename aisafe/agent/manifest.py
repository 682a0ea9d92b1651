"""What is there, path by path: JSON lines in the order of a depth-first walk, written and compared as a stream.

One entry: p path, t type (f d l p s c b), m mode, u uid, g gid, s size, mt mtime in ns, h sha256, l link target, r
device, x extended attributes and ACLs in hex, fl inode flags (immutable…), sp 1 for a file with holes, hl the first path
of its hard-link group within the scope, k closeness where it is not exact. Not compared: i inode and c ctime in ns, by
which a later walk knows that it need not read the content again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import time
from typing import Any, Dict, Iterable, Iterator, NamedTuple

from . import flags
from .scope import Scope

Entry = Dict[str, Any]

TYPES = {
    stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFIFO: "p", stat.S_IFSOCK: "s",
    stat.S_IFCHR: "c", stat.S_IFBLK: "b",
}  # fmt: skip
NOT_COMPARED = ("i", "c")
CHUNK = 1 << 20
FRESH = 50_000_000
"""Nanoseconds: a file changed so shortly before the walk may change again within one tick of its ctime."""


def key(path: str) -> str:
    """Sorts paths as the walk meets them: a directory, then all that is in it, then its next sibling."""
    return path.replace("/", "\0") if path != "/" else ""


class Walk:
    """One walk over a scope.

    ``root``: where the tree is that is walked: '' for the live host, else a copy. ``cache``: an earlier manifest.
    ``trust_inodes``: for a copy that shares files with an earlier one: linking moves an inode's ctime.
    ``mounts`` afterwards: directories that other file systems are mounted on, and that were left out for it.
    """

    def __init__(
        self, scope: Scope, *, root: str = "", cache: Iterable[Entry] = (), trust_inodes: bool = False
    ) -> None:
        self.scope, self.root = scope, root
        self._times = ("i", "s", "mt") if trust_inodes else ("i", "c", "s", "mt")
        self.mounts: list[str] = []
        self.entries = self.bytes = 0
        self._cache = _Cursor(cache)
        self._links: dict[tuple[int, int], str] = {}
        self._fresh = time.time_ns() - FRESH

    def __iter__(self) -> Iterator[Entry]:
        info = os.lstat(self.root or "/")
        yield from self._directory("/", info, "exact" if "/" in self.scope.roots else "way")

    def write(self, path: str) -> None:
        """Walk, and write the manifest."""
        with open(path + ".new", "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            for entry in self:
                file.write(json.dumps(entry, separators=(",", ":")) + "\n")
                self.entries += 1
                self.bytes += int(entry.get("s", 0))
        os.rename(path + ".new", path)

    def _directory(self, path: str, info: os.stat_result, closeness: str) -> Iterator[Entry]:
        entry = self._entry(path, info, closeness)
        if entry is None:
            return
        yield entry
        if closeness == "shell":
            return
        for child in self._children(path):
            try:
                found = os.lstat(self.root + child)
            except OSError:
                continue
            near = self.scope.closeness(child, closeness)
            if not near:
                continue
            if stat.S_ISDIR(found.st_mode):
                if near in ("exact", "loose") and found.st_dev != info.st_dev and child not in self.scope.roots:
                    self.mounts.append(child)
                    near = "shell"
                yield from self._directory(child, found, near)
            elif near == "way" and not stat.S_ISLNK(found.st_mode):
                continue
            elif near != "shell" and child not in self.scope.volatile:
                single = self._entry(child, found, near)
                if single is not None:
                    yield single

    def _children(self, path: str) -> list[str]:
        base = path.rstrip("/")
        try:
            names = sorted(os.listdir(self.root + path))
        except OSError:  # it went while we walked: the comparison with the copy shows it
            return []
        return [base + "/" + name for name in names]

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
            entry["s"] = info.st_size
            entry["h"] = self._content(path, place, info, entry)
            if info.st_blocks * 512 < info.st_size and _holes(place, info.st_size):
                entry["sp"] = 1
            if info.st_nlink > 1:
                first = self._links.setdefault((info.st_dev, info.st_ino), path)
                if first != path:
                    entry["hl"] = first
        elif kind == "l":
            entry["l"] = os.readlink(place)
        elif kind in "cb":
            entry["r"] = info.st_rdev
        attributes = _attributes(place)
        if attributes:
            entry["x"] = attributes
        if kind in "fd" and not self.root:
            bits = flags.get(place)
            if bits:
                entry["fl"] = bits
        return entry

    def _content(self, path: str, place: str, info: os.stat_result, entry: Entry) -> str:
        """sha256 of a file, from the earlier manifest where nothing at all of the inode changed since."""
        known = self._cache.find(path)
        entry["i"] = info.st_ino
        if info.st_ctime_ns < self._fresh or self.root:
            entry["c"] = info.st_ctime_ns
        seen = {"i": info.st_ino, "c": info.st_ctime_ns, "s": info.st_size, "mt": info.st_mtime_ns}
        if known and known.get("h") and all(known.get(name) == seen[name] for name in self._times):
            return str(known["h"])
        return digest(place)


def digest(place: str) -> str:
    """sha256 of a file's content, leaving its access time alone."""
    handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | getattr(os, "O_NOATIME", 0))
    summed = hashlib.sha256()
    with os.fdopen(handle, "rb", buffering=0) as file:
        while True:
            chunk = file.read(CHUNK)
            if not chunk:
                return summed.hexdigest()
            summed.update(chunk)


def _holes(place: str, size: int) -> bool:
    """Whether a file has holes; one that only takes few blocks may be compressed (lseek(2), SEEK_HOLE)."""
    handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        return os.lseek(handle, 0, os.SEEK_HOLE) < size
    except OSError:
        return False
    finally:
        os.close(handle)


def _attributes(place: str) -> dict[str, str]:
    """Extended attributes, ACLs among them (acl(5)); none where the file system has none."""
    found = {}
    with contextlib.suppress(OSError):
        for name in sorted(os.listxattr(place, follow_symlinks=False)):
            found[name] = os.getxattr(place, name, follow_symlinks=False).hex()
    return found


class _Cursor:
    """Looks paths up in a sorted stream, in rising order."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = iter(entries)
        self._next = next(self._entries, None)

    def find(self, path: str) -> Entry | None:
        wanted = key(path)
        while self._next is not None and key(self._next["p"]) < wanted:
            self._next = next(self._entries, None)
        return self._next if self._next is not None and self._next["p"] == path else None


def read(path: str) -> Iterator[Entry]:
    with open(path, encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


class Difference(NamedTuple):
    """``op``: ``-`` only before, ``+`` only now, ``~`` in both and not the same in ``fields``."""

    op: str
    path: str
    before: Entry
    now: Entry

    @property
    def fields(self) -> list[str]:
        names = (set(self.before) | set(self.now)) - set(NOT_COMPARED)
        return sorted(name for name in names if self.before.get(name) != self.now.get(name))

    def __str__(self) -> str:
        if self.op == "-":
            return "file %s is missing" % self.path
        if self.op == "+":
            return "file %s is there and was not before" % self.path
        return "file %s: %s differs" % (self.path, ", ".join(WORDS.get(name, name) for name in self.fields))


WORDS = {
    "t": "type", "m": "mode", "u": "owner", "g": "group", "s": "size", "mt": "modification time", "h": "content",
    "l": "link target", "r": "device number", "x": "attributes or ACL", "fl": "inode flags", "hl": "hard links",
    "sp": "holes",
}  # fmt: skip


def compare(before: Iterable[Entry], now: Iterable[Entry], *, ignore: Iterable[str] = ()) -> Iterator[Difference]:
    """Differences between two manifests, in their order; ``ignore``: fields that do not count."""
    skipped = set(NOT_COMPARED) | set(ignore)
    for old, new in pairs(before, now):
        if old is None or new is None:
            entry = old or new or {}
            yield Difference("+" if old is None else "-", entry["p"], old or {}, new or {})
        elif {k: v for k, v in old.items() if k not in skipped} != {k: v for k, v in new.items() if k not in skipped}:
            yield Difference("~", old["p"], old, new)


def pairs(before: Iterable[Entry], now: Iterable[Entry]) -> Iterator[tuple[Entry | None, Entry | None]]:
    """Both manifests side by side, None where one has no such path."""
    left, right = iter(before), iter(now)
    old, new = next(left, None), next(right, None)
    while old is not None or new is not None:
        if new is None or (old is not None and key(old["p"]) < key(new["p"])):
            yield old, None
            old = next(left, None)
        elif old is None or key(new["p"]) < key(old["p"]):
            yield None, new
            new = next(right, None)
        else:
            yield old, new
            old, new = next(left, None), next(right, None)


def real_changes(differences: Iterable[Difference]) -> Iterator[Difference]:
    """Without what only goes on in logs and caches: new files there, in directories that were there before."""
    fresh: set[str] = set()
    for difference in differences:
        if difference.op == "+" and difference.now.get("k") == "loose":
            if difference.now["t"] == "d":
                fresh.add(difference.path)
            elif os.path.dirname(difference.path) not in fresh:
                continue
        yield difference
