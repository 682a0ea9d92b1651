"""Who holds which socket: the kernel's sockets, joined with processes, units and containers."""

from __future__ import annotations

import os
import re
from typing import Any, Iterable, Mapping

from . import netlink

PUBLISHERS = ("docker-proxy", "dockerd")  # dockerd itself holds published ports where its userland proxy is off
SESSION = re.compile(r"session-\w+\.scope")


def owners(inodes: set[int]) -> tuple[dict[int, list[int]], bool]:
    """The processes that hold each socket, and whether those of all processes could be seen (root can)."""
    found: dict[int, list[int]] = {}
    complete = True
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with os.scandir("/proc/%s/fd" % name) as entries:
                for entry in entries:
                    target = os.readlink(entry.path)
                    if target.startswith("socket:[") and int(target[8:-1]) in inodes:
                        pids = found.setdefault(int(target[8:-1]), [])
                        if int(name) not in pids:
                            pids.append(int(name))
        except PermissionError:
            complete = False
        except OSError:
            continue  # the process or the descriptor ended meanwhile
    return found, complete


def read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def control_group(text: str, root: str) -> list[str]:
    """The components of a process's path in systemd's hierarchy, below PID 1's own (cgroups(7), /proc/PID/cgroup)."""

    def path_of(table: str) -> str:
        rows = [line.split(":", 2) for line in table.splitlines() if line.count(":") >= 2]
        named = [row[2] for row in rows if row[1] == "name=systemd"] or [row[2] for row in rows if row[0] == "0"]
        return named[0] if named else ""

    top = re.sub(r"/init\.scope$", "", path_of(root)).rstrip("/")
    path = path_of(text)
    return [part for part in (path[len(top) :] if path.startswith(top + "/") else path).split("/") if part]


def holder(parts: Iterable[str], containers: Mapping[str, str], process: str) -> dict[str, str]:
    """A container by its id (``containers``: id -> name), else the unit that systemd would name, else the process.

    A login's scope is no service: what runs in it is named as a process. A unit of a user's own manager is held by the
    ``user@UID.service`` that it runs in, since the names of such units are not the system's.
    """
    parts = list(parts)
    for part in reversed(parts):
        for identity in re.findall(r"[0-9a-f]{64}", part):
            if identity in containers:
                return {"kind": "container", "name": containers[identity]}
    for part in parts:
        if part.endswith(".slice"):
            continue
        if part.endswith((".service", ".scope", ".socket")) and not SESSION.fullmatch(part) and part != "init.scope":
            return {"kind": "unit", "name": part}
        break
    return {"kind": "process", "name": process}


def listeners(
    units: Mapping[str, Any], containers: Mapping[str, Any], services: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], int]:
    """Every listener, and how many of them have a holder that this user may not see. ``services``: of the swarm, whose
    ports dockerd holds."""
    sockets = netlink.bound()
    pids, complete = owners({entry["inode"] for entry in sockets})
    root = read("/proc/1/cgroup")
    ids = {container["id"]: name for name, container in containers.items()}
    activated = {_listen_key(text): name for name, unit in units.items() if unit.get("active_state") == "active"
                 for text in unit.get("listen", ())}  # fmt: skip
    published = {
        _key(port["socket"]): name
        for name, container in containers.items()
        if container["state"] in ("running", "paused", "restarting")
        for port in container["ports"]
    }
    for name, service in services.items():
        for socket in service["sockets"]:
            published.setdefault(_key(socket), name)
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    unseen = 0
    for entry in sockets:
        socket = {key: entry[key] for key in ("protocol", "address", "port", "ipv6_only")}
        mine = sorted(pids.get(entry["inode"], ()))
        worker = next((pid for pid in mine if pid != 1), mine[0] if mine else None)
        name = read("/proc/%s/comm" % worker).strip() if worker else ""
        key = _key(socket)
        who = None
        if 1 in mine and key in activated:
            who = {"kind": "unit", "name": activated[key]}
        elif worker:
            who = holder(control_group(read("/proc/%d/cgroup" % worker), root), ids, name)
        if who is None or name in PUBLISHERS:
            who = {"kind": "container", "name": published[key]} if key in published else who
        if who is None and not mine:
            who = {"kind": "process", "name": "kernel"} if complete else None  # such as nfsd, wireguard
            unseen += who is None
        listener = {"socket": socket, "holder": who, "process": name or None, "pid": worker}
        found.setdefault((*key, who and who["name"]), listener)
    seen = {key[:3] for key in found}
    for name, container in containers.items():
        for port in container["ports"]:
            key = _key(port["socket"])
            if published.get(key) == name and key not in seen:  # forwarded by the firewall alone
                found[(*key, name)] = {"socket": port["socket"], "holder": {"kind": "container", "name": name}}
    return [found[key] for key in sorted(found, key=str)], unseen


def _key(socket: Mapping[str, Any]) -> tuple[str, str, int]:
    return socket["protocol"], socket["address"], socket["port"]


def _listen_key(text: str) -> tuple[str, str, int]:
    """``ListenStream=[::]:80`` as systemd prints it, comparable with a listener; port 0 for what is no IP socket."""
    kind, _, value = text.partition("=")
    address, _, port = value.rpartition(":")
    protocol = {"ListenStream": "tcp", "ListenDatagram": "udp"}.get(kind, "")
    return protocol, address.strip("[]").split("%")[0], int(port) if port.isdigit() else 0
