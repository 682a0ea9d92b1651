"""What serves on a host: its units and containers with their programs and sockets, live and predicted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from aisafe.effects import identity, sockets
from aisafe.formats.commandline import masked
from aisafe.formats.listenflags import UNREAD, Listening
from aisafe.formats.serverconfig import Reader
from aisafe.model import Container, Holder, HostState, Image, Service, Unit

SERVING = (".service", ".socket")
DOCKER_UNITS = ("docker.service", "docker.socket")
PODMAN_UNITS = ("podman-restart.service",)


def services_of(state: HostState) -> tuple[Service, ...]:
    """Every unit and container of the live host that is active or would start at boot. Reads nothing: what only a file
    of the host tells is not known here (``sockets_known`` False)."""
    started = started_by_units(state.units.values(), state.containers.values())
    boot = {program: engine_at_boot(state.units, program) for program in ("docker", "podman")}
    found = [
        live_unit(unit, state) for unit in state.units.values()
        if unit.name.endswith(SERVING) and (unit.active or starts_at_boot(unit, state.units))
    ]  # fmt: skip
    for container in state.containers.values():
        boots = boot[container.engine] and restarts(container)
        if container.name not in started and (container.active or boots):
            found.append(live_container(container, state, at_boot=boots))
    return tuple(found)


def live_unit(unit: Unit, state: HostState) -> Service:
    """One unit as it is: what it holds when active, what its definition says when not."""
    holder = Holder(kind="unit", name=unit.name)
    if unit.active:
        found = sockets.live_sockets(state, holder)
        for container in state.containers.values():
            if container.active and identity.starts(unit, container):
                found = found.with_others(sockets.live_sockets(state, Holder(kind="container", name=container.name)))
    else:
        found = sockets.of_unit(unit, engine=sockets.engine_for(unit, state.images))
    at_boot = starts_at_boot(unit, state.units)
    return replace(unit_service(unit, found, at_boot=at_boot), live=unit.active, pid=unit.main_pid)


def unit_service(unit: Unit, found: Listening, *, at_boot: bool, read: Reader = UNREAD) -> Service:
    """The service that a unit is, with what it listens on."""
    environment, _ = sockets.environment_of(unit, read)
    program = identity.of_unit(unit, environment)
    return Service(
        holder=Holder(kind="unit", name=unit.name), program=program.program, evidence=program.evidence,
        sockets=found.sockets, sockets_known=found.known, active=unit.active, at_boot=at_boot,
        argv=masked(unit.commands[-1]) if unit.commands else (),
    )  # fmt: skip


def live_container(container: Container, state: HostState, *, at_boot: bool) -> Service:
    """One container as it is."""
    found = container_listening(container, state.images)
    if container.active:
        seen = sockets.live_sockets(state, Holder(kind="container", name=container.name))
        found = seen if container.network_mode == "host" else found.with_others(seen)
    return replace(container_service(container, found, state.images, at_boot=at_boot), live=container.active,
                   pid=container.pid)  # fmt: skip


def container_listening(
    container: Container, images: Iterable[Image], *, environment: Mapping[str, str] | None = None
) -> Listening:
    """Where a container listens by its configuration."""
    image = sockets.image_named(container.image_id or container.image, images)
    return sockets.of_container(
        name=container.name, network_mode=container.network_mode, ports=container.ports, argv=container.command,
        image_name=container.image, exposed=(*container.exposed, *(image.exposed if image else ())),
        environment=environment,
    )  # fmt: skip


def container_service(container: Container, found: Listening, images: Iterable[Image], *, at_boot: bool) -> Service:
    """The service that a container is, with what it listens on."""
    image = sockets.image_named(container.image_id or container.image, images)
    name = container.image if not container.image.startswith("sha256:") or not image else "".join(image.tags[:1])
    program = identity.of_container(image=name, argv=container.command, mounts=container.mounts)
    return Service(
        holder=Holder(kind="container", name=container.name), program=program.program, evidence=program.evidence,
        sockets=found.sockets, sockets_known=found.known, active=container.active, at_boot=at_boot,
        argv=masked(container.command),
    )  # fmt: skip


def starts_at_boot(unit: Unit, units: Mapping[str, Unit]) -> bool:
    """Enabled, or triggered by a socket unit that is."""
    if unit.load_state == "masked" or unit.unit_file_state.startswith("masked"):
        return False
    starters = [units[name] for name in unit.triggered_by if name.endswith(".socket") and name in units]
    return unit.enabled or any(starter.enabled for starter in starters)


def engine_at_boot(units: Mapping[str, Unit], program: str) -> bool:
    """Whether something starts containers by their restart policy at boot: docker.service, podman-restart.service."""
    names = DOCKER_UNITS if program == "docker" else PODMAN_UNITS
    return any(units[name].enabled for name in names if name in units)


def restarts(container: Container, *, by_hand: bool = True) -> bool:
    """Whether the engine starts the container when it comes up (Docker manual, "Start containers automatically").

    ``unless-stopped`` that has ended would have been restarted, had it not been stopped ``by_hand``.
    """
    if container.restart_policy == "always":
        return True
    if container.engine == "podman":
        return False  # podman-restart.service starts those with always (podman-run(1), --restart)
    ended = container.state in ("exited", "dead")
    return container.restart_policy == "unless-stopped" and not (ended and by_hand)


def started_by_units(units: Iterable[Unit], containers: Iterable[Container] = ()) -> Mapping[str, str]:
    """Container name -> the unit that runs it: one service, of which the unit is the holder."""
    found: dict[str, str] = {}
    there = tuple(containers)
    for unit in units:
        order = identity.container_of_unit(unit)
        if order is not None and order.name:
            found[order.name] = unit.name
        found |= {container.name: unit.name for container in there if identity.starts(unit, container)}
    return found
