"""Which units the installation of a Debian package enables and starts, from ``packages.yml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from aisafe.knowledge.reading import parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """``units`` are enabled and started, ``enabled`` only enabled; both empty: the installation starts nothing.

    ``started``: neither enabled nor with a socket, but started.
    ``umbrellas``: started too, but only stand for other units (``postgresql.service``) and hold no socket themselves.
    ``capability``: what the services' ConditionCapability= asks for (capabilities(7)).
    """

    units: tuple[str, ...] = ()
    umbrellas: tuple[str, ...] = ()
    enabled: tuple[str, ...] = ()
    started: tuple[str, ...] = ()
    capability: str = ""
    source: str


def starts(package: str) -> Starts | None:
    """What is known of ``package``; None: nothing (which is not to say that it starts nothing)."""
    return _table().get(package.partition(":")[0])


@cache
def _table() -> Mapping[str, Starts]:
    data = parse(files("aisafe.knowledge").joinpath("packages.yml").read_text(encoding="utf-8"))
    return {
        name: Starts(
            units=tuple(entry.get("units", ())),
            umbrellas=tuple(entry.get("umbrellas", ())),
            enabled=tuple(entry.get("enabled", ())),
            started=tuple(entry.get("started", ())),
            capability=entry.get("capability", ""),
            source=entry["source"],
        )
        for name, entry in data.items()
    }
