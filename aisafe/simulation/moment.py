"""What is being simulated at this moment, for the hooks that the engine calls without saying for whom."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from aisafe.model import NoteKind, TaskRef, Unknown
from aisafe.simulation.journal import Journal

Phase = Literal["outside", "before", "action", "after", "meta"]
"""before: loop, ``when``, arguments. action: a controller-side action runs. after: changed_when, failed_when, until."""


@dataclass(slots=True)
class Moment:
    """One a process (as the engine's own state is). ``reasons``: why the task is not certain to run, in words.
    ``touched``: something unknown, or refused, was used since the task began: an error may be due to that alone."""

    journal: Journal
    host: str = ""
    task: Any = None
    ref: TaskRef | None = None
    phase: Phase = "outside"
    reasons: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)  # unknown conditions inside a controller-side action
    touched: bool = False
    sure: bool = False  # the failure of the task does not rest on what is unknown
    unsure: bool = False  # it is not known whether the task changes anything
    factless: set[str] = field(default_factory=set)
    untold: dict[str, str] = field(default_factory=dict)  # host -> 'X may set', once a module may have set any variable

    def note(self, kind: NoteKind, message: str, *, fix: str = "") -> None:
        self.journal.note(kind, message, host=self.host or None, task=self.ref, fix=fix)

    def begin(self, host: str, task: Any, ref: TaskRef, phase: Phase = "before") -> None:
        self.host, self.task, self.ref, self.phase = host, task, ref, phase
        self.reasons, self.doubts, self.touched, self.sure = [], [], False, False
        self.unsure = False

    def end(self) -> None:
        self.phase = "outside"

    @contextmanager
    def during(self, phase: Phase) -> Iterator[None]:
        before, self.phase = self.phase, phase
        try:
            yield
        finally:
            self.phase = before


_current: list[Moment] = []


def start(journal: Journal) -> Moment:
    _current[:] = [Moment(journal=journal)]
    return _current[0]


def now() -> Moment:
    return _current[0]


def because(unknown: Unknown | str) -> str:
    return unknown.why if isinstance(unknown, Unknown) else unknown
