"""The real run failed."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Finding, TaskRef, TaskResult
from aisafe.rules import Case, rule

_CODES = {
    1: "an error of ansible-playbook itself",
    2: "a task failed, or the arguments are wrong",
    4: "a host was unreachable, or the playbook can't be parsed",
    5: "the configuration is wrong",
    99: "it was interrupted",
    130: "it was interrupted",
    250: "ansible-playbook ended unexpectedly",
}


@rule("run-failed", severity="error", stage="proof")
def run_failed(case: Case) -> Iterator[Finding]:
    """ansible-playbook ended with an exit code other than 0: what the play was to bring is there in part only.

    Wrong:

        - name: Start the application
          ansible.builtin.command: /opt/app/start    # exits 1

    Right:

        - name: Start the application
          ansible.builtin.systemd_service:
            name: app.service
            state: started
    """
    applied = case.applied
    if case.host is not None or applied is None or applied.exit_code == 0:
        return
    bad = [item for item in applied.results if item.status in ("failed", "unreachable")]
    meaning = _CODES.get(applied.exit_code, "its own output says why")
    lines = [
        f"{item.host}: the task {_ref(item)} {'failed' if item.status == 'failed' else 'did not reach the host'}"
        + (f": {item.message.rstrip('.')}" if item.message else "")
        for item in bad
    ]
    yield case.find(
        f"ansible-playbook ended with exit code {applied.exit_code}: {lines[0] if lines else meaning}.",
        task=_ref(bad[0]) if bad else None,
        evidence=tuple(lines[1:]),
        fix="Correct the task, then run again." if bad else "",
    )


def _ref(result: TaskResult) -> TaskRef:
    return TaskRef(name=result.task, path=result.path, line=result.line)
