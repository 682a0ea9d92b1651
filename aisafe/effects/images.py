"""docker_image and its successors, docker_network, docker_volume (community.docker 4), and what a prune takes."""

from __future__ import annotations

import posixpath
from dataclasses import replace

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, BadArgument
from aisafe.effects.attributes import remote_path, understood
from aisafe.effects.containers import other_engine
from aisafe.effects.containerstore import ContainerStore
from aisafe.effects.predicted import PredictedHost, changed
from aisafe.formats import dockerfile
from aisafe.model import Action, Effect, EffectKind


def _named(args: Arguments) -> str:
    name, tag = args.need("name"), args.word("tag", default="latest")
    return name if "@" in name or ":" in name.rpartition("/")[2] else f"{name}:{tag}"


@understood("community.docker.docker_image", kind="image")
def docker_image(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if other_engine(args):
        return Result(changed=None, opaque=other_engine(args))
    name = _named(args)
    if args.word("state", default="present") == "absent":
        return _remove(call, host.containers, name)
    source = args.text("source")
    force = args.flag("force_source")
    if source == "build":
        build = args.raw("build")
        path = Arguments(build if isinstance(build, dict) else {}).need("path")
        return _build(call, host, name, path=path, file=Arguments(build).text("dockerfile"), force=force)
    if source == "local":
        return _local(call, host.containers, name)
    if source == "load":
        return _pull(call, host.containers, name, always=force, action="create")
    return _pull(call, host.containers, name, always=force, action="pull")


@understood("community.docker.docker_image_pull", kind="image", action="pull")
def docker_image_pull(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if other_engine(args):
        return Result(changed=None, opaque=other_engine(args))
    always = args.word("pull", default="always") == "always"
    return _pull(call, host.containers, _named(args), always=always, action="pull")


@understood("community.docker.docker_image_build", kind="image", action="create")
def docker_image_build(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if other_engine(args):
        return Result(changed=None, opaque=other_engine(args))
    force = args.word("rebuild", default="never") == "always"
    return _build(call, host, _named(args), path=args.need("path"), file=args.text("dockerfile"), force=force)


@understood("community.docker.docker_image_remove", kind="image", action="remove")
def docker_image_remove(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if other_engine(args):
        return Result(changed=None, opaque=other_engine(args))
    return _remove(call, host.containers, _named(args))


def _pull(call: Call, store: ContainerStore, name: str, *, always: bool, action: Action) -> Result:
    if store.image(name) is None:
        if action == "pull":
            effects = store.pull(call, name, why=store.blind)
        else:
            store.add_image(name)
            effects = (_effect(call, "image", action, name, why=store.blind),)
    elif always:
        effects = store.pull(call, name, why="whether the registry has a newer one")
    else:
        effects = ()
    return Result(effects=effects, changed=changed(effects))


def _build(call: Call, host: PredictedHost, name: str, *, path: str, file: str | None, force: bool) -> Result:
    store = host.containers
    there = store.image(name)
    if there is not None and not force:
        return Result(changed=False)
    text = host.file(posixpath.join(path, file or "Dockerfile"), follow=True).text
    why = store.blind or ("whether the build gives another image" if there else "")
    store.add_image(name, dockerfile.read(text) if text is not None else None)
    effects = (_effect(call, "image", "create", name, why=why, detail=f"built in {path}"),)
    return Result(effects=effects, changed=changed(effects))


def _local(call: Call, store: ContainerStore, name: str) -> Result:
    if store.image(name) is None and not store.blind:
        raise BadArgument(f"Cannot find the image {name} locally.")
    return Result(changed=False)


def _remove(call: Call, store: ContainerStore, name: str) -> Result:
    there = store.image(name)
    if there is None and not store.blind:
        return Result(changed=False)
    if there is not None:
        store.images.remove(there)
    effects = (_effect(call, "image", "remove", name, why=store.blind),)
    return Result(effects=effects, changed=changed(effects))


@understood("community.docker.docker_network", kind="network")
def docker_network(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if other_engine(args):
        return Result(changed=None, opaque=other_engine(args))
    store, name = host.containers, args.need("name", "network_name")
    there = name in store.networks
    if args.word("state", default="present") == "absent":
        effects = _gone(call, store, "network", name) if there or store.blind else ()
        store.networks.discard(name)
        return Result(effects=effects, changed=changed(effects))
    if not there:
        store.networks.add(name)
        effects = (_effect(call, "network", "create", name, why=store.blind),)
        return Result(effects=effects, changed=changed(effects))
    plain = ("name", "network_name", "state", "connected", "containers", "appends", "incremental", "force")
    configured = [key for key in sorted(call.args) if call.args[key] is not None and key not in plain]
    why = f"whether these are as asked could not be seen: {', '.join(configured)}"
    effects = (_effect(call, "network", "change", name, why=why),) if configured or args.given("connected") else ()
    return Result(effects=effects, changed=changed(effects))


@understood("community.docker.docker_volume", kind="volume")
def docker_volume(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if other_engine(args):
        return Result(changed=None, opaque=other_engine(args))
    store, name = host.containers, args.need("name", "volume_name")
    there = name in store.volumes
    if args.word("state", default="present") == "absent":
        effects = _gone(call, store, "volume", name) if there or store.blind else ()
        store.volumes.discard(name)
        return Result(effects=effects, changed=changed(effects))
    if there and args.word("recreate", default="never") != "always":
        return Result(changed=False)
    store.volumes.add(name)
    effects = (*(_gone(call, store, "volume", name) if there else ()),
               _effect(call, "volume", "create", name, why=store.blind))  # fmt: skip
    return Result(effects=effects, changed=changed(effects))


def _gone(call: Call, store: ContainerStore, kind: EffectKind, name: str) -> tuple[Effect, ...]:
    """The data in a removed volume does not come back."""
    detail = "the data in it is lost" if kind == "volume" else ""
    return (_effect(call, kind, "remove", name, why=store.blind, detail=detail, reversible=kind != "volume"),)


@understood("community.docker.docker_image_load", kind="image", action="create")
def docker_image_load(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """Which images an archive holds is not read from it."""
    if other_engine(args):
        return Result(changed=None, opaque=other_engine(args))
    path = remote_path(args.need("path"), call=call, host=host)
    if host.file(path, follow=True).exists is False:
        return Result(changed=False, failed=f"Error opening archive {path}")
    why = "which images are in it is not read"
    return Result(effects=(_effect(call, "image", "create", f"of {path}", why=why),), changed=True)


@understood("community.docker.docker_image_tag", kind="image", action="create")
def docker_image_tag(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if other_engine(args):
        return Result(changed=None, opaque=other_engine(args))
    store, name = host.containers, _named(args)
    there = store.image(name)
    if there is None and not (store.blind or host.unforeseen):
        return Result(changed=False, failed=f"Cannot find image {name}")
    keep = args.word("existing_images", default="overwrite") == "keep"
    effects: tuple[Effect, ...] = ()
    for target in args.words("repository"):
        tag = target if ":" in target.rpartition("/")[2] else f"{target}:{args.word('tag', default='latest')}"
        known = store.image(tag)
        if known is not None and (keep or (there is not None and known.id == there.id)):
            continue
        store.name_image(tag, there)
        effects += (_effect(call, "image", "create" if known is None else "change", tag, why=store.blind,
                            detail=f"another name of {name}"),)  # fmt: skip
    return Result(effects=effects, changed=changed(effects))


@understood("community.docker.docker_image_push", kind="image")
def docker_image_push(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """The registry changes, not the host."""
    store, name = host.containers, _named(args)
    if not other_engine(args) and store.image(name) is None and not (store.blind or host.unforeseen):
        return Result(changed=False, failed=f"Cannot find image {name}")
    return Result(changed=None)


@understood("community.docker.docker_image_export", kind="file", action="create")
def docker_image_export(call: Call, host: PredictedHost, args: Arguments) -> Result:
    path = remote_path(args.need("path"), call=call, host=host)
    if not args.flag("force") and host.file(path).exists:
        return Result(effects=(_effect(call, "file", "change", path, why="whether the archive holds these images already"),),
                      changed=None)  # fmt: skip
    return Result(effects=host.files.disturb(call, path, "the archive of the images"), changed=True)


PRUNED = "no tag holds it"
"""Detail of an image's removal by ``prune --all``: the snapshot has to hold the image itself."""


def prune(
    call: Call, store: ContainerStore, kind: str, *, why: str = "", everything: bool = False
) -> tuple[Effect, ...]:
    """What ``docker KIND prune`` takes away: stopped containers, networks and volumes that none uses, images without a
    name (``everything``: all that none uses). ``why``: what it depends on besides."""
    why = why or store.blind
    containers = [there.container for there in store.all() if there.container is not None]
    effects: tuple[Effect, ...] = ()
    if kind == "container":
        for container in containers:
            if container.state in ("created", "exited", "dead"):
                removed = store.remove(call, container.name)
                effects += tuple(replace(item, certainty="possible", why=why) for item in removed) if why else removed
    elif kind == "network":
        used = {name for container in containers for name in container.networks}
        for name in sorted(store.networks - used - {"bridge", "host", "none", "podman", "ingress", "docker_gwbridge"}):
            store.networks.discard(name)
            effects += (_effect(call, "network", "remove", name, why=why),)
    elif kind == "image":
        ids = {container.image_id for container in containers}
        for image in [image for image in store.images if image.id not in ids and (everything or not image.tags)]:
            store.images.remove(image)
            name = next(iter(image.tags), image.id.removeprefix("sha256:")[:12])
            effects += (_effect(call, "image", "remove", name, why=why, detail=PRUNED if everything else ""),)
    else:
        used = {mount.source for container in containers for mount in container.mounts if mount.type == "volume"}
        unsure = why or "whether Docker counts it among those that it prunes"
        effects = tuple(_effect(call, "volume", "remove", name, why=unsure, reversible=False, detail="the data in it is lost")
                        for name in sorted(store.volumes - used))  # fmt: skip
    return effects


def _effect(
    call: Call,
    kind: EffectKind,
    action: Action,
    name: str,
    *,
    why: str = "",
    detail: str = "",
    reversible: bool = True,
) -> Effect:
    return Effect(
        kind=kind, action=action, name=name, task=call.task, certainty="possible" if why else "certain", why=why,
        detail=detail, reversible=reversible,
    )  # fmt: skip
