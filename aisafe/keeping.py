"""Keeps a plan in a file when it has been judged (``aisafe plan -o``), or holds the run to one that was kept before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aisafe.frozen import frozen
from aisafe.model import Forecast, HostState, Verdict
from aisafe.reports.json import document
from aisafe.saved import SavedPlan, check, new_salt, read, saved, write


@frozen
class Keeping:
    """``approved``: the plan that must still hold, from ``source``. ``output``: where the new one goes."""

    salt: str
    source: Path | None = None
    approved: SavedPlan | None = None
    output: Path | None = None

    @classmethod
    def of(cls, *, output: Path | None, approved: Path | None) -> Keeping:
        """Raises UsageError when ``approved`` is no saved plan."""
        plan = read(approved) if approved else None
        return cls(salt=plan.salt if plan else new_salt(), source=approved, approved=plan, output=output)

    def judged(
        self, reads: Mapping[str, Mapping[str, str]], states: Mapping[str, HostState], forecast: Forecast,
        verdict: Verdict, exit_code: int,
    ) -> None:  # fmt: skip
        """See aisafe.pipeline.Ask. Raises StalePlan when something has moved, AisafeError when it cannot be written."""
        text = document(states, forecast, verdict, exit_code)
        now = saved(states, forecast, reads, salt=self.salt, cwd=Path.cwd(), document=text)
        if self.approved is not None and self.source is not None:
            check(self.approved, now, path=self.source)
        if self.output is not None:
            write(now, self.output)
