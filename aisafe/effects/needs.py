"""What services that were left running need of what the run ended, removed or changed; and where services keep data."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from aisafe.effects import sockets
from aisafe.formats.commandline import executed
from aisafe.formats.unitfile import expand_variables
from aisafe.formats.upstreams import upstreams
from aisafe.knowledge.data import data_directories, flags_of
from aisafe.knowledge.packages import is_umbrella
from aisafe.model import Container, Directory, Effect, Holder, Need, Service, Socket, Unit

if TYPE_CHECKING:
    from aisafe.effects.predicted import PredictedHost

_ENDS = ("stop", "remove", "restart", "change", "mask")


def needs_of(host: PredictedHost, effects: Iterable[Effect], services: Iterable[Service]) -> tuple[Need, ...]:
    """Only needs for what some effect is about: the rule decides what became of it."""
    ended: set[tuple[str, str]] = {(effect.kind, effect.name) for effect in effects if effect.action in _ENDS}
    gone = [effect.name for effect in effects if effect.kind == "file" and effect.action == "remove"]
    if not ended:
        return ()
    found: list[Need] = []
    for name in host.units.names():
        unit = host.units.get(name).unit
        if unit.active or host.units.at_boot(name):
            found += _of_unit(unit, ended, gone)
    for there in (*host.containers.all(), *host.podman.all()):
        if there.container is not None and there.active:
            found += _of_container(host, there.container, ended, gone)
    freed = [socket for effect in effects if effect.action in _ENDS for socket in _held(host, effect)]
    if freed:
        for service in services:
            if service.active and service.program:
                found += _of_proxy(host, service, freed)
    return tuple(dict.fromkeys(found))


def _of_unit(unit: Unit, ended: set[tuple[str, str]], gone: list[str]) -> Iterator[Need]:
    me = Holder(kind="unit", name=unit.name)
    for name in unit.requires:
        if ("unit", name) in ended and not is_umbrella(name):
            yield Need(who=me, kind="unit", name=name, why=f"{unit.name} has Requires=, BindsTo= or PartOf={name}")
    paths = {command[0]: "ExecStart=" for command in unit.commands if command and command[0].startswith("/")}
    paths |= {path: "EnvironmentFile=" for path in unit.environment_files if path.startswith("/")}
    if unit.working_directory.startswith("/"):
        paths[unit.working_directory] = "WorkingDirectory="
    for path, why in paths.items():
        if _below(path, gone):
            yield Need(who=me, kind="path", name=path, why=f"{why}{path} of {unit.name}", starting=True)


def _of_container(
    host: PredictedHost, container: Container, ended: set[tuple[str, str]], gone: list[str]
) -> Iterator[Need]:
    me = Holder(kind="container", name=container.name)
    mode = container.network_mode
    if mode.startswith("container:"):
        other = host.state.containers.get(mode.partition(":")[2]) or next(
            (item for item in host.state.containers.values() if item.id == mode.partition(":")[2]), None
        )
        name = other.name if other else mode.partition(":")[2]
        if ("container", name) in ended:
            yield Need(who=me, kind="container", name=name, why=f"{container.name} uses the network of {name}")
    for network in container.networks:
        if ("network", network) in ended:
            yield Need(who=me, kind="network", name=network, why=f"{container.name} is connected to {network}")
    for mount in container.mounts:
        if mount.type != "bind":
            continue
        if _below(mount.source, gone):
            why = f"{container.name} has {mount.source} mounted at {mount.target}"
            yield Need(who=me, kind="path", name=mount.source, why=why, starting=True)
        for name in host.units.names():
            unit = host.units.get(name).unit
            mine = f"ListenStream={mount.source}" in unit.listen or f"ListenStream={_run(mount.source)}" in unit.listen
            if mine and ("unit", name) in ended:
                yield Need(
                    who=me,
                    kind="unit",
                    name=name,
                    why=f"{container.name} has the socket {mount.source} of {name} mounted",
                )


def _run(path: str) -> str:
    return path.removeprefix("/var") if path.startswith("/var/run/") else path


def _below(path: str, gone: Iterable[str]) -> bool:
    return any(path == place or path.startswith(place.rstrip("/") + "/") for place in gone)


def _held(host: PredictedHost, effect: Effect) -> tuple[Socket, ...]:
    holders = {*effect.frees, *((effect.holder,) if effect.holder else ())}
    live = [item.socket for item in host.state.listeners if item.holder in holders]
    for holder in holders:
        container = host.state.containers.get(holder.name) if holder.kind == "container" else None
        live += [port.socket for port in container.ports] if container is not None else []
    return tuple(dict.fromkeys(live))


def _of_proxy(host: PredictedHost, service: Service, freed: list[Socket]) -> Iterator[Need]:
    holder = service.holder
    for item in upstreams(service.program, host.units.reader()) if holder.kind == "unit" else ():
        address, _, port = item.place.rpartition(":")
        if not port.isdigit():
            continue
        local = address.strip("[]") in ("127.0.0.1", "localhost", "::1", host.state.hostname)
        for socket in freed:
            if (
                socket.protocol == "tcp"
                and socket.port == int(port)
                and (local or str(socket.address) == address.strip("[]"))
            ):
                yield Need(who=holder, kind="socket", name=item.place, why=item.where, socket=socket)


def directories_of(host: PredictedHost, services: Sequence[Service]) -> tuple[Directory, ...]:
    """Where the services that run at the end, or start at boot, keep data, when the run touches one of them."""
    if not any(service.by_run for service in services):
        return ()
    found: list[Directory] = []
    for service in services:
        if not (service.active or service.at_boot):
            continue
        holder = service.holder
        if holder.kind == "unit":
            unit = host.units.get(holder.name).unit
            found += _unit_directories(host, unit, holder, service.program)
        else:
            container = host.containers.get(holder.name).container or host.podman.get(holder.name).container
            if container is not None:
                found += _container_directories(container, holder, service.program)
    return tuple(dict.fromkeys(found))


def _unit_directories(host: PredictedHost, unit: Unit, holder: Holder, program: str) -> Iterator[Directory]:
    flags = flags_of(program)
    for command in unit.commands if flags else ():
        varies = any("$" in word for word in command)
        environment = sockets.environment_of(unit, host.units.reader())[0] if varies else {}
        for flag, value in _flag_values(executed(expand_variables(command, environment)).argv, flags):
            yield Directory(
                who=holder, path=posixpath.normpath(value), own=True, evidence=f"{flag} {value} of {unit.name}"
            )
    for path in dict.fromkeys((unit.working_directory, *unit.directories)):
        key = "WorkingDirectory=" if path == unit.working_directory else "StateDirectory="
        if not path.startswith("/") or path in ("/", "/root"):
            continue
        own = key == "StateDirectory=" and bool(
            flags or data_directories(program)
        )  # else several processes may share it
        yield Directory(who=holder, path=posixpath.normpath(path), own=own, evidence=f"{key}{path} of {unit.name}")


def _container_directories(container: Container, holder: Holder, program: str) -> Iterator[Directory]:
    inside = {*data_directories(program), *(value for _, value in _flag_values(container.command, flags_of(program)))}
    for mount in container.mounts:
        if mount.read_only or mount.type not in ("bind", "volume") or _of_system(mount.source):
            continue
        own = any(mount.target.rstrip("/") == place.rstrip("/") for place in inside)
        source = mount.source
        volume = mount.type == "volume"
        yield Directory(
            who=holder, path=source if volume else posixpath.normpath(source), own=own, volume=volume,
            evidence=f"{source} mounted at {mount.target} in {container.name}",
        )  # fmt: skip


def _of_system(path: str) -> bool:
    return path == "/" or path.endswith(".sock") or bool(re.match(r"/(proc|sys|dev|run|var/run|etc|tmp)(/|$)", path))


def _flag_values(argv: Iterable[str], flags: Iterable[str]) -> Iterator[tuple[str, str]]:
    wanted = {flag.lstrip("-") for flag in flags}
    words = list(argv)
    for word, following in zip(words, [*words[1:], ""], strict=False):
        if not word.startswith("-"):
            continue
        name, equals, value = word.lstrip("-").partition("=")
        if name in wanted and (value if equals else following).startswith("/"):
            yield word.partition("=")[0], value if equals else following
