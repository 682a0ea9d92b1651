"""Immutable dataclasses that cost a program's start little.

``@dataclass(frozen=True, slots=True, kw_only=True)`` writes and compiles six methods for each class: for the 240 classes of a
forecast of one host that was a tenth of its CPU time. Here ``__init__`` alone is written; the other methods are shared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")

_MISSING = object()


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """What ``dataclass(frozen=True, slots=True, kw_only=True)`` makes of ``cls`` (dataclasses, module documentation).

    Raises TypeError for ``__post_init__`` and for fields that are no parameters, which nothing here needs.
    """
    if hasattr(cls, "__post_init__"):
        raise TypeError(f"{cls.__name__}: __post_init__ is not supported")
    if cls.__doc__ is None:
        cls.__doc__ = cls.__name__  # else dataclass works out a signature for it
    plain = dataclass(init=False, repr=False, eq=False, kw_only=True)(cls)
    wanted = fields(plain)  # type: ignore[arg-type]
    if not all(item.init for item in wanted):
        raise TypeError(f"{cls.__name__}: a field is no parameter")
    names = [item.name for item in wanted]
    inherited = {name for base in cls.__mro__[1:] for name in getattr(base, "__slots__", ())}
    body = {key: value for key, value in cls.__dict__.items() if key not in (*names, "__dict__", "__weakref__")}
    body |= _METHODS
    body["__slots__"] = tuple(name for name in names if name not in inherited)
    body["_compared"] = staticmethod(_values([item.name for item in wanted if item.compare]))
    kind: Any = type(cls)
    made = kind(cls.__name__, cls.__bases__, body)
    made.__init__ = _init(made, wanted)
    return made  # type: ignore[no-any-return]


def _init(made: type[Any], wanted: Sequence[Field[Any]]) -> Callable[..., None]:
    """``__init__``, which sets the slots themselves: in half the time of object.__setattr__."""
    known: dict[str, Any] = {"missing": _MISSING}
    parameters, lines = [], []
    for item in wanted:
        name = item.name
        known[f"set_{name}"] = getattr(made, name).__set__
        if item.default_factory is not MISSING:
            known[f"make_{name}"] = item.default_factory
            parameters.append(f"{name}=missing")
            lines.append(f" set_{name}(self, make_{name}() if {name} is missing else {name})")
            continue
        lines.append(f" set_{name}(self, {name})")
        if item.default is MISSING:
            parameters.append(name)
        else:
            known[f"default_{name}"] = item.default
            parameters.append(f"{name}=default_{name}")
    star = ", *, " if parameters else ""
    text = f"def __init__(self{star}{', '.join(parameters)}):\n" + ("\n".join(lines) or " pass")
    exec(text, known)  # noqa: S102  as dataclasses does: the names are those of the class's own annotations
    function: Callable[..., None] = known["__init__"]
    function.__qualname__ = f"{made.__qualname__}.__init__"
    return function


def _values(names: Sequence[str]) -> Callable[[Any], Any]:
    return attrgetter(*names) if names else lambda _: ()


def _equal(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return self is other or self._compared(self) == self._compared(other)


def _hash(self: Any) -> int:
    return hash(self._compared(self))


def _repr(self: Any) -> str:
    parts = ", ".join(f"{item.name}={getattr(self, item.name)!r}" for item in fields(self) if item.repr)
    return f"{type(self).__qualname__}({parts})"


def _refuse_set(self: Any, name: str, value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_delete(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _get_state(self: Any) -> list[Any]:
    return [getattr(self, item.name) for item in fields(self)]


def _set_state(self: Any, state: Sequence[Any]) -> None:
    for item, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, item.name, value)


_METHODS: Mapping[str, Any] = {
    "__eq__": _equal, "__hash__": _hash, "__repr__": _repr, "__setattr__": _refuse_set, "__delattr__": _refuse_delete,
    "__getstate__": _get_state, "__setstate__": _set_state,
}  # fmt: skip
