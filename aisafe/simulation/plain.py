"""ansible's tagged values as plain Python, for the models. Unknowns stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aisafe.model import Unknown


def plain(value: Any) -> Any:
    """Strings, numbers and containers of exactly the built-in types; anything else as text."""
    if value is None or isinstance(value, (bool, Unknown)):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, bytes):
        return bytes(value)
    if isinstance(value, Mapping):
        return {key if isinstance(key, Unknown) else plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    return str.__str__(str(value))


def plain_text(value: Any) -> str:
    return str.__str__(str(value))
