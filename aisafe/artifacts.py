"""The verdict as a job's artifacts, where ansible-runner or AWX started us: written when judged, told when refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from aisafe.frozen import frozen
from aisafe.masking import redacted
from aisafe.model import Forecast, HostState, Outcome, Verdict
from aisafe.playbook.runner import ARTIFACTS, KEY, tell, within_runner


@frozen
class Artifacts:
    """``directory``: the run's record. ``program``: the real ansible-playbook. Outside of ansible-runner nothing is done."""

    directory: Path
    run: str
    program: Path
    playbooks: tuple[str, ...]
    environ: Mapping[str, str]

    @property
    def file(self) -> Path:
        return self.directory / "artifacts.json"

    def handed_on(self) -> dict[str, str]:
        """The environment of the real run: its callback gives the job what the file holds by then."""
        return {**self.environ, ARTIFACTS: str(self.file)} if within_runner(self.environ) else dict(self.environ)

    def judged(self, states: Mapping[str, HostState], forecast: Forecast, verdict: Verdict, exit_code: int) -> None:
        """See aisafe.pipeline.Ask."""
        if within_runner(self.environ):
            from aisafe.reports import View  # noqa: PLC0415
            from aisafe.reports.artifact import artifact  # noqa: PLC0415

            view = View(
                states=states, forecast=forecast, verdict=verdict, exit_code=exit_code, run=self.run, playbooks=self.playbooks
            )  # fmt: skip
            self._write(artifact(view))

    def ended(self, outcome: Outcome) -> None:
        """A plan, or a run that the verdict refused: ansible has told the job nothing so far."""
        if outcome.word == "blocked":
            self.refused(outcome.exit_code, "The run was refused, and nothing was changed: see the findings above.")
        elif outcome.word == "planned" and self.file.is_file():
            tell(self.program, self.file, refusal=None, environ=self.environ)

    def refused(self, exit_code: int, message: str) -> None:
        """Tell the job, unless nothing was judged yet, or ansible has run and told it already."""
        if not self.file.is_file() or (self.directory / "results.jsonl").exists():
            return
        known = json.loads(self.file.read_text(encoding="utf-8"))[KEY]
        self._write({**known, "exit_code": exit_code, "message": message})
        reason = self.directory / "refusal.txt"
        reason.write_text(message, encoding="utf-8")
        tell(self.program, self.file, refusal=reason, environ=self.environ)

    def _write(self, told: Mapping[str, object]) -> None:
        self.file.touch(mode=0o600)
        self.file.write_text(json.dumps({KEY: redacted(told)}), encoding="utf-8")
