"""One file a rule: what a rule is, what it is shown, and the table of them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import field
from inspect import getdoc
from typing import Literal

from aisafe.config import Settings
from aisafe.frozen import frozen
from aisafe.model import (
    Applied,
    CheckResult,
    Finding,
    HostForecast,
    HostState,
    Note,
    NoteKind,
    Party,
    Severity,
    TaskRef,
    When,
)
from aisafe.registry import Registry

Stage = Literal["forecast", "proof", "both"]


@frozen
class Rule:
    """``severity``: of its findings, unless one says otherwise or the settings do. ``stage``: forecast (before the
    run), proof (after it) or both."""

    id: str
    severity: Severity
    stage: Stage
    check: Check

    @property
    def help(self) -> str:
        return getdoc(self.check) or ""

    def runs_at(self, stage: Stage) -> bool:
        return self.stage in (stage, "both")


@frozen
class Case:
    """What a rule is shown: one host, or with ``host`` None what concerns the whole run (``before`` and ``forecast``
    are empty then, ``notes`` are those without a host).

    In the proof ``after`` holds what was seen over the settling time, first to last, and is empty before the run.
    ``complete`` is False when the forecast could not go on to the end of the play.
    """

    rule: Rule
    host: str | None
    before: HostState
    forecast: HostForecast
    settings: Settings
    notes: tuple[Note, ...] = ()
    complete: bool = True
    after: tuple[HostState, ...] = ()
    applied: Applied | None = None
    checks: tuple[CheckResult, ...] = field(default=())

    @property
    def proof(self) -> bool:
        """Whether this is after the run."""
        return self.applied is not None or bool(self.after)

    @property
    def ran_through(self) -> bool:
        """Whether the run went to its end; what a failed run did not bring is no news."""
        return bool(self.after) and (self.applied is None or self.applied.exit_code == 0)

    def noted(self, *kinds: NoteKind) -> tuple[Note, ...]:
        return tuple(note for note in self.notes if note.kind in kinds)

    def find(
        self, message: str, *, severity: Severity | None = None, when: When | None = None, task: TaskRef | None = None,
        parties: tuple[Party, ...] = (), evidence: tuple[str, ...] = (), fix: str = "", yaml: str = "",
    ) -> Finding:  # fmt: skip
        """A finding of this rule on this host, with the rule's severity unless another is given."""
        return Finding(
            rule=self.rule.id, severity=severity or self.rule.severity, host=self.host, message=message,
            when=when or ("after" if self.proof else "now"), task=task, parties=parties, evidence=evidence, fix=fix,
            yaml=yaml,
        )  # fmt: skip


Check = Callable[[Case], Iterable[Finding]]
RULES: Registry[Rule] = Registry("aisafe.rules")


def rule(id: str, *, severity: Severity, stage: Stage) -> Callable[[Check], Check]:
    """Register a rule. Its docstring shows a wrong and a right piece of YAML, and says why."""

    def register(check: Check) -> Check:
        RULES.add(id, Rule(id=id, severity=severity, stage=stage, check=check))
        return check

    return register
