"""Docker's networks: made again where they are gone or others, and the engine's own bridge with the address it had."""

from __future__ import annotations

import contextlib
import ipaddress
import os
from typing import Any, Callable

from . import command, docker
from .docker import State
from .engine import Engine, EngineError

BUILT_IN = ("bridge", "host", "none")
DROP_IN = "/run/systemd/system/docker.service.d/aisafe-bridge.conf"
"""Gone with a reboot at the latest."""


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


def bridge(engine: Engine, before: State) -> None:
    """Give the engine's own bridge its address back.

    Without ``bip`` in its configuration (dockerd(8)) the engine keeps the address that it wrote down at its last start,
    whatever the bridge itself has, so it is started once with the old one on its command line, and then as ever.
    Raises EngineError, OSError and CommandFailed.
    """
    old = before["networks"].get("bridge")
    if old is None or docker.subnets(old) == docker.subnets(engine.get("/networks/bridge")):
        return
    pools = [pool for pool in (old.get("IPAM") or {}).get("Config") or [] if ":" not in pool["Subnet"]]
    if not pools:
        return
    subnet = ipaddress.ip_network(pools[0]["Subnet"])
    own = pools[0].get("Gateway") or str(next(subnet.hosts()))
    pid = command.run(["systemctl", "show", "--property=MainPID", "--value", "docker.service"]).strip()
    with open("/proc/%s/cmdline" % pid, "rb") as file:
        argv = file.read().decode("utf-8", "surrogateescape").rstrip("\0").split("\0")
    os.makedirs(os.path.dirname(DROP_IN), exist_ok=True)
    try:
        with open(DROP_IN, "w", encoding="utf-8", errors="surrogateescape") as file:
            words = " ".join(_quoted(word) for word in [*argv, "--bip=%s/%d" % (own, subnet.prefixlen)])
            file.write("[Service]\nExecStart=\nExecStart=%s\n" % words)
        command.run(["systemctl", "daemon-reload"], timeout=120)
        command.run(["systemctl", "restart", "docker.service"], timeout=300)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(DROP_IN)
            os.rmdir(os.path.dirname(DROP_IN))
        command.run(["systemctl", "daemon-reload"], timeout=120)
    command.run(["systemctl", "restart", "docker.service"], timeout=300)


def _quoted(word: str) -> str:
    """One word of a command line in a unit file (systemd.service(5), COMMAND LINES)."""
    for character, escaped in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        word = word.replace(character, escaped)
    return '"%s"' % word
