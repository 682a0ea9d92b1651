"""What the agent tells about its host, for :class:`aisafe.model.HostState`; changes nothing."""

from __future__ import annotations

import base64
import datetime
import json
import os
import re
import shutil
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable, Iterable, Mapping

from . import (
    accounts,
    checks,
    containers,
    facts,
    files,
    listeners,
    login,
    packages,
    packets,
    podman,
    spaces,
    systemd,
)
from .failure import AgentFailure
from .pending import unfinished
from .store import boot_id

QUESTIONS: dict[str, Callable[[Iterable[str]], Mapping[str, Any]]] = {
    "apt:": packages.available, "apt-needs:": packages.needs,
}  # fmt: skip
"""What begins so is not a path but a question."""
NEEDED = 256 << 20
"""Bytes that must be free for a snapshot of /etc alone; how much a run needs is worked out when it is armed."""


def state(args: dict[str, Any], progress: Callable[[str], None]) -> dict[str, Any]:
    """The host's state but for its inventory name; ``files``: of these paths, too; ``facts``: as of :func:`gather`."""
    blind: list[dict[str, Any]] = []
    running = facts.start(args["facts"]) if args.get("facts") else None
    with ThreadPoolExecutor(max_workers=6) as pool:
        asked: dict[str, Future[Any]] = {
            "units": pool.submit(systemd.units, cache=os.path.join(facts.directory(), "units-cache.json")),
            "docker": pool.submit(containers.docker),
            "podman": pool.submit(podman.podman),
            "packages": pool.submit(packages.packages),
            "accounts": pool.submit(accounts.accounts),
            "spaces": pool.submit(spaces.spaces),
            "packets": pool.submit(packets.packets),
        }

        def answer(name: str, kind: str, empty: Any, fix: str = "", blocks: bool = True) -> Any:
            try:
                return asked[name].result()
            except AgentFailure as failure:
                blind.append({"kind": kind, "reason": failure.message, "fix": failure.fix or fix, "blocks": blocks})
            except Exception as error:  # a bug in one part must not hide the others, nor itself
                reason = "%s could not be read: %s: %s" % (name, type(error).__name__, error)
                blind.append({"kind": kind, "reason": reason, "fix": fix, "blocks": True})
            return empty

        units = answer("units", "unit", {}, "Only hosts with systemd can be judged and guarded.")
        docker, spots = answer("docker", "container", (containers.NOTHING, []))
        others, hidden = answer("podman", "podman", (dict(containers.NOTHING), []))
        docker, blind = podman.joined(docker, others), [*blind, *spots, *hidden]
        installed = answer("packages", "package", {}, blocks=False)
        users, groups = answer("accounts", "user", ({}, {}))
        room = answer("spaces", "space", [], blocks=False)
        filters = answer("packets", "firewall", None, blocks=False) if os.geteuid() == 0 else None
    document = dict(
        docker, taken_at=datetime.datetime.now(datetime.timezone.utc).isoformat(), boot_id=boot_id(),
        hostname=os.uname().nodename, os=os_release(), root=os.geteuid() == 0, units=units, packages=installed,
        users=users, groups=groups, spaces=room, **spaces.memory(), packet_filter=filters,
        came=login.login(), listeners=_listeners(units, docker, blind),
        blind_spots=blind, agent_checks=_agent_checks(blind, room), unfinished=unfinished(blind),
    )  # fmt: skip
    if args.get("files"):
        document["files"] = [files.look(path) for path in args["files"]]
    if running is not None:
        try:
            document["facts"] = facts.finish(running)["ansible_facts"]
        except AgentFailure as failure:
            blind.append({"kind": "facts", "reason": failure.message, "fix": failure.fix, "blocks": False})
    return document


def _listeners(units: dict[str, Any], known: dict[str, Any], blind: list[dict[str, Any]]) -> list[dict[str, Any]]:
    fix = "Let the run become root on this host (ansible_become, or a login as root)."
    try:
        found, unseen = listeners.listeners(units, known["containers"], known["swarm_services"])
    except Exception as error:  # whatever it is, no listener is known then
        reason = "the listening sockets could not be read: %s" % (getattr(error, "strerror", None) or error)
        blind.append({"kind": "listener", "reason": reason, "fix": fix, "blocks": True})
        return []
    if unseen:
        reason = "who holds %d of the listening sockets cannot be seen" % unseen
        if os.geteuid() != 0:
            reason += " without root"
        blind.append({"kind": "listener", "reason": reason, "fix": fix, "blocks": True})
    return found


def os_release() -> dict[str, str]:
    """os-release(5), with kernel and machine of uname(2)."""
    found = {"kernel": os.uname().release, "machine": os.uname().machine}
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        text = listeners.read(path)
        if text:
            rows = re.findall(r"^([A-Z0-9_]+)=(\"|'|)(.*?)\2\s*$", text, re.MULTILINE)
            return dict(found, **{key.lower(): value for key, _, value in rows})
    return found


def _agent_checks(blind: list[dict[str, Any]], room: list[dict[str, Any]]) -> dict[str, str]:
    install = next((command for program, command in (
        ("apt-get", "apt-get install rsync"), ("dnf", "dnf install rsync"), ("yum", "yum install rsync"),
        ("zypper", "zypper install rsync"), ("apk", "apk add rsync")) if shutil.which(program)), "")  # fmt: skip
    missing = {spot["kind"]: spot["reason"] for spot in reversed(blind) if spot["blocks"]}
    places = [entry for entry in room if ("/var/lib/aisafe/").startswith(entry["path"].rstrip("/") + "/")]
    free = max(places, key=lambda entry: len(entry["path"]))["free"] if places else None
    space = "" if free is not None else "how much is free under /var/lib cannot be seen"
    if free is not None and free < NEEDED:
        space = "only %d MiB are free under /var/lib/aisafe, %d are needed" % (free >> 20, NEEDED >> 20)
    return {
        "root": "" if os.geteuid() == 0 else "the agent runs as a user without root's rights; let the run become root",
        "python": "" if sys.version_info >= (3, 8) else "Python %s is older than 3.8" % sys.version.split()[0],
        "rsync": "" if shutil.which("rsync") else "rsync is missing" + (": " + install if install else ""),
        "systemd": missing.get("unit", ""),
        "docker": missing.get("container", ""),
        "space": space,
    }


def read(args: dict[str, Any], progress: Callable[[str], None]) -> dict[str, Any]:
    """``paths``: each as a LiveFile, contents up to ``limit`` bytes; ``apt:NAME`` is what apt knows of that package,
    ``apt-needs:NAME`` what it depends on."""
    limit, paths = int(args.get("limit") or files.LIMIT), args.get("paths") or ()
    found = [files.look(path, limit) for path in paths if not path.startswith(tuple(QUESTIONS))]
    for question, ask in QUESTIONS.items():
        names = [path[len(question) :] for path in paths if path.startswith(question)]
        found += _answered(question, names, ask) if names else []
    return {"files": found}


def _answered(
    question: str, names: list[str], ask: Callable[[Iterable[str]], Mapping[str, Any]]
) -> list[dict[str, Any]]:
    try:
        told = ask(names)
    except AgentFailure as failure:
        return [{"path": question + name, "kind": "unseen", "reason": failure.message} for name in names]
    texts = {name: json.dumps(told[name], sort_keys=True).encode() for name in names}
    return [
        {"path": question + name, "kind": "file", "size": len(text), "content": base64.b64encode(text).decode()}
        for name, text in texts.items()
    ]


def gather(args: dict[str, Any], progress: Callable[[str], None]) -> dict[str, Any]:
    return facts.finish(facts.start(args))


def check(args: dict[str, Any], progress: Callable[[str], None]) -> dict[str, Any]:
    return {"checks": checks.run(args)}


OPS = {"state": state, "read": read, "facts": gather, "checks": check}
