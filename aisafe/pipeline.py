"""The straight line: from the command line to 'confirmed' or 'rolled back'."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any, Literal, Protocol, TypeVar

from aisafe.config import Settings
from aisafe.errors import ExitCode
from aisafe.frozen import frozen
from aisafe.judge import exit_code, judge, prove
from aisafe.model import (
    Applied,
    CheckResult,
    Finding,
    Forecast,
    HostForecast,
    HostResult,
    HostState,
    Outcome,
    Target,
    Verdict,
)
from aisafe.waves import told, waves_of

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds that a planned socket may take to appear beyond the settling time, while its service is up."""


class GuardSide(Protocol):
    """What the line needs of a guard (see aisafe.guard.Guard)."""

    lost: Event
    reason: str
    shells: dict[str, str]
    results: dict[str, HostResult]

    def confirm(self) -> None: ...


class Site(Protocol):
    """All that reaches out of this process: ansible, the hosts, the clock. Tests pass another."""

    def target(self) -> Target: ...

    def start_lint(self) -> Callable[[], tuple[Finding, ...]]: ...

    def collect(self, *, fresh: bool = False) -> Mapping[str, HostState]: ...

    def forecast(self, states: Mapping[str, HostState]) -> Forecast: ...

    def guard(self, forecast: Forecast, *, run: str) -> AbstractContextManager[GuardSide]: ...

    def apply(self, *, shells: Mapping[str, str], results: Path, stop: Event) -> Applied: ...

    def checks(self) -> tuple[CheckResult, ...]: ...

    def pause(self, seconds: float) -> None: ...

    def only(self, hosts: Iterable[str]) -> Site: ...


class Log(Protocol):
    """The record of one run (see aisafe.runs)."""

    id: str
    directory: Path

    def keep(self, stage: str, value: T) -> T: ...


class View(Protocol):
    """What a person sees while it goes on."""

    def stage(self, text: str) -> None: ...

    def rest(self) -> None: ...

    def note(self, text: str) -> None: ...

    def plan(self, states: Mapping[str, HostState], forecast: Forecast, verdict: Verdict, exit_code: int) -> None: ...

    def proof(self, verdict: Verdict) -> None: ...


Judged = Callable[[Mapping[str, HostState], Forecast, Verdict, int], None]


@frozen
class Ask:
    """``plan_only``: stop after the judgement. ``settings``: as configured for this run.

    ``judged`` is told the hosts' states, the forecast, the verdict and its exit code; it may raise StalePlan.
    """

    settings: Settings
    plan_only: bool = False
    judged: Judged | None = None


def run(ask: Ask, site: Site, log: Log, view: View) -> Outcome:
    """Do one run. The outcome's exit code is the process's. Raises AisafeError before anything was applied."""
    lint = site.start_lint()
    view.stage("reading the playbook and the inventory")
    target = site.target()
    log.keep("target", _without_secrets(target))
    if not target.connections and not ask.plan_only:
        view.rest()
        return _unguarded(site, log)
    view.stage(f"asking {_count(target.connections, 'host')}")
    before = log.keep("before", site.collect())
    view.stage("forecasting")
    forecast = log.keep("forecast", site.forecast(before))
    view.stage("judging")
    waves = waves_of(ask.settings.waves, tuple(target.connections))
    settings = ask.settings if len(waves) > 1 else replace(ask.settings, waves=())
    verdict = log.keep("verdict", judge(before, forecast, lint=lint(), settings=settings))
    refused = exit_code(verdict, plan=ask.plan_only)
    view.plan(before, forecast, verdict, refused)
    if len(waves) > 1:
        view.note(f"{len(waves)} waves: {told(waves)}")
    if ask.judged is not None:
        ask.judged(before, forecast, verdict, refused)
    untouched = {host: HostResult(host=host, outcome="untouched") for host in target.connections}
    if ask.plan_only:
        return Outcome(exit_code=refused, word="blocked" if verdict.blocks else "planned", hosts=untouched)
    if target.check:
        return _check(site, log, verdict, refused, untouched)
    if verdict.blocks:
        return Outcome(exit_code=refused, word="blocked", hosts=untouched)
    if len(waves) > 1:
        from aisafe.rollout import in_waves  # noqa: PLC0415  it needs this module

        return in_waves(ask, site, log, view, waves=waves, before=before, forecast=forecast)
    view.stage("taking snapshots")
    return guarded(ask, site, log, view, before=before, forecast=forecast, guard=site.guard(forecast, run=log.id))


def guarded(
    ask: Ask, site: Site, log: Log, view: View, *, before: Mapping[str, HostState], forecast: Forecast,
    guard: AbstractContextManager[GuardSide],
) -> Outcome:  # fmt: skip
    """Arm, apply, look again, confirm or roll back: all of the hosts or none. Raises AisafeError before it was applied."""
    applied: Applied | None = None  # an interruption may come before it
    with guard as armed:
        view.rest()
        applied = log.keep(
            "applied", site.apply(shells=armed.shells, results=log.directory / "results.jsonl", stop=armed.lost)
        )
        proof = log.keep("proof", _look_again(ask, site, view, before, forecast, applied))
        view.proof(proof)
        if armed.lost.is_set():
            pass  # a host rolled itself back meanwhile: its reason says which
        elif proof.blocks:
            armed.reason = "what was applied did not hold: " + _rules(proof)
        else:
            armed.confirm()
    word = word_of(armed.results)
    return Outcome(
        exit_code=EXIT_CODES.get(word, applied.exit_code if applied is not None else ExitCode.ERROR),
        word=word,
        hosts=armed.results,
        message="" if word == "confirmed" else f"{_ENDINGS[word]} Why: {armed.reason.rstrip('.')}.",
    )


def _look_again(
    ask: Ask, site: Site, view: View, before: Mapping[str, HostState], forecast: Forecast, applied: Applied
) -> Verdict:
    """Take samples of the hosts over the settling time and judge them; a failed run needs no settling.

    The connection from before the run outlives a server that nobody can log in to any more. So where the fresh connection
    failed, the next sample is to come over a fresh one, too.
    """
    view.stage("looking at what is really there")
    settle = (
        ask.settings.settle if applied.exit_code == 0 and any(map(_needs_settling, forecast.hosts.values())) else 0.0
    )
    samples = [site.collect(fresh=True)]
    started = time.monotonic()

    def judged() -> Verdict:
        after = {host: [sample[host] for sample in samples if host in sample] for host in before}
        return prove(before, forecast, after, applied, site.checks(), settings=ask.settings)

    def sample(until: float) -> None:
        site.pause(min(max(settle / 4, 0.5), max(0.1, until - (time.monotonic() - started))))
        samples.append(site.collect(fresh=_unreached(samples[-1])))

    while time.monotonic() - started < settle:
        sample(settle)
    verdict = judged()
    while verdict.blocks and all(finding.rule == "not-listening" for finding in verdict.findings if finding.blocks):
        if time.monotonic() - started > settle + PATIENCE or applied.exit_code != 0:
            break
        view.stage("waiting for planned sockets to appear")
        sample(settle + PATIENCE)
        verdict = judged()
    return verdict


def _unreached(states: Mapping[str, HostState]) -> bool:
    return any(spot.kind == "host" for state in states.values() for spot in state.blind_spots)


def _needs_settling(forecast: HostForecast) -> bool:
    return any(effect.kind in ("unit", "container", "command", "package") for effect in forecast.effects)


def _check(site: Site, log: Log, verdict: Verdict, refused: ExitCode, untouched: Mapping[str, HostResult]) -> Outcome:
    """``--check``: ansible's own check runs whatever the verdict, since it touches nothing; there is no snapshot."""
    applied = log.keep("applied", site.apply(shells={}, results=log.directory / "results.jsonl", stop=Event()))
    if verdict.blocks:
        return Outcome(exit_code=refused, word="blocked", hosts=untouched)
    return Outcome(exit_code=applied.exit_code, word="checked", hosts=untouched)


def _unguarded(site: Site, log: Log) -> Outcome:
    """No host of the inventory is addressed (a play on the implicit localhost, or no host matched)."""
    applied = log.keep("applied", site.apply(shells={}, results=log.directory / "results.jsonl", stop=Event()))
    return Outcome(exit_code=applied.exit_code, word="passed-through")


Ending = Literal["confirmed", "rolled-back", "rollback-failed"]
EXIT_CODES: Mapping[Ending, int] = {
    "rolled-back": ExitCode.ROLLED_BACK,
    "rollback-failed": ExitCode.ROLLBACK_FAILED,
}
_ENDINGS: Mapping[Ending, str] = {
    "rolled-back": "Every host of the run is again what it was before it.",
    "rollback-failed": "Not every host could be brought back to what it was: see each host's state above.",
}


def _rules(verdict: Verdict) -> str:
    return ", ".join(sorted({finding.rule for finding in verdict.findings if finding.blocks}))


def word_of(results: Mapping[str, HostResult]) -> Ending:
    outcomes = {result.outcome for result in results.values()}
    if outcomes <= {"confirmed"}:
        return "confirmed"
    return "rolled-back" if outcomes <= {"rolled-back"} else "rollback-failed"


def _without_secrets(target: Target) -> dict[str, Any]:
    """What the record keeps of the target: where the hosts are, and no password."""
    return {
        "playbooks": list(target.playbooks),
        "check": target.check,
        "ansible_version": target.ansible_version,
        "hosts": {
            host: {"connection": c.connection, "address": c.address, "port": c.port, "user": c.user,
                   "private_key_file": c.private_key_file, "common_args": c.common_args, "extra_args": c.extra_args,
                   "host_key_checking": c.host_key_checking, "timeout": c.timeout, "python": c.python,
                   "become_method": c.become_method, "become_user": c.become_user}
            for host, c in target.connections.items()
        },
    }  # fmt: skip


def _count(items: Iterable[object], noun: str) -> str:
    number = len(list(items))
    return f"{number} {noun}{'' if number == 1 else 's'}"
