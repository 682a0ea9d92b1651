"""A text file of the host with other text: what the models of settings modules share."""

from __future__ import annotations

from collections.abc import Callable

from aisafe.effects.api import Call
from aisafe.effects.attributes import fresh
from aisafe.effects.outlines import edited_outline
from aisafe.effects.predicted import PredictedHost
from aisafe.model import Effect, Unknown


def text_of(host: PredictedHost, path: str) -> str | Unknown:
    """The file's text, '' when there is certainly none; an Unknown where it could not be read."""
    found = host.file(path, follow=True)
    if found.exists is False:
        return ""
    if isinstance(found.content, Unknown):
        return found.content
    if found.content is None or found.exists is None:
        return Unknown(f"the content of {path} ({found.reason or found.kind})")
    return found.content.decode("utf-8", "surrogateescape")


def edited(
    call: Call,
    host: PredictedHost,
    path: str,
    edit: Callable[[str], str | None],
    *,
    mode: int | None = None,
    detail: str = "",
) -> tuple[Effect, ...]:
    """``edit`` gives the new text, or None for 'as it is'; a new file gets ``mode`` (else as the umask has it).

    Where the text is not known, the change is possible.
    """
    before = text_of(host, path)
    if isinstance(before, Unknown):
        return edited_outline(
            host.files, call, host.file(path, follow=True), before.why, lambda known: _redrawn(known, edit)
        )
    after = edit(before)
    new = host.file(path, follow=True).exists is False
    if after is None or (after == before and not new):
        return ()
    return written(call, host, path, after, mode=mode, detail=detail)


def _redrawn(outline: bytes, edit: Callable[[str], str | None]) -> bytes:
    before = outline.decode("utf-8", "surrogateescape")
    after = edit(before)
    return (before if after is None else after).encode("utf-8", "surrogateescape")


def written(
    call: Call, host: PredictedHost, path: str, text: str | Unknown, *, mode: int | None = None, detail: str = ""
) -> tuple[Effect, ...]:
    """The file with this text, through links; a new one belongs to the task's user."""
    found, given = host.file(path, follow=True), fresh(call, host)
    new = found.exists is False
    return host.put(
        call, found.path, content=text if isinstance(text, Unknown) else text.encode("utf-8", "surrogateescape"),
        mode=(mode if mode is not None else given.mode) if new else None,
        owner=given.owner if new else None, group=given.group if new else None, detail=detail,
    )  # fmt: skip


def without(text: str, drop: Callable[[str], bool]) -> str:
    """``text`` without the lines that ``drop`` names."""
    return "".join(line for line in text.splitlines(keepends=True) if not drop(line))


def with_line_at_end(text: str, line: str) -> str:
    """``text`` with one more line, itself ended."""
    return f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{line}\n"
