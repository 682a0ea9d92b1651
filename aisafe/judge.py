"""Rules to findings to a verdict; the same for the forecast and for what is there after the run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Protocol, TypeVar

from aisafe.config import Settings
from aisafe.errors import ExitCode, UsageError
from aisafe.model import (
    Applied,
    BlindSpot,
    CheckResult,
    Finding,
    Forecast,
    HostForecast,
    HostState,
    Severity,
    Verdict,
)
from aisafe.rules import RULES, Case, Rule, Stage

States = Mapping[str, HostState]
_LEVELS: Mapping[str, Severity] = {"error": "error", "warn": "warning", "note": "note"}
_ORDER: Mapping[Severity, int] = {"error": 0, "warning": 1, "note": 2}
_CRASHED = "rule-failed"
_UNUSED = "unused-acceptance"
_NOT_YET = datetime(1970, 1, 1, tzinfo=UTC)


def judge(states: States, forecast: Forecast, *, lint: Iterable[Finding] = (), settings: Settings) -> Verdict:
    """What the run would break, judged before it starts."""
    findings = [*_evaluate("forecast", states, forecast, settings), *_level(lint, settings)]
    return Verdict(findings=_ordered([*findings, *_unused(findings, states, settings)], settings))


def prove(
    states: States, forecast: Forecast, after: Mapping[str, Sequence[HostState]], applied: Applied | None,
    checks: Iterable[CheckResult] = (), *, settings: Settings,
) -> Verdict:  # fmt: skip
    """What the run broke, judged by what is there after it.

    ``after``: by host, the states seen over the settling time, first to last; the last one over a fresh connection.
    A host of the forecast that is missing there counts as not reachable. ``applied`` is None when ansible-playbook
    never began.
    """
    findings = _evaluate("proof", states, forecast, settings, after=after, applied=applied, checks=tuple(checks))
    return Verdict(findings=_ordered(findings, settings))


def exit_code(verdict: Verdict, *, plan: bool = False) -> ExitCode:
    """0 to go on, 20 blocked, 23 when all that blocks is something that could not be seen.

    24 when all that blocks is another run on the host; a plan, which touches nothing, has 20 for that, too.
    """
    if not verdict.blocks:
        return ExitCode.OK
    if not plan and all(finding.rule == "unfinished-run" for finding in verdict.findings if finding.blocks):
        return ExitCode.LOCKED
    return ExitCode.BLIND if verdict.blind else ExitCode.BLOCKED


def check_rules(settings: Settings) -> None:
    """Refuse settings that name a rule there is not: raises UsageError with the nearest known name."""
    known = [*(name for name, _ in RULES), "lint", _CRASHED, _UNUSED]
    for name in (*settings.rules, *(accept.rule for accept in settings.accept)):
        if name not in known and not name.startswith("lint:"):
            close = get_close_matches(name, known, n=1)
            fix = f"Did you mean {close[0]}?" if close else f"Known rules: {', '.join(known)}."
            raise UsageError(f"There is no rule {name!r} (settings of rules, or accept).", fix=fix)


def _evaluate(
    stage: Stage, states: States, forecast: Forecast, settings: Settings, *,
    after: Mapping[str, Sequence[HostState]] | None = None, applied: Applied | None = None,
    checks: tuple[CheckResult, ...] = (),
) -> Iterator[Finding]:  # fmt: skip
    notes, checked = _by_host(forecast.notes), _by_host(checks)
    for _, rule in RULES:
        if not rule.runs_at(stage) or settings.rules.get(rule.id) == "off":
            continue
        for host in (None, *sorted({*states, *forecast.hosts})):
            told = tuple(notes.get(host, ()))
            unguarded = any(note.kind == "unguarded-host" for note in told)
            case = Case(
                rule=rule, host=host, before=_state(states, host, unguarded=unguarded),
                forecast=forecast.hosts.get(host or "", HostForecast(host=host or "")), settings=settings,
                notes=told, complete=forecast.complete,
                after=_samples(after, host, unguarded=unguarded), applied=applied,
                checks=tuple(checked.get(host, ())),
            )  # fmt: skip
            yield from _level(_asked(rule, case), settings)


class _OfHost(Protocol):
    @property
    def host(self) -> str | None: ...


_Item = TypeVar("_Item", bound=_OfHost)


def _by_host(items: Iterable[_Item]) -> Mapping[str | None, list[_Item]]:
    """Sorted once, since every rule asks for every host's."""
    found: dict[str | None, list[_Item]] = {}
    for item in items:
        found.setdefault(item.host, []).append(item)
    return found


def _state(states: States, host: str | None, *, unguarded: bool) -> HostState:
    if host is None or host in states or unguarded:
        return states.get(host or "", HostState(host=host or "", taken_at=_NOT_YET))
    spot = BlindSpot(kind="host", reason="it was not asked for its state")
    return HostState(host=host, taken_at=_NOT_YET, blind_spots=(spot,))


def _samples(
    after: Mapping[str, Sequence[HostState]] | None, host: str | None, *, unguarded: bool
) -> tuple[HostState, ...]:
    if after is None or host is None:
        return ()
    if after.get(host) or unguarded:
        return tuple(after.get(host, ()))
    spot = BlindSpot(kind="host", reason="it did not answer after the run")
    return (HostState(host=host, taken_at=_NOT_YET, blind_spots=(spot,)),)


def _asked(rule: Rule, case: Case) -> list[Finding]:
    try:
        return list(rule.check(case))
    except Exception as error:  # a rule that crashes has not said that all is well
        return [
            Finding(
                rule=_CRASHED,
                severity="error",
                host=case.host,
                message=f"rule {rule.id} could not be evaluated: {type(error).__name__}: {error}",
                fix=f"This is a bug of aisafe: report it. To go on without it, set {rule.id}: off in .aisafe.yml.",
            )
        ]


def _level(findings: Iterable[Finding], settings: Settings) -> Iterator[Finding]:
    for finding in findings:
        level = settings.rules.get(finding.rule) or settings.rules.get(finding.rule.partition(":")[0])
        if finding.rule == _CRASHED or level is None:
            yield finding
        elif level != "off":
            yield replace(finding, severity=_LEVELS[level])


def _unused(findings: Iterable[Finding], states: States, settings: Settings) -> Iterator[Finding]:
    """A note for every acceptance that is about hosts of this run and a rule of the forecast, and covers nothing."""
    every = list(findings)
    if settings.rules.get(_UNUSED) == "off":
        return
    for accept in settings.accept:
        rule = RULES.get(accept.rule)
        here = accept.host is None or any(accept.covers(accept.rule, host) for host in states)
        if rule is None or rule.stage != "forecast" or settings.rules.get(rule.id) == "off" or not here:
            continue
        if not any(accept.covers(finding.rule, finding.host) for finding in every):
            where = f" on {accept.host}" if accept.host else ""
            yield Finding(
                rule=_UNUSED, severity="note", host=None, when="possible",
                message=f"Nothing of this run is covered by the acceptance of {accept.rule}{where}: {accept}.",
                fix="Take it away when no other play needs it.",
            )  # fmt: skip


def _ordered(findings: Iterable[Finding], settings: Settings) -> tuple[Finding, ...]:
    """Accepted ones marked, equal ones (a loop, a handler that runs twice) once, the worst first."""
    unique: dict[tuple[object, ...], Finding] = {}
    for finding in findings:
        unique.setdefault((finding.rule, finding.host, finding.when, finding.message, finding.task), finding)
    return tuple(
        sorted(
            (_accepted(finding, settings) for finding in unique.values()),
            key=lambda item: (
                bool(item.accepted), _ORDER[item.severity], item.host or "", item.rule,
                (item.task.path, item.task.line) if item.task else ("", 0), item.message,
            ),
        )
    )  # fmt: skip


def _accepted(finding: Finding, settings: Settings) -> Finding:
    covering = [accept for accept in settings.accept if accept.covers(finding.rule, finding.host)]
    for accept in covering:
        if not accept.expired:
            return replace(finding, accepted=str(accept))
    ended = tuple(f"it was accepted by {accept}; that day has passed, so it counts again" for accept in covering)
    return replace(finding, evidence=(*finding.evidence, *ended)) if ended else finding
