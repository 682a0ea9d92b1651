"""What the judge says."""

from __future__ import annotations

from typing import Literal

from aisafe.frozen import frozen
from aisafe.model.task import TaskRef

Severity = Literal["error", "warning", "note"]
When = Literal["now", "boot", "possible", "after"]


@frozen
class Party:
    """One of the two sides of a finding. ``live``: it is on the host before the run; else ``task`` brings it."""

    kind: str
    name: str
    live: bool
    pid: int | None = None
    task: TaskRef | None = None

    def __str__(self) -> str:
        if self.live:
            return f"{self.kind} {self.name}" + (f" (running, pid {self.pid})" if self.pid else "")
        return f"{self.kind} {self.name}" + (f" (from task {self.task})" if self.task else "")


@frozen
class Finding:
    """One thing that would break, or did, or could not be judged.

    ``severity``: error blocks, warning is shown, note is shown with ``-v``. ``host`` None: the whole run. ``when``: now
    (during the run), boot (at the next one), possible (depends on what cannot be known), after (left behind).
    ``message``: what happens and why, one or two sentences. ``evidence``: lines that show how it is known. ``fix``: the way
    out in words; ``yaml``: the same as a piece of a playbook that would solve it. ``accepted``: by whom or what, '' if not.
    """

    rule: str
    severity: Severity
    message: str
    host: str | None = None
    when: When = "now"
    task: TaskRef | None = None
    parties: tuple[Party, ...] = ()
    evidence: tuple[str, ...] = ()
    fix: str = ""
    yaml: str = ""
    accepted: str = ""

    @property
    def blocks(self) -> bool:
        return self.severity == "error" and not self.accepted


@frozen
class Verdict:
    """All findings of one judgement. ``word``: clean, warn or blocked."""

    findings: tuple[Finding, ...] = ()

    @property
    def blocks(self) -> bool:
        return any(finding.blocks for finding in self.findings)

    @property
    def blind(self) -> bool:
        """Whether everything that blocks is something that could not be seen."""
        blocking = [finding for finding in self.findings if finding.blocks]
        return bool(blocking) and all(finding.rule in ("blind-spot", "incomplete-forecast") for finding in blocking)

    @property
    def word(self) -> Literal["clean", "warn", "blocked"]:
        if self.blocks:
            return "blocked"
        return "warn" if any(finding.severity == "warning" for finding in self.findings) else "clean"
