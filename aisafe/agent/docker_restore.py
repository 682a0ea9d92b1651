"""Give Docker its containers, images, networks and volumes back, one by one, so that one failure costs one object."""

from __future__ import annotations

import contextlib
import glob
import json
import os
from typing import Any, Callable

from . import command, docker, docker_networks, docker_volumes
from .docker import State
from .engine import Engine, EngineError
from .store import Run, read_json, write_json

STOP_TIME = 5
"""Seconds that a container has to end by itself."""

UPDATABLE = (
    "RestartPolicy", "Memory", "MemorySwap", "MemoryReservation", "CpuShares", "CpuPeriod", "CpuQuota", "CpusetCpus",
    "CpusetMems", "BlkioWeight", "PidsLimit", "NanoCpus",
)  # fmt: skip
"""Parts of HostConfig that ``docker update`` changes in a container that lives (Engine API, ContainerUpdate)."""


def remove_new(run: Run, engine: Engine, before: State) -> list[str]:
    """Remove containers that were not there before; their ports are free then. Raises EngineError for a dead daemon."""
    restored = set(_restored(run).values())
    ids = {container["Id"] for container in before["containers"].values()}
    problems = []
    for short in engine.get("/containers/json", {"all": "1"}) or []:
        if short["Id"] not in ids and short["Id"] not in restored:
            name = (short.get("Names") or [short["Id"]])[0].lstrip("/")
            problems += _bounded("container %s cannot be removed" % name, engine.delete,
                                 "/containers/" + short["Id"], {"force": "1", "v": "1"})  # fmt: skip
    return problems


def restore(run: Run, engine: Engine, before: State, *, changed: set[str], rebooted: bool) -> list[str]:
    """Everything else, in the order in which one needs the other; what failed, as readable lines.

    Raises EngineError only when the daemon does not answer at all.
    """
    problems = remove_new(run, engine, before)
    now = docker.state(engine)
    problems += _images(run, engine, before, now)
    again, some = docker_networks.restore(engine, before, now, _bounded)
    problems += some + docker_volumes.restore(run, engine, before, now)
    by_id = {container["Id"]: name for name, container in now["containers"].items()}
    problems += _out_of_the_way(engine, before, by_id)
    for name, old in before["containers"].items():
        problems += _bounded(
            "container %s cannot be brought back" % name,
            _container, run, engine,
            name=name, old=old, present=by_id, again=again, changed=changed, rebooted=rebooted,
        )  # fmt: skip
    return problems + _remove_rest(engine, before)


def _bounded(what: str, action: Callable[..., object], *args: Any, **named: Any) -> list[str]:
    """Do it; what failed, as a readable line."""
    try:
        action(*args, **named)
    except (EngineError, command.CommandFailed, OSError, KeyError) as error:
        return ["%s: %s" % (what, error)]
    return []


def _restored(run: Run) -> dict[str, str]:
    """Containers that this rollback made again, name -> id: kept, so that a resumed rollback goes on."""
    try:
        made: dict[str, str] = read_json(run.file("restored.json"))
    except (OSError, ValueError):
        return {}
    return made


def _images(run: Run, engine: Engine, before: State, now: State) -> list[str]:
    problems = []
    if set(before["images"]) - set(now["images"]):
        for path in sorted(glob.glob(glob.escape(run.path) + "/image-*.tar")):
            with open(path, "rb") as file:
                problems += _bounded("saved images cannot be loaded", engine.upload,
                                     "POST", "/images/load", file, {"quiet": "1"})  # fmt: skip
        now = docker.state(engine)
    tags = {tag: image for image, some in before["images"].items() for tag in some}
    present = {tag: image for image, some in now["images"].items() for tag in some}
    for tag, image in tags.items():
        if present.get(tag) != image:
            repository, _, label = tag.rpartition(":")
            path, query = "/images/%s/tag" % Engine.segment(image), {"repo": repository, "tag": label}
            problems += _bounded("image %s cannot be brought back" % tag, engine.post, path, query=query)
    for tag in sorted(set(present) - set(tags)):
        problems += _bounded("image %s cannot be removed" % tag, engine.delete, "/images/" + Engine.segment(tag))
    return problems


def _out_of_the_way(engine: Engine, before: State, present: dict[str, str]) -> list[str]:
    """Names that containers took from each other are free once each has one of its own; ``present`` is kept up to date."""
    problems = []
    for name, old in before["containers"].items():
        ident = old["Id"]
        if present.get(ident, name) != name:
            aside = "aisafe-%s" % ident[:12]
            failed = _bounded("container %s cannot be renamed" % present[ident], engine.post,
                              "/containers/%s/rename" % ident, query={"name": aside})  # fmt: skip
            problems += failed
            if not failed:
                present[ident] = aside
    return problems


def _container(
    run: Run, engine: Engine, *, name: str, old: dict[str, Any], present: dict[str, str], again: set[str],
    changed: set[str], rebooted: bool,
) -> None:  # fmt: skip
    made = _restored(run).get(name)
    ident = old["Id"] if old["Id"] in present else made if made in present else None
    if ident == old["Id"] and _past_return(old, engine.get("/containers/%s/json" % ident)):
        engine.delete("/containers/" + ident, {"force": "1"})
        ident = None
    if ident is None:
        ident = _create(run, engine, name, old)
    elif present[ident] != name:
        engine.post("/containers/%s/rename" % ident, query={"name": name})
    now = engine.get("/containers/%s/json" % ident)
    if ident == old["Id"]:
        _update(engine, old, now)
    _join(engine, old, now, again)
    _run_as_before(engine, old, now, changed, rebooted)


def _past_return(old: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether only a new container can be what this one was: nothing makes one unstarted again, and an update cannot take
    a limit away (Engine API, ContainerUpdate: 0 and '' are not looked at)."""
    started = old["State"]["Status"] == "created" != now["State"]["Status"]
    return started or any(now["HostConfig"].get(name) and not old["HostConfig"].get(name) for name in UPDATABLE)


def _create(run: Run, engine: Engine, name: str, old: dict[str, Any]) -> str:
    """Make a removed container again from its description and its writable layer; returns the new id."""
    body, host = dict(old["Config"]), dict(old["HostConfig"])
    body["HostConfig"] = host
    networks = old["NetworkSettings"].get("Networks") or {}
    mode = host.get("NetworkMode") or "default"
    first = mode if mode in networks else next(iter(networks), "")
    if first and mode not in ("host", "none") and not mode.startswith("container:"):
        body["NetworkingConfig"] = {"EndpointsConfig": {first: _endpoint(old, networks[first])}}
    try:
        image = engine.get("/images/%s/json" % Engine.segment(body["Image"]))["Id"]
    except EngineError:
        image = ""
    if image != old["Image"]:  # the name leads elsewhere, or nowhere
        body["Image"] = old["Image"]
    ident: str = engine.post("/containers/create", body, {"name": name})["Id"]
    for network, endpoint in networks.items():
        if network != first:
            engine.post("/networks/%s/connect" % Engine.segment(network),
                        {"Container": ident, "EndpointConfig": _endpoint(old, endpoint)})  # fmt: skip
    made = engine.get("/containers/%s/json" % ident)
    docker_volumes.give(run, engine, old, made)
    layer = run.file("layers", name + ".tar")
    if os.path.exists(layer):
        upper = made["GraphDriver"]["Data"]["UpperDir"]
        docker_volumes.empty(upper)
        command.run([*docker.TAR, "-C", upper, "-xpf", layer], timeout=300)
    write_json(run.file("restored.json"), dict(_restored(run), **{name: ident}))
    return ident


def _endpoint(old: dict[str, Any], endpoint: dict[str, Any]) -> dict[str, Any]:
    wanted: dict[str, Any] = {name: endpoint.get(name) for name in ("IPAMConfig", "Links", "DriverOpts")}
    wanted["Aliases"] = docker.aliases(old, endpoint)
    return wanted


def _update(engine: Engine, old: dict[str, Any], now: dict[str, Any]) -> None:
    """Take back what ``docker update`` changed."""
    wanted = {name: old["HostConfig"].get(name) for name in UPDATABLE
              if old["HostConfig"].get(name) != now["HostConfig"].get(name)}  # fmt: skip
    if wanted:
        engine.post("/containers/%s/update" % old["Id"], json.loads(json.dumps(wanted)))


def _join(engine: Engine, old: dict[str, Any], now: dict[str, Any], again: set[str]) -> None:
    """The same networks, with new endpoints in those that were made again."""
    wanted, present = old["NetworkSettings"].get("Networks") or {}, now["NetworkSettings"].get("Networks") or {}
    same = now["Id"] == old["Id"]
    for network in present:
        if network not in wanted or (same and network in again):
            with contextlib.suppress(EngineError):
                engine.post(
                    "/networks/%s/disconnect" % Engine.segment(network), {"Container": now["Id"], "Force": True}
                )
    for network, endpoint in wanted.items():
        if network not in present or (same and network in again):
            engine.post("/networks/%s/connect" % Engine.segment(network),
                        {"Container": now["Id"], "EndpointConfig": _endpoint(old, endpoint)})  # fmt: skip


def _run_as_before(engine: Engine, old: dict[str, Any], now: dict[str, Any], changed: set[str], rebooted: bool) -> None:
    path = "/containers/" + now["Id"]
    was, runs = old["State"]["Running"], now["State"]["Running"]
    if now["State"].get("Paused") and not old["State"]["Paused"]:
        engine.post(path + "/unpause")
    if was and not runs:
        engine.post(path + "/start")
    elif not was and runs:
        engine.post(path + "/stop", query={"t": STOP_TIME})
    elif (
        was
        and now["Id"] == old["Id"]
        and ((not rebooted and old["State"]["StartedAt"] != now["State"]["StartedAt"]) or _reads(old, changed))
    ):  # it took what the run left, and has to take the old again
        engine.post(path + "/restart", query={"t": STOP_TIME})
    if old["State"]["Paused"]:
        with contextlib.suppress(EngineError):  # it is
            engine.post(path + "/pause")


def _reads(container: dict[str, Any], changed: set[str]) -> bool:
    """Whether one of its bind mounts is, or holds, a file that was given back."""
    sources = [mount["Source"] for mount in container.get("Mounts") or [] if mount["Type"] == "bind"]
    return any(path == source or path.startswith(source.rstrip("/") + "/") for source in sources for path in changed)


def _remove_rest(engine: Engine, before: State) -> list[str]:
    """Networks, volumes and images that were not there before: with the containers gone, nothing needs them."""
    now, problems = docker.state(engine), []
    kept = docker_volumes.moved(before, now)[1]
    for kind, query in (("networks", None), ("volumes", {"force": "1"})):
        for name in sorted(set(now[kind]) - set(before[kind]) - kept):
            problems += _bounded("%s %s cannot be removed" % (kind[:-1], name), engine.delete,
                                 "/%s/%s" % (kind, Engine.segment(name)), query)  # fmt: skip
    for image in sorted(set(now["images"]) - set(before["images"])):
        with contextlib.suppress(EngineError):
            engine.get("/images/%s/json" % Engine.segment(image))
            problems += _bounded("image %s cannot be removed" % image, engine.delete,
                                 "/images/" + Engine.segment(image), {"force": "1"})  # fmt: skip
    return problems
