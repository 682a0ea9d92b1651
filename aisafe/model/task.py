"""Where something in the run comes from, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Certainty = Literal["certain", "possible", "opaque"]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class TaskRef:
    """Where a task stands: its name, the file as the user wrote or would write it, and the line (from 1)."""

    name: str
    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.name!r} ({self.path}:{self.line})"
