"""Two services that start at the next boot want one socket."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from aisafe.model import Finding, Party, Service, Socket
from aisafe.occupancy import clashes, same_party
from aisafe.remedy import Remedy, disable, stop_for_good
from aisafe.rules import Case, rule


@rule("port-conflict-at-boot", severity="error", stage="forecast")
def port_conflict_at_boot(case: Case) -> Iterator[Finding]:
    """After the run all is well, and the next boot starts two holders of one socket; which of them wins is chance.

    A unit that is stopped stays enabled, and a container with restart policy 'always' or 'unless-stopped' comes back
    with the Docker daemon. In tests the enabled unit won against the container.

    Wrong:

        - name: Stop the exporter
          ansible.builtin.systemd_service:
            name: prometheus-node-exporter.service
            state: stopped

    Right:

        - name: Stop and disable the exporter
          ansible.builtin.systemd_service:
            name: prometheus-node-exporter.service
            state: stopped
            enabled: false
    """
    known = {clash.pair for clash in clashes(case.before, case.forecast) if clash.certain}
    for one, other in combinations(case.forecast.services, 2):
        if not (one.by_run or other.by_run) or frozenset({one.holder, other.holder}) in known:
            continue
        if same_party(one.holder, other.holder, case.before):
            continue
        shared = next(((a, b) for a in one.sockets for b in other.sockets if a.overlaps(b)), None)
        if shared is not None:
            yield from _judged(case, one, other, shared)


def _judged(case: Case, one: Service, other: Service, shared: tuple[Socket, Socket]) -> Iterator[Finding]:
    sleeping, kept = (other, one) if one.active or not other.active else (one, other)
    if one.at_boot and other.at_boot:
        sure = one.certainty == other.certainty == "certain"
        text = f"At the next boot {kept.holder} and {sleeping.holder} both start and bind {shared[0]}; one fails."
        yield _finding(case, kept, sleeping, text, "error" if sure else "warning")
    elif sleeping.at_boot and kept.active and not sleeping.active:
        text = (
            f"{kept.holder} holds {shared[0]} at the end of the run but does not start at boot; {sleeping.holder} is "
            "stopped but still enabled, and takes its place at the next boot."
        )
        yield _finding(case, kept, sleeping, text, "warning")


def _finding(case: Case, kept: Service, sleeping: Service, text: str, severity: str) -> Finding:
    remedy = _way_out(case, sleeping)
    last = max((item.task for item in (kept, sleeping) if item.task and item.by_run), default=None)
    return case.find(
        text,
        severity=None if severity == "error" else "warning",
        when="boot",
        task=sleeping.task if sleeping.by_run and sleeping.task else last,
        parties=(_party(sleeping), _party(kept)),
        evidence=tuple(_evidence(item) for item in (sleeping, kept)),
        fix=remedy.fix,
        yaml=remedy.yaml,
    )


def _party(service: Service) -> Party:
    return Party(
        kind=service.holder.kind, name=service.holder.name, live=service.live,
        pid=service.pid if service.live else None, task=service.task,
    )  # fmt: skip


def _evidence(service: Service) -> str:
    now = "active" if service.active else "stopped"
    cause = "enabled" if service.holder.kind == "unit" else "its restart policy"
    boot = f"starts at boot ({cause})" if service.at_boot else "does not start at boot"
    sockets = ", ".join(map(str, service.sockets))
    return f"at the end of the run {service.holder} is {now} and {boot}; it binds {sockets}"


def _way_out(case: Case, sleeping: Service) -> Remedy:
    holder = sleeping.holder
    if holder.kind == "unit":
        if sleeping.active:
            return stop_for_good(holder, case.before)
        return Remedy(fix=f"Disable {holder.name} as well: enabled: false.", yaml=disable(holder.name))
    if sleeping.active:
        return Remedy(fix=f"Give {holder.name} another port, or restart_policy: 'no'.")
    stop = stop_for_good(holder, case.before)
    return Remedy(fix=f"{stop.fix[:1].upper()}{stop.fix[1:]}, or set its restart_policy to 'no'.", yaml=stop.yaml)
