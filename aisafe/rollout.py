"""A run in waves: each is snapshotted, applied, proved and confirmed before the next begins; the first failure ends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from aisafe.errors import AisafeError, ExitCode
from aisafe.frozen import frozen
from aisafe.model import Finding, Forecast, HostResult, HostState, Outcome, Verdict
from aisafe.pipeline import EXIT_CODES, Ask, Log, Site, View, guarded, word_of
from aisafe.waves import some

T = TypeVar("T")


class WaveLog:
    """The part of a run's record that one wave writes: ``wave2-applied.json``, and the results in a directory of its own."""

    def __init__(self, log: Log, number: int) -> None:
        self._log, self._number, self.id = log, number, log.id
        self.directory: Path = log.directory / f"wave{number}"
        self.directory.mkdir(mode=0o700, exist_ok=True)

    def keep(self, stage: str, value: T) -> T:
        return self._log.keep(f"wave{self._number}-{stage}", value)


@frozen
class WaveView:
    """Shows a wave as part of the run: findings of all waves so far are the run's."""

    view: View
    findings: list[Finding]

    def stage(self, text: str) -> None:
        self.view.stage(text)

    def rest(self) -> None:
        self.view.rest()

    def note(self, text: str) -> None:
        self.view.note(text)

    def plan(self, states: Mapping[str, HostState], forecast: Forecast, verdict: Verdict, exit_code: int) -> None:
        self.view.plan(states, forecast, verdict, exit_code)

    def proof(self, verdict: Verdict) -> None:
        self.findings.extend(verdict.findings)
        self.view.proof(Verdict(findings=tuple(self.findings)))


def in_waves(
    ask: Ask, site: Site, log: Log, view: View, *, waves: Sequence[Sequence[str]], before: Mapping[str, HostState],
    forecast: Forecast,
) -> Outcome:  # fmt: skip
    """Go over the waves. Raises AisafeError only before anything was applied on any host."""
    hosts = {
        host: HostResult(host=host, outcome="untouched", detail=f"wave {number} was not begun")
        for number, wave in enumerate(waves, 1) for host in wave
    }  # fmt: skip
    shown = WaveView(view=view, findings=[])
    for number, wave in enumerate(waves, 1):
        view.rest()
        view.note(f"wave {number} of {len(waves)}: {some(wave)}")
        ended = _wave(ask, site.only(wave), WaveLog(log, number), shown, number=number, hosts=wave, before=before,
                      forecast=forecast)  # fmt: skip
        log.keep("proof", Verdict(findings=tuple(shown.findings)))
        hosts |= {host: _unguarded(host, number) for host in wave if host not in ended.hosts}
        hosts |= {host: _in_wave(result, number) for host, result in ended.hosts.items()}
        if ended.word != "confirmed" or ended.exit_code != ExitCode.OK:
            return replace(ended, hosts=hosts, message=_story(waves, number, hosts, ended))
    return replace(ended, hosts=hosts)


def _wave(
    ask: Ask, site: Site, log: WaveLog, view: WaveView, *, number: int, hosts: Sequence[str],
    before: Mapping[str, HostState], forecast: Forecast,
) -> Outcome:  # fmt: skip
    before = {host: state for host, state in before.items() if host in hosts}
    forecast = replace(
        forecast, hosts={host: found for host, found in forecast.hosts.items() if host in hosts},
        notes=tuple(note for note in forecast.notes if note.host is None or note.host in hosts),
    )  # fmt: skip
    view.stage("taking snapshots")
    guard = site.guard(forecast, run=log.id)
    try:
        return guarded(ask, site, log, view, before=before, forecast=forecast, guard=guard)
    except (AisafeError, KeyboardInterrupt) as error:
        if number == 1:
            raise  # nothing was applied anywhere
        # What could not be armed was not touched; what was armed already has been released.
        why = error.message if isinstance(error, AisafeError) else "interrupted"
        released = {host: HostResult(host=host, outcome="untouched", detail="it was not guarded, and not touched")
                    for host in hosts} | dict(getattr(guard, "results", {}))  # fmt: skip
        word = word_of({host: result for host, result in released.items() if result.outcome != "untouched"})
        word = "rolled-back" if word == "confirmed" else word
        return Outcome(exit_code=EXIT_CODES[word], word=word, hosts=released, message=f"Why: {why.rstrip('.')}.")


def _unguarded(host: str, number: int) -> HostResult:
    """Of a host that could not be seen, and was accepted as it is."""
    return HostResult(host=host, outcome="unguarded", detail=f"in wave {number}: applied without a guard")


def _in_wave(result: HostResult, number: int) -> HostResult:
    if result.outcome == "untouched":
        return result
    return replace(result, detail=f"in wave {number}. {result.detail}".removesuffix(". "))


def _story(waves: Sequence[Sequence[str]], number: int, hosts: Mapping[str, HostResult], ended: Outcome) -> str:
    """Which hosts are in which state, and why it went no further."""
    confirmed = [host for host, result in hosts.items() if result.outcome == "confirmed"]
    untouched = [host for host, result in hosts.items() if result.outcome == "untouched"]
    back = [host for host, result in hosts.items() if result.outcome == "rolled-back"]
    parts = [f"The run stopped at wave {number} of {len(waves)}."]
    parts += [f"Again what they were before it: {some(back)}."] * bool(back)
    parts += ["Not every host of that wave could be brought back: see each one's state above."] * (
        ended.word == "rollback-failed"
    )
    parts += [f"Confirmed, and left so: {some(confirmed)}."] * bool(confirmed)
    parts += [f"Not touched: {some(untouched)}."] * bool(untouched)
    why = ended.message.rpartition("Why: ")[2] or f"ansible-playbook ended with exit code {ended.exit_code}."
    parts.append(f"Why: {why}")
    parts += ["Mend it and run it again: hosts that are confirmed are forecast anew."] * bool(confirmed)
    return " ".join(parts)
