"""Tasks of which nobody can say beforehand what they do."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Finding
from aisafe.rules import Case, rule


@rule("opaque-task", severity="warning", stage="forecast")
def opaque_task(case: Case) -> Iterator[Finding]:
    """A task has no model, so that what it does to the host is not known before the run; it may do anything.

    What it does to files is undone with the rest, if the run is rolled back; what it does elsewhere is not.

    Wrong:

        - name: Set up the agent
          ansible.builtin.shell: ./install.sh --port 9100

    Right:

        - name: Install the agent
          ansible.builtin.apt:
            name: prometheus-node-exporter
            state: present
    """
    tasks = {(note.task, note.message): None for note in case.noted("opaque-task")}
    if not tasks:
        return
    places = {task for task, _ in tasks if task}
    number = max(len(places), 1)
    cover = case.forecast.coverage
    of = f" of {cover.tasks}" if cover.tasks else ""
    yield case.find(
        f"{number}{of} {'task' if max(number, cover.tasks) == 1 else 'tasks'} cannot be foreseen.",
        when="possible",
        task=min(places, default=None),
        evidence=tuple(f"{task or 'a task'}: {message}" for task, message in tasks),
        fix="Use a module that says what it changes (apt, copy, systemd_service, docker_container) where there is one.",
    )
