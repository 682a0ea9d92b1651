"""One file a format: functions of what a run knows. They read and write nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from difflib import get_close_matches

from aisafe.errors import UsageError
from aisafe.frozen import frozen
from aisafe.model import Forecast, HostState, Outcome, Verdict
from aisafe.registry import Registry


@frozen
class View:
    """A run as far as it got. ``proof`` and ``outcome`` are None before the run is applied.

    ``verbosity``: the number of ``-v`` given. ``run``: its id in the record, '' without one. ``playbooks``: as on the command
    line.
    """

    states: Mapping[str, HostState] = field(default_factory=dict)
    forecast: Forecast
    verdict: Verdict
    exit_code: int
    proof: Verdict | None = None
    outcome: Outcome | None = None
    verbosity: int = 0
    run: str = ""
    playbooks: tuple[str, ...] = ()


Report = Callable[[View], str]
REPORTS: Registry[Report] = Registry("aisafe.reports")


def report(name: str) -> Callable[[Report], Report]:
    """Register a format."""

    def register(function: Report) -> Report:
        REPORTS.add(name, function)
        return function

    return register


def find_report(name: str) -> Report:
    """The format ``name``; raises UsageError, naming those there are."""
    found = REPORTS.get(name)
    if found is None:
        known = [item for item, _ in REPORTS]
        close = get_close_matches(name, known, n=1)
        fix = f"Did you mean {close[0]}? " if close else ""
        raise UsageError(f"There is no report format {name!r}.", fix=f"{fix}Known formats: {', '.join(known)}.")
    return found
