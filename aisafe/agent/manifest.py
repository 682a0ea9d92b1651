"""What is there, path by path: a walk that writes a manifest, whose lines lines.py describes, and reads it as a stream."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from typing import Callable, Iterable, Iterator, TextIO

from . import flags
from .contents import CHUNK, attributes, holes, opened, summed
from .lines import OF_CONTENT, Cursor, Entry, decode, encode, path_of, plain
from .scope import Scope

Seen = Callable[[str, str], None]
"""Called with each path and its line."""

TYPES = {
    stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFIFO: "p", stat.S_IFSOCK: "s",
    stat.S_IFCHR: "c", stat.S_IFBLK: "b",
}  # fmt: skip
FRESH = 50_000_000
"""Nanoseconds: a file changed so shortly before the walk may change again within one tick of its ctime."""


class Walk:
    """One walk over a scope.

    ``root``: where the tree is that is walked: '' for the live host, else a copy, of which nothing is told that it need
    not have of its original (NOT_OF_COPIES). ``cache``: the lines of an earlier manifest of the live host. ``mounts`` afterwards:
    directories that other file systems are mounted on, and that were left out for it; ``incomplete``: directories that
    hold what was left out; ``unseen``: why what is there could not be looked at, path by path; ``unread``: how many files
    `write` did not read.
    """

    def __init__(self, scope: Scope, *, root: str = "", cache: Iterable[str] = ()) -> None:
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
        for found in self._found():
            yield decode(found)[0] if isinstance(found, str) else found

    def _found(self) -> Iterator[Entry | str]:
        """Of most files the line, of all else the entry."""
        info = os.lstat(self.root or "/")
        return self._directory("/", info, "exact" if "/" in self.scope.roots else "way")

    def write(self, path: str, seen: Seen = lambda path, line: None, *, contents: bool = True) -> None:
        """Walk, and write the manifest, which may be the one of the cache.

        Without ``contents`` no file is read: what the cache cannot tell of one is left out, all of OF_CONTENT but ``sp``,
        until `finished` or `with_content`.
        """
        self._contents = contents
        with anew(path) as file:
            for found in self._found():
                line = found if isinstance(found, str) else encode(found) + "\n"
                file.write(line)
                self.entries += 1
                seen(path_of(line), line)

    def finished(self, path: str, line: str) -> str:
        """The line with the content that `write` left out, of the file as it is now; '' when it is gone."""
        try:
            info = os.lstat(self.root + path)
        except OSError as error:
            self._missed(path, error)
            return ""
        self._contents = True
        entry = self._entry(path, info, decode(line)[0].get("k", "exact"))
        return encode(entry) + "\n" if entry is not None else ""

    def described(self, path: str, closeness: str) -> Entry | None:
        """The entry of one path; None when nothing is there. Raises OSError."""
        self._contents = True
        try:
            return self._described(path, os.lstat(self.root + path), closeness)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def is_plain(self, path: str, info: os.stat_result, line: str) -> bool:
        """Whether a regular file with one name is what a line says that has no content yet."""
        begins = _begins(path, info)
        return stat.S_ISREG(info.st_mode) and info.st_nlink == 1 and line.startswith(begins) and (
            line[len(begins) :] in ("}\n", ',"c":%d}\n' % info.st_ctime_ns)
        )  # fmt: skip

    def with_content(self, path: str, handle: int, info: os.stat_result, line: str, summed: str) -> str:
        """The line of such a file with all of OF_CONTENT; '' when it changed since ``info``."""
        if _modified(handle, info) != info.st_mtime_ns:
            return ""
        found = self._content(self.root + path, handle, info, summed)
        told = '"h":"%s"}' % summed if len(found) == 1 else encode(found)[1:]
        return "%s,%s\n" % (line[:-2], told)

    def _content(self, place: str, handle: int, info: os.stat_result, summed: str) -> Entry:
        """All of OF_CONTENT, in this order."""
        found: Entry = {"h": summed}
        if not self.root and info.st_blocks * 512 < info.st_size and holes(handle, info.st_size):
            found["sp"] = 1
        return _dressed(place, found, 0 if self.root else flags.of(handle))

    def _directory(self, path: str, info: os.stat_result, closeness: str) -> Iterator[Entry | str]:
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
            if near == "exact" and found.st_nlink == 1 and stat.S_ISREG(found.st_mode) and not self.root:
                line = self._line(child, found)
                if line:
                    self.bytes += found.st_size
                    yield line
                    continue
            taken = near in ("exact", "loose") or (near == "way" and stat.S_ISLNK(found.st_mode))
            single = self._entry(child, found, near) if taken and child not in self.scope.volatile else None
            if single is None:
                self.incomplete.add(path)
            else:
                self.bytes += int(single.get("s", 0))
                yield single

    def _line(self, path: str, info: os.stat_result) -> str:
        """A file's line, as far as it is known without opening it; '' where it must be opened."""
        line, changed = _begins(path, info), ',"c":%d' % info.st_ctime_ns
        known = self._cache.line(path)
        if known.startswith(line + changed + ',"h":'):  # nothing at all of the inode changed since
            return known
        if self._contents or info.st_blocks * 512 < info.st_size:
            return ""
        self.unread += 1
        return line + (changed if info.st_ctime_ns < self._fresh else "") + "}\n"

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
        """A file's entry, with what the earlier manifest knows of it."""
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
            if info.st_blocks * 512 >= info.st_size:
                return entry
        handle = opened(place)
        try:
            if self._contents:
                entry.update(self._content(place, handle, info, summed(handle, info.st_size)))
                entry["mt"] = _modified(handle, info)
            elif holes(handle, info.st_size):
                entry["sp"] = 1
            return entry
        finally:
            os.close(handle)


@contextlib.contextmanager
def anew(path: str) -> Iterator[TextIO]:
    """A file to write that takes a path's place when it is complete."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        yield file
    os.rename(path + ".new", path)


def _begins(path: str, info: os.stat_result) -> str:
    return plain(path, info) + ',"i":%d' % info.st_ino


def _modified(handle: int, info: os.stat_result) -> int:
    """When a file that was just read was modified. One that changed meanwhile is not what was copied before; of small ones
    that is not asked, as they are read at once."""
    return os.fstat(handle).st_mtime_ns if info.st_size > CHUNK else info.st_mtime_ns


def _dressed(place: str, entry: Entry, bits: int) -> Entry:
    """With what only some have: inode flags, which a copy cannot have, and extended attributes."""
    found = attributes(place)
    if found:
        entry["x"] = found
    if bits:
        entry["fl"] = bits
    return entry
