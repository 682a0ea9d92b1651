"""Who may become root by sudo (sudoers(5)), as far as the usual rules go."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final, Literal

from aisafe.formats.serverconfig import Reader

MAIN: Final = "/etc/sudoers"
Right = Literal["", "password", "nopasswd", "unclear"]
_LEVELS: Final = 8


def right(reader: Reader, *, user: str, groups: tuple[str, ...], uid: int) -> Right:
    """Whether ``user`` may run everything as root, and whether a password is asked; the last rule that matches counts.

    A rule for some commands alone makes it unclear: what ansible runs is a shell.
    """
    lines = list(_lines(MAIN, reader, 0))
    aliases = {
        name: tuple(part.strip() for part in value.split(","))
        for line in lines if (match := re.match(r"User_Alias\s+(\w+)\s*=\s*(.+)$", line))
        for name, value in [(match[1], match[2])]
    }  # fmt: skip
    found: Right = "unclear" if any(line == _UNREAD for line in lines) else ""
    free = False
    for line in lines:
        default = re.match(rf"Defaults(?::{re.escape(user)})?\s+(.*)$", line)
        if default and re.search(r"!authenticate\b", default[1]):
            free = True
        match = re.match(r"(?!Defaults|\w+_Alias)([^=]+?)\s+([\w.!,-]+)\s*=\s*(\([^)]*\))?\s*(.*)$", line)
        if not match or not _means(match[1], user, groups, uid, aliases):
            continue
        runas, commands = match[3] or "", match[4]
        if runas and not re.search(r"\(\s*(ALL|root|%?#?0)\b", runas):
            continue
        tags, plain = re.findall(r"(\w+):", commands), re.sub(r"\w+:\s*", "", commands).strip()
        if plain != "ALL":
            found = found or "unclear"
            continue
        found = "nopasswd" if "NOPASSWD" in tags else "password"
    return "nopasswd" if free and found == "password" else found


_UNREAD: Final = "\0unread"


def _lines(path: str, reader: Reader, level: int) -> Iterator[str]:
    text = reader.text(path)
    if text is False:
        yield _UNREAD
        return
    for raw in re.sub(r"\\\n", " ", text or "").splitlines():
        line = raw.strip()
        include = re.match(r"[@#]include(dir)?\s+(\S+)", line)
        if include and level < _LEVELS:
            place = posixpath.join("/etc", include[2])
            if not include[1]:
                yield from _lines(place, reader, level + 1)
                continue
            names = reader.names(place)
            if names is None:
                yield _UNREAD
            for name in sorted(names or ()):
                if "." not in name and not name.endswith("~"):
                    yield from _lines(posixpath.join(place, name), reader, level + 1)
        elif line and not line.startswith("#"):
            yield re.sub(r"\s#(?!\d).*$", "", line)


def _means(
    who: str, user: str, groups: tuple[str, ...], uid: int, aliases: dict[str, tuple[str, ...]]
) -> bool:  # fmt: skip
    found = False
    for raw in who.split(","):
        part = raw.strip().strip('"')
        negated, part = part.startswith("!"), part.lstrip("!")
        hit = part in (user, "ALL", f"#{uid}") or (part.startswith("%") and part[1:] in groups)
        if part in aliases:
            hit = _means(",".join(aliases[part]), user, groups, uid, {})
        if hit:
            found = not negated
    return found
