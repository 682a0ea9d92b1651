"""Configurations that are trees (YAML, TOML, JSON, HCL): their leaves by dotted names, lists by position."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, Final

import yaml

from aisafe.formats.configfiles import Found, NotUnderstood, Reader, address, closed
from aisafe.knowledge.programs import Config

DEEPEST = 24
MOST = 20_000  # values; aliases of YAML multiply
_HCL = re.compile(r"""\s+|\#[^\n]*|//[^\n]*|/\*.*?\*/|"(?P<text>(?:\\.|[^"\\])*)"|(?P<sign>[{}\[\]=,])|
                      (?P<word>[^\s{}\[\]=,"]+)""",
                  re.DOTALL | re.VERBOSE)  # fmt: skip


class _Loader(yaml.SafeLoader):
    """Tags of an application's own (``!include``, ``!secret``) become a text that is no address."""


def _own_tag(loader: _Loader, suffix: str, node: yaml.Node) -> str:
    del loader, node
    return f"⟦!{suffix}⟧"


_Loader.add_multi_constructor("!", _own_tag)


def settings(text: str, config: Config, path: str) -> Found:
    """What ``config.keys`` name, ``*`` standing for one part of a name. Raises NotUnderstood."""
    found: Found = []
    for count, (name, value) in enumerate(_leaves(read_tree(text, config.style, path), "", 0)):
        if count > MOST:
            raise NotUnderstood(f"{path} holds more than {MOST} values", found)
        for pattern, wanted in config.keys.items():
            if _same(pattern, name):
                shown = f"{name} {value} in {path}"
                found += [(setting, value, shown) for setting in wanted]
    return found


def traefik(text: str, path: str, files: Reader) -> Found:
    """Every entry point of the static configuration, in YAML or TOML (Traefik, "EntryPoints"); with api.insecure also the
    one called traefik at port 8080."""
    del files
    found: Found = []
    insecure = False
    for name, value in _leaves(read_tree(text, "toml" if path.endswith(".toml") else "yaml", path), "", 0):
        parts = name.lower().split(".")
        if parts[0] == "entrypoints" and len(parts) == 3 and parts[2] == "address":
            found.append(address(parts[1], value, f"{name} {value} in {path}"))
        insecure = insecure or (parts == ["api", "insecure"] and value == "true")
    if insecure and not any(setting.role == "traefik" for setting, _, _ in found):
        found.append(address("traefik", ":8080", f"api.insecure in {path}"))
    return [closed("web", f"not in {path}"), *found] if found else found


def _same(pattern: str, name: str) -> bool:
    parts, wanted = name.lower().split("."), pattern.lower().split(".")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def read_tree(text: str, style: str, path: str) -> Any:
    try:
        if style == "yaml":
            return yaml.load(text, Loader=_Loader)  # noqa: S506  a SafeLoader
        if style == "toml":
            return tomllib.loads(text)
        if style == "hcl" and not text.lstrip().startswith("{"):
            return _hcl(_tokens(text), top=True)
        return json.loads(re.sub(r"(?m)^\s*//.*$", "", text))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise NotUnderstood(f"{path} could not be read as {style}: {str(error).splitlines()[0]}") from error


def _leaves(value: Any, name: str, depth: int) -> Iterator[tuple[str, str]]:
    """Every scalar with its name; a list of scalars is one value, joined by commas. Keys may hold dots themselves."""
    if depth > DEEPEST:
        raise NotUnderstood(f"it is nested more than {DEEPEST} levels deep")
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else str(key), depth + 1)
    elif isinstance(value, list):
        plain = [item for item in value if not isinstance(item, dict | list)]
        if plain and len(plain) == len(value):
            yield name, ",".join(map(str, plain))
            return
        if not value:
            yield name, ""
        for position, item in enumerate(value):
            yield from _leaves(item, f"{name}.{position}", depth + 1)
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    elif value is not None:
        yield name, str(value)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text):
        match = _HCL.match(text, position)
        if match is None:
            raise ValueError("a quote that is not closed")
        position = match.end()
        for kind in ("text", "sign", "word"):
            if match[kind] is not None:
                yield kind, match[kind]


def _hcl(tokens: Iterator[tuple[str, str]], *, top: bool) -> dict[str, Any]:
    """Blocks and assignments (HCL native syntax); a block's labels are parts of its name, repeated ones are a list."""
    made: dict[str, Any] = {}
    words: list[str] = []
    for kind, text_of in tokens:
        if kind == "sign" and text_of == "{":
            inner = _hcl(tokens, top=False)
            place, last = made, words or [""]
            for word in last[:-1]:
                place = place.setdefault(word, {})
            known = place.get(last[-1])
            place[last[-1]] = inner if known is None else [*(known if isinstance(known, list) else [known]), inner]
            words = []
        elif kind == "sign" and text_of == "}":
            if top:
                raise ValueError("a block is closed that was not opened")
            return made
        elif kind == "sign" and text_of == "=":
            made[words[-1] if words else ""] = _hcl_value(tokens)
            words = []
        elif kind != "sign":
            words.append(text_of)
    if not top:
        raise ValueError("a block is not closed")
    return made


_VALUES: Final = {"true": True, "false": False}


def _hcl_value(tokens: Iterator[tuple[str, str]]) -> Any:
    kind, text_of = next(tokens, ("word", ""))
    if kind == "sign" and text_of == "[":
        items: list[Any] = []
        for inner, word in tokens:
            if inner == "sign" and word == "]":
                return items
            if inner == "sign" and word == "{":
                items.append(_hcl(tokens, top=False))
            elif inner != "sign":
                items.append(word)
        raise ValueError("a list is not closed")
    if kind == "sign" and text_of == "{":
        return _hcl(tokens, top=False)
    return _VALUES.get(text_of, text_of) if kind == "word" else text_of
