"""``aisafe verify``: whether the hosts of a run still are what its record says they should be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import typer  # noqa: TC002  it reads the annotations
from rich.text import Text

from aisafe.addressed import NamedRun, asked_of, end, taken_apart, told
from aisafe.errors import ExitCode, HostError, UsageError
from aisafe.model import HostResult
from aisafe.reports.terminal import clean
from aisafe.view import console

LEFT_ALONE = ("untouched", "checked")
"""Outcomes after which there is nothing to compare; one that was changed without a guard has nothing to be compared with,
which is another matter."""


def verify(context: typer.Context) -> None:
    """Compare hosts with what a run left them as, at any time: aisafe verify RUN [-i inventory PATTERN] [-K …]

    After a roll-back: as they were before it; after a confirmed run: as they were when it was confirmed. Files path by path,
    units, sockets, containers, firewall, network and kernel settings. Changes nothing.

    Exits 0 when nothing differs, 22 when something does or could not be compared.
    """
    name, _, rest = taken_apart(context.args)
    run = NamedRun(name)
    recorded = _recorded(run)
    answers = asked_of(rest, "verify", {"run": run.id}, record=run.record)
    for host in [host for host in answers if recorded.get(host) in LEFT_ALONE]:
        console(stderr=False).print(Text(clean(f"{host}: {recorded[host]} by this run; there is nothing to compare")))
        del answers[host]
    if not answers:
        raise UsageError(f"Run {run.id} touched none of these hosts.", fix="Name others; see aisafe show.")
    good = not any(isinstance(answer, HostError) for answer in answers.values())
    for host, found in told(answers):
        lines = list(_lines(found, recorded.get(host, "")))
        good = good and not any(bad for bad, _ in lines)
        console(stderr=False).print(Text(clean(f"{host}: {_head(found)}"), style="bold"), soft_wrap=True)
        for bad, line in lines:
            console(stderr=False).print(Text(clean(f"  {line}"), style="red" if bad else "dim"), soft_wrap=True)
    end(answers, worst=ExitCode.OK if good else ExitCode.ROLLBACK_FAILED)


def _recorded(run: NamedRun) -> Mapping[str, str]:
    """Host -> how the run ended there, by this machine's record. Raises UsageError for a run that touched none."""
    outcome = run.record.outcome if run.record is not None else None
    if outcome is None:
        return {}
    hosts: Mapping[str, HostResult] = outcome.hosts
    if hosts and all(result.outcome in LEFT_ALONE for result in hosts.values()):
        raise UsageError(
            f"Run {run.id} touched no host: it is {outcome.word}.", fix="Name another run; see aisafe runs."
        )
    return {host: result.outcome for host, result in hosts.items()}


def _head(found: Mapping[str, Any]) -> str:
    count = len(found["files"]) + len(found["other"])
    state = f"{found['state'].replace('-', ' ')} {found['at'] or ''}".rstrip().replace("T", " ").replace("+00:00", "Z")
    if count:
        return f"{count} differences from what it was {found['what']} ({state})"
    if found["unseen"]:
        return f"not known to be as it should be ({state})"
    return f"as it was {found['what']} ({state}); {found['paths']} paths compared"


def _lines(found: Mapping[str, Any], recorded: str) -> Iterator[tuple[bool, str]]:
    """Each with whether it stands against the host."""
    if recorded == "rolled-back" and found["state"] == "confirmed":
        yield True, "the record of the run says rolled back, and the host says confirmed"
    elif recorded == "confirmed" and found["state"] != "confirmed":
        yield False, f"it was confirmed, and is {found['state'].replace('-', ' ')} since"
    for one in found["files"]:
        yield True, f"{one['op']} {one['text']}"
    for line in found["other"]:
        yield True, f"~ {line}"
    for line in found["unseen"]:
        yield True, f"not compared: {line}"
    for line in found["notes"]:
        yield False, line
