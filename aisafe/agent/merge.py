"""Three-way: undo a confirmed run and keep what others changed since.

What the run changed is before -> after; what is foreign is after -> now. The target of a restore is the present where
the run changed nothing, and the past where it did. Where both changed, the past wins and the present is kept aside.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, Iterator, Mapping, Optional, Tuple

from .differences import pairs, unlike
from .lines import NOT_COMPARED, Entry, encode, key

Triple = Tuple[Optional[Entry], Optional[Entry], Optional[Entry]]


def same(left: Entry | None, right: Entry | None, *, ignore: Iterable[str] = ()) -> bool:
    if left is None or right is None:
        return left is right
    return not unlike(left, right, (*NOT_COMPARED, *ignore))


def manifests(
    before: Iterable[Entry], after: Iterable[Entry], now: Iterable[Entry], *, conflict: Callable[[str], None]
) -> Iterator[Entry]:
    """The target's entries in order; calls ``conflict`` with each path that the run and somebody else changed."""
    for old, left, present in _triples(before, after, now):
        if (
            same(old, left)
            or _only_time(old, left)
            or (old is None and left is not None and left.get("k") == "loose" and left["t"] != "d")
        ):
            # A directory's time moves with its content: put back by the restore where the content is.
            target = _timed(old, left, present)
        else:
            target = old
            if (
                not same(left, present)
                and present is not None
                and not _only_time(left, present)
                and not same(old, present)
            ):
                conflict(present["p"])
        if target is not None:
            yield target


def _only_time(left: Entry | None, right: Entry | None) -> bool:
    return (
        left is not None and right is not None and left["t"] == right["t"] == "d" and same(left, right, ignore=("mt",))
    )


def _timed(old: Entry | None, left: Entry | None, present: Entry | None) -> Entry | None:
    """The past time for a directory in which nobody else did anything since."""
    return old if same(left, present) and old is not None else present


def _triples(before: Iterable[Entry], after: Iterable[Entry], now: Iterable[Entry]) -> Iterator[Triple]:
    """Three manifests side by side."""
    tail = iter(now)
    present = next(tail, None)
    for old, left in pairs(before, after):
        path = (old or left or {})["p"]
        while present is not None and key(present["p"]) < key(path):
            yield None, None, present
            present = next(tail, None)
        if present is not None and present["p"] == path:
            yield old, left, present
            present = next(tail, None)
        else:
            yield old, left, None
    while present is not None:
        yield None, None, present
        present = next(tail, None)


def write(entries: Iterable[Entry], path: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        for entry in entries:
            file.write(encode(entry) + "\n")


def mapping(
    before: Mapping[str, Any], after: Mapping[str, Any], now: Mapping[str, Any], *, mark: Callable[[Any], Any]
) -> Dict[str, Any]:
    """Objects by name; ``mark`` tells of an object what shows that the run changed it."""
    target = {}
    for name in {*before, *after, *now}:
        old, left = before.get(name), after.get(name)
        unchanged = (old is None) == (left is None) and (old is None or mark(old) == mark(left))
        chosen = now.get(name) if unchanged else old
        if chosen is not None:
            target[name] = chosen
    return target
