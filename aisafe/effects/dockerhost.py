"""docker_login, docker_prune, docker_plugin, what runs in containers, and what only looks (community.docker 4)."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments
from aisafe.effects.attributes import remote_path, understood
from aisafe.effects.compose import inside
from aisafe.effects.containers import other_engine
from aisafe.effects.containerstore import NEW, ContainerStore, PredictedContainer
from aisafe.effects.images import prune
from aisafe.effects.predicted import PredictedHost, changed
from aisafe.model import Effect, Unknown

_HUB: Final = "https://index.docker.io/v1/"
_INSPECTED: Final = ("Args", "Config", "Created", "Driver", "ExecIDs", "GraphDriver", "HostConfig", "HostnamePath",
                     "HostsPath", "LogPath", "MountLabel", "Mounts", "NetworkSettings", "Path", "Platform",
                     "ProcessLabel", "ResolvConfPath", "RestartCount", "SizeRootFs", "SizeRw", "AppArmorProfile")  # fmt: skip
_STATE: Final = ("Dead", "Error", "ExitCode", "FinishedAt", "Health", "OOMKilled", "Pid", "StartedAt")


@understood("community.docker.docker_login", kind="file")
def docker_login(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """The credentials go into Docker's own file, or to the helper that it names; neither is ever told."""
    path = remote_path(
        args.word("config_path", "dockercfg_path", default="~/.docker/config.json"), call=call, host=host
    )
    registry = args.word("registry_url", "registry", "url", default=_HUB)
    there = host.file(path, follow=True)
    try:
        known: Any = json.loads(there.text) if there.text is not None else {}
    except ValueError:
        known = None
    auths = known.get("auths", {}) if isinstance(known, dict) else None
    helper = isinstance(known, dict) and bool(known.get("credsStore") or known.get("credHelpers"))
    if there.kind == "unseen" or auths is None or helper:
        effects = host.files.disturb(call, path, "what the credentials there are")
        return Result(effects=effects, changed=None)
    if args.word("state", default="present") == "absent":
        if registry not in auths:
            return Result(changed=False)
        return Result(effects=host.put(call, path, content=Unknown("the credentials"), mode=0o600), changed=True)
    wanted = base64.b64encode(f"{args.need('username')}:{args.need('password')}".encode()).decode()
    entry = auths.get(registry)
    same = isinstance(entry, dict) and entry.get("auth") == wanted
    if same and not args.flag("reauthorize", "reauth"):
        return Result(changed=False)
    effects = host.make_directory(call, path.rpartition("/")[0]) if there.kind == "absent" else ()
    effects += host.put(call, path, content=Unknown("the credentials"), mode=0o600, detail="credentials of a registry")
    return Result(effects=effects, changed=True)


@understood("community.docker.docker_prune", kind="container", action="remove")
def docker_prune(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if other_engine(args):
        return Result(changed=None, opaque=other_engine(args))
    effects: tuple[Effect, ...] = ()
    for option, kind in (
        ("containers", "container"),
        ("images", "image"),
        ("networks", "network"),
        ("volumes", "volume"),
    ):
        if not args.flag(option):
            continue
        filters = args.raw(f"{option}_filters") or {}
        everything = kind == "image" and str(filters.get("dangling", True)).lower() in ("false", "no", "0")
        narrowed = [name for name in filters if name != "dangling"]
        why = f"which of them {', '.join(narrowed)} means" if narrowed else ""
        effects += prune(call, host.containers, kind, why=why, everything=everything)
    return Result(effects=effects, changed=changed(effects) if not args.flag("builder_cache") else None)


@understood("community.docker.docker_plugin", kind="image")
def docker_plugin(call: Call, host: PredictedHost, args: Arguments) -> Result:
    name, state = args.need("plugin_name"), args.word("state", default="present")
    action = {"absent": "remove", "present": "pull", "enable": "enable", "disable": "disable"}.get(state, "change")
    effect = Effect(
        kind="image", action=action, name=f"plugin {name}", task=call.task, certainty="possible",  # type: ignore[arg-type]
        why="which plugins of the engine are there could not be seen", reversible=False,
    )  # fmt: skip
    return Result(effects=(effect,), changed=None)


@understood("community.docker.docker_container_exec", kind="container", action="run")
def docker_container_exec(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if other_engine(args):
        return Result(changed=None, opaque=other_engine(args))
    return inside(call, host, host.containers, args.need("container"))


@understood("community.docker.docker_container_copy_into", kind="container")
def docker_container_copy_into(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if other_engine(args):
        return Result(changed=None, opaque=other_engine(args))
    name, path = args.need("container"), args.need("container_path")
    there = host.containers.get(name)
    if there.container is None and not (host.containers.blind or host.unforeseen):
        return Result(changed=False, failed=f'Could not find container "{name}"')
    effect = Effect(
        kind="container", action="change", name=name, task=call.task, certainty="possible", reversible=False,
        why=f"whether {path} in it is so already", detail=f"the file {path} in it",
    )  # fmt: skip
    return Result(effects=(effect,), changed=None)


@understood("community.docker.docker_container_info", kind="container")
def docker_container_info(call: Call, host: PredictedHost, args: Arguments) -> Result:
    store = host.containers
    if store.blind or other_engine(args):
        return Result(changed=False)
    there = store.get(args.need("name"))
    if there.certainty != "certain":
        return Result(changed=False)
    return Result(changed=False, values={"exists": there.container is not None, "container": inspected(there)})


def inspected(there: PredictedContainer) -> dict[str, Any] | None:
    """As the engine describes a container, with an Unknown for all that is not known here."""
    found, name = there.container, there.name
    if found is None:
        return None
    made = found.id == NEW
    state: dict[str, Any] = {key: Unknown(f"{key} of container {name}") for key in _STATE}
    state |= {"Status": found.state, "Running": found.active, "Paused": found.state == "paused",
              "Restarting": found.state == "restarting"}  # fmt: skip
    values: dict[str, Any] = {key: Unknown(f"{key} of container {name}") for key in _INSPECTED}
    unknown = Unknown(f"the id of container {name}")
    return values | {"Id": unknown if made else found.id, "Name": f"/{found.name}", "State": state,
                     "Image": unknown if made or not found.image_id else found.image_id}  # fmt: skip


@understood("community.docker.docker_image_info", kind="image")
def docker_image_info(call: Call, host: PredictedHost, args: Arguments) -> Result:
    store = host.containers
    names = args.words("name")
    if store.blind or other_engine(args) or not names:
        return Result(changed=False)
    found = [name for name in names if store.image(name) is not None]
    return Result(changed=False, values={"images": [Unknown(f"what the image {name} is") for name in found]})


@understood("community.docker.docker_network_info", "community.docker.docker_volume_info", kind="network")
def docker_object_info(call: Call, host: PredictedHost, args: Arguments) -> Result:
    store = host.containers
    if store.blind or other_engine(args):
        return Result(changed=False)
    kind = "network" if call.module.endswith("network_info") else "volume"
    name = args.need("name", "volume_name", "network_name")
    there = name in (store.networks if kind == "network" else store.volumes)
    return Result(changed=False, values={"exists": there, kind: Unknown(f"the {kind} {name}") if there else None})


@understood("community.docker.docker_host_info", kind="container")
def docker_host_info(call: Call, host: PredictedHost, args: Arguments) -> Result:
    store = host.containers
    if store.blind or other_engine(args):
        return Result(changed=False)
    values: dict[str, Any] = {"can_talk_to_docker": True}
    if args.flag("containers") and not args.flag("verbose_output"):
        every = args.flag("containers_all")
        shown = [there for there in store.all() if there.active or every]
        if all(there.certainty == "certain" for there in shown):
            values["containers"] = [_listed(store, there) for there in shown]
    return Result(changed=False, values=values)


def _listed(store: ContainerStore, there: PredictedContainer) -> dict[str, Any]:
    found = there.container
    assert found is not None
    del store
    names = ("Command", "Created", "Ports", "Status", "SizeRootFs", "SizeRw")
    return {**{name: Unknown(f"{name} of container {found.name}") for name in names}, "Names": [f"/{found.name}"],
            "Image": found.image, "Id": Unknown(f"the id of {found.name}") if found.id == NEW else found.id}  # fmt: skip


@understood("community.docker.current_container_facts", "community.docker.docker_context_info", kind="container")
def docker_looks(call: Call, host: PredictedHost, args: Arguments) -> Result:
    return Result(changed=False)
