"""A value that nobody can know before the run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_ALTERNATIVE = re.compile(r"^⟦(alternative|example) \d+ of \d+⟧\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Unknown:
    """Stands for a value that only the real run produces, such as the output of a command.

    ``why`` says in words what it depends on (``the output of 'Read the version', line 12``).
    ``partial`` is the text with its known parts kept and the unknown ones in ⟦⟧, where the value is text of which
    something is known.
    """

    why: str
    partial: str | None = None

    def __str__(self) -> str:
        return self.partial if self.partial is not None else f"⟦{self.why}⟧"


def one_of(texts: Sequence[object], why: str, *, more: bool = False) -> Unknown:
    """The value is one of ``texts``, or, with ``more``, perhaps another; which one depends on ``why``."""
    word = "example" if more else "alternative"
    parts = [f"⟦{word} {index} of {len(texts)}⟧\n{text}" for index, text in enumerate(texts, 1)]
    return Unknown(why, partial="\n".join(parts))


def alternatives_of(value: Unknown) -> tuple[list[str], bool]:
    """The texts that :func:`one_of` was given, or the one text of which parts are known; and whether it is certainly one of
    them, each known to its end. ([], False) where nothing of a text is known."""
    if value.partial is None:
        return [], False
    parts = _ALTERNATIVE.split(value.partial)
    heads, texts = parts[1::2], parts[2::2]
    if not heads:
        return [value.partial], False
    texts = [*(text.removesuffix("\n") for text in texts[:-1]), texts[-1]]
    return texts, heads[0] == "alternative" and not any("⟦" in text for text in texts)


def is_unknown(value: object) -> bool:
    """Whether ``value`` is, or anywhere contains, an :class:`Unknown`."""
    if isinstance(value, Unknown):
        return True
    if isinstance(value, dict):
        return any(is_unknown(key) or is_unknown(item) for key, item in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return any(is_unknown(item) for item in value)
    return False
