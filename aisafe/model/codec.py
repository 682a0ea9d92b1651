"""Model objects to plain JSON data and back."""

from __future__ import annotations

import hashlib
import marshal
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
_PLAIN = frozenset((str, int, float, bool))
MOST = 20_000
"""Parts that are remembered at a time: those of hosts that have little in common are not all to be kept."""


class Parts:
    """Equal parts of many hosts, kept once. What it hands out is shared: nothing of it may be changed in place.

    As ``object_hook`` of :func:`json.loads` it makes equal objects one object. :meth:`load` then makes one model object of
    each, and :meth:`dump` works out the plain data of each once. Keep it no longer than the data comes in, or goes out.
    """

    def __init__(self) -> None:
        self._objects: dict[bytes, dict[str, Any]] = {}
        self._loaded: dict[tuple[int, Any], tuple[Any, Any]] = {}  # with what has the id, so that it stays that one's
        self._dumped: dict[int, tuple[object, Any]] = {}

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        digest = hashlib.blake2b(marshal.dumps(data, 0), digest_size=16).digest()  # tells 1 from True, as == does not
        if len(self._objects) >= MOST:
            self._objects.clear()
        return self._objects.setdefault(digest, data)

    def load(self, kind: type[T], data: Any) -> T:
        """As :func:`load`."""
        return _load(kind, data, kind.__name__, self._loaded)  # type: ignore[no-any-return]

    def dump(self, value: object) -> Any:
        """As :func:`dump`."""
        return dump(value, self._dumped)


def dump(value: object, known: dict[int, tuple[object, Any]] | None = None) -> Any:
    """Plain data (dict, list, str, int, float, bool, None) that ``json`` can write. Times are UTC, ISO 8601.

    ``known``: see :class:`Parts`.
    """
    kind: Any = type(value)
    if value is None or kind in _PLAIN:
        return value
    names = _names(kind)
    if names or isinstance(value, Mapping):
        if known is not None and id(value) in known:
            return known[id(value)][1]
        data = (
            {name: dump(getattr(value, name), known) for name in names}
            if names
            else {str(key): dump(item, known) for key, item in value.items()}  # type: ignore[attr-defined]
        )
        if known is not None:
            if len(known) >= MOST:
                known.clear()
            known[id(value)] = (value, data)
        return data
    if isinstance(value, (list, tuple, set, frozenset)):
        return [dump(item, known) for item in (sorted(value) if isinstance(value, (set, frozenset)) else value)]
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
    return _load(kind, data, kind.__name__, None)  # type: ignore[no-any-return]


@cache
def _names(kind: type) -> tuple[str, ...]:
    """Of a dataclass's fields; () for what is none."""
    return tuple(item.name for item in fields(kind)) if is_dataclass(kind) else ()


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


_Known = dict[tuple[int, Any], tuple[Any, Any]]


def _load(kind: Any, data: Any, where: str, known: _Known | None) -> Any:
    if known is None or type(data) is not dict:
        return _made(kind, data, where, known)
    key = (id(data), kind)
    if key in known:
        return known[key][1]
    made = _made(kind, data, where, known)
    if len(known) >= MOST:
        known.clear()
    known[key] = (data, made)
    return made


def _made(kind: Any, data: Any, where: str, known: _Known | None) -> Any:
    if _names(kind):
        if not isinstance(data, Mapping):
            raise ValueError(f"{where}: expected an object, not {type(data).__name__}")
        hints = _hints(kind)
        given = {}
        for item in fields(kind):
            if item.name in data:
                given[item.name] = _load(hints[item.name], data[item.name], f"{where}.{item.name}", known)
            elif item.default is MISSING and item.default_factory is MISSING:
                raise ValueError(f"{where}.{item.name}: missing")
        return kind(**given)
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _load_union(args, data, where, known)
    if origin is Literal:
        if data not in args:
            raise ValueError(f"{where}: {data!r} is none of {', '.join(map(repr, args))}")
        return data
    if origin is tuple:
        if not isinstance(data, list | tuple):
            raise ValueError(f"{where}: expected a list, not {type(data).__name__}")
        return tuple(_load(args[0], item, f"{where}[{index}]", known) for index, item in enumerate(data))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(data, Mapping):
            raise ValueError(f"{where}: expected an object, not {type(data).__name__}")
        return {key: _load(args[1], item, f"{where}[{key!r}]", known) for key, item in data.items()}
    if kind is datetime and isinstance(data, str):
        return datetime.fromisoformat(data)
    if kind is float and isinstance(data, int):
        return float(data)
    if kind is Any or kind is object:
        return data
    if not isinstance(data, kind) or (kind is int and isinstance(data, bool)):
        raise ValueError(f"{where}: expected {kind.__name__}, not {type(data).__name__}")
    return data


def _load_union(args: tuple[Any, ...], data: Any, where: str, known: _Known | None) -> Any:
    if data is None and type(None) in args:
        return None
    if set(args) == {IPv4Address, IPv6Address} and isinstance(data, str):
        return ip_address(data)
    problem: ValueError | None = None
    for option in args:
        if option is type(None):
            continue
        try:
            return _load(option, data, where, known)
        except ValueError as error:
            problem = error
    raise problem or ValueError(f"{where}: null is not allowed")
