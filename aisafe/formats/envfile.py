"""Assignments of environment variables: Environment= and EnvironmentFile= of systemd, ``.env`` files of Compose."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aisafe.formats.unitfile import split_words

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


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
    """A ``.env`` or ``env_file`` of Compose: as above, and an unquoted value ends at `` #``; ``${X}`` is filled in.

    ``given``: variables that are set already, for the filling in. Source: Compose, "Syntax for environment files".
    """
    found: dict[str, str] = {}
    for raw in text.splitlines():
        line = raw.strip().removeprefix("export ").lstrip()
        match = re.match(r"([A-Za-z_][A-Za-z0-9_.-]*)\s*[=:]\s*(.*)$", line)
        if line.startswith("#") or not match:
            continue
        name, value = match[1], match[2].strip()
        if value[:1] == "'" and value.rfind("'") > 0:
            found[name] = value[1 : value.rfind("'")]
            continue
        if value[:1] == '"' and value.rfind('"') > 0:
            value = value[1 : value.rfind('"')].replace('\\"', '"').replace("\\n", "\n")
        else:
            value = re.split(r"\s#", value, maxsplit=1)[0].rstrip()
        known = {**(given or {}), **found}
        found[name] = re.sub(
            r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::?-([^}]*))?\}|\$([A-Za-z_][A-Za-z0-9_]*)",
            lambda hit: known.get(hit[1] or hit[3]) or hit[2] or "",  # noqa: B023  used at once
            value,
        )
    return found
