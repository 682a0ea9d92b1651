"""Who holds which socket: live, at every moment of a run, and at the end of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from aisafe.formats.commandline import names_engine
from aisafe.frozen import frozen
from aisafe.model import Certainty, Container, Effect, HostForecast, HostState, Listener, Socket
from aisafe.model.host import Holder

DOCKER_UNITS = ("docker.service", "docker.socket")


@frozen
class Entry:
    """One holder of one socket. ``holder`` None: somebody whose name could not be seen.

    ``live``: the listener, when it was there before the run. ``effect``: what brought it in the run. ``certainty``:
    whether it is there at that moment.
    """

    holder: Holder | None
    socket: Socket
    certainty: Certainty = "certain"
    live: Listener | None = None
    effect: Effect | None = None


@frozen
class Clash:
    """``wanted`` binds what ``held`` holds at that moment. ``sockets``: all that they fight about on this port."""

    wanted: Entry
    held: Entry
    sockets: tuple[tuple[Socket, Socket], ...]

    @property
    def certain(self) -> bool:
        return self.wanted.certainty == self.held.certainty == "certain"

    @property
    def in_run(self) -> bool:
        """Whether both are brought by the run."""
        return self.held.live is None and self.wanted.live is None

    @property
    def pair(self) -> frozenset[Holder | None]:
        return frozenset({self.wanted.holder, self.held.holder})


def live_entries(state: HostState) -> tuple[Entry, ...]:
    """Every socket that is held on a host, by its real holder.

    docker-proxy listens for a container but runs in docker.service; a published port without a listener (docker's
    ``userland-proxy: false``) is held by the packet filter all the same.
    """
    seen = [Entry(holder=_owner(item, state), socket=item.socket, live=item) for item in state.listeners]
    entries = list(seen)
    for container in state.containers.values():
        if not container.active:
            continue
        holder = Holder(kind="container", name=container.name)
        for port in container.ports:
            if not any(entry.holder == holder and entry.socket.overlaps(port.socket) for entry in seen):
                listener = Listener(socket=port.socket, holder=holder, process="docker", pid=container.pid)
                entries.append(Entry(holder=holder, socket=port.socket, live=listener))
    return tuple(entries)


def _owner(listener: Listener, state: HostState) -> Holder | None:
    holder = listener.holder
    if listener.process == "docker-proxy" or (holder and holder.name in DOCKER_UNITS):
        for container in state.containers.values():
            if container.active and any(port.socket.overlaps(listener.socket) for port in container.ports):
                return Holder(kind="container", name=container.name)
    if listener.pid is not None and (holder is None or holder.kind == "process"):
        for container in state.containers.values():
            if container.active and container.pid == listener.pid:
                return Holder(kind="container", name=container.name)
        for unit in state.units.values():
            if unit.active and unit.main_pid == listener.pid:
                return Holder(kind="unit", name=unit.name)
    return holder


def same_party(one: Holder | None, other: Holder | None, *states: HostState) -> bool:
    """Whether two holders are one: a socket unit and the service it starts (systemd.socket(5), Service=), and a unit
    and a container that it runs."""
    if one is None or other is None:
        return False
    if one == other:
        return True
    if {one.kind, other.kind} == {"unit", "container"}:
        starter, started = (one, other) if one.kind == "unit" else (other, one)
        return any(_starts(state, starter.name, started.name) for state in states)
    if one.kind == other.kind == "container":
        return any(_task_of(state, one.name, other.name) or _task_of(state, other.name, one.name) for state in states)
    if one.kind != "unit" or other.kind != "unit":
        return False
    names = {one.name, other.name}
    if {name.rpartition(".")[0] for name in names} == {one.name.rpartition(".")[0]}:
        return any(name.endswith(".socket") for name in names)
    for state in states:
        for name in names:
            unit = state.units.get(name)
            if unit and (names - {name}) & {*unit.triggers, *unit.triggered_by}:
                return True
    return False


def _task_of(state: HostState, container: str, service: str) -> bool:
    """Whether ``container`` is a task of the Swarm's ``service``."""
    there = state.containers.get(container)
    return there is not None and there.labels.get("com.docker.swarm.service.name") == service


def _starts(state: HostState, unit: str, container: str) -> bool:
    found = state.units.get(unit)
    there = state.containers.get(container)
    labelled = there is not None and "PODMAN_SYSTEMD_UNIT" in there.labels
    if found is None or not (labelled or names_engine(found.commands)):
        return False
    from aisafe.effects import identity  # noqa: PLC0415  all that reads containers comes with it, and few runs need it

    order = identity.container_of_unit(found)
    return (order is not None and order.name == container) or (there is not None and identity.starts(found, there))


def clashes(before: HostState, forecast: HostForecast) -> tuple[Clash, ...]:
    """Replay the run in order and say where a socket is bound that another holds at that moment.

    A holder that only a possible effect stops may still be there, so what follows is possible, too. A holder gives up
    its own old sockets first, so a restart of the same thing is clean. Each pair of holders is told once a port,
    certain ones preferred.
    """
    found: dict[tuple[frozenset[Holder | None], str, int], Clash] = {}
    for clash in _replay(before, forecast):
        socket = clash.sockets[0][0]
        key = (clash.pair, socket.protocol, socket.port)
        known = found.get(key)
        if known is None:
            found[key] = clash
        elif clash.wanted.effect is known.wanted.effect and clash.certain == known.certain:
            found[key] = replace(known, sockets=(*known.sockets, *clash.sockets))
        elif clash.certain and not known.certain:
            found[key] = clash
    return tuple(found.values())


def _replay(before: HostState, forecast: HostForecast) -> Iterator[Clash]:
    held = list(live_entries(before))
    served = {service.holder for service in forecast.services if service.live}
    for effect in forecast.effects:
        sure: Certainty = "certain" if effect.certainty == "certain" else "possible"
        bound: Certainty = sure if effect.sockets_known else "possible"
        for holder in _freed(effect):
            held = _given_up(held, holder, sure, before)
        if effect.holder is None or not effect.binds:
            continue
        mine = [entry for entry in held if same_party(entry.holder, effect.holder, before)]
        held = _given_up(held, effect.holder, sure, before)
        for socket in effect.binds:
            old = next((entry.live for entry in mine if entry.live and entry.socket.overlaps(socket)), None)
            wanted = Entry(holder=effect.holder, socket=socket, certainty=bound, live=old, effect=effect)
            for entry in held:
                if not entry.socket.overlaps(socket) or same_party(entry.holder, effect.holder, before):
                    continue
                unseen = entry.holder is None and effect.holder in served
                other = replace(entry, certainty="possible") if unseen else entry
                yield Clash(wanted=wanted, held=other, sockets=((socket, entry.socket),))
        held.extend(
            Entry(
                holder=effect.holder, socket=socket, certainty=bound, effect=effect,
                live=next((entry.live for entry in mine if entry.live and entry.socket.overlaps(socket)), None),
            )
            for socket in effect.binds
        )  # fmt: skip


def _freed(effect: Effect) -> tuple[Holder, ...]:
    ends = effect.holder is not None and not effect.binds and effect.action in ("stop", "remove")
    return (*effect.frees, *((effect.holder,) if ends and effect.holder else ()))


def _given_up(held: Iterable[Entry], holder: Holder, sure: Certainty, state: HostState) -> list[Entry]:
    """Without the sockets of ``holder``, or with them as possible ones when it is not sure that it stops.

    A stopped service leaves the sockets of its socket unit open, so only the holder itself counts here unless it binds.
    """
    left = []
    for entry in held:
        if not same_party(entry.holder, holder, state) or _kept_by_socket_unit(entry, holder, state):
            left.append(entry)
        elif sure != "certain":
            left.append(replace(entry, certainty="possible"))
    return left


def _kept_by_socket_unit(entry: Entry, holder: Holder, state: HostState) -> bool:
    if entry.holder is None or entry.holder == holder or not entry.holder.name.endswith(".socket"):
        return False
    unit = state.units.get(entry.holder.name)
    return unit is not None and unit.active


def covering(socket: Socket, entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries that answer where ``socket`` was promised: the same address, or a wildcard of its family."""
    return tuple(entry for entry in entries if entry.socket.overlaps(socket))


def container_of(state: HostState, holder: Holder | None) -> Container | None:
    containers: Mapping[str, Container] = state.containers
    if holder is None or holder.kind != "container":
        return None
    return containers.get(holder.name) or next((c for c in containers.values() if c.name == holder.name), None)
