"""What apt on the host knows of packages, for as long as the run leaves it as it was when the host was asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Any

from aisafe.effects.api import LiveFile, ReadLive
from aisafe.frozen import frozen
from aisafe.model import BlindSpot

LISTS = "/var/lib/apt/lists"
QUESTION = "apt:"
"""Begins what is asked of the host like a path: ``apt:nginx`` is what apt knows of the package nginx."""
CURRENT = 30 * 86_400.0
"""Seconds: of lists younger than this, fetching them once more brings newer versions, and hardly ever a new name."""


@frozen
class Known:
    """One name. ``candidate``: the version that would be installed now, None for none; ``versions``: all that there are;
    ``providers``: packages that provide it. ``final``: what the run fetches anew does not change which names there are.
    ``current``: nothing was fetched anew, so that the versions count as well."""

    candidate: str | None = None
    versions: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    final: bool = False
    current: bool = True

    @property
    def missing(self) -> bool:
        """Whether apt is certain to say that there is no such package."""
        return self.final and not self.versions and not self.providers

    def lacks(self, version: str) -> bool:
        """Whether it is certain that no version fits the pattern (fnmatch, as the module compares)."""
        return self.current and bool(self.versions) and not any(fnmatchcase(one, version) for one in self.versions)


class AptCache:
    """Answers from the host's package lists (apt-cache(8)), asked once a name.

    ``moved``: why the sources may be others by now, '' while they are not; nothing is known from then on. ``blind`` is told
    where apt could not be asked: packages are taken to be there then, and that has to be said. ``age``: seconds
    since the lists came, None where that is not known.
    """

    def __init__(self, read: ReadLive, moved: Callable[[], str], blind: Callable[[BlindSpot], None],
                 age: Callable[[], float | None]) -> None:  # fmt: skip
        self._read, self._moved, self._blind, self._age = read, moved, blind, age
        self._told: dict[str, dict[str, Any] | None] = {}
        self._fetched = False
        self._foreign = ""

    def foreign(self, why: str) -> None:
        """A package came that no list names: it may bring sources of its own."""
        self._foreign = why

    def fetched(self) -> None:
        """The run fetches the lists anew, or may."""
        self._fetched = True

    def prefetch(self, names: Iterable[str]) -> None:
        """Ask about ``names`` in one round trip."""
        wanted = [name for name in dict.fromkeys(names) if name not in self._told]
        if not wanted or self._foreign or self._moved():
            return
        answer = self._read([f"{QUESTION}{name}" for name in wanted])
        for name in wanted:
            self._told[name] = self._content(
                answer.get(f"{QUESTION}{name}"), "whether the run's packages are to be had"
            )

    def needs(self, name: str) -> tuple[str, ...]:
        """What the package depends on directly; () where that cannot be told."""
        if self._foreign or self._moved():
            return ()
        question = f"apt-needs:{name}"
        return tuple(self._content(self._read([question]).get(question), "what packages depend on") or ())

    def _content(self, found: LiveFile | None, what: str) -> Any:
        """The answer; None, and a blind spot, where there is none."""
        if found is None or found.kind != "file" or not isinstance(found.content, bytes):
            why = found.reason if found is not None and found.reason else "it was not asked"
            spot = BlindSpot(kind="package", reason=f"{what} is not known: {why}", blocks=False,
                             fix="See on the host what apt-cache policy says.")  # fmt: skip
            self._blind(spot)
            return None
        return json.loads(found.content)

    def get(self, name: str) -> Known | None:
        """What apt would know of ``name`` at this moment of the run; None where that cannot be told."""
        self.prefetch([name])
        told = self._told.get(name)
        if told is None or self._foreign or self._moved():
            return None
        if self._fetched:
            age = self._age()
            lasting = bool(told["complete"]) and age is not None and age < CURRENT
        else:
            lasting = True
        return Known(
            candidate=told["candidate"], versions=tuple(told["versions"]), providers=tuple(told["providers"]),
            final=lasting, current=not self._fetched,
        )  # fmt: skip
