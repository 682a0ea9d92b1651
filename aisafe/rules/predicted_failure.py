"""A task that would fail."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Finding
from aisafe.rules import Case, rule


@rule("predicted-failure", severity="error", stage="forecast")
def predicted_failure(case: Case) -> Iterator[Finding]:
    """A task is certain to fail, and the tasks before it would be applied by then.

    Wrong:

        - name: Install the configuration
          ansible.builtin.copy:
            src: files/app.conf.new    # there is no such file
            dest: /etc/app.conf

    Right:

        - name: Install the configuration
          ansible.builtin.copy:
            src: files/app.conf
            dest: /etc/app.conf
    """
    for note in case.noted("predicted-failure", "missing-source"):
        where = f" at {note.task}" if note.task else ""
        yield case.find(
            f"The run would fail{where}: {note.message.rstrip('.')}.",
            task=note.task,
            fix="Correct the task, or what it needs; nothing before it is applied until then.",
        )
