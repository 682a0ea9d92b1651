"""Where programs keep data that only one process may have, from ``data.yml``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from aisafe.knowledge.reading import read


def flags_of(program: str) -> tuple[str, ...]:
    """The options that name the data directory of ``program``; () when nothing is known of it."""
    return tuple(_table().get(program, {}).get("flags", ()))


def data_directories(program: str) -> tuple[str, ...]:
    """The data directories inside of its usual container image."""
    return tuple(_table().get(program, {}).get("images", ()))


@cache
def _table() -> Mapping[str, Mapping[str, list[str]]]:
    data: dict[str, dict[str, list[str]]] = read("data.yml")
    return data
