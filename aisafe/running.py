"""One run or one plan, once its processes are under way: record, site, view, artifacts and reports around the pipeline."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from aisafe import pipeline
from aisafe.artifacts import Artifacts
from aisafe.config import Report, Settings
from aisafe.errors import AisafeError
from aisafe.frozen import frozen
from aisafe.judge import check_rules
from aisafe.model import Forecast, HostState, Verdict
from aisafe.playbook.release import Asked, difference
from aisafe.runs import RunStore
from aisafe.site import RealSite
from aisafe.versions import ansible_core
from aisafe.view import View

if TYPE_CHECKING:
    from aisafe.keeping import Keeping
    from aisafe.playbook.commandline import CommandLine
    from aisafe.playbook.lint import LintJob
    from aisafe.playbook.passwords import Passwords
    from aisafe.recorded import RecordedStates
    from aisafe.simulation.client import Simulation


@frozen
class Start:
    """What a run begins with. ``argv``: as given to us. ``judged``: see aisafe.pipeline.Ask. ``quiet``: the plan is not shown."""

    argv: Sequence[str]
    line: CommandLine
    settings: Settings
    program: Path
    passwords: Passwords
    simulation: Simulation
    lint: LintJob
    applies: Asked
    keeping: Keeping | None = None
    recorded: RecordedStates | None = None
    plan_only: bool = False
    judged: pipeline.Judged | None = None
    quiet: bool = False


def run(start: Start) -> int:
    """Do it, and return the exit code. Raises AisafeError before anything was applied."""
    line, chosen = start.line, start.settings
    view = View(
        verbosity=line.verbosity, format=chosen.format, plan_only=start.plan_only, quiet=start.quiet,
        playbooks=line.playbooks, reports=(*chosen.reports, *_expected(os.environ, chosen.reports)),
    )  # fmt: skip
    check_rules(chosen)
    store = RunStore(chosen.state_dir / "runs")
    with store.open(argv=start.argv, line=line, settings=chosen, plan_only=start.plan_only) as log:
        artifacts = Artifacts(
            directory=log.directory, run=log.id, program=start.program, playbooks=line.playbooks, environ=os.environ
        )
        with RealSite(
            line,
            settings=chosen,
            passwords=start.passwords,
            program=start.program,
            simulation=start.simulation,
            lint=start.lint,
            recorded=start.recorded,
            salt=start.keeping.salt if start.keeping else "",
            environ=artifacts.handed_on(),
            say=view.step,
        ) as site:
            view.run = log.id

            def judged(states: Mapping[str, HostState], forecast: Forecast, verdict: Verdict, exit_code: int) -> None:
                if (applies := start.applies.result()) is not None:
                    log.keep("applies", asdict(applies))
                    view.note(difference(applies, ansible_core()))
                artifacts.judged(states, forecast, verdict, exit_code)
                if start.keeping:
                    start.keeping.judged(site.reads, states, forecast, verdict, exit_code)
                elif start.judged:
                    start.judged(states, forecast, verdict, exit_code)

            ask = pipeline.Ask(settings=chosen, plan_only=start.plan_only, judged=judged)
            try:
                outcome = pipeline.run(ask, site, log, view)
            except AisafeError as error:
                view.rest()
                artifacts.refused(int(error.exit_code), str(error))
                raise
            finally:
                view.rest()  # an error's message comes after it, on a terminal that is whole again
            log.close(outcome)
            view.outcome(outcome)
            view.write_reports(outcome)
            artifacts.ended(outcome)
    return outcome.exit_code


def _expected(environ: Mapping[str, str], given: Sequence[Report]) -> Iterator[Report]:
    """What GitHub Actions shows by itself: annotations, and a summary of the job (GITHUB_STEP_SUMMARY)."""
    formats = {report.format for report in given}
    if environ.get("GITHUB_ACTIONS") != "true":
        return
    if "github" not in formats:
        yield Report(format="github")
    if "markdown" not in formats and environ.get("GITHUB_STEP_SUMMARY"):
        yield Report(format="markdown", path=Path(environ["GITHUB_STEP_SUMMARY"]), append=True)
