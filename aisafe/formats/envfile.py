"""Assignments of environment variables: Environment= and EnvironmentFile= of systemd, ``.env`` files of Compose."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping

from aisafe.formats.interpolation import BadVariable, interpolate
from aisafe.formats.unitfile import split_words

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_DOTENV = re.compile(r"^[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)[ \t]*[=:][ \t]*", re.MULTILINE)
_ESCAPE = re.compile(r"\\(.)")


def environment(values: tuple[str, ...]) -> dict[str, str]:
    """The values of Environment= options: ``A=1 "B=two words"`` (systemd.exec(5))."""
    pairs = (word.partition("=") for value in values for word in split_words(value) if _ASSIGNMENT.match(word))
    return {name: text for name, _, text in pairs}


def read(text: str) -> dict[str, str]:
    """An EnvironmentFile= (systemd.exec(5)): shell-like, a comment starts with # or ;, a backslash at the end goes on.

    Text within double quotes may hold escapes and run over lines; within single quotes it stays as it is.
    """
    found: dict[str, str] = {}
    lines = iter(text.splitlines())
    for raw in lines:
        line = raw.lstrip()
        if not line or line[0] in "#;":
            continue
        while line.endswith("\\") and not line.endswith("\\\\"):
            line = line[:-1] + next(lines, "").lstrip()
        line = line.removeprefix("export ").lstrip()
        name, equals, value = line.partition("=")
        name = name.strip()
        if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            continue
        value = value.strip()
        while _open_quote(value):
            following = next(lines, None)
            if following is None:
                break
            value += "\n" + following
        found[name] = _unquote(value.rstrip())
    return found


def _open_quote(value: str) -> str:
    """The quote that is open at the end of ``value``, '' for none."""
    quote, escaped = "", False
    for char in value:
        if escaped:
            escaped = False
        elif char == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
    return quote


def _unquote(value: str) -> str:
    result: list[str] = []
    quote, escaped = "", False
    for char in value:
        if escaped:
            result.append(char if quote != '"' or char in '"\\`$' else "\\" + char)
            escaped = False
        elif char == "\\" and quote != "'":
            escaped = True
        elif quote and char == quote:
            quote = ""
        elif not quote and char in "\"'":
            quote = char
        else:
            result.append(char)
    return "".join(result)


def read_dotenv(text: str, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """A ``.env`` or ``env_file`` of Compose: an unquoted value ends at `` #``, one in quotes may run over lines, and
    variables are filled in but within single quotes.

    ``given``: variables that are set already, for the filling in. Source: Compose, "Syntax for environment files".
    """
    found: dict[str, str] = {}
    position = 0
    while (match := _DOTENV.search(text, position)) is not None:
        position = match.end()
        name, quote = match["name"], text[position : position + 1]
        if quote in ("'", '"') and (end := _quote_end(text, position + 1, quote)) > 0:
            value, position = text[position + 1 : end], end + 1
            if quote == '"':
                value = _ESCAPE.sub(lambda hit: {"n": "\n", "r": "\r", "t": "\t"}.get(hit[1], hit[1]), value)
        else:
            end = text.find("\n", position)
            end = len(text) if end < 0 else end
            value, position = text[position:end].strip(), end
            value = "" if value.startswith("#") else re.split(r"\s#", value, maxsplit=1)[0].rstrip()
        with contextlib.suppress(BadVariable):
            value = value if quote == "'" else interpolate(value, {**found, **(given or {})})
        found[name] = value
    return found


def _quote_end(text: str, position: int, quote: str) -> int:
    while position < len(text):
        if text[position] == "\\" and quote == '"':
            position += 1
        elif text[position] == quote:
            return position
        position += 1
    return -1
