"""Model objects to plain JSON data and back."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
_PLAIN = frozenset((str, int, float, bool))


def dump(value: object) -> Any:
    """Plain data (dict, list, str, int, float, bool, None) that ``json`` can write. Times are UTC, ISO 8601."""
    kind: Any = type(value)
    if value is None or kind in _PLAIN:
        return value
    if names := _names(kind):
        return {name: dump(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(key): dump(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [dump(item) for item in (sorted(value) if isinstance(value, (set, frozenset)) else value)]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, (IPv4Address, IPv6Address)):
        return str(value)
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f"no JSON form for {type(value).__name__}")


def load(kind: type[T], data: Any) -> T:
    """The inverse of :func:`dump`. Unknown keys are ignored, missing ones take the field's default.

    Raises ValueError, with the path of the field, when ``data`` does not fit.
    """
    return _load(kind, data, kind.__name__)  # type: ignore[no-any-return]


@cache
def _names(kind: type) -> tuple[str, ...]:
    """Of a dataclass's fields; () for what is none."""
    return tuple(item.name for item in fields(kind)) if is_dataclass(kind) else ()


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _load(kind: Any, data: Any, where: str) -> Any:
    if is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(data, Mapping):
            raise ValueError(f"{where}: expected an object, not {type(data).__name__}")
        hints = _hints(kind)
        given = {}
        for item in fields(kind):
            if item.name in data:
                given[item.name] = _load(hints[item.name], data[item.name], f"{where}.{item.name}")
            elif item.default is MISSING and item.default_factory is MISSING:
                raise ValueError(f"{where}.{item.name}: missing")
        return kind(**given)
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _load_union(args, data, where)
    if origin is Literal:
        if data not in args:
            raise ValueError(f"{where}: {data!r} is none of {', '.join(map(repr, args))}")
        return data
    if origin is tuple:
        if not isinstance(data, list | tuple):
            raise ValueError(f"{where}: expected a list, not {type(data).__name__}")
        return tuple(_load(args[0], item, f"{where}[{index}]") for index, item in enumerate(data))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(data, Mapping):
            raise ValueError(f"{where}: expected an object, not {type(data).__name__}")
        return {key: _load(args[1], item, f"{where}[{key!r}]") for key, item in data.items()}
    if kind is datetime and isinstance(data, str):
        return datetime.fromisoformat(data)
    if kind is float and isinstance(data, int):
        return float(data)
    if kind is Any or kind is object:
        return data
    if not isinstance(data, kind) or (kind is int and isinstance(data, bool)):
        raise ValueError(f"{where}: expected {kind.__name__}, not {type(data).__name__}")
    return data


def _load_union(args: tuple[Any, ...], data: Any, where: str) -> Any:
    if data is None and type(None) in args:
        return None
    if set(args) == {IPv4Address, IPv6Address} and isinstance(data, str):
        return ip_address(data)
    problem: ValueError | None = None
    for option in args:
        if option is type(None):
            continue
        try:
            return _load(option, data, where)
        except ValueError as error:
            problem = error
    raise problem or ValueError(f"{where}: null is not allowed")
