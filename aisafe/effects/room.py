"""Whether the file systems of the host hold what the run writes to them, as far as its size is known."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aisafe.effects.api import Call
from aisafe.effects.filetree import LINKS_FOLLOWED, Growth
from aisafe.formats.sizes import words
from aisafe.frozen import frozen
from aisafe.model import Effect, Shortage, Space, TaskRef

if TYPE_CHECKING:
    from aisafe.effects.predicted import PredictedHost

EXACT = ("ext2", "ext3", "ext4", "xfs", "tmpfs", "vfat")
"""Types that take at least as much as a file holds; others compress, or share what is the same."""
EVIDENCE = 5


@frozen
class _Event:
    """``growth`` of ``task``; else what is at and below ``lost`` may have become less, ``hidden`` may be another file system
    by now, or for ``doubt`` there may be more room anywhere."""

    task: TaskRef
    growth: Growth | None = None
    sure: bool = False
    secret: bool = False
    lost: str = ""
    hidden: str = ""
    doubt: str = ""


@dataclass(slots=True, kw_only=True)
class _Book:
    """Of one file system: bytes that the run added so far, and whether that can still be told."""

    used: int = 0
    closed: bool = False
    writes: list[str] = field(default_factory=list)


class Room:
    """Follows the run. What is counted is never more than what the run takes: a doubt counts for room."""

    def __init__(self, spaces: Sequence[Space]) -> None:
        self._spaces = spaces
        self._events: list[_Event] = []

    def follow(self, call: Call, effects: Iterable[Effect], growths: Sequence[Growth]) -> None:
        """The effects of one task, and what they ask of the file systems, after they happened."""
        if not self._spaces:
            return
        told = {growth.path for growth in growths}
        for effect in effects:
            if effect.kind == "mount":
                self._events.append(_Event(task=call.task, hidden=effect.name))
            elif effect.certainty == "opaque" or effect.kind == "command" or _clears(effect):
                self._events.append(_Event(task=call.task, doubt=f"{effect.task} may make room"))
            elif effect.kind == "file" and effect.certainty != "certain" and effect.action != "create":
                self._events += [_Event(task=call.task, lost=path) for path in effect.paths if path not in told]
        sure = call.certainty == "certain"
        self._events += [
            _Event(task=call.task, growth=growth, sure=sure and growth.sure, secret=call.no_log) for growth in growths
        ]

    def shortages(self, host: PredictedHost) -> tuple[Shortage, ...]:
        """At most one of each file system, at the first task that finds it full."""
        limits = [space.free for space in self._spaces if space.free is not None]
        asked = sum(event.growth.after or 0 for event in self._events if event.growth and event.sure)
        if not limits or asked <= min(limits):
            return ()
        return tuple(self._replayed(_Places(host, self._spaces, self._events)))

    def _replayed(self, places: _Places) -> Iterator[Shortage]:
        books: dict[str, _Book] = {}
        hidden: list[str] = []
        doubt = ""
        for event in self._events:
            if event.hidden:
                hidden.append(places.real(event.hidden) or event.hidden)
            doubt = doubt or event.doubt
            path = event.lost or (event.growth.path if event.growth else "")
            if path and (event.growth is None or event.growth.before is None):  # what is mounted below may lose as much
                for one in places.mounted_below(path):
                    books.setdefault(one.path, _Book()).closed = True
            directory = event.lost or posixpath.dirname(path)
            place = places.real(directory) if directory else None
            if place is None or any(_below(place, mount) for mount in hidden):
                continue
            space = places.holding(place)
            if space is None or space.free is None:
                continue
            book = books.setdefault(space.path, _Book())
            if event.growth is None:
                book.closed = True
            elif not book.closed:
                found = _written(book, event, event.growth, space, doubt)
                if found is not None:
                    book.closed = True
                    yield found


def _written(book: _Book, event: _Event, growth: Growth, space: Space, doubt: str) -> Shortage | None:
    """The file system with this change as well; something of unknown size that goes, or may go, ends the count."""
    before = growth.before or 0
    counted = event.sure and growth.after is not None and (growth.beside or growth.before is not None)
    after = growth.after if counted and growth.after is not None else 0
    needed = book.used + after - (0 if growth.beside else before)
    book.used += after - before
    if after:
        book.writes.append(f"{event.task}: {'' if event.secret else f'{words(after)} to '}{growth.path}")
    if not counted or space.free is None or needed <= space.free:
        book.closed = growth.before is None
        return None
    why = doubt or ("" if space.type in EXACT else f"{space.type} may keep them in less")
    return Shortage(
        path=space.path, type=space.type, free=space.free, needed=needed, task=event.task,
        writes=tuple(book.writes[-EVIDENCE:]), certainty="possible" if why else "certain", why=why,
    )  # fmt: skip


def _clears(effect: Effect) -> bool:
    return effect.action == "remove" and effect.kind in ("package", "container", "image", "volume", "user")


def _below(path: str, top: str) -> bool:
    return f"{path.rstrip('/')}/".startswith(f"{top.rstrip('/')}/")


class _Places:
    """Directories with their links resolved, and the file systems that hold them."""

    def __init__(self, host: PredictedHost, spaces: Sequence[Space], events: Iterable[_Event]) -> None:
        self._host = host
        self._mounts = [(path, space) for space in spaces for path in (space.path, *space.also)]
        self._real: dict[str, str | None] = {"/": "/"}
        named = {event.growth.path if event.growth else event.lost or event.hidden for event in events}
        host.prefetch(sorted({above for path in named if path for above in _lineage(path)}))

    def holding(self, directory: str) -> Space | None:
        found = [(path, space) for path, space in self._mounts if _below(directory, path)]
        return max(found, key=lambda item: len(item[0]))[1] if found else None

    def mounted_below(self, directory: str) -> Iterator[Space]:
        place = self.real(directory) or directory
        return (space for path, space in self._mounts if path != place and _below(path, place))

    def real(self, directory: str, depth: int = 0) -> str | None:
        """None where it could not be seen."""
        directory = posixpath.normpath(directory)
        if directory not in self._real:
            self._real[directory] = self._resolved(directory, depth) if depth < LINKS_FOLLOWED else None
        return self._real[directory]

    def _resolved(self, directory: str, depth: int) -> str | None:
        above = self.real(posixpath.dirname(directory), depth)
        if above is None:
            return None
        place = posixpath.join(above, posixpath.basename(directory))
        found = self._host.file(place)
        if found.kind == "unseen":
            return None
        return self.real(posixpath.join(above, found.target), depth + 1) if found.kind == "link" else place


def _lineage(path: str) -> Iterator[str]:
    while path not in ("/", ""):
        yield path
        path = posixpath.dirname(path)
