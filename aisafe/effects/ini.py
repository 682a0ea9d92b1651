"""community.general.ini_file: one option of one section, with the module's idea of spaces, comments, blank lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aisafe.frozen import frozen


@frozen
class Option:
    """What ini_file is asked for; ``values`` in order, without doubles."""

    section: str | None = None
    option: str | None = None
    values: tuple[str, ...] = ()
    present: bool = True
    exclusive: bool = True
    no_extra_spaces: bool = False
    ignore_spaces: bool = False
    allow_no_value: bool = False
    modify_inactive: bool = True

    def line(self, value: str) -> str:
        return f"{self.option}={value}\n" if self.no_extra_spaces else f"{self.option} = {value}\n"


def with_option(content: bytes, ask: Option) -> tuple[bytes, bool]:
    """The file as ini_file writes it, and whether it writes at all. Raises UnicodeDecodeError for a file not in UTF-8.

    As the module: a byte order mark and CR go away with a write; text before the first section counts as a section
    without a name; an option is looked for in comments too unless ``modify_inactive`` is False.
    """
    text = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    lines = [line for line in re.split(r"(?<=\n)", text) if line] or ["\n"]
    changed = not lines[-1].endswith("\n")
    if changed:
        lines[-1] += "\n"
    start, end = _section(lines, ask.section)
    found = start is not None
    head, body, tail = (lines[:start], lines[start:end], lines[end:]) if start is not None else (lines, [], [])
    if ask.present:
        edited, left = _present(body, ask) if found else (body, list(ask.values))
        if not found:
            tail = [*tail, f"[{ask.section}]\n"]
            if ask.option and left:
                tail += [ask.line(value) for value in left]
            elif ask.option and ask.allow_no_value:
                tail.append(f"{ask.option}\n")
    else:
        edited = _absent(body, ask)
    changed = changed or edited != body or (ask.present and not found)
    return "".join([*head, *edited, *tail]).encode(), changed


def _section(lines: Sequence[str], name: str | None) -> tuple[int | None, int]:
    """First and last index of the section, with its own line; None when there is none."""
    start = None if name else 0
    wanted = re.compile(rf"^\[\s*{re.escape(name.strip())}\s*]") if name else None
    for index, line in enumerate(lines):
        if start is not None and line.startswith("["):
            return start, index
        if wanted is not None and wanted.match(line):
            start = index
    return start, len(lines)


def _matcher(option: str, *, inactive: bool) -> re.Pattern[str]:
    sign = "( |\t)*([#;]?)" if inactive else "()()"
    return re.compile(f"{sign}( |\t)*({re.escape(option)})( |\t)*(=|$)( |\t)*(.*)")


def _present(body: Sequence[str], ask: Option) -> tuple[list[str], list[str]]:
    lines, left = list(body), list(ask.values)
    done = [False] * len(lines)
    bare = False
    if ask.option:
        matcher = _matcher(ask.option, inactive=ask.modify_inactive)
        for index, line in enumerate(lines):
            hit = matcher.match(line)
            if hit and left and hit[8] in left:
                empty = not hit[8] and ask.allow_no_value
                bare = bare or empty
                _put(lines, index, f"{ask.option}\n" if empty else ask.line(hit[8]), ask)
                done[index] = True
                left.remove(hit[8])
            elif hit and not left and ask.allow_no_value:
                _put(lines, index, f"{ask.option}\n", ask)
                done[index] = bare = True
                break
        if ask.exclusive and not ask.allow_no_value:
            for index, line in enumerate(lines):
                if left and not done[index] and matcher.match(line):
                    _put(lines, index, ask.line(left.pop(0)), ask)
                    done[index] = True
            # the module never looks at the first line here: it is the section's own
            first = 1 if ask.section else 0
            kept = [n for n, line in enumerate(lines) if done[n] or n < first or not matcher.match(line)]
            lines = [lines[n] for n in kept]
        _insert(lines, left, ask, bare=bare)
    return lines, left


def _put(lines: list[str], index: int, new: str, ask: Option) -> None:
    if ask.ignore_spaces and ask.option:
        matcher = _matcher(ask.option, inactive=True)
        old, now = matcher.match(lines[index]), matcher.match(new)
        if old and now and not old[2] and old[8] == now[8]:
            return
    lines[index] = new


def _insert(lines: list[str], left: Sequence[str], ask: Option, *, bare: bool) -> None:
    new = [ask.line(value) for value in left]
    if not new and ask.allow_no_value and not bare:
        new = [f"{ask.option}\n"]
    blank = re.compile(r"^[ \t]*([#;].*)?$")
    # without a section the module has a line of its own at the top, so that there always is a place
    for index in range(len(lines), -1 if not ask.section else 0, -1):
        if index == 0 or not blank.match(lines[index - 1]):
            lines[index:index] = new
            return


def _absent(body: Sequence[str], ask: Option) -> list[str]:
    if not ask.option:
        return []
    matcher = _matcher(ask.option, inactive=False)
    if ask.exclusive:
        return [line for line in body if not matcher.match(line)]
    return [line for line in body if not ((hit := matcher.match(line)) and hit[8] in ask.values)]
