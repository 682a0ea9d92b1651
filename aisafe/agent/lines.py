"""A manifest's lines: JSON, one for each path, in the order of a depth-first walk.

One entry: p path, t type (f d l p s c b), m mode, u uid, g gid, s size, mt mtime in ns, h sha256, l link target, r
device, x extended attributes and ACLs in hex, fl inode flags (immutable…), sp 1 for a file with holes, hl the first path
of its hard-link group within the scope, k closeness where it is not exact. Not compared: i inode and c ctime in ns, by
which a later walk knows that nothing of the file changed (inode(7): every change of content, attributes or flags moves
ctime), and n, how many names a file has that has several.

Most of a host is as it was, and to understand a line costs more than to look at its file. So lines are handled as text
where that is enough: fields come in one order, p first, and a quote within a string is escaped (RFC 8259, section 7), so
that a field's name with its quotes and colon stands nowhere but where the field is.
"""

from __future__ import annotations

import json
import os
import re
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, Dict, Iterable, Iterator

Entry = Dict[str, Any]

NOT_COMPARED = ("i", "c", "n")
NOT_OF_COPIES = (*NOT_COMPARED, "fl", "sp")
"""Flags are put on at a restore, and holes made again."""
OF_CONTENT = ("h", "sp", "x", "fl")

_NOT_OF_COPIES = re.compile(',"(?:%s)":[0-9]+' % "|".join(NOT_OF_COPIES))
_SIZE = re.compile('"s":([0-9]+)')
_PLAIN = '{"p":%s,"t":"f","m":%d,"u":%d,"g":%d,"mt":%d,"s":%d'

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


def lines_of(path: str) -> Iterator[str]:
    """The lines of a manifest on the disk."""
    with open(path, encoding="utf-8") as file:
        yield from file


def read(path: str, *, having: tuple[str, ...] = ()) -> Iterator[Entry]:
    """The entries of a manifest on the disk; ``having``: all whose line holds one of these texts, and perhaps others."""
    for line in lines_of(path):
        if not having or any(text in line for text in having):
            yield decode(line)[0]


def path_of(line: str) -> str:
    """Of an entry whose type comes after its path, as in all manifests."""
    name = line[6 : line.index('","t":"')]
    return str(json.loads('"%s"' % name)) if "\\" in name else name


def is_directory(line: str) -> bool:
    return '"t":"d"' in line


def has(line: str, name: str) -> bool:
    """Whether an entry has a field. Names of extended attributes have a dot in them (xattr(7)) and are none of ours."""
    return '"%s":' % name in line


def unread(line: str) -> bool:
    """Whether the content of a file is still to be told."""
    return has(line, "s") and not has(line, "h")


def size(line: str) -> int:
    """Bytes of a file; 0 where that is not recorded."""
    found = _SIZE.search(line)
    return int(found[1]) if found else 0


def of_copy(line: str) -> str:
    """What the line of a copy would be."""
    return _NOT_OF_COPIES.sub("", line)


def plain(path: str, info: os.stat_result) -> str:
    """How the line of a regular file begins that is watched closely and has one name: all that lstat(2) tells of a copy."""
    return _PLAIN % (
        quoted(path), info.st_mode & 0o7777, info.st_uid, info.st_gid, info.st_mtime_ns, info.st_size,
    )  # fmt: skip


class Cursor:
    """Looks paths up in a sorted stream of lines, in rising order."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._next = next(self._lines, "")
        self._had = False

    def line(self, path: str) -> str:
        """'' where there is none."""
        begins = '{"p":%s,' % quoted(path)
        if self._next.startswith(begins):
            self._had = True
            return self._next
        if self._had:  # where nothing changed, the one after the last is wanted
            self._next, self._had = next(self._lines, ""), False
            if self._next.startswith(begins):
                self._had = True
                return self._next
        wanted = key(path)
        while self._next and key(path_of(self._next)) < wanted:
            self._next = next(self._lines, "")
        self._had = self._next.startswith(begins)
        return self._next if self._had else ""

    def find(self, path: str) -> Entry | None:
        line = self.line(path)
        return decode(line)[0] if line else None
