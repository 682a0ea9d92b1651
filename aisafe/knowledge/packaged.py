"""What of the configuration that a Debian package brings decides where its program listens, from ``packaged.yml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import cache

from aisafe.frozen import frozen
from aisafe.knowledge.reading import read


@frozen
class Packaged:
    """``files``: path -> those lines of it; ``directories``: made too, if nothing lies in them; ``links``: path -> target."""

    files: Mapping[str, str]
    directories: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    source: str


def brought_by(package: str) -> Packaged | None:
    """What is known of ``package``; None: nothing."""
    return _table().get(package.partition(":")[0].partition("=")[0])


@cache
def _table() -> Mapping[str, Packaged]:
    data = read("packaged.yml")
    table: dict[str, Packaged] = {}
    for entry in data:
        for package in entry["packages"]:
            told = {path.replace("VERSION", package.rpartition("-")[2]): text for path, text in entry["files"].items()}
            table[package] = Packaged(
                files={path: text for path, text in told.items() if not path.endswith("/")},
                directories=tuple(path.rstrip("/") for path in told if path.endswith("/")),
                links=entry.get("links", {}), source=entry["source"],
            )  # fmt: skip
    return table
