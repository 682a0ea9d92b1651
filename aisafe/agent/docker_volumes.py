"""Docker's volumes and their data. Named ones come back under their names; anonymous ones with the container they belong to.

An anonymous volume has a random name that nobody refers to, and can be given to a container that is made again only as a
bind, which would stand in its configuration for good. So Docker makes a new one, and it gets the old one's data.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import Any, Dict, Tuple

from . import command, docker
from .docker import State
from .engine import Engine, EngineError
from .store import Run

Place = Tuple[str, str]
"""A container's name and a path in it."""


def anonymous(state: State) -> Dict[Place, str]:
    """Place -> name of the volume that Docker made for it unasked."""
    found = {}
    for name, container in state["containers"].items():
        host = container["HostConfig"]
        if host.get("VolumesFrom"):  # they are another container's
            continue
        asked = {bind.split(":")[1] for bind in host.get("Binds") or [] if ":" in bind}
        asked |= {mount.get("Target") for mount in host.get("Mounts") or []}
        for mount in container.get("Mounts") or []:
            if mount["Type"] == "volume" and mount["Destination"] not in asked:
                found[name, mount["Destination"]] = mount["Name"]
    return found


def moved(before: State, now: State) -> Tuple[set[str], set[str]]:
    """Names of anonymous volumes that went and came with their containers, each in the other's place."""
    olds, news = anonymous(before), anonymous(now)
    places = [place for place in olds if place in news and olds[place] != news[place]]
    return {olds[place] for place in places}, {news[place] for place in places}


def restore(run: Run, engine: Engine, before: State, now: State) -> list[str]:
    """Make volumes again that were removed, or removed and made anew, with the data that the snapshot holds."""
    problems = []
    ids = {container["Id"] for container in now["containers"].values()}
    with_container = {volume for (name, _), volume in anonymous(before).items()
                      if before["containers"][name]["Id"] not in ids}  # fmt: skip
    for name, old in before["volumes"].items():
        new = now["volumes"].get(name)
        if name in with_container or (new is not None and new.get("CreatedAt") == old.get("CreatedAt")):
            continue
        done = run.file("volumes", name + ".done")
        if new is not None and os.path.exists(done):
            continue
        try:
            _renew(run, engine, name, old, new)
            with open(done, "w"):
                pass
        except (EngineError, command.CommandFailed, OSError, KeyError) as error:
            problems.append("volume %s cannot be brought back: %s" % (name, error))
    return problems


def _renew(run: Run, engine: Engine, name: str, old: dict[str, Any], new: dict[str, Any] | None) -> None:
    if new is not None:
        with contextlib.suppress(EngineError):  # a container that stays has it
            engine.delete("/volumes/" + Engine.segment(name))
    wanted = {
        "Name": name, "Driver": old["Driver"], "DriverOpts": old.get("Options"), "Labels": old.get("Labels"),
    }  # fmt: skip
    _fill(run, name, engine.post("/volumes/create", wanted)["Mountpoint"])


def _fill(run: Run, name: str, place: str) -> None:
    """Exactly the data that the snapshot holds; none means that it was empty, or is told as not covered."""
    packed = run.file("volumes", name + ".tar")
    if os.path.isdir(place):
        empty(place)
    if os.path.exists(packed):
        command.run([*docker.TAR, "-C", place, "-xpf", packed], timeout=300)


def give(run: Run, engine: Engine, old: dict[str, Any], made: dict[str, Any]) -> None:
    """The data of a container's anonymous volumes to one that was made in its place. Raises CommandFailed, OSError."""
    name = old["Name"].lstrip("/")
    olds = anonymous({"containers": {name: old}})
    for place, volume in anonymous({"containers": {name: made}}).items():
        target = next(mount["Source"] for mount in made["Mounts"] if mount.get("Name") == volume)
        if place not in olds or olds[place] == volume:
            continue
        try:
            living = engine.get("/volumes/" + Engine.segment(olds[place]))["Mountpoint"]
        except EngineError:
            _fill(run, olds[place], target)
            continue
        packed = run.file("volumes", olds[place] + ".moved.tar")  # the run left it behind: it has the newest data
        command.run([*docker.TAR, "-C", living, "-cf", packed, "."], timeout=300)
        empty(target)
        command.run([*docker.TAR, "-C", target, "-xpf", packed], timeout=300)
        os.unlink(packed)
        with contextlib.suppress(EngineError):
            engine.delete("/volumes/" + Engine.segment(olds[place]))


def empty(directory: str) -> None:
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
