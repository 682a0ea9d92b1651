"""A unit that the run started is not up, or does not stay up."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Finding, Party, Service, Unit
from aisafe.rules import Case, rule


@rule("unit-not-active", severity="error", stage="proof")
def unit_not_active(case: Case) -> Iterator[Finding]:
    """A unit of the run failed, ended, or was restarted by systemd while it was watched.

    ``systemctl start`` succeeds when the process could be started; that it dies right afterwards shows only later.

    Wrong:

        - name: Start the agent
          ansible.builtin.systemd_service:
            name: agent.service      # Restart=always hides that it dies every 100 ms
            state: started

    Right:

        - name: Check the configuration
          ansible.builtin.command: /opt/agent/agent --config=/etc/agent.yml --check
          changed_when: false
        - name: Start the agent
          ansible.builtin.systemd_service:
            name: agent.service
            state: started
    """
    if not case.ran_through or any(spot.kind in ("host", "unit") for spot in case.after[-1].blind_spots):
        return
    watched = {
        service.holder.name: service
        for service in case.forecast.services
        if service.holder.kind == "unit" and service.by_run and service.active and service.certainty == "certain"
    }
    for name, service in watched.items():
        wrong = _wrong(name, case)
        if wrong:
            yield _finding(case, name, wrong, service)
    for name, unit in case.after[-1].units.items():
        old = case.before.units.get(name)
        if name not in watched and unit.active_state == "failed" and old is not None and old.active:
            yield _finding(case, name, f"it was active before the run and has failed{_result(unit)}", None)


def _wrong(name: str, case: Case) -> str:
    samples = [state.units[name] for state in case.after if name in state.units]
    if not samples or name not in case.after[-1].units:
        return "there is no such unit after the run"
    first, last = samples[0], samples[-1]
    if last.active_state == "failed":
        return f"it has failed{_result(last)}"
    if last.sub_state == "auto-restart":
        return f"systemd is about to start it again after it ended{_result(last)}"
    if last.type == "oneshot" and last.result in ("", "success") and not last.active:
        return ""
    if not last.active:
        return f"it is {last.active_state} ({last.sub_state}){_result(last)}"
    if last.restarts > first.restarts:
        return f"systemd started it again {last.restarts - first.restarts} times while it was watched{_result(last)}"
    before = case.before.units.get(name)
    fresh = before is None or before.invocation_id != first.invocation_id
    if fresh and last.restarts and last.restarts != (before.restarts if before else 0):
        return f"systemd has already started it again {last.restarts} times{_result(last)}"
    if len({unit.invocation_id for unit in samples if unit.invocation_id}) > 1:
        return "it was started again while it was watched"
    return ""


def _result(unit: Unit) -> str:
    return f" (Result={unit.result})" if unit.result and unit.result != "success" else ""


def _finding(case: Case, name: str, wrong: str, service: Service | None) -> Finding:
    unit = case.after[-1].units.get(name)
    task = service.task if service else None
    state = f"after the run: {unit.active_state} ({unit.sub_state}), {unit.restarts} restarts" if unit else "not there"
    return case.find(
        f"Unit {name} is not well: {wrong}.",
        severity=None if service else "warning",
        task=task,
        parties=(Party(kind="unit", name=name, live=service is None, task=task),),
        evidence=(state,),
        fix=f"See why: journalctl -u {name}",
    )
