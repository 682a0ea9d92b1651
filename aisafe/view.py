"""What a person sees: progress while it goes on, then the forecast, and how it ended. All of it on standard error."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from aisafe.config import Report
from aisafe.errors import AisafeError
from aisafe.model import Forecast, HostState, Outcome, Verdict
from aisafe.playbook.runner import within_runner
from aisafe.reports import View as RunView
from aisafe.reports import find_report
from aisafe.reports.terminal import clean, render, terminal_report

if TYPE_CHECKING:
    from rich.status import Status


LIFE = 30.0
"""Seconds of silence in a log after which a stage says that it still goes on: time-outs of AWX and CI count silence."""


def console(*, stderr: bool = True) -> Console:
    """Standard error or output; 100 columns where it is no terminal, or one that only ansible-runner reads."""
    plain = not (sys.stderr if stderr else sys.stdout).isatty() or within_runner(os.environ)
    return Console(
        stderr=stderr, width=100 if plain else None, highlight=False, soft_wrap=False, emoji=False,
        force_terminal=False if plain else None,
    )  # fmt: skip


class View:
    """Progress and results of one run. ``format``: how the forecast of a plan is shown; all but terminal go to stdout."""

    def __init__(
        self, *, verbosity: int = 0, format: str = "terminal", plan_only: bool = False, reports: Iterable[Report] = (),
        playbooks: tuple[str, ...] = (), quiet: bool = False,
    ) -> None:  # fmt: skip
        self._console, self._verbosity = console(), verbosity
        self._format, self._plan_only = format, plan_only
        self._playbooks, self._quiet = playbooks, quiet
        self._status: Status | None = None
        self._life: threading.Timer | None = None
        self._seen: RunView | None = None
        self._proof: Verdict | None = None
        self.run = ""
        self._reports = tuple(reports)
        for name in (format, *(item.format for item in self._reports)):
            find_report(name)  # refused now rather than at the end

    def stage(self, text: str) -> None:
        """A new stage began. On a terminal one moving line; else one line a stage, so that logs and time-outs see life."""
        if not self._console.is_terminal:
            print(f"aisafe: {text}", file=sys.stderr, flush=True)
            self._live(text, time.monotonic())
        elif self._status is None:
            self._status = self._console.status(f"[dim]aisafe: {text}", spinner="dots")
            self._status.start()
        else:
            self._status.update(f"[dim]aisafe: {text}")

    def _live(self, text: str, since: float) -> None:
        """Say so once more whenever nothing else was said for a while."""

        def still() -> None:
            if self._life is None:
                return
            passed = int(time.monotonic() - since)
            self._console.print(Text(f"aisafe: {text} (for {passed} s so far)", style="dim"), soft_wrap=True)
            self._live(text, since)

        if self._life is not None:
            self._life.cancel()
        self._life = threading.Timer(LIFE, still)
        self._life.daemon = True
        self._life.start()

    def step(self, text: str) -> None:
        """A step within a stage, on one host."""
        self.stage(clean(text))

    def rest(self) -> None:
        """Stop moving: something else is going to write to the terminal."""
        if self._life is not None:
            self._life.cancel()
            self._life = None
        if self._status is not None:
            self._status.stop()
            self._status = None

    def plan(self, states: Mapping[str, HostState], forecast: Forecast, verdict: Verdict, exit_code: int) -> None:
        self.rest()
        self._seen = RunView(
            states=states,
            forecast=forecast,
            verdict=verdict,
            exit_code=exit_code,
            verbosity=self._verbosity,
            run=self.run,
            playbooks=self._playbooks,
        )
        if self._quiet:
            return
        if self._plan_only and self._format != "terminal":
            sys.stdout.write(find_report(self._format)(self._seen))
        else:
            self._print(self._seen)

    def note(self, text: str) -> None:
        """One line, where there is something to say."""
        if text:
            self._console.print(Text(f"aisafe: {clean(text)}", style="dim"), soft_wrap=True)

    def proof(self, verdict: Verdict) -> None:
        self._proof = verdict

    def outcome(self, outcome: Outcome) -> None:
        """The last words of a run that was applied; a plan and a refusal have said theirs."""
        self.rest()
        if outcome.word == "passed-through":
            self._console.print(
                Text(
                    "aisafe: no host of the inventory was addressed; ansible-playbook ran as it is, unguarded.",
                    style="dim",
                )
            )
        elif self._seen is not None and outcome.word in ("confirmed", "rolled-back", "rollback-failed"):
            self._print(
                replace(self._seen, exit_code=outcome.exit_code, proof=self._proof or Verdict(), outcome=outcome)
            )

    def write_reports(self, outcome: Outcome) -> None:
        """The reports asked for with --aisafe-report; one without a path goes to standard error. Raises AisafeError."""
        if self._seen is None:
            return
        view = replace(self._seen, exit_code=outcome.exit_code, proof=self._proof, outcome=outcome)
        for item in self._reports:
            text = find_report(item.format)(view)
            if item.path is None:
                sys.stderr.write(text)
                continue
            try:
                with item.path.open("a" if item.append else "w", encoding="utf-8") as file:
                    file.write(text)
            except OSError as error:
                raise AisafeError(
                    f"The report {item.path} cannot be written: {error.strerror}.",
                    state=f"The run itself ended: {outcome.word}.",
                    fix="Name another place: --aisafe-report=FORMAT:PATH.",
                ) from None

    def _print(self, view: RunView) -> None:
        if not self._console.is_terminal:
            sys.stderr.write(terminal_report(view))
            return
        for part in render(view, boxes=self._console.is_terminal and self._console.encoding.lower().startswith("utf")):
            self._console.print(part)

    @staticmethod
    def error(error: AisafeError) -> None:
        """One message: what failed and why, in which state the hosts are, what to do."""
        out = console()
        wrapped = not out.is_terminal  # in a log one line stays one line
        out.print(Text.assemble(("ERROR ", "bold red"), clean(_sentence(error.message))), soft_wrap=wrapped)
        for text in (error.state, error.fix):
            if text:
                out.print(Text(f"  {clean(_sentence(text))}"), soft_wrap=wrapped)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!", "\n")) else f"{text}."
