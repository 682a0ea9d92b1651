"""The YAML of Compose files, and how one is laid over another (Compose Specification, "Merge")."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import yaml

REPLACED: Final = ("command", "entrypoint", "test", "extends")
"""Lists that a later file replaces as a whole."""
_AS_MAPPING: Final = ("environment", "labels", "args", "annotations", "sysctls", "extra_hosts")


class BadCompose(ValueError):
    """The file is one that Compose itself would refuse, or that is not understood here; the text says why."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """``!reset`` takes what earlier files say away, ``!override`` puts ``value`` in its place."""

    kind: Literal["reset", "override"]
    value: Any = None


class _Loader(yaml.SafeLoader):
    """YAML as Compose reads it: ``2222:22`` and ``no`` are text, not a number in base 60 and a boolean (YAML 1.2)."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  as PyYAML wants it

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._flat: list[yaml.MappingNode] = []

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Compose refuses a key that stands twice; those of a merge key may be repeated.

        The node of an anchor is read once for each alias, flat from the second time on.
        """
        if not any(node is other for other in self._flat):
            seen: set[str] = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value in seen and key.value != "<<":
                    raise BadCompose(f"line {key.start_mark.line + 1}: the key {key.value} stands twice")
                seen.add(str(key.value))
            self._flat.append(node)
        super().flatten_mapping(node)


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?[0-9]*\.[0-9]+(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


def _override(loader: _Loader, node: yaml.Node) -> Tagged:
    if isinstance(node, yaml.MappingNode):
        return Tagged("override", loader.construct_mapping(node, deep=True))
    if isinstance(node, yaml.SequenceNode):
        return Tagged("override", loader.construct_sequence(node, deep=True))
    return Tagged("override", yaml.load(str(node.value), _Loader))  # noqa: S506  a scalar, by the same rules


_Loader.add_constructor("!reset", lambda loader, node: Tagged("reset"))
_Loader.add_constructor("!override", _override)


def parse(text: str) -> dict[str, Any]:
    """One file as data, with :class:`Tagged` where it says so. Raises BadCompose."""
    try:
        data = yaml.load(text, _Loader)  # noqa: S506  a SafeLoader
    except yaml.YAMLError as error:
        raise BadCompose(f"not YAML: {getattr(error, 'problem', None) or 'cannot be parsed'}") from error
    if not isinstance(data, dict):
        raise BadCompose("not a mapping with services")
    return data


def filled(value: Any, fill: Callable[[str], str]) -> Any:
    """``value`` with ``fill`` of every text in its lists and mappings; keys stay as written."""
    if isinstance(value, Tagged):
        return Tagged(value.kind, filled(value.value, fill))
    if isinstance(value, dict):
        return {key: filled(item, fill) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, fill) for item in value]
    return fill(value) if isinstance(value, str) else value


def canonical(service: Mapping[str, Any], place: Callable[[str], str]) -> dict[str, Any]:
    """One service with its short forms spelled out, so that it merges; ``place`` makes its paths absolute."""
    found = {key: _canonical(key, value, place) for key, value in service.items()}
    build = found.get("build")
    if isinstance(build, dict):
        inner = {key: _canonical(key, value, place) for key, value in build.items()}
        found["build"] = {**inner, "context": _context(str(inner.get("context") or "."), place)}
    return found


def _canonical(key: str, value: Any, place: Callable[[str], str]) -> Any:
    if isinstance(value, Tagged):
        return value if value.kind == "reset" else Tagged("override", _canonical(key, value.value, place))
    if key in _AS_MAPPING and isinstance(value, list):
        return {name: text if mark else None for name, mark, text in (str(item).partition("=") for item in value)}
    if key in ("networks", "depends_on") and isinstance(value, list):
        return {str(item): None for item in value}
    if key == "build" and isinstance(value, str):
        return {"context": value}
    if key == "extends" and isinstance(value, str):
        return {"service": value}
    if key == "env_file" and value:
        items = value if isinstance(value, list) else [value]
        given = [item if isinstance(item, dict) else {"path": str(item)} for item in items]
        return [{**item, "path": place(str(item.get("path", "")))} for item in given]
    if key == "volumes" and isinstance(value, list):
        return [_volume(item, place) for item in value]
    return value


def _context(text: str, place: Callable[[str], str]) -> str:
    remote = "://" in text or text.startswith(("git@", "github.com/"))
    return text if remote else place(text)


def _volume(item: Any, place: Callable[[str], str]) -> Any:
    if isinstance(item, dict):
        bind = item.get("type") == "bind" and isinstance(item.get("source"), str)
        return {**item, "source": place(item["source"])} if bind else item
    source, mark, rest = str(item).partition(":")
    return f"{place(source)}:{rest}" if mark and source.startswith((".", "~", "/")) else item


def placed(directory: str, home: str = "") -> Callable[[str], str]:
    """Paths relative to ``directory``; ``~`` is ``home``. With neither they stay as written."""

    def place(path: str) -> str:
        if path.startswith("~") and home:
            path = home + path[1:]
        return posixpath.normpath(posixpath.join(directory, path)) if directory else path

    return place


def merge(low: Any, high: Any, key: str = "") -> Any:
    """``high`` over ``low``: mappings merge, lists add up (volumes by their target), the rest is replaced."""
    if isinstance(high, Tagged):
        return high  # taken off at the end, so that a third file sees that something was reset
    if isinstance(low, Tagged):
        low = low.value
    if isinstance(low, dict) and isinstance(high, dict):
        return {
            name: merge(low[name], high[name], name) if name in low and name in high else {**low, **high}[name]
            for name in {**low, **high}
        }
    if isinstance(low, list) and isinstance(high, list) and key not in REPLACED:
        if key == "volumes":
            targets = {_target(item) for item in high}
            low = [item for item in low if _target(item) not in targets]
        return [*low, *(item for item in high if item not in low)]
    return low if high is None and isinstance(low, dict) else high


def _target(item: Any) -> str:
    if isinstance(item, dict):
        return str(item.get("target", ""))
    parts = str(item).split(":")
    return parts[1] if len(parts) > 1 and parts[1].startswith("/") else parts[0]


def untagged(value: Any) -> Any:
    """Without the tags: what was reset is gone."""
    if isinstance(value, Tagged):
        return untagged(value.value)
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if not (isinstance(item, Tagged) and item.kind == "reset")}
        return {key: untagged(item) for key, item in kept.items()}
    if isinstance(value, list):
        return [untagged(item) for item in value if not (isinstance(item, Tagged) and item.kind == "reset")]
    return value
