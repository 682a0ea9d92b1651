"""Which units the installation of a Debian package enables and starts, from ``packages.json`` (README.md beside it)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import cache

from aisafe.frozen import frozen
from aisafe.knowledge.reading import read


@frozen
class Starts:
    """``units`` are enabled and started, ``enabled`` only enabled; both empty: the installation starts nothing.

    ``umbrellas``: started too, but only stand for other units (``postgresql.service``), which are PartOf= them, and hold no
    socket themselves. ``stands_for``: ID-VERSION_ID of os-release(5) -> the package whose content it is there.
    ``started``: neither enabled nor with a socket, but started.
    ``capability``: what the services' ConditionCapability= asks for (capabilities(7)).
    """

    units: tuple[str, ...] = ()
    umbrellas: tuple[str, ...] = ()
    enabled: tuple[str, ...] = ()
    stands_for: Mapping[str, str] = field(default_factory=dict)
    started: tuple[str, ...] = ()
    capability: str = ""
    source: str


def starts(package: str) -> Starts | None:
    """What is known of ``package``; None: nothing (which is not to say that it starts nothing)."""
    return _table().get(package.partition(":")[0])


def meant(package: str, os: Mapping[str, str]) -> str:
    """The package whose content ``package`` is on a system with this os-release(5): mostly itself."""
    known = starts(package)
    release = f"{os.get('id', '')}-{os.get('version_id', '')}"
    return known.stands_for.get(release, package) if known else package


def is_umbrella(unit: str) -> bool:
    """Whether ``unit`` only stands for others, which are meant to start and stop with it."""
    return any(unit in known.umbrellas for known in _table().values())


@cache
def _table() -> Mapping[str, Starts]:
    data = read("packages.json")
    return {
        name: Starts(
            units=tuple(entry.get("units", ())),
            umbrellas=tuple(entry.get("umbrellas", ())),
            enabled=tuple(entry.get("enabled", ())),
            stands_for=entry.get("stands_for", {}),
            started=tuple(entry.get("started", ())),
            capability=entry.get("capability", ""),
            source=entry["source"],
        )
        for name, entry in data.items()
    }
