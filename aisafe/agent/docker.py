"""What Docker holds, and how much of it the snapshot keeps: descriptions always, data within a budget.

Data means a container's writable layer (Engine API, GraphDriver.Data.UpperDir) and named volumes. Both are needed only
when the run takes them away: a rollback never turns back what a container that stays wrote meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import Any, Callable, Dict, Iterator

from . import command
from .engine import Engine, EngineError
from .store import Run, Store, read_json, write_json

State = Dict[str, Dict[str, Any]]

KEEP = "aisafe-keep"
"""Repository of the tags that keep images from being removed while a run is armed."""

LAYER_BUDGET = 256 << 20
"""Bytes of one writable layer or volume that are copied at most."""

TOTAL_BUDGET = 1 << 30
"""Bytes of all of them together, or a quarter of what is free where that is less."""

RANDOM_NAME = re.compile(r"[0-9a-f]{64}")
TAR = ("tar", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--acls", "--sparse")
CHANGED_WHILE_READ = 1
"""tar's exit code for a file that changed as it was read (GNU tar manual, "Return Code")."""


def state(engine: Engine) -> State:
    """Containers by name, images (tags by id), networks and volumes by name. Raises EngineError."""
    containers = {}
    for short in engine.get("/containers/json", {"all": "1"}) or []:
        try:
            found = engine.get("/containers/%s/json" % short["Id"])
        except EngineError as error:
            if error.status == 404:  # went between the two calls
                continue
            raise
        containers[found["Name"].lstrip("/")] = found
    images = {
        image["Id"]: sorted(tag for tag in image.get("RepoTags") or [] if tag != "<none>:<none>" and not kept(tag))
        for image in engine.get("/images/json") or []
    }
    networks = {}
    for short in engine.get("/networks") or []:
        with contextlib.suppress(EngineError):
            networks[short["Name"]] = engine.get("/networks/" + short["Id"])
    volumes = {volume["Name"]: volume for volume in (engine.get("/volumes") or {}).get("Volumes") or []}
    return {"containers": containers, "images": images, "networks": networks, "volumes": volumes}


def kept(tag: str) -> bool:
    return tag.startswith(KEEP + ":")


def snapshot(store: Store, run: Run, engine: Engine, *, images: list[str], save: list[str]) -> list[str]:
    """Write docker.json, layers and volumes into the run's directory; returns what is not covered.

    Args:
        images: references that the plan touches; they get a tag that keeps them, as do all containers' images.
        save: references that are saved whole, for a run that prunes (a tag does not hold off ``prune --all``).

    Raises:
        EngineError: the daemon answers no more, or refuses.
    """
    found = state(engine)
    write_json(run.file("docker.json"), found)
    keep_images(run, engine, found, images)
    gaps = _save(run, engine, save, os.statvfs(store.base))
    os.makedirs(run.file("layers"), exist_ok=True)
    os.makedirs(run.file("volumes"), exist_ok=True)
    room = os.statvfs(store.base)
    budget = _Budget(min(TOTAL_BUDGET, room.f_bavail * room.f_frsize // 4))
    for name, container in found["containers"].items():
        gaps += _layer(store, run, engine, name=name, container=container, budget=budget)
    for name, volume in found["volumes"].items():
        users = [c for c in found["containers"].values() if any(m.get("Name") == name for m in c.get("Mounts") or [])]
        gaps += _volume(store, run, engine, volume=volume, users=users, budget=budget)
    return gaps


def keep_images(run: Run, engine: Engine, found: State, images: list[str]) -> None:
    wanted = {str(container["Image"]) for container in found["containers"].values()}
    for reference in images:
        with contextlib.suppress(EngineError):  # not on the host yet: nothing to keep
            wanted.add(str(engine.get("/images/%s/json" % Engine.segment(reference))["Id"]))
    for number, image in enumerate(sorted(wanted)):
        with contextlib.suppress(EngineError):  # a container whose image was forced away: told by its restore
            engine.post("/images/%s/tag" % Engine.segment(image), query={"repo": KEEP, "tag": _tag(run, number)})


def _tag(run: Run, number: int) -> str:
    return "%s-%d" % (run.ident.lower().lstrip(".-")[-100:], number)


def drop_kept(run: Run, engine: Engine) -> None:
    """Take the keeping tags away again; an image that has no other name then was removed by the run, and goes."""
    prefix = "%s:%s" % (KEEP, _tag(run, 0)[:-1])
    with contextlib.suppress(EngineError):
        for image in engine.get("/images/json") or []:
            for tag in image.get("RepoTags") or []:
                if tag.startswith(prefix):
                    with contextlib.suppress(EngineError):
                        engine.delete("/images/" + Engine.segment(tag), {"noprune": "0"})


def _save(run: Run, engine: Engine, references: list[str], room: os.statvfs_result) -> list[str]:
    gaps, left = [], room.f_bavail * room.f_frsize // 2
    for number, reference in enumerate(references):
        path = run.file("image-%d.tar" % number)
        try:
            left -= int(engine.get("/images/%s/json" % Engine.segment(reference)).get("Size") or 0)
            if left < 0:
                gaps.append("image %s is too large to keep: what a prune takes of it must be fetched again" % reference)
                break
            with open(path, "wb") as file:
                engine.download("/images/%s/get" % Engine.segment(reference), file)
        except EngineError as error:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            if error.status != 404:
                gaps.append("image %s could not be saved: %s" % (reference, error))
    return gaps


class _Budget:
    def __init__(self, left: int) -> None:
        self.left = left

    def take(self, size: int) -> bool:
        if size > min(LAYER_BUDGET, self.left):
            return False
        self.left -= size
        return True


def size(path: str, limit: int) -> int:
    """Bytes below a directory, counted up to ``limit``."""
    total = 0
    for directory, _, files in os.walk(path):
        for name in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(directory, name)).st_size
        if total > limit:
            break
    return total


def _layer(
    store: Store, run: Run, engine: Engine, *, name: str, container: dict[str, Any], budget: _Budget
) -> list[str]:
    upper = ((container.get("GraphDriver") or {}).get("Data") or {}).get("UpperDir")
    if not upper or not os.path.isdir(upper):
        return ["container %s: what it wrote into its own file system cannot be kept (storage driver %s)"
                % (name, (container.get("GraphDriver") or {}).get("Name") or "unknown")]  # fmt: skip
    if not os.listdir(upper):
        return []
    found = size(upper, LAYER_BUDGET)
    if not budget.take(found):
        return ["container %s: what it wrote into its own file system is too large to keep (%d MiB or more)"
                % (name, found >> 20)]  # fmt: skip
    target = run.file("layers", name + ".tar")
    return _copied(store, engine, [container], lambda: _tar(upper, target), "container %s: its writable layer" % name)


def _volume(
    store: Store, run: Run, engine: Engine, *, volume: dict[str, Any], users: list[dict[str, Any]], budget: _Budget
) -> list[str]:
    place, name = volume.get("Mountpoint") or "", volume["Name"]
    if volume.get("Driver") != "local" or (volume.get("Options") or {}) or not os.path.isdir(place):
        return ["volume %s: its data is not on this host's disk (driver %s)" % (name, volume.get("Driver"))]
    found = size(place, LAYER_BUDGET)
    if not budget.take(found):
        return ["volume %s: its data is too large to keep (%d MiB or more)" % (name, found >> 20)]
    target = run.file("volumes", name + ".tar")
    return _copied(store, engine, users, lambda: _tar(place, target), "volume %s: its data" % name)


def _tar(directory: str, target: str) -> bool:
    """Pack a directory; False when something changed meanwhile. Raises CommandFailed."""
    words = [*TAR, "-C", directory, "-cf", target, "."]
    done = command.outcome(words, timeout=300)
    if done.returncode not in (0, CHANGED_WHILE_READ):
        raise command.CommandFailed(words, done.returncode, done.stderr)
    return done.returncode == 0


def _copied(
    store: Store, engine: Engine, users: list[dict[str, Any]], copy: Callable[[], bool], what: str
) -> list[str]:
    """Copy while the containers run; only when that shows a change underneath, pause them and copy again."""
    try:
        if copy():
            return []
        with paused(store, engine, users):
            copy()
    except command.CommandFailed as error:
        return ["%s could not be kept: %s" % (what, error)]
    return []


@contextlib.contextmanager
def paused(store: Store, engine: Engine, containers: list[dict[str, Any]]) -> Iterator[None]:
    """Containers that run stand still inside. A record lets a later call wake them if this process dies meanwhile."""
    record = os.path.join(store.base, "paused.json")
    running = [c["Id"] for c in containers if c["State"]["Running"] and not c["State"]["Paused"]]
    write_json(record, running)
    try:
        for ident in running:
            engine.post("/containers/%s/pause" % ident)
        yield
    finally:
        wake(store, engine)


def wake(store: Store, engine: Engine) -> None:
    """Unpause what `paused` left behind. Call it with the lock held."""
    record = os.path.join(store.base, "paused.json")
    try:
        idents = read_json(record)
    except (OSError, ValueError):
        return
    for ident in idents:
        with contextlib.suppress(EngineError):  # not paused, or gone
            engine.post("/containers/%s/unpause" % ident)
    os.unlink(record)


def described(container: dict[str, Any]) -> dict[str, Any]:
    """What must be equal before and after; the id, times and addresses that Docker picks cannot be."""
    settings, config = container["NetworkSettings"], dict(container["Config"])
    mounts = container.get("Mounts") or []
    return {
        "configuration": config,
        "host configuration": container["HostConfig"],
        "networks": {
            name: {"IPAMConfig": network.get("IPAMConfig") or None, "Aliases": aliases(container, network)}
            for name, network in (settings.get("Networks") or {}).items()
        },
        "running": container["State"]["Running"],
        "paused": container["State"]["Paused"],
        "image": container["Image"],
        "mounts": sorted([m["Type"], _mounted(m), m["Destination"], str(m["RW"])] for m in mounts),
    }


def _mounted(mount: dict[str, Any]) -> str:
    """What is mounted; the random name of an anonymous volume is none."""
    name = str(mount.get("Name") or mount["Source"])
    return "an anonymous volume" if mount["Type"] == "volume" and RANDOM_NAME.fullmatch(name) else name


def network(found: dict[str, Any]) -> dict[str, Any]:
    """What must be equal of a network; the gateway is not among it: the engine adds its own to what it was asked for."""
    names = ("Driver", "Internal", "Attachable", "Ingress", "EnableIPv6", "Options", "Labels")
    return {**{name: found.get(name) or None for name in names}, "subnets": subnets(found)}


def subnets(found: dict[str, Any]) -> list[str]:
    return sorted(str(pool.get("Subnet")) for pool in (found.get("IPAM") or {}).get("Config") or [])


def aliases(container: dict[str, Any], network: dict[str, Any]) -> list[str]:
    """Without the short id, which Docker adds by itself, and which one that was made again keeps as its host name."""
    own = (container["Id"][:12], container["Config"].get("Hostname"))
    return sorted(alias for alias in network.get("Aliases") or [] if alias not in own)


def differences(before: State, now: State) -> list[str]:
    lines = []
    for name in sorted(set(before["containers"]) | set(now["containers"])):
        old, new = before["containers"].get(name), now["containers"].get(name)
        if old is None or new is None:
            lines.append("container %s %s" % (name, "was not there before" if old is None else "is missing"))
            continue
        olds, news = described(old), described(new)
        lines += ["container %s: its %s differs" % (name, part) for part in olds if olds[part] != news[part]]
    olds = {tag: image for image, tags in before["images"].items() for tag in tags}
    news = {tag: image for image, tags in now["images"].items() for tag in tags}
    lines += ["image %s is missing or is another one" % tag for tag in sorted(olds) if news.get(tag) != olds[tag]]
    lines += ["image %s was not there before" % tag for tag in sorted(set(news) - set(olds))]
    lines += ["image %s was not there before" % image for image in sorted(set(now["images"]) - set(before["images"]))
              if not now["images"][image]]  # fmt: skip
    from .docker_volumes import moved  # noqa: PLC0415  it imports this module

    gone, come = moved(before, now)
    for kind in ("networks", "volumes"):
        word = kind[:-1]
        lines += ["%s %s is missing" % (word, name) for name in sorted(set(before[kind]) - set(now[kind]) - gone)]
        lines += [
            "%s %s was not there before" % (word, name) for name in sorted(set(now[kind]) - set(before[kind]) - come)
        ]
    for name in sorted(set(before["networks"]) & set(now["networks"])):
        if network(before["networks"][name]) != network(now["networks"][name]):
            lines.append("network %s: its configuration differs" % name)
    return lines
