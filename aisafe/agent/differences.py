"""Two manifests against each other, read as streams side by side."""

from __future__ import annotations

import json
import os
from typing import Container, Iterable, Iterator, NamedTuple, Optional, Tuple

from .lines import NOT_COMPARED, Entry, key

Pair = Tuple[Optional[Entry], Optional[Entry]]


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
    return _differences(pairs(before, now), frozenset(NOT_COMPARED).union(ignore))


def compare_files(before: str, now: str) -> Iterator[Difference]:
    """As `compare`, of two manifests on the disk: lines that are the same need not be understood."""
    return _differences(_unlike_lines(before, now), NOT_COMPARED)


def _differences(found: Iterable[Pair], skipped: Container[str]) -> Iterator[Difference]:
    for old, new in found:
        if old is None or new is None:
            entry = old or new or {}
            yield Difference("+" if old is None else "-", entry["p"], old or {}, new or {})
        elif unlike(old, new, skipped):
            yield Difference("~", old["p"], old, new)


def unlike(old: Entry, new: Entry, skipped: Container[str] = NOT_COMPARED) -> bool:
    """Whether two entries differ in anything but what is skipped."""
    return old != new and any(
        name not in skipped and old.get(name) != new.get(name) for name in old.keys() | new.keys()
    )


def _unlike_lines(before: str, now: str) -> Iterator[Pair]:
    with open(before, encoding="utf-8") as left, open(now, encoding="utf-8") as right:
        old, new = next(left, ""), next(right, "")
        while old or new:
            if old == new:
                old, new = next(left, ""), next(right, "")
                continue
            pair = _first(json.loads(old) if old else None, json.loads(new) if new else None)
            yield pair
            old = next(left, "") if pair[0] is not None else old
            new = next(right, "") if pair[1] is not None else new


def pairs(before: Iterable[Entry], now: Iterable[Entry]) -> Iterator[Pair]:
    """Both manifests side by side, None where one has no such path."""
    left, right = iter(before), iter(now)
    old, new = next(left, None), next(right, None)
    while old is not None or new is not None:
        pair = _first(old, new)
        yield pair
        old = next(left, None) if pair[0] is not None else old
        new = next(right, None) if pair[1] is not None else new


def _first(old: Entry | None, new: Entry | None) -> Pair:
    """Of the next entries of both the one whose path comes first, or both where it is the same."""
    if new is None or (old is not None and key(old["p"]) < key(new["p"])):
        return old, None
    if old is None or key(new["p"]) < key(old["p"]):
        return None, new
    return old, new


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
