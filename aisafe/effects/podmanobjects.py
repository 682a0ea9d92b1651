"""containers.podman: images, networks, volumes, secrets, credentials, unit files of Podman's own making, prune."""

from __future__ import annotations

import posixpath
from typing import Final

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, BadArgument
from aisafe.effects.attributes import remote_path, understood
from aisafe.effects.images import prune
from aisafe.effects.podman import not_roots
from aisafe.effects.podmanfiles import write_quadlet
from aisafe.effects.predicted import PredictedHost, changed
from aisafe.formats import dockerfile
from aisafe.model import Action, Effect, EffectKind, Unknown

AUTH_FILE: Final = "/run/containers/0/auth.json"
"""Where root's credentials go by default (containers-auth.json(5))."""


def _effect(call: Call, kind: EffectKind, action: Action, name: str, *, why: str = "", detail: str = "") -> Effect:
    """Nothing of Podman's own store comes back with a restore of the host."""
    return Effect(kind=kind, action=action, name=name, task=call.task, certainty="possible" if why else "certain",
                  why=why, detail=detail, reversible=False)  # fmt: skip


def _done(effects: tuple[Effect, ...]) -> Result:
    return Result(effects=effects, changed=changed(effects))


@understood("containers.podman.podman_image", kind="image")
def podman_image(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if not_roots(call):
        return Result(changed=None, opaque=not_roots(call))
    state, store = args.word("state", default="present"), host.podman
    if state == "quadlet":
        return write_quadlet(call, host, args, "image")
    name, tag = args.need("name"), args.word("tag", default="latest")
    name = name if "@" in name or ":" in name.rpartition("/")[2] else f"{name}:{tag}"
    there = store.image(name)
    if state == "absent":
        if there is None and not store.blind:
            return Result(changed=False)
        if there is not None:
            store.images.remove(there)
        return _done((_effect(call, "image", "remove", name, why=store.blind),))
    force = args.flag("force")
    if there is not None and not force:
        return Result(changed=None if args.flag("push") else False)
    path = args.text("path")
    if path is None:
        why = store.blind or ("whether the registry has a newer one" if there is not None else "")
        return _done(store.pull(call, name, why=why))
    file = posixpath.join(remote_path(path, call=call, host=host), "Containerfile")
    text = (
        host.file(file, follow=True).text
        or host.file(posixpath.join(posixpath.dirname(file), "Dockerfile"), follow=True).text
    )
    store.add_image(name, dockerfile.read(text) if text is not None else None)
    return _done((_effect(call, "image", "create", name, why=store.blind, detail=f"built in {path}"),))


@understood("containers.podman.podman_network", "containers.podman.podman_volume", kind="network")
def podman_object(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if not_roots(call):
        return Result(changed=None, opaque=not_roots(call))
    kind: EffectKind = "network" if call.module.endswith("network") else "volume"
    state, store = args.word("state", default="present"), host.podman
    if state == "quadlet":
        return write_quadlet(call, host, args, kind)
    name = args.need("name")
    known = store.networks if kind == "network" else store.volumes
    if state == "absent":
        if name not in known and not store.blind:
            return Result(changed=False)
        used = _users(host, name) if kind == "network" else ()
        if used and not args.flag("force"):
            raise BadArgument(f'"{name}" has associated containers with it ({", ".join(used)}): network is being used')
        taken = tuple(effect for other in used for effect in store.remove(call, other))
        known.discard(name)
        detail = "the data in it is lost" if kind == "volume" else ""
        return _done((*taken, _effect(call, kind, "remove", name, why=store.blind, detail=detail)))
    if name not in known:
        known.add(name)
        return _done((_effect(call, kind, "create", name, why=store.blind),))
    plain = ("name", "state", "executable", "debug", "force", "recreate")
    given = sorted(key for key, value in call.args.items() if value is not None and key not in plain)
    why = f"whether these are as asked could not be seen: {', '.join(given)}"
    return _done((_effect(call, kind, "change", name, why=why),) if given or args.flag("recreate", "force") else ())


def _users(host: PredictedHost, network: str) -> tuple[str, ...]:
    """Those that Podman takes along with a network by force, and for which it refuses without (podman-network-rm(1))."""
    return tuple(there.name for there in host.podman.all()
                 if there.container and network in there.container.networks and there.certainty == "certain")  # fmt: skip


@understood("containers.podman.podman_secret", kind="container")
def podman_secret(call: Call, host: PredictedHost, args: Arguments) -> Result:
    action: Action = "remove" if args.word("state", default="present") == "absent" else "create"
    why = "whether Podman has that secret, and the same, could not be seen"
    return _done((_effect(call, "container", action, f"secret {args.need('name')}", why=why),))


@understood("containers.podman.podman_login", "containers.podman.podman_logout", kind="file")
def podman_login(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """The credentials go into a file that only its owner reads; they are never told."""
    if not_roots(call) and not args.given("authfile"):
        return Result(changed=None, opaque=not_roots(call))
    path = remote_path(args.word("authfile", default=AUTH_FILE), call=call, host=host)
    if call.module.endswith("logout") and host.file(path).exists is False:
        return Result(changed=False)
    return Result(effects=host.files.disturb(call, path, "which credentials are there"), changed=None)


@understood("containers.podman.podman_generate_systemd", kind="file", action="create")
def podman_generate_systemd(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """Unit files for a container, or for a pod and its members, in ``dest``; their text is Podman's own."""
    dest = args.text("dest")
    if dest is None:
        return Result(changed=False)
    name, new = args.need("name"), args.flag("new")
    separator = args.word("separator", default="-")
    members = host.podman.members(name)
    prefix = args.word("pod_prefix", default="pod") if members else args.word("container_prefix", default="container")
    paths = [(f"{prefix}{separator}{name}" if prefix else name, name)]
    paths += [(f"{args.word('container_prefix', default='container')}{separator}{one}", one) for one in members[1:]]
    effects: tuple[Effect, ...] = ()
    for stem, container in paths:
        path = posixpath.join(remote_path(dest, call=call, host=host), f"{stem}.service")
        there = host.file(path)
        if there.text is not None and f" {container}" in there.text and not args.flag("force"):
            continue
        verb = "the container is made anew at each start" if new else f"starts the container {container}"
        text = (f"[Service]\nType=forking\nEnvironment=PODMAN_SYSTEMD_UNIT=%n\nExecStart=/usr/bin/podman start {container}\n"
                "[Install]\nWantedBy=default.target\n")  # fmt: skip
        content: bytes | Unknown = (
            Unknown("the text that podman generate systemd writes", text) if new else text.encode()
        )
        effects += host.put(call, path, content=content, detail=verb)
    return _done(effects)


@understood("containers.podman.podman_prune", kind="container", action="remove")
def podman_prune(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if not_roots(call):
        return Result(changed=None, opaque=not_roots(call))
    effects: tuple[Effect, ...] = ()
    system = args.flag("system")
    volumes = args.flag("volume") or (system and args.flag("system_volumes"))
    wanted = {"container": args.flag("container") or system, "image": args.flag("image") or system,
              "network": args.flag("network") or system, "volume": volumes}  # fmt: skip
    for kind, asked in wanted.items():
        if asked:
            narrowed = args.given(f"{kind}_filters")
            effects += prune(call, host.podman, kind, why="which of them the filters mean" if narrowed else "",
                             everything=system and args.flag("system_all"))  # fmt: skip
    return _done(effects)


@understood(
    "containers.podman.podman_tag", "containers.podman.podman_load", "containers.podman.podman_import", kind="image"
)
def podman_bring(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """Images and names for them; which ones an archive holds is not read from it."""
    if not_roots(call):
        return Result(changed=None, opaque=not_roots(call))
    names = (
        args.words("target_names")
        if call.module.endswith("tag")
        else (args.word("input", "src", default="an archive"),)
    )
    for name in names if call.module.endswith("tag") else ():
        host.podman.name_image(name, host.podman.image(args.need("image")))
    why = "whether they are there already" if call.module.endswith("tag") else "which images are in it is not read"
    return Result(effects=tuple(_effect(call, "image", "create", name, why=why) for name in names), changed=None)


@understood("containers.podman.podman_export", "containers.podman.podman_save", kind="file", action="create")
def podman_export(call: Call, host: PredictedHost, args: Arguments) -> Result:
    path = remote_path(args.need("dest"), call=call, host=host)
    if not args.flag("force", default=True) and host.file(path).exists:
        return Result(changed=False)
    return Result(effects=host.files.disturb(call, path, "the archive"), changed=True)


@understood("containers.podman.podman_container_copy", kind="container")
def podman_container_copy(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if args.flag("from_container"):
        path = remote_path(args.need("dest"), call=call, host=host)
        return Result(effects=host.files.disturb(call, path, "what comes out of the container"), changed=None)
    why = f"whether {args.need('dest')} in it is so already"
    return _done(
        (_effect(call, "container", "change", args.need("container"), why=why, detail="a file is copied into it"),)
    )
