"""Root's containers of Podman, as the program itself tells them (podman-ps(1), podman-inspect(1)).

Its socket would answer too, but that starts podman.service, and to look must change nothing. Containers of other users
run under them: their published ports have an owner among the listeners, and what else they are is said to be unseen.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
from typing import Any, Mapping

from . import command
from .containers import container, image

STORAGE = "/var/lib/containers/storage"
PATH = "/usr/bin:/usr/local/bin:/usr/sbin:/bin"
TIMEOUT = 20.0
"""Seconds for one answer."""

AT_ONCE = 200
"""Containers asked for in one call: below the length that a command line may have."""

State = Mapping[str, Any]


def podman() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """``containers`` (as of :func:`containers.container`, by name), ``images``, ``podman_networks``, ``podman_volumes``;
    and the blind spots met. Without the program, or without anything in its storage, there is nothing."""
    nothing: dict[str, Any] = {"containers": {}, "images": [], "podman_networks": [], "podman_volumes": []}
    program = shutil.which("podman", path=PATH)
    if program is None:
        return nothing, []
    blind = [{"kind": "podman", "reason": text, "fix": "Check by hand that none of them uses the same ports.",
              "blocks": False} for text in _users()]  # fmt: skip
    if not os.path.isdir(STORAGE):
        return nothing, blind
    if os.geteuid() != 0:
        blind.append({"kind": "podman", "reason": "root's containers of Podman can be seen by root alone",
                      "fix": "Give the user root through become.", "blocks": True})  # fmt: skip
        return nothing, blind
    try:
        return _ask(program), blind
    except (command.CommandFailed, ValueError, KeyError, TypeError) as error:
        reason = "Podman is there and does not tell its containers: %s" % error
        fix = "See what 'podman ps --all' says on the host; remove Podman if the host does not need it."
        return nothing, [*blind, {"kind": "podman", "reason": reason, "fix": fix, "blocks": True}]


def _users() -> list[str]:
    """Homes in which another user than root keeps containers."""
    places = glob.glob("/home/*/.local/share/containers/storage/*-containers/containers.json")
    homes = {path.split("/.local/")[0] for path in places if os.path.getsize(path) > len("[]")}
    return ["%s holds containers of Podman that are not root's; they are not read" % home for home in sorted(homes)]


def _json(program: str, *words: str) -> Any:
    text = command.run([program, *words], timeout=TIMEOUT)
    return json.loads(text) if text.strip() else []


def _ask(program: str) -> dict[str, Any]:
    listed = _json(program, "ps", "--all", "--pod", "--format", "json") or []
    pods = {entry["Id"]: entry.get("PodName") or entry.get("Pod") or "" for entry in listed}
    infra = {entry["Id"] for entry in listed if entry.get("IsInfra")}
    described: list[State] = []
    idents = [str(entry["Id"]) for entry in listed]
    for start in range(0, len(idents), AT_ONCE):
        described += _json(program, "container", "inspect", *idents[start : start + AT_ONCE])
    images = _json(program, "image", "ls", "--format", "json") or []
    known = {str(entry["Id"]) for entry in images}
    looked = _json(program, "image", "inspect", *sorted(known)) if known else []
    containers = [_container(answer, pods.get(answer["Id"], ""), answer["Id"] in infra) for answer in described]
    return {
        "containers": {entry["name"]: entry for entry in containers},
        "images": [_image(answer) for answer in looked],
        "podman_networks": sorted(str(entry.get("name") or entry.get("Name")) for entry in _json(
            program, "network", "ls", "--format", "json") or []),
        "podman_volumes": sorted(str(entry["Name"]) for entry in _json(program, "volume", "ls", "--format", "json") or []),
    }  # fmt: skip


def _container(answer: State, pod: str, infra: bool) -> dict[str, Any]:
    config, host = dict(answer["Config"]), dict(answer["HostConfig"])
    settings = dict(answer.get("NetworkSettings") or {})
    config["Entrypoint"] = _words(config.get("Entrypoint"))
    config["Image"] = answer.get("ImageName") or config.get("Image")
    if str(host.get("NetworkMode", "")).startswith("container:"):
        settings["Ports"], host["PortBindings"] = {}, {}  # Podman repeats those of the infra container
    found = container({**answer, "Config": config, "HostConfig": host, "NetworkSettings": settings}, ipv6=False)
    name = "%s-infra" % pod if infra and pod else answer["Name"]
    return dict(found, name=name, engine="podman", pod=pod)


def _words(value: Any) -> list[str]:
    """Before Podman 5 the entry point is one text."""
    return value.split() if isinstance(value, str) else list(value or ())


def _image(answer: State) -> dict[str, Any]:
    config = answer.get("Config") or {}
    docker = dict(answer, Config=dict(config, Entrypoint=_words(config.get("Entrypoint"))))
    return dict(image(docker), engine="podman")


def joined(docker: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Both engines together. A container of Podman with the name of one of Docker's is named ``NAME (podman)``."""
    containers = dict(docker["containers"])
    for name, entry in other["containers"].items():
        shown = "%s (podman)" % name if name in containers else name
        containers[shown] = dict(entry, name=shown)
    return dict(docker, containers=containers, images=[*docker["images"], *other["images"]],
                podman_networks=other["podman_networks"], podman_volumes=other["podman_volumes"])  # fmt: skip
