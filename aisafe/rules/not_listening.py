"""A planned socket is not there."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Claim, Finding, HostState, Party
from aisafe.occupancy import Entry, covering, live_entries, same_party
from aisafe.rules import Case, rule


@rule("not-listening", severity="error", stage="proof")
def not_listening(case: Case) -> Iterator[Finding]:
    """A socket that the run was certain to bring is not held, or something else holds it.

    Wrong:

        - name: Start the agent
          ansible.builtin.systemd_service:
            name: agent.service      # systemctl said 'started', and the agent died on its configuration
            state: started

    Right:

        - name: Start the agent
          ansible.builtin.systemd_service:
            name: agent.service
            state: started
        - name: Wait for the agent
          ansible.builtin.wait_for:
            port: 9100
            timeout: 30
    """
    if not case.ran_through:
        return
    last = case.after[-1]
    if any(spot.kind in ("host", "listener") for spot in last.blind_spots):
        return  # blind-spot and unreachable-after say so
    entries = live_entries(last)
    for claim in case.forecast.claims:
        if claim.certainty != "certain":
            continue
        there = covering(claim.socket, entries)
        if not any(_ours(entry, claim, case.before, last) for entry in there):
            yield _finding(case, claim, there)


def _ours(entry: Entry, claim: Claim, *states: HostState) -> bool:
    return same_party(entry.holder, claim.holder, *states)


def _finding(case: Case, claim: Claim, there: tuple[Entry, ...]) -> Finding:
    planned = Party(kind=claim.holder.kind, name=claim.holder.name, live=False, task=claim.task)
    look = f"{'docker logs' if claim.holder.kind == 'container' else 'journalctl -u'} {claim.holder.name}"
    if not there:
        return case.find(
            f"{claim.holder} was to listen on {claim.socket}, and nothing does.",
            task=claim.task, parties=(planned,), fix=f"See why: {look}",
        )  # fmt: skip
    other = there[0]
    pid = other.live.pid if other.live else None
    holder = other.holder
    name = str(holder or "a process whose owner could not be seen")
    kind = holder.kind if holder else "process"
    return case.find(
        f"{claim.holder} was to listen on {claim.socket}, but {name}{f' (pid {pid})' if pid else ''} does.",
        task=claim.task,
        parties=(
            Party(kind=kind, name=holder.name if holder else "unknown", live=True, pid=pid),
            planned,
        ),
        evidence=(f"after the run: {other.socket} is held by {name}",),
        fix=f"See why: {look}",
    )
