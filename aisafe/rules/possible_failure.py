"""A task that may fail."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Finding
from aisafe.rules import Case, rule


@rule("possible-failure", severity="warning", stage="forecast")
def possible_failure(case: Case) -> Iterator[Finding]:
    """A task fails or not by what only the run can tell: a value that another task returns, or an unset variable.

    Wrong:

        - name: Refuse old systems
          ansible.builtin.assert:
            that: version.stdout is version('2', '>=')   # of a command that has not run yet

    Right:

        - name: Refuse old systems
          ansible.builtin.assert:
            that: ansible_facts.distribution_version is version('12', '>=')
    """
    for note in case.noted("possible-failure", "template-error"):
        where = f" at {note.task}" if note.task else ""
        yield case.find(
            f"The run may fail{where}: {note.message.rstrip('.')}.",
            when="possible",
            task=note.task,
            fix="If it fails, the run is rolled back." if note.kind == "possible-failure" else "Define the variable.",
        )
