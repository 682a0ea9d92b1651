"""An earlier run that the host undid by itself."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Finding
from aisafe.rules import Case, rule


@rule("earlier-run", severity="warning", stage="forecast")
def earlier_run(case: Case) -> Iterator[Finding]:
    """An earlier run lost its controller, and the host went back by itself; nobody has been told yet.

    What was believed to be applied is not there. Where the roll-back left something behind, that blocks.

    Wrong:

        - hosts: web      # the next play builds on what the lost run had brought
          tasks: []

    Right:

        - hosts: web      # run the lost play again first
          tasks: []
    """
    other = case.before.unfinished
    if other is None or other.state not in ("rolled-back", "rollback-incomplete"):
        return
    by = f" by {other.holder}" if other.holder else ""
    told = f"The earlier run {other.run}{by}, begun {other.since:%Y-%m-%d %H:%M:%S} UTC, was never confirmed:"
    if other.state == "rolled-back":
        yield case.find(
            f"{told} the host rolled itself back.",
            fix=f"The host is as it was before that run. What happened: aisafe show {other.run}.",
        )
    else:
        yield case.find(
            f"{told} the host rolled itself back, but not everything came back.",
            severity="error",
            fix=f"See what is left (aisafe show {other.run}), put it right, then --aisafe-accept=earlier-run once.",
        )
