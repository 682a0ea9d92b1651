"""Docker's containers, images, networks and volumes, from the Engine API; without an engine there are none."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Mapping

from .engine import SOCKET, Engine, EngineError

TIMEOUT = 10.0
"""Seconds for one answer: a daemon that takes longer is as good as dead for this run."""

NOTHING: dict[str, Any] = {
    "containers": {},
    "images": [],
    "networks": [],
    "volumes": [],
    "swarm_manager": False,
    "swarm_services": {},
    "podman_networks": [],
    "podman_volumes": [],
}


def docker() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """``containers``, ``images``, ``networks``, ``volumes``, and the blind spots met.

    No socket, no unit and no program means that Docker is not installed: really no containers. A Docker that is
    installed and does not answer is a blind spot that blocks, also when it is stopped and disabled: its containers with
    a restart policy come back with it.
    """
    if not _installed():
        return NOTHING, []
    try:
        return _ask(Engine(timeout=TIMEOUT)), []
    except EngineError as error:
        fix = "Start Docker (systemctl start docker), or remove it if this host does not need it."
        if "ermission" in error.message:
            fix = "Give the user root through become, or membership in the group docker."
        elif not os.path.exists(SOCKET):
            error = EngineError("Docker is installed, but does not run: there is no socket %s" % SOCKET)
        return NOTHING, [{"kind": "container", "reason": error.message, "fix": fix, "blocks": True}]


def _installed() -> bool:
    units = ("/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
             "/lib/systemd/system")  # fmt: skip
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/usr/local/bin:/snap/bin"
    return (
        os.path.exists(SOCKET)
        or shutil.which("dockerd", path=path) is not None
        or any(os.path.exists("%s/docker.service" % directory) for directory in units)
    )


def _ask(engine: Engine) -> dict[str, Any]:
    listed = engine.get("/containers/json", {"all": 1}) or []
    images = engine.get("/images/json") or []
    paths = ["/containers/%s/json" % entry["Id"] for entry in listed]
    paths += ["/images/%s/json" % entry["Id"] for entry in images]
    with ThreadPoolExecutor(max_workers=4) as pool:
        answers = list(pool.map(lambda path: _present(engine, path), paths))
        networks = engine.get("/networks") or []
        volumes = (engine.get("/volumes") or {}).get("Volumes") or []
        services = swarm(engine)
    containers = [container(answer) for answer in answers[: len(listed)] if answer]
    return {
        "containers": {entry["name"]: entry for entry in sorted(containers, key=lambda entry: str(entry["name"]))},
        "images": [image(answer) for answer in answers[len(listed) :] if answer],
        "networks": sorted(entry["Name"] for entry in networks),
        "volumes": sorted(entry["Name"] for entry in volumes),
        "swarm_manager": services is not None,
        "swarm_services": services or {},
    }


def swarm(engine: Engine) -> dict[str, Any] | None:
    """The services of the swarm that this host manages; None where it manages none (HTTP status 503)."""
    try:
        listed = engine.get("/services") or []
    except EngineError as error:
        if error.status in (404, 406, 500, 503):
            return None
        raise
    found = {}
    for entry in listed:
        spec = entry["Spec"]
        ports = (entry.get("Endpoint") or {}).get("Ports") or (spec.get("EndpointSpec") or {}).get("Ports") or ()
        image = ((spec.get("TaskTemplate") or {}).get("ContainerSpec") or {}).get("Image", "")
        found[spec["Name"]] = {"name": spec["Name"], "image": image, "sockets": [
            {"protocol": port["Protocol"], "address": "::", "port": port["PublishedPort"], "ipv6_only": False}
            for port in ports if port.get("PublishedPort") and port.get("Protocol") in ("tcp", "udp")]}  # fmt: skip
    return found


def _present(engine: Engine, path: str) -> Any:
    try:
        return engine.get(path)
    except EngineError as error:
        if error.status == 404:  # removed between the list and the question
            return None
        raise


def container(answer: Mapping[str, Any], ipv6: bool = True) -> dict[str, Any]:
    """One answer to ``GET /containers/{id}/json`` as the model's Container; ``ipv6``: whether its engine publishes there."""
    state, config, host = answer["State"], answer["Config"], answer["HostConfig"]
    return {
        "name": answer["Name"].lstrip("/"),
        "id": answer["Id"],
        "image": config.get("Image") or "",
        "image_id": answer.get("Image") or "",
        "state": state.get("Status", ""),
        "pid": state.get("Pid") or None,
        "restart_count": answer.get("RestartCount", 0),
        "restart_policy": (host.get("RestartPolicy") or {}).get("Name") or "no",
        "network_mode": host.get("NetworkMode") or "",
        "networks": sorted((answer.get("NetworkSettings") or {}).get("Networks") or {}),
        "ports": _ports(answer, ipv6),
        "exposed": sorted(config.get("ExposedPorts") or {}),
        "mounts": [
            {"type": mount.get("Type", ""), "source": mount.get("Name") or mount.get("Source") or "",
             "target": mount.get("Destination", ""), "read_only": not mount.get("RW", True)}
            for mount in answer.get("Mounts") or ()
        ],
        "labels": config.get("Labels") or {},
        "command": [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())],
        "environment_names": sorted({entry.split("=", 1)[0] for entry in config.get("Env") or ()}),
        "started_at": state.get("StartedAt", ""),
        "exit_code": None if state.get("Running") else state.get("ExitCode"),
        "error": state.get("Error", ""),
        "health": (state.get("Health") or {}).get("Status", ""),
        "config_hash": _hash([config, host]),
    }  # fmt: skip


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _ports(answer: Mapping[str, Any], ipv6: bool) -> list[dict[str, Any]]:
    """As the engine holds them now, or as it would (PortBindings) while the container does not run.

    A port that the engine chooses ('' or a range) is known only while the container runs.
    """
    live = (answer.get("NetworkSettings") or {}).get("Ports") or {}
    bindings = live if answer["State"].get("Running") else answer["HostConfig"].get("PortBindings") or {}
    found = []
    for inner, outer in sorted(bindings.items()):
        number, _, protocol = inner.partition("/")
        for binding in outer or ():
            if protocol not in ("", "tcp", "udp") or not str(binding.get("HostPort", "")).isdigit():
                continue
            for address in [binding["HostIp"]] if binding.get("HostIp") else _wildcards(ipv6):
                socket = {"protocol": protocol or "tcp", "address": address, "port": int(binding["HostPort"]),
                          "ipv6_only": address == "::"}  # fmt: skip
                if socket["port"]:
                    found.append({"socket": socket, "container_port": int(number)})
    return found


def _wildcards(ipv6: bool) -> list[str]:
    """What the engine binds when no address is given: both families where the host has both."""
    try:
        with open("/proc/net/if_inet6", encoding="ascii") as file:
            return ["0.0.0.0", "::"] if ipv6 and file.read().strip() else ["0.0.0.0"]  # noqa: S104
    except OSError:
        return ["0.0.0.0"]  # noqa: S104


def image(answer: Mapping[str, Any]) -> dict[str, Any]:
    """One answer to ``GET /images/{name}/json`` as the model's Image."""
    config = answer.get("Config") or {}
    return {
        "id": answer["Id"],
        "tags": sorted(answer.get("RepoTags") or ()),
        "digests": sorted(answer.get("RepoDigests") or ()),
        "exposed": sorted(config.get("ExposedPorts") or {}),
        "entrypoint": list(config.get("Entrypoint") or ()),
        "command": list(config.get("Cmd") or ()),
    }
