"""What the readers of servers' configuration files share: how files are had, what they find, what they can't tell."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Literal

from aisafe.frozen import frozen
from aisafe.knowledge.programs import Setting

INCLUDES_FOLLOWED = 8  # levels

Found = list[tuple[Setting, str, str]]
"""(what is set, its value, the evidence in words), in order."""


class NotUnderstood(ValueError):
    """A part of the file is in a form that is not read here, or pulls in what cannot be known. ``found``: the rest."""

    def __init__(self, why: str, found: Found | None = None) -> None:
        super().__init__(why)
        self.found = found or []


@frozen
class Reader:
    """How configuration files are read. ``text``: of a file, None where there is none, False where it cannot be known.

    ``names``: in a directory, () where there is none, None where that cannot be known.
    """

    text: Callable[[str], str | Literal[False] | None] = lambda path: False
    names: Callable[[str], tuple[str, ...] | None] = lambda path: None


def matching(pattern: str, read: Reader) -> tuple[str, ...] | None:
    """The paths that ``pattern`` names, sorted, wildcards in its last part; None where that cannot be known (glob(7))."""
    directory, last = posixpath.split(pattern)
    if not set("*?[{$") & set(pattern):
        return (pattern,)
    listed = read.names(directory) if not set("*?[{$") & set(directory) and "{" not in last else None
    if listed is None:
        return None
    hidden = last.startswith(".")
    return tuple(
        posixpath.join(directory, name) for name in sorted(listed)
        if fnmatchcase(name, last) and (hidden or not name.startswith("."))
    )  # fmt: skip


def included(pattern: str, read: Reader, level: int) -> Iterator[tuple[str, str]]:
    """(path, text) of the files that an include names. Raises NotUnderstood."""
    if level >= INCLUDES_FOLLOWED:
        raise NotUnderstood(f"includes are nested more than {INCLUDES_FOLLOWED} levels deep")
    paths = matching(pattern, read)
    if paths is None:
        raise NotUnderstood(f"it includes {pattern}, which could not be listed")
    for path in paths:
        text = read.text(path)
        if text is False:
            raise NotUnderstood(f"it includes {path}, which could not be read")
        if text is not None:
            yield path, text


def address(role: str, value: str, where: str) -> tuple[Setting, str, str]:
    """One more address and port for ``role``."""
    return Setting(role=role, part="address"), value, where


def closed(role: str, where: str) -> tuple[Setting, str, str]:
    """``role`` opens nothing, unless something after this says so."""
    return Setting(role=role, part="off"), "", where
