"""A value that nobody can know before the run."""

from __future__ import annotations

from dataclasses import dataclass


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


def is_unknown(value: object) -> bool:
    """Whether ``value`` is, or anywhere contains, an :class:`Unknown`."""
    if isinstance(value, Unknown):
        return True
    if isinstance(value, dict):
        return any(is_unknown(key) or is_unknown(item) for key, item in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return any(is_unknown(item) for item in value)
    return False
