"""Make, find and remove test hosts. Only containers that carry the test bed's own label are ever touched."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from . import state
from .engine import docker, engine
from .errors import TestbedError
from .host import Host
from .image import HOST_FLAGS, LABEL, build

PARALLEL = 4
"""Hosts that are started at the same time: twice the cores of a small machine, since booting is mostly waiting."""

RESERVED_FOR = 300.0
"""Seconds for which an address stays taken although its container is not there yet."""

REMOVED_WITHIN = 60.0
"""Seconds after which a container that is still there cannot be removed."""

_T = TypeVar("_T")


def up(names: Sequence[str], *, owner: str = "") -> list[Host]:
    """Make sure that hosts of these names run and are ready; those that do already are left as they are.

    Args:
        names: host names, each at most once.
        owner: recorded with hosts that are made now; `remove_owned` removes by it. Part of the container's name.

    Raises:
        TestbedError: no engine, no image, or a host does not become ready.
    """
    engine()
    image = build()
    return _parallel(lambda name: _up(name, image, owner), names)


def fresh(name: str, *, owner: str = "") -> Host:
    """Make a host of this name from the image, in place of the one there is; pristine, ready, at the same address.

    Raises:
        TestbedError: as `up`.
    """
    engine()
    image = build()
    container = container_name(name, owner)
    with _alone(container, owner):
        remove_container(container)
        return _create(name, container, image, owner)


def down(names: Sequence[str] | None = None, *, owner: str = "") -> list[str]:
    """Remove hosts with all that is on them: these, or all of this namespace when None.

    Returns:
        the containers removed.
    """
    if names is None:
        containers = [entry["container"] for entry in status()]
    else:
        containers = [container_name(name, owner) for name in names]
    return [name for name, gone in zip(containers, _parallel(remove_container, containers), strict=True) if gone]


def remove_owned(condition: Callable[[str], bool]) -> list[str]:
    """Remove the hosts of this namespace whose owner fulfils a condition; see `up`.

    Returns:
        the containers removed.
    """
    containers = [entry["container"] for entry in status() if condition(entry["owner"])]
    _parallel(remove_container, containers)
    return containers


def status() -> list[dict[str, str]]:
    """The containers of this namespace: container, name, address, port, owner, image, state."""
    return [
        {
            "container": found["Name"].lstrip("/"),
            "name": found["Config"]["Labels"].get(f"{LABEL}.name", ""),
            "address": found["Config"]["Labels"].get(f"{LABEL}.address", ""),
            "port": found["Config"]["Labels"].get(f"{LABEL}.port", "22"),
            "owner": found["Config"]["Labels"].get(f"{LABEL}.owner", ""),
            "image": found["Config"]["Image"],
            "state": found["State"]["Status"],
        }
        for found in _inspect_all()
    ]


def find(name: str, *, owner: str = "") -> Host:
    """The host of this name, running or not.

    Raises:
        TestbedError: there is none.
    """
    entry = _entry(container_name(name, owner))
    if entry is None:
        raise TestbedError(f"there is no host {name} in namespace {state.namespace()}; make it with: up {name}")
    return _host(entry)


def container_name(name: str, owner: str = "") -> str:
    """The name of a host's container.

    Raises:
        TestbedError: the name cannot be a host name.
    """
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", name):
        raise TestbedError(f"{name!r} cannot be a host's name: 1 to 40 lower-case letters, digits and hyphens")
    return "-".join(part for part in ("aisafe", state.namespace(), owner, name) if part)


def _parallel(function: Callable[[str], _T], names: Sequence[str]) -> list[_T]:
    if len(names) < 2:
        return [function(name) for name in names]
    with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
        return list(pool.map(function, names))


def _inspect_all() -> list[dict[str, Any]]:
    listed = docker("ps", "--all", "--quiet", f"--filter=label={LABEL}.ns={state.namespace()}").stdout.split()
    if not listed:
        return []
    # One that is removed between the two calls makes `inspect` exit 1, and still prints the others.
    found: list[dict[str, Any]] = json.loads(docker("inspect", "--type=container", *listed, check=False).stdout or "[]")
    return sorted(found, key=lambda entry: str(entry["Name"]))


def _entry(container: str) -> dict[str, Any] | None:
    done = docker("inspect", "--type=container", container, check=False)
    if done.returncode != 0:
        return None
    entry: dict[str, Any] = json.loads(done.stdout)[0]
    if entry["Config"]["Labels"].get(LABEL) != "host":
        raise TestbedError(f"container {container} is not the test bed's (no label {LABEL}=host): left alone")
    return entry


def _host(entry: dict[str, Any]) -> Host:
    labels = entry["Config"]["Labels"]
    return Host(
        name=labels[f"{LABEL}.name"],
        address=labels[f"{LABEL}.address"],
        port=int(labels.get(f"{LABEL}.port", "22")),
        key=state.client_key(),
        container=entry["Name"].lstrip("/"),
    )


def _up(name: str, image: str, owner: str) -> Host:
    container = container_name(name, owner)
    with _alone(container, owner):
        entry = _entry(container)
        if entry is None or entry["Config"]["Image"] != image:
            remove_container(container)
            return _create(name, container, image, owner)
        host = _host(entry)
        if entry["State"]["Running"]:
            host.wait_ready()
        else:
            host.start()
        return host


def _alone(container: str, owner: str) -> contextlib.AbstractContextManager[None]:
    """Keeps two processes from making the same host at once; one with an owner is nobody else's anyway."""
    return contextlib.nullcontext() if owner else state.locked(container)


def _create(name: str, container: str, image: str, owner: str) -> Host:
    address = _reserve(container)
    port = _port(address)
    labels = {
        "": "host",
        ".ns": state.namespace(),
        ".name": name,
        ".address": address,
        ".port": str(port),
        ".owner": owner,
    }
    started = docker(
        "run",
        "--detach",
        f"--name={container}",
        f"--hostname={name}",
        *(f"--label={LABEL}{key}={value}" for key, value in labels.items()),
        *HOST_FLAGS,
        # `reboot` and `poweroff` in the host end its container with an error code: both boot it again.
        "--restart=on-failure",
        *_share(),
        f"--publish={address}:{port}:22",
        image,
        check=False,
    )
    if started.returncode != 0:
        docker("rm", "--force", "--volumes", container, check=False)  # else a half-made one would bear the name
        raise TestbedError(f"{container} cannot be started at {address} port {port}: {started.stderr.strip()}")
    host = Host(name=name, address=address, port=port, key=state.client_key(), container=container)
    try:
        host.wait_ready()
    except TestbedError as error:
        log = docker("logs", "--tail=20", container, check=False)
        raise TestbedError(f"{error}\n{(log.stdout + log.stderr).strip()}".strip()) from None
    return host


def _share() -> list[str]:
    """A control group of the namespace's own: on cgroup v1 all other containers together have one process's share."""
    parent = os.environ.get("AISAFE_TESTBED_CGROUP", "")
    return [f"--cgroup-parent={parent}"] if parent else []


def _port(address: str) -> int:
    """The first port of state.PORTS at which nothing answers: an sshd of this machine may listen at every address."""
    for port in state.PORTS:
        try:
            socket.create_connection((address, port), timeout=1).close()
        except OSError:
            return port
    raise TestbedError(f"something on this machine answers at {address} on all of the ports {state.PORTS}")


def _reserve(container: str) -> str:
    """An address for a container: the one it had, or one that no other has. Safe across processes."""
    x = state.network()
    with state.locked("addresses", timeout=60):
        record = state.directory() / f"addresses.{state.namespace()}.json"
        known: dict[str, dict[str, Any]] = json.loads(record.read_text()) if record.exists() else {}
        living = set(docker("ps", "--all", "--format={{.Names}}", f"--filter=label={LABEL}").stdout.split())
        now = time.time()
        known = {
            address: entry
            for address, entry in known.items()
            if entry["container"] in living or 0 <= now - entry["since"] < RESERVED_FOR
        }
        mine = [address for address, entry in known.items() if entry["container"] == container]
        free = [address for address in (f"127.0.{x}.{y}" for y in range(1, 255)) if address not in known]
        if not mine and not free:
            raise TestbedError(f"namespace {state.namespace()} has no address left; remove hosts with: down")
        address = mine[0] if mine else free[0]
        known[address] = {"container": container, "since": now}
        scratch = record.with_suffix(".new")
        scratch.write_text(json.dumps(known, indent=1, sort_keys=True))
        scratch.replace(record)
    return address


def remove_container(container: str) -> bool:
    """Remove a host by its container's name; returns whether there was one.

    Raises:
        TestbedError: the container is not a host of the test bed, or cannot be removed.
    """
    entry = _entry(container)
    if entry is None:
        return False
    inner = _inner_containers(entry)
    deadline = time.monotonic() + REMOVED_WITHIN
    while True:  # the engine refuses it while another process of ours has it removed
        refused = docker("rm", "--force", "--volumes", container, check=False).stderr.strip()
        if _entry(container) is None:
            break
        if time.monotonic() > deadline:
            raise TestbedError(f"container {container} cannot be removed: {refused}")
        time.sleep(0.5)
    _sweep_cgroups(inner)
    return True


def _inner_containers(entry: dict[str, Any]) -> list[str]:
    """Ids of the containers inside a host, read from its volume where this user may; else none."""
    for mount in entry["Mounts"]:
        if mount["Destination"] == "/var/lib/docker":
            with contextlib.suppress(OSError):
                return [path.name for path in (Path(mount["Source"]) / "containers").iterdir()]
    return []


def _sweep_cgroups(containers: Sequence[str]) -> None:
    """Remove the empty control groups that a removed host's inner containers leave on cgroup v1 (they never end)."""
    for identity in containers:
        if re.fullmatch(r"[0-9a-f]{64}", identity):
            for path in Path("/sys/fs/cgroup").glob(f"*/docker/{identity}"):
                with contextlib.suppress(OSError):
                    path.rmdir()
