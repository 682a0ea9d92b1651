"""Unknown values inside ansible's template engine.

A plain :class:`aisafe.model.Unknown` is stored in variables, and becomes an :class:`UnknownMarker` when a template
touches it: a Jinja 'undefined' that absorbs what is done to it instead of raising, and comes out as an Unknown again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from ansible._internal._templating import _jinja_bits, _jinja_plugins, _marker_behaviors
from ansible._internal._templating._jinja_common import Marker, MarkerError, TruncationMarker, UndefinedMarker
from ansible._internal._templating._utils import TemplateContext

from aisafe.model import Unknown, is_unknown
from aisafe.simulation import safety
from aisafe.simulation.conditions import EXPLORATION
from aisafe.simulation.moment import now

OPEN = "_aisafe_open"
"""Key of a mapping that may hold more than is known; its value is the Unknown that stands for the rest."""

_ABSENT = frozenset({"skipped", "unreachable"})  # a task that runs has neither; one that may not run has the first

_REST = "⟦the rest depends on what is unknown⟧"

_TEXT = frozenset(["trim", "string", "quote", "indent"])
_REARRANGING = _TEXT | frozenset(
    [
        "to_json",
        "to_nice_json",
        "to_yaml",
        "to_nice_yaml",
        "join",
        "combine",
        "dict2items",
        "items2dict",
        "flatten",
        "union",
        "list",
        "zip",
        "unique",
    ]
)
"""Filters that only rearrange: applied to a value with unknown parts they keep the known ones."""

_ESCAPED = {"\\u27e6": "⟦", "\\u27e7": "⟧", "\\u27E6": "⟦", "\\u27E7": "⟧"}


class UnknownMarker(Marker):  # type: ignore[misc]
    """The Unknown as the engine sees it."""

    __slots__ = ("_unknown",)

    def __init__(self, unknown: Unknown) -> None:
        super().__init__(hint=f"unknown: {unknown.why}", _no_template_source=not TemplateContext.current(optional=True))
        object.__setattr__(self, "_unknown", unknown)
        now().touched = True

    def _part(self, name: object) -> UnknownMarker:
        unknown: Unknown = self._unknown
        if unknown.partial is None and unknown.why.startswith("the result of ") and isinstance(name, str):
            return UnknownMarker(Unknown(f"{name!r} of {unknown.why}"))
        return self if unknown.partial is None else UnknownMarker(Unknown(unknown.why))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._part(name)

    def __getitem__(self, key: object) -> Any:
        return self._part(key)

    def __hash__(self) -> int:
        return id(self)

    def __contains__(self, item: object) -> bool:
        return EXPLORATION.decide(self._unknown)

    def __bool__(self) -> bool:
        if not EXPLORATION.active and now().phase == "before":
            now().note("assumed", f"a condition that depends on {self._unknown.why} was taken to be true")
        return EXPLORATION.decide(self._unknown)

    def __iter__(self) -> Iterator[Any]:
        return iter([UnknownMarker(Unknown(self._unknown.why))])

    def __str__(self) -> str:
        return str(self._unknown)

    def __call__(self, *args: object, **kwargs: object) -> Any:
        return UnknownMarker(Unknown(self._unknown.why))


def _absorb(self: UnknownMarker, *_: object) -> UnknownMarker:
    return UnknownMarker(Unknown(self._unknown.why)) if self._unknown.partial is not None else self


for _operator in [
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "radd",
    "rsub",
    "rmul",
    "rtruediv",
    "rfloordiv",
    "rmod",
    "rpow",
    "neg",
    "pos",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
]:
    setattr(UnknownMarker, f"__{_operator}__", _absorb)


class PassUnknown(_marker_behaviors.MarkerBehavior):  # type: ignore[misc]
    """At the end of a template an unknown comes out as itself; a real undefined fails as ever."""

    def handle_marker(self, value: Marker) -> Any:
        if type(value) is UnknownMarker:
            return value._unknown
        return value.trip()


def finalize(original: Callable[..., Any]) -> Callable[..., Any]:
    def finalize_template_result(value: Any, mode: Any) -> Any:
        return value if type(value) is Unknown else original(value, mode)

    return finalize_template_result


def concat(nodes: Any) -> Any:
    """Join the parts of a template: known text is kept around unknown parts."""
    parts = list(_jinja_bits._flatten_nodes(nodes))
    if not parts:
        return None
    if len(parts) == 1:
        return parts[0]
    unknown = next((part._unknown for part in parts if type(part) is UnknownMarker), None)
    if unknown is not None:
        parts = [_REST if type(part) is TruncationMarker else part for part in parts]
    try:
        parts = _jinja_bits._finalize_template_result(parts, _jinja_bits.FinalizeMode.CONCAT)
    except MarkerError as error:
        return error.source
    text = "".join(_jinja_bits.to_text(_words(part)) for part in parts)
    if unknown is None:
        unknown = next((_inner(part) for part in parts if is_unknown(part)), None)
    return text if unknown is None else UnknownMarker(Unknown(unknown.why, partial=text))


def _inner(value: Any) -> Unknown:
    if isinstance(value, Unknown):
        return value
    inner = value.values() if isinstance(value, dict) else value
    return next(_inner(item) for item in inner if is_unknown(item))


def _words(value: Any) -> Any:
    """Unknowns inside containers as text, so that they can be joined with text."""
    if isinstance(value, Unknown):
        return str(value)
    if isinstance(value, dict):
        return {_words(key): _words(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_words(item) for item in value]
    return value


def _back(value: Any, why: str) -> Any:
    if isinstance(value, str):
        for escaped, mark in _ESCAPED.items():
            value = value.replace(escaped, mark)
        return Unknown(why, partial=value) if "⟦" in value else value
    if isinstance(value, dict):
        return {key: _back(item, why) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_back(item, why) for item in value]
    return value


def invoke_plugin(original: Callable[..., Any]) -> Callable[..., Any]:
    """Filters and tests: ``default``, ``is defined`` and friends must not swallow an unknown."""

    def invoke(instance: Any, *args: Any, **kwargs: Any) -> Any:
        for argument in itertools.chain(args, kwargs.values()):
            if type(argument) is UnknownMarker:
                if argument._unknown.partial is None:
                    return argument
                if not (argument is args[0] and _named(instance) in _TEXT and instance.plugin_type == "filter"):
                    return UnknownMarker(Unknown(argument._unknown.why))
        name = _named(instance)
        if instance.plugin_type == "filter" and name in safety.RANDOM_FILTERS and not _steady(args, kwargs, name):
            return UnknownMarker(Unknown(f"the filter {name}, whose result differs with every run"))
        result = original(instance, *args, **kwargs)
        if type(result) is UnknownMarker and instance.plugin_type == "filter" and name in _REARRANGING:
            return _rearrange(original, instance, args, kwargs, result)
        return result

    return invoke


def _named(instance: Any) -> str:
    return str(instance.ansible_name.rpartition(".")[2])


def _steady(args: tuple[Any, ...], kwargs: dict[str, Any], name: str) -> bool:
    return "salt" in kwargs or "seed" in kwargs or (name == "password_hash" and len(args) > 2)


def _rearrange(
    original: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: UnknownMarker
) -> Any:
    try:
        final = [_jinja_bits._finalize_template_result(_plain(item), _jinja_bits.FinalizeMode.CONCAT) for item in args]
        if not any(is_unknown(item) for item in final):
            return result
        again = original(instance, *[_words(item) for item in final], **kwargs)
        if isinstance(again, Marker):
            return result
        again = _back(
            _jinja_bits._finalize_template_result(again, _jinja_bits.FinalizeMode.CONCAT), result._unknown.why
        )
    except (MarkerError, TypeError, ValueError, AttributeError):
        return result
    if isinstance(again, Unknown):
        return UnknownMarker(again)
    return again if is_unknown(again) else result


def _plain(value: Any) -> Any:
    return value._unknown if type(value) is UnknownMarker else value


def missing_plugin(original: Callable[..., Any]) -> Callable[..., Any]:
    """A filter or a test of a collection that is not installed, or not trusted, yields an unknown."""

    def getitem(self: Any, key: str) -> Any:
        try:
            return original(self, key)
        except (
            _jinja_plugins.AnsibleTemplatePluginNotFoundError,
            _jinja_plugins.AnsibleTemplatePluginLoadError,
        ):
            kind = self._plugin_loader.type
            if "." not in key and kind not in REFUSED_KINDS:
                raise
            now().note(
                "refused-plugin", f"the {kind} {key} is not installed or not trusted; its result is not known",
                fix=f"Install its collection, or trust the directory of {kind} plugins it is in (trust: in .aisafe.yml).",
            )  # fmt: skip
            return lambda *_, **__: UnknownMarker(Unknown(f"the {kind} {key}"))

    return getitem


REFUSED_KINDS: set[str] = set()
"""Types of plugins (``filter``, ``test``) of which some beside the playbook were refused: any name may be theirs."""


def open_mapping(original: Callable[..., Any]) -> Callable[..., Any]:
    """A key that a result or the facts may hold, but that is not known, is unknown, not undefined."""

    def get(self: Any, obj: Any, key: Any) -> Any:
        result = original(self, obj, key)
        if (
            type(result) is UndefinedMarker
            and isinstance(obj, dict)
            and dict.__contains__(obj, OPEN)
            and key not in _ABSENT
        ):
            rest = _plain(dict.get(obj, OPEN))
            rest = getattr(rest, "value", rest)  # a lazy container wraps it
            why = rest.why if isinstance(rest, Unknown) else str(rest)
            return UnknownMarker(Unknown(f"{str(key)!r} of {why}"))
        return result

    return get


def resolve(original: Callable[..., Any]) -> Callable[..., Any]:
    """``ansible_*`` variables of a host whose facts would be gathered, and are not known; after a module without a model,
    any variable that it may have set."""

    def resolve_or_missing(self: Any, key: str) -> Any:
        value = original(self, key)
        if value is not _jinja_bits.missing:
            return value
        if key.startswith("ansible_") and now().host in now().factless:
            return UnknownMarker(Unknown(f"the fact {key}"))
        if why := now().untold.get(now().host):
            return UnknownMarker(Unknown(f"the variable {key}, which {why}"))
        return value

    return resolve_or_missing
