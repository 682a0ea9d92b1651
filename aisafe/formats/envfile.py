"""Assignments of environment variables: Environment= and EnvironmentFile= of systemd, ``.env`` files of Compose."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping

from aisafe.formats.interpolation import BadVariable, interpolate
from aisafe.formats.unitfile import WHITESPACE

ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_DOTENV = re.compile(r"^[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)[ \t]*[=:][ \t]*", re.MULTILINE)
_ESCAPE = re.compile(r"\\(.)")


def read(text: str) -> dict[str, str]:
    """An EnvironmentFile= as systemd reads it (systemd.exec(5); parse_env_file_internal() of systemd).

    Comments start with # or ;. Quotes count only at the beginning of a value or after another quoted part; within double
    quotes a backslash escapes ``"\\`$`` and the end of the line. Names that are no names of variables are dropped.
    """
    found: dict[str, str] = {}
    for name, value in _assignments(text):
        if ASSIGNMENT.match(f"{name}="):
            found[name] = value
    return found


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text):
        while position < len(text) and text[position] in WHITESPACE:
            position += 1
        if text[position : position + 1] in ("#", ";"):
            position = _comment_end(text, position)
            continue
        start = position
        position += 1  # whatever it is, an equals sign too
        while position < len(text) and text[position] not in "=\n\r":
            position += 1
        if text[position : position + 1] != "=":
            continue
        name = text[start:position].rstrip(WHITESPACE)
        value, position = _value(text, position + 1)
        yield name, value


def _comment_end(text: str, position: int) -> int:
    """Where the line of a comment ends; a backslash at its end makes the next one a part of it (before systemd 254)."""
    match = re.compile(r"(?:\\.|[^\n\r\\])*", re.DOTALL).match(text, position)
    return match.end() if match else len(text)


def _value(text: str, position: int) -> tuple[str, int]:
    """The value that begins at ``position``, and where its line ends."""
    made: list[str] = []
    bare = False  # within a part that no quote began
    blank = 0  # blanks at the end of it, which do not count
    while position < len(text):
        char = text[position]
        position += 1
        if char in "\n\r":
            break
        if char == "\\":
            taken = text[position : position + 1]
            made.append("" if taken in ("\n", "\r") else taken)
            position += 1
            bare, blank = True, 0
        elif not bare and char in "\"'":
            part, position = _quoted(text, position, char)
            made.append(part)
        elif bare or char not in WHITESPACE:
            blank = blank + 1 if char in WHITESPACE else 0
            bare = True
            made.append(char)
    return "".join(made[: len(made) - blank] if blank else made), position


def _quoted(text: str, position: int, quote: str) -> tuple[str, int]:
    """What stands from ``position`` to the closing quote, or to the end of the file, and where it goes on."""
    made: list[str] = []
    while position < len(text) and text[position] != quote:
        char = text[position]
        position += 1
        if char == "\\" and quote == '"':
            following = text[position : position + 1]
            position += 1
            char = following if following in ('"', "\\", "`", "$") else "" if following == "\n" else char + following
        made.append(char)
    return "".join(made), position + 1


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
