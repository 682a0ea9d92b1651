"""API versions that Kubernetes no longer serves, from ``kubernetes.yml``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from aisafe.frozen import frozen
from aisafe.knowledge.reading import read


@frozen
class Ended:
    """``release``: the first one that does not serve it (major, minor). ``instead``: what came in its place."""

    release: tuple[int, int]
    instead: str


def ended(api_version: str, kind: str) -> Ended | None:
    """When the API ended; None for one that is served still, or of which nothing is known."""
    return _table().get((api_version, kind))


def release(version: str) -> tuple[int, int]:
    """``v1.31.2`` is (1, 31). Raises ValueError for anything else."""
    major, minor = version.removeprefix("v").split(".")[:2]
    return int(major), int(minor)


@cache
def _table() -> Mapping[tuple[str, str], Ended]:
    data = read("kubernetes.yml")
    return {
        (entry["api"], kind): Ended(release=release(entry["ended"]), instead=entry["instead"])
        for entry in data
        for kind in entry["kinds"]
    }
