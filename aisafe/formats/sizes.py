"""Amounts of memory as systemd and Docker write them."""

from __future__ import annotations

import re

_UNITS = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[kmgtp]?)(?:i?b)?", re.IGNORECASE)


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
