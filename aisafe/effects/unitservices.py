"""The services that the units of a predicted host are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from aisafe.effects.services import SERVING, live_unit, unit_service
from aisafe.effects.unitstore import UnitStore
from aisafe.formats.listenflags import UNREAD
from aisafe.model import HostState, Service


def unit_services(
    units: UnitStore, state: HostState, *, beside: Iterable[Service] = (), only: Sequence[str] | None = None
) -> tuple[Service, ...]:
    """Units that are active, at boot, or touched by the run. ``beside``: the other services, for what is worth a look.

    A unit that runs and was given another configuration without a restart appears twice: as it runs, and as it would
    after the next boot (not active, at boot). Configuration files of untouched, stopped units are read only when their
    program or their sockets matter to the run. ``only``: of these units, where nothing matters to the run yet.
    """
    touched: list[Service] = []
    others: list[Service] = []
    for name in units.names():
        if not name.endswith(SERVING) or (only is not None and name not in only):
            continue
        there = units.get(name)
        if there.touched is not None or units.reconfigured(name):
            touched += _touched(units, state, name)
        elif there.unit.active or units.at_boot(name):
            others.append(live_unit(state.units[name], state) if name in state.units else _static(units, name))
    matter = [service for service in (*touched, *beside) if service.by_run]
    return (*touched, *(_closer(units, service, matter) for service in others))


def _touched(units: UnitStore, state: HostState, name: str) -> list[Service]:
    there = units.get(name)
    live = state.units.get(name)
    boots = units.at_boot(name)
    was_active = live is not None and live.active
    following = units.next_listening(name)
    now = there.listening or (units.running(name) if there.unit.active else following)
    service = replace(
        unit_service(there.unit, now, at_boot=boots, read=units.reader()),
        by_run=True, task=there.touched, live=was_active, certainty=there.certainty,
        pid=live.main_pid if live is not None and there.listening is None else None,
    )  # fmt: skip
    if not (service.active and boots and set(following.sockets) != set(now.sockets)):
        return [service]
    later = replace(
        service, active=False, sockets=following.sockets, sockets_known=following.known,
        evidence=f"{service.evidence}; its configuration was changed and it was not restarted since", pid=None,
    )  # fmt: skip
    return [replace(service, at_boot=False), later]


def _static(units: UnitStore, name: str) -> Service:
    return unit_service(units.get(name).unit, units.next_listening(name, read=UNREAD), at_boot=units.at_boot(name))


def _closer(units: UnitStore, service: Service, matter: list[Service]) -> Service:
    """``service`` with its configuration read, when it shares a program or a socket with one of those that matter."""
    if service.active or service.sockets_known:
        return service
    name = service.holder.name
    shares = any(
        (service.program and service.program == other.program)
        or any(mine.overlaps(theirs) for mine in service.sockets for theirs in other.sockets)
        for other in matter
    )
    if not shares:
        return service
    found = units.next_listening(name)
    return replace(service, sockets=found.sockets, sockets_known=found.known)
