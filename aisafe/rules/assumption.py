"""What the forecast took for granted."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Finding
from aisafe.rules import Case, rule


@rule("assumption", severity="note", stage="forecast")
def assumption(case: Case) -> Iterator[Finding]:
    """The forecast had to choose where only the run can tell, and says what it chose.

    Wrong:

        - hosts: "{{ target_from_a_task }}"
          tasks: []

    Right:

        - hosts: web
          tasks: []
    """
    for note in case.noted("assumed"):
        yield case.find(f"Assumed: {note.message.rstrip('.')}.", when="possible", task=note.task)
