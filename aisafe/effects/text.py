"""The text that lineinfile, blockinfile and replace leave, byte for byte: pure functions on the bytes of one file.

The order of decisions is that of the modules in ansible-core 2.19 to 2.21 (lib/ansible/modules/lineinfile.py,
blockinfile.py, replace.py); the tests run the modules beside these functions.
``re.error`` passes through: the module fails then, too.
"""

from __future__ import annotations

import re

from aisafe.frozen import frozen


@frozen
class Line:
    """The options of lineinfile that decide on the text."""

    line: bytes | None = None
    regexp: bytes | None = None
    search: bytes | None = None
    after: str | None = None
    before: str | None = None
    backrefs: bool = False
    first: bool = False


def with_line(content: bytes, ask: Line) -> bytes:
    """``content`` with the line of ``ask`` in its place (lineinfile, state=present)."""
    lines, line = _lines(content), ask.line or b""
    after = "EOF" if ask.after is None and ask.before is None else ask.after
    found, match, place = _find(lines, ask, after)
    if found is not None:
        new = match.expand(line) if ask.backrefs and match else line
        lines[found] = new if new.endswith(b"\n") else new + b"\n"
    elif ask.backrefs:
        pass
    elif ask.before == "BOF" or after == "BOF":
        lines.insert(0, line + b"\n")
    elif after == "EOF" or place is None:
        if lines and not lines[-1].endswith((b"\n", b"\r")):
            lines.append(b"\n")
        lines.append(line + b"\n")
    elif after and place == len(lines):
        if lines[place - 1].rstrip(b"\r\n") != line:
            lines.append(line + b"\n")  # the module adds no newline to an anchor that has none at the end of the file
    elif not after or lines[place].rstrip(b"\r\n") != line:
        lines.insert(place, line + b"\n")
    return b"".join(lines)


def _find(lines: list[bytes], ask: Line, after: str | None) -> tuple[int | None, re.Match[bytes] | None, int | None]:
    """Which line to replace, its match, and else where to insert."""
    pattern = re.compile(ask.regexp) if ask.regexp is not None else None
    anchor = after if after not in (None, "BOF", "EOF") else ask.before if ask.before != "BOF" else None
    anchored = re.compile(anchor.encode()) if anchor is not None else None
    found, match = None, None
    for index, current in enumerate(lines):
        hit = pattern.search(current) if pattern is not None else None
        if hit or (ask.search is not None and ask.search in current):
            found, match = index, hit
            if ask.first:
                break
    if found is not None:
        return found, match, None
    place = None
    for index, current in enumerate(lines):
        if current.rstrip(b"\r\n") == ask.line:
            found = index
        elif anchored is not None and anchored.search(current) and (after or ask.before):
            place = index + 1 if after else index
            if ask.first:
                break
    return found, None, place


def without_line(content: bytes, ask: Line) -> tuple[bytes, int]:
    """``content`` without the lines of ``ask`` (lineinfile, state=absent), and how many went."""
    lines = _lines(content)
    if ask.regexp is not None:
        pattern = re.compile(ask.regexp)
        kept = [line for line in lines if not pattern.search(line)]
    elif ask.search is not None:
        kept = [line for line in lines if ask.search not in line]
    else:
        kept = [line for line in lines if line.rstrip(b"\r\n") != ask.line]
    return b"".join(kept), len(lines) - len(kept)


def _lines(content: bytes) -> list[bytes]:
    """Lines as a binary file yields them: ends at LF only."""
    return [line for line in re.split(rb"(?<=\n)", content) if line]


@frozen
class Block:
    """The options of blockinfile that decide on the text. ``block`` empty, or ``present`` False: the block goes."""

    block: bytes = b""
    marker: bytes = b"# {mark} ANSIBLE MANAGED BLOCK"
    begin: str = "BEGIN"
    end: str = "END"
    after: str | None = None
    before: str | None = None
    present: bool = True
    append_newline: bool = False
    prepend_newline: bool = False


def with_block(content: bytes | None, ask: Block) -> bytes:
    """``content`` (None: no file) with the block of ``ask`` between its markers, or without it.

    Raises ValueError where the module itself would end with an exception.
    """
    lines = (content or b"").splitlines(keepends=True)
    first = re.sub(rb"{mark}", ask.begin.encode("latin-1"), ask.marker) + b"\n"
    last = re.sub(rb"{mark}", ask.end.encode("latin-1"), ask.marker) + b"\n"
    inserted: list[bytes] = []
    if ask.present and ask.block:
        block = ask.block if ask.block.endswith(b"\n") else ask.block + b"\n"
        inserted = [first, *block.splitlines(keepends=True), last]
    begins = [index for index, line in enumerate(lines) if line == first]
    ends = [index for index, line in enumerate(lines) if line == last]
    if begins and ends:
        place, until = sorted((begins[-1], ends[-1]))
        del lines[place : until + 1]
    else:
        place = _place(lines, content, ask)
    if place > 0 and not lines[place - 1].endswith(b"\n"):
        lines[place - 1] += b"\n"
    if ask.prepend_newline and ask.present and place != 0 and lines[place - 1] != b"\n":
        lines.insert(place, b"\n")
        place += 1
    lines[place:place] = inserted
    behind = place + len(inserted)
    if ask.append_newline and ask.present and behind < len(lines) and lines[behind] != b"\n":
        lines.insert(behind, b"\n")
    return b"".join(lines)


def _place(lines: list[bytes], content: bytes | None, ask: Block) -> int:
    after = "EOF" if ask.after is None and ask.before is None else ask.after
    anchor = after if after not in (None, "EOF") else ask.before if ask.before != "BOF" else None
    if anchor is None:
        return 0 if ask.before is not None else len(lines)
    anchored = re.compile(anchor.encode())
    found = None
    if anchored.flags & re.MULTILINE:
        if content is None:
            raise ValueError("insertafter or insertbefore with (?m) on a file that does not exist")
        if hit := anchored.search(content):
            text = content.decode("utf-8", "surrogateescape")
            if after:
                found = text.count("\n", 0, hit.end())
            elif ask.before:
                found = text.count("\n", 0, hit.start())
    else:
        for index, line in enumerate(lines):
            if anchored.search(line):
                found = index
    if found is None:
        return len(lines)
    return found + 1 if after is not None else found


@frozen
class Replacement:
    """The options of replace that decide on the text."""

    regexp: str
    replace: str = ""
    after: str | None = None
    before: str | None = None
    encoding: str = "utf-8"


def replaced(content: bytes, ask: Replacement) -> tuple[bytes, int]:
    """``content`` with every match replaced, and how many were (0: nothing changed).

    Raises UnicodeError when the content is not in the encoding, LookupError for an encoding that does not exist.
    """
    text = content.decode(ask.encoding, "surrogateescape")
    start, end = 0, len(text)
    if ask.after or ask.before:
        middle = "(?P<subsection>.*?)" if ask.after and ask.before else "(?P<subsection>.*)"
        hit = re.search(f"{ask.after or ''}{middle}{ask.before or ''}", text, re.DOTALL)
        if hit is None:
            return content, 0
        start, end = hit.span("subsection")
    new, count = re.compile(ask.regexp, re.MULTILINE).subn(ask.replace, text[start:end])
    if not count or new == text[start:end]:
        return content, 0
    return (text[:start] + new + text[end:]).encode(ask.encoding, "surrogateescape"), count
