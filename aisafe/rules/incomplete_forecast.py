"""The forecast could not go on to the end of the play."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Finding
from aisafe.rules import Case, rule


@rule("incomplete-forecast", severity="error", stage="forecast")
def incomplete_forecast(case: Case) -> Iterator[Finding]:
    """Tasks lie behind something that can't be known or found, so that nobody can say what they would do.

    Wrong:

        - name: Include what the host asks for
          ansible.builtin.include_tasks: "{{ result.stdout }}.yml"

    Right:

        - name: Include what the inventory says
          ansible.builtin.include_tasks: "{{ flavour }}.yml"
    """
    found = case.noted("stopped", "unknown-include", "missing-role", "capped")
    for note in found:
        yield case.find(
            f"The forecast could not go on: {note.message.rstrip('.')}.",
            when="possible",
            task=note.task,
            fix=_fix(note.kind),
        )
    if case.host is None and not case.complete and not found:
        yield case.find("The forecast ends before the play does; what comes after is not judged.", when="possible")


def _fix(kind: str) -> str:
    return {
        "unknown-include": "Name the file by variables of the inventory instead of by what a task returns.",
        "missing-role": "Install the role or correct its name: ansible-galaxy install -r requirements.yml.",
        "capped": "Name fewer files, or the directory that matters.",
    }.get(kind, "Solve what stopped it, then run again.")
