"""Tells of a directory by its own name when all that is in it is to be copied, and of each file in it otherwise.

rsync(1) reads a list of paths byte by byte, and looks each of them up twice; what it finds in a directory costs half.
"""

from __future__ import annotations

from typing import Callable, Container

from .lines import above

LARGEST = 4000
"""Entries of one bundle: small enough that several processes can share a tree."""


class _Open:
    """A directory whose entries are still coming: what is to be told of it so far, and whether that is all of it."""

    def __init__(self, path: str, whole: bool) -> None:
        self.path, self.whole = path, whole
        self.parts: list[tuple[str, int]] = []
        self.entries = 1


class Bundles:
    """``tell`` is called with each path and how many entries that is; ``incomplete``: directories of a walk that hold what
    it left out."""

    def __init__(self, tell: Callable[[str, int], None], incomplete: Container[str]) -> None:
        self._tell, self._incomplete = tell, incomplete
        self._open: list[_Open] = []

    def directory(self, path: str, *, wanted: bool) -> None:
        """Paths come as a walk meets them. One that is not wanted itself is not told of as a whole."""
        self._close(path)
        self._open.append(_Open(path, wanted and path != "/"))

    def file(self, path: str, *, wanted: bool) -> None:
        """Anything but a directory."""
        self._close(path)
        inside = self._open[-1]
        if wanted:
            self._put(inside, path, 1)
        else:
            self._burst(inside)

    def end(self) -> None:
        """No path follows."""
        while self._open:
            self._leave()

    def _close(self, path: str) -> None:
        while self._open and not above(self._open[-1].path, path):
            self._leave()

    def _leave(self) -> None:
        left = self._open.pop()
        if left.path in self._incomplete:
            self._burst(left)
        if not self._open:
            self._burst(left)
        elif left.whole:
            self._put(self._open[-1], left.path, left.entries)
        else:
            self._burst(self._open[-1])

    def _put(self, inside: _Open, path: str, entries: int) -> None:
        inside.parts.append((path, entries))
        inside.entries += entries
        if not inside.whole or inside.entries > LARGEST:
            self._burst(inside)

    def _burst(self, inside: _Open) -> None:
        """It is no bundle: its parts are told, and all that follow."""
        inside.whole = False
        for path, entries in inside.parts:
            self._tell(path, entries)
        inside.parts.clear()
