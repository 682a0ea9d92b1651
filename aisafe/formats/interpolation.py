"""Variables in Compose files and ``.env`` files (Compose Specification, "Interpolation"), nested ones included."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-?+]")


class BadVariable(ValueError):
    """A text that Compose refuses: a lone ``$``, or a variable that must be set and is not. Never holds a value."""


def interpolate(text: str, environment: Mapping[str, str], *, note: Callable[[str], None] = lambda name: None) -> str:
    """``$X``, ``${X}``, ``${X:-y}``, ``${X-y}``, ``${X:?y}``, ``${X?y}``, ``${X:+y}``, ``${X+y}`` and ``$$``.

    ``y`` may hold variables again. A variable that is not set is ''. ``note`` is told of each name that is looked up.
    Raises BadVariable.
    """
    parts: list[str] = []
    position = 0
    while (start := text.find("$", position)) >= 0:
        parts.append(text[position:start])
        following = text[start + 1 : start + 2]
        if following == "$":
            parts.append("$")
            position = start + 2
        elif following == "{":
            end = _closing(text, start + 2)
            parts.append(_braced(text[start + 2 : end], environment, note))
            position = end + 1
        else:
            name = _NAME.match(text, start + 1)
            if name is None:
                raise BadVariable("a $ that begins no variable (a plain one is written $$)")
            note(name[0])
            parts.append(environment.get(name[0], ""))
            position = name.end()
    return "".join((*parts, text[position:]))


def _closing(text: str, position: int) -> int:
    """The place of the brace that closes the one before ``position``."""
    depth = 1
    while position < len(text):
        if text.startswith("${", position):
            depth += 1
            position += 1
        elif text[position] == "}":
            depth -= 1
            if depth == 0:
                return position
        position += 1
    raise BadVariable("a ${ that is not closed")


def _braced(inner: str, environment: Mapping[str, str], note: Callable[[str], None]) -> str:
    name = _NAME.match(inner)
    rest = inner[name.end() :] if name else inner
    operator = _OPERATOR.match(rest)
    if name is None or (rest and not operator):
        raise BadVariable("a ${…} that is no variable")
    note(name[0])
    value = environment.get(name[0])
    if operator is None:
        return value or ""
    there = bool(value) if operator[0].startswith(":") else value is not None
    other = rest[operator.end() :]
    kind = operator[0][-1]
    if kind == "+":
        return interpolate(other, environment, note=note) if there else ""
    if there:
        return value or ""
    if kind == "?":
        said = interpolate(other, environment, note=note)
        raise BadVariable(f"the variable {name[0]} is needed and not set: {said}")
    return interpolate(other, environment, note=note)
