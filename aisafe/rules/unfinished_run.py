"""Another run on the same host."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Finding
from aisafe.rules import Case, rule


@rule("unfinished-run", severity="error", stage="forecast")
def unfinished_run(case: Case) -> Iterator[Finding]:
    """Another run still guards the host: it is locked.

    Two runs at once would each take the other's changes for its own and undo them.

    Wrong:

        - hosts: web      # started while another aisafe-playbook still guards web1
          tasks: []

    Right:

        - hosts: web      # started after the other one has been confirmed or rolled back: aisafe runs
          tasks: []
    """
    other = case.before.unfinished
    if other is None or other.state in ("rolled-back", "rollback-incomplete"):
        return
    by = f" by {other.holder}" if other.holder else ""
    yield case.find(
        f"The host is locked: run {other.run}{by}, begun {other.since:%Y-%m-%d %H:%M:%S} UTC, still guards it "
        f"(state: {other.state}).",
        fix=f"Wait until it ends or its deadline has passed, or undo it: aisafe rollback {other.run}.",
    )
