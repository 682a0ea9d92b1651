"""Amounts of memory as systemd and Docker write them, and in words."""

from __future__ import annotations

import re
from collections.abc import Iterable

_UNITS = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[kmgtp]?)(?:i?b)?", re.IGNORECASE)


_HEAP = re.compile(r"(?:^|\s)-Xmx(\d+[kmgt]?)(?=\s|$)", re.IGNORECASE)


def heap_of(texts: Iterable[str]) -> int | None:
    """Bytes of the largest heap that a Java program is told to take, the last ``-Xmx`` of all (java(1)); None without one."""
    found = [size for text in texts for size in _HEAP.findall(text)]
    return size_of(found[-1]) if found else None


def size_of(text: str | int | None) -> int | None:
    """Bytes: ``512M``, ``1.5G``, ``2gb``, ``1GiB``, a plain number (systemd.resource-control(5), docker-run(1): base 1024).

    None for no limit (``infinity``, 0, -1, ''), for a share of the host's memory (``50%``) and for anything else.
    """
    if text is None or isinstance(text, bool):
        return None
    found = _SIZE.fullmatch(str(text).strip())
    if found is None:
        return None
    return int(float(found["number"]) * 1024 ** _UNITS[found["unit"].lower()]) or None


def words(size: int) -> str:
    """``3.5 MiB``."""
    for unit, scale in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} bytes"
