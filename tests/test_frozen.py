"""An immutable class of ours behaves as dataclasses' own, compared side by side."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, replace
from typing import Any

import pytest

from aisafe.frozen import frozen


@frozen
class Ours:
    name: str
    number: int = 3
    items: list[int] = field(default_factory=list)
    secret: str = field(default="s", repr=False)
    note: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Theirs:
    name: str
    number: int = 3
    items: list[int] = field(default_factory=list)
    secret: str = field(default="s", repr=False)
    note: str = field(default="", compare=False)


@frozen
class Deeper(Ours):
    depth: int = 0


@frozen
class Nothing:
    """It has no field."""


BOTH = pytest.mark.parametrize("kind", [Ours, Theirs])


@BOTH
def test_values_and_defaults(kind: Any) -> None:
    made = kind(name="a", number=4)
    assert (made.name, made.number, made.items, made.secret) == ("a", 4, [], "s")
    assert made.items is not kind(name="a").items
    assert asdict(made) == {"name": "a", "number": 4, "items": [], "secret": "s", "note": ""}


@BOTH
def test_what_is_no_argument_is_refused(kind: Any) -> None:
    for wrong in ({}, {"name": "a", "other": 1}):
        with pytest.raises(TypeError):
            kind(**wrong)
    with pytest.raises(TypeError):
        kind("a")


@BOTH
def test_equal_by_what_is_compared(kind: Any) -> None:
    made = kind(name="a")
    assert made == kind(name="a", note="another")
    assert made != kind(name="b")
    assert made != kind(name="a", number=9)
    assert made != "a"
    assert made not in (Ours(name="a") if kind is Theirs else Theirs(name="a"), None)


@BOTH
def test_it_cannot_be_changed(kind: Any) -> None:
    made = kind(name="a")
    for name in ("name", "other"):
        with pytest.raises((FrozenInstanceError, TypeError)):  # TypeError: dataclasses' own, for what is no field
            setattr(made, name, "b")
    with pytest.raises(FrozenInstanceError):
        del made.name
    assert made.name == "a"
    assert not hasattr(made, "__dict__")


@BOTH
def test_copies(kind: Any) -> None:
    made = kind(name="a", items=[1])
    assert replace(made, number=7) == kind(name="a", items=[1], number=7)
    for copied in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert copied == made
        assert copied is not made


def test_the_same_is_shown_hashed_and_matched() -> None:
    assert repr(Ours(name="a")) == repr(Theirs(name="a")).replace("Theirs", "Ours")
    with pytest.raises(TypeError):
        hash(Ours(name="a"))  # a list cannot be hashed
    assert hash(Ours(name="a", items=())) == hash(Ours(name="a", items=(), note="n"))  # type: ignore[arg-type]
    match Ours(name="a", number=8):
        case Ours(name="a", number=number):
            assert number == 8


def test_a_class_that_adds_fields() -> None:
    made = Deeper(name="a", depth=2)
    assert (made.name, made.depth, made.number) == ("a", 2, 3)
    assert made != Deeper(name="a", depth=3)
    assert made != Ours(name="a")
    assert isinstance(made, Ours)
    assert not hasattr(made, "__dict__")


def test_a_class_without_fields() -> None:
    assert Nothing() == Nothing()
    assert hash(Nothing()) == hash(Nothing())
    assert repr(Nothing()) == "Nothing()"


def test_what_is_not_supported_is_refused() -> None:
    with pytest.raises(TypeError, match="__post_init__"):

        @frozen
        class _Late:
            def __post_init__(self) -> None: ...

    with pytest.raises(TypeError, match="no parameter"):

        @frozen
        class _Hidden:
            number: int = field(default=1, init=False)
