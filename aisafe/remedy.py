"""Ways out, in words and as tasks that can be put into the play as they are (and pass ansible-lint)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from aisafe.frozen import frozen
from aisafe.model import Holder, HostForecast, HostState, Service, Socket
from aisafe.occupancy import live_entries


@frozen
class Remedy:
    """``fix``: what to do, one or two sentences. ``yaml``: a piece of a playbook that does it, '' if there is none."""

    fix: str
    yaml: str = ""


def tasks(*items: Mapping[str, Any]) -> str:
    """Tasks as YAML, in the order of their keys; in block style with indented lists, as ansible-lint wants it."""
    import yaml  # noqa: PLC0415  most runs need no way out

    class Block(yaml.SafeDumper):
        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            del indentless
            super().increase_indent(flow, False)

    return yaml.dump(
        list(items), Dumper=Block, sort_keys=False, default_flow_style=False, width=110, allow_unicode=True
    )


def stop_and_disable(unit: str, state: HostState | None = None) -> str:
    """Stops a unit now and keeps it from the next boot; its socket units first, or they would start it again."""
    known = state.units.get(unit) if state else None
    names = [name for name in (known.triggered_by if known else ()) if name.endswith(".socket")]
    return tasks(
        *(
            {
                "name": f"Stop and disable {name}",
                "ansible.builtin.systemd_service": {"name": name, "state": "stopped", "enabled": False},
            }
            for name in (*names, unit)
        )
    )


def disable(unit: str) -> str:
    """Keeps a unit from starting at boot."""
    return tasks(
        {
            "name": f"Disable {unit}",
            "ansible.builtin.systemd_service": {"name": unit, "enabled": False},
        }
    )


def remove_container(name: str, state: HostState | None = None) -> str:
    """Removes a container; its volumes stay (community.docker.docker_container, keep_volumes).

    By ``state``: one of Podman's, the pod of an infra container, the service of a swarm's task.
    """
    module, what = "community.docker.docker_container", name
    there = state.containers.get(name) if state else None
    service = there.labels.get("com.docker.swarm.service.name", "") if there else ""
    if service or (state and name in state.swarm_services):
        module, what = "community.docker.docker_swarm_service", service or name
    elif there is not None and there.engine == "podman":
        pod = there.pod and name == f"{there.pod}-infra"
        module = f"containers.podman.podman_{'pod' if pod else 'container'}"
        what = there.pod if pod else name.removesuffix(" (podman)")
    return tasks({"name": f"Remove the container {name}", module: {"name": what, "state": "absent"}})


def stop_for_good(holder: Holder, state: HostState | None = None) -> Remedy:
    """Ends a holder now and at the next boot."""
    if holder.kind == "unit":
        return Remedy(fix=f"stop and disable the unit {holder.name}", yaml=stop_and_disable(holder.name, state))
    if holder.kind == "container":
        return Remedy(fix=f"remove the container {holder.name}", yaml=remove_container(holder.name, state))
    return Remedy(fix=f"end the process {holder.name}, which no unit and no container stands for")


def free_port(near: Socket, state: HostState, forecast: HostForecast) -> int | None:
    """The next higher port that nothing on the host holds, will hold or claims; None when there is none."""
    taken = [entry.socket for entry in live_entries(state)]
    taken += [socket for effect in forecast.effects for socket in effect.binds]
    taken += [socket for service in forecast.services for socket in service.sockets]
    taken += [port.socket for container in state.containers.values() for port in container.ports]
    used = {socket.port for socket in taken if socket.protocol == near.protocol}
    return next((port for port in range(near.port + 1, 65536) if port not in used), None)


def other_port(holder: Holder, socket: Socket, port: int, *, argv: Iterable[str] = (), detail: str = "") -> Remedy:
    """Moves ``holder`` from the port of ``socket`` to ``port``: the changed ports of a container, the flag of a
    unit."""
    if holder.kind == "container":
        inside = re.search(rf"\b{socket.port}(?::|/{socket.protocol} -> )(\d+)", detail)
        if inside is None:
            return Remedy(fix=f"publish {holder.name} on port {port} instead of {socket.port}")
        address = "" if socket.address.is_unspecified else f"{_bracketed(socket)}:"
        suffix = "" if socket.protocol == "tcp" else f"/{socket.protocol}"
        line = f"{address}{port}:{inside[1]}{suffix}"
        return Remedy(
            fix=f"publish {holder.name} on port {port} instead of {socket.port}", yaml=f'ports:\n  - "{line}"\n'
        )
    words = list(argv)
    for before, word in zip(["", *words], words, strict=False):
        if re.search(rf"(?:^|[:=]){socket.port}$", word):
            flag = f"{before} {word}" if before.startswith("-") and not word.startswith("-") else word
            return Remedy(fix=f"let {holder.name} listen on port {port}: {flag.removesuffix(str(socket.port))}{port}")
    return Remedy(fix=f"let {holder.name} listen on port {port}")


def _bracketed(socket: Socket) -> str:
    return f"[{socket.address}]" if socket.address.version == 6 else str(socket.address)


def service_of(forecast: HostForecast, holder: Holder | None) -> Service | None:
    return next((service for service in forecast.services if service.holder == holder), None)


def same_program(forecast: HostForecast, one: Holder | None, other: Holder | None) -> str:
    """The program that both run, '' when they differ or it can't be told."""
    mine, theirs = service_of(forecast, one), service_of(forecast, other)
    return mine.program if mine and theirs and mine.program == theirs.program else ""
