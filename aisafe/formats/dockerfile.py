"""What a Dockerfile says of the image it makes: base, entrypoint, command, exposed ports, and what it copies in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import field

from aisafe.frozen import frozen


@frozen
class ImageRecipe:
    """The last stage of a Dockerfile. ``copied``: path in the image -> source (Dockerfile reference, COPY and ADD)."""

    base: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    copied: Mapping[str, str] = field(default_factory=dict)


def read(text: str) -> ImageRecipe:
    base, entrypoint, command = "", (), ()  # type: str, tuple[str, ...], tuple[str, ...]
    exposed: list[str] = []
    copied: dict[str, str] = {}
    for keyword, rest in _instructions(text):
        if keyword == "FROM":
            base = next((word for word in rest.split() if not word.startswith("--")), "")
            entrypoint, command, exposed, copied = (), (), [], {}
        elif keyword == "ENTRYPOINT":
            entrypoint = _exec(rest)
        elif keyword == "CMD":
            command = _exec(rest)
        elif keyword == "EXPOSE":
            exposed += [word if "/" in word else f"{word}/tcp" for word in rest.split()]
        elif keyword in ("COPY", "ADD"):
            words = _list(rest) or [word for word in rest.split() if not word.startswith("--")]
            for source in words[:-1]:
                target = words[-1] + source.rpartition("/")[2] if words[-1].endswith("/") else words[-1]
                copied[target] = source
    return ImageRecipe(base=base, entrypoint=entrypoint, command=command, exposed=tuple(exposed), copied=copied)


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    joined = re.sub(r"(?m)^\s*#.*\n?", "", text)
    joined = re.sub(r"\\[ \t]*\n", " ", joined)
    for line in joined.splitlines():
        match = re.match(r"\s*([A-Za-z]+)\s+(.*)$", line)
        if match:
            yield match[1].upper(), match[2].strip()


def _list(text: str) -> list[str]:
    if not text.startswith("["):
        return []
    try:
        value = json.loads(text)
    except ValueError:
        return []
    return [str(word) for word in value] if isinstance(value, list) else []


def _exec(text: str) -> tuple[str, ...]:
    return tuple(_list(text)) or (("/bin/sh", "-c", text) if text and text != "[]" else ())
