"""Takes what may be secret out of command lines, variables and records, by the names that stand beside the values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

MASK = "***"
_SECRET = re.compile(r"pass|secret|token|credential|api_?key|auth(?!or)|_key$|^key$", re.IGNORECASE)
_PLACE = re.compile(r"file|path|dir$|private-key|public", re.IGNORECASE)
_PAIR = re.compile(r"""(?P<name>[\w.-]+)(?P<sign>\s*=\s*)(?P<value>"[^"]*"|'[^']*'|\S+)""")
_OPTION = re.compile(r"^(?P<name>--?[\w.-]+)(?P<sign>=)(?P<value>.+)$", re.DOTALL)


class Word(Protocol):
    """One option of the command line (see aisafe.playbook.commandline)."""

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> str | None: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


class Line(Protocol):
    """The command line as it was split."""

    @property
    def arguments(self) -> tuple[str, ...]: ...
    @property
    def ours(self) -> Mapping[str, tuple[str, ...]]: ...
    @property
    def words(self) -> Sequence[Word]: ...
    @property
    def playbooks(self) -> tuple[str, ...]: ...


def names_secret(name: str) -> bool:
    """Whether a variable or option of this name holds a secret itself, and not the place of one."""
    return bool(_SECRET.search(name)) and not _PLACE.search(name)


def masked_command_line(argv: Sequence[str], line: Line) -> list[str]:
    """The command line as typed, without the values of variables whose names speak of secrets; ``@file`` stays."""
    words = list(line.arguments)
    for word in line.words:
        if word.name in ("-e", "--extra-vars") and word.value is not None:
            for index in range(word.start, min(word.end, len(words))):
                if words[index].endswith(word.value):
                    words[index] = words[index].removesuffix(word.value) + masked_variables(word.value)
    return list(_as_typed(argv, words))


def _as_typed(argv: Sequence[str], words: list[str]) -> Iterator[str]:
    left = iter(words)
    ours = True
    for item in argv:
        ours = ours and item != "--"
        if ours and item.startswith("--aisafe-"):
            yield item
        else:
            yield next(left, MASK)
    yield from left


def masked_variables(text: str) -> str:
    """A value of ``--extra-vars``: ``key=value`` pairs, YAML or JSON, or ``@file``."""
    if text.startswith("@"):
        return text
    if text[:1] in "{[":
        import yaml  # noqa: PLC0415  only this needs it

        try:
            return json.dumps(_without_secrets(yaml.safe_load(text)), default=str)
        except yaml.YAMLError:
            return MASK
    return _PAIR.sub(_hide, text) if "=" in text else MASK


def _hide(match: re.Match[str]) -> str:
    value = MASK if names_secret(match["name"]) else match["value"]
    return f"{match['name']}{match['sign']}{value}"


def _without_secrets(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: MASK if names_secret(str(key)) else _without_secrets(item) for key, item in data.items()}
    return [_without_secrets(item) for item in data] if isinstance(data, list) else data


def redacted(data: Any) -> Any:
    """A stage's data without what may be secret: values of a unit's environment, and of telling options.

    Of a service that the run makes only program and options are kept: any other word may come from a vault.
    """
    if isinstance(data, dict):
        return {
            key: dict.fromkeys(item, MASK) if key == "environment" and isinstance(item, dict)
            else _words(item) if key in ("commands", "command", "argv") and isinstance(item, list)
            else [_outlined(entry) for entry in item] if key == "services" and isinstance(item, list)
            else redacted(item)
            for key, item in data.items()
        }  # fmt: skip
    return [redacted(item) for item in data] if isinstance(data, list) else data


def shareable(data: Any) -> Any:
    """A host's state for others to judge with: of environments only what is named like a secret is masked."""
    if isinstance(data, dict):
        return {
            key: {name: MASK if names_secret(name) else value for name, value in item.items()}
            if key == "environment" and isinstance(item, dict)
            else _words(item) if key in ("commands", "command", "argv") and isinstance(item, list)
            else shareable(item)
            for key, item in data.items()
        }  # fmt: skip
    return [shareable(item) for item in data] if isinstance(data, list) else data


def _outlined(service: Any) -> Any:
    kept = redacted(service)
    if isinstance(kept, dict) and isinstance(words := kept.get("argv"), list):
        kept["argv"] = words[:1] + [
            word.partition("=")[0] + f"={MASK}" * ("=" in word) if str(word).startswith("-") else MASK
            for word in words[1:]
        ]
    return kept


def _words(items: list[Any]) -> list[Any]:
    words: list[Any] = []
    for item in items:
        if isinstance(item, list):
            words.append(_words(item))
        elif not isinstance(item, str):
            words.append(item)
        elif words and isinstance(words[-1], str) and _asks_for_secret(words[-1]) and not item.startswith("-"):
            words.append(MASK)
        else:
            words.append(_OPTION.sub(_hide, item) if item.startswith("-") else _PAIR.sub(_hide, item))
    return words


def _asks_for_secret(word: str) -> bool:
    return word.startswith("-") and "=" not in word and names_secret(word.lstrip("-"))
