"""Docker's networks: made again where they are gone or others, and the engine's own bridge with the address it had."""

from __future__ import annotations

import contextlib
import ipaddress
from typing import Any, Callable, Iterable

from . import command, docker
from .docker import State
from .engine import Engine, EngineError

BUILT_IN = ("bridge", "host", "none")
UNITS = ("docker.socket", "docker.service")


def description(network: dict[str, Any]) -> dict[str, Any]:
    """What a network is made from (Engine API, NetworkCreate)."""
    names = ("Driver", "Internal", "Attachable", "Ingress", "EnableIPv6", "Options", "Labels")
    addresses = network.get("IPAM") or {}
    pools = [
        {k: v for k, v in pool.items() if k in ("Subnet", "IPRange", "Gateway")}
        for pool in addresses.get("Config") or []
    ]
    made: dict[str, Any] = {name: network.get(name) for name in names}
    made["IPAM"] = {"Driver": addresses.get("Driver"), "Options": addresses.get("Options"), "Config": pools}
    return made


def restore(engine: Engine, before: State, now: State, bounded: Callable[..., list[str]]) -> tuple[set[str], list[str]]:
    """Make removed and changed networks again; returns the names of those, to which containers must be joined again."""
    again: set[str] = set()
    problems: list[str] = []
    for name, old in before["networks"].items():
        new = now["networks"].get(name)
        if name in BUILT_IN or (new and new["Id"] == old["Id"]):
            continue
        again.add(name)
        if new is None or description(old) != description(new):
            problems += bounded("network %s cannot be brought back" % name, _renew, engine, name, old, new)
    return again, problems


def _renew(engine: Engine, name: str, old: dict[str, Any], new: dict[str, Any] | None) -> None:
    if new:
        for ident in new.get("Containers") or {}:
            with contextlib.suppress(EngineError):
                engine.post("/networks/%s/disconnect" % new["Id"], {"Container": ident, "Force": True})
        engine.delete("/networks/" + new["Id"])
    engine.post("/networks/create", dict(description(old), Name=name, CheckDuplicate=True))


def bridge(engine: Engine, before: State, up: Iterable[str]) -> None:
    """Give the engine's own bridge its address back: at its start the engine takes the one that the bridge has.

    ``up``: those of UNITS that ran. Raises EngineError and CommandFailed.
    """
    old = before["networks"].get("bridge")
    if old is None or docker.subnets(old) == docker.subnets(engine.get("/networks/bridge")):
        return
    name = (old.get("Options") or {}).get("com.docker.network.bridge.name") or "docker0"
    command.run(["systemctl", "stop", *UNITS], timeout=120)
    command.run(["ip", "link", "delete", name], check=False)
    command.run(["ip", "link", "add", name, "type", "bridge"])
    for pool in (old.get("IPAM") or {}).get("Config") or []:
        subnet = ipaddress.ip_network(pool["Subnet"])
        own = pool.get("Gateway") or str(next(subnet.hosts()))
        command.run(["ip", "address", "add", "%s/%d" % (own, subnet.prefixlen), "dev", name])
    command.run(["systemctl", "start", *up], timeout=120)
