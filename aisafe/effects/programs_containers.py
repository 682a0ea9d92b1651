"""The command lines of docker, podman and their Compose: what they do to containers, images, networks, volumes, pods."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from aisafe.effects.attributes import home
from aisafe.effects.compose import Wish, act, refused, texts
from aisafe.effects.containerstore import ContainerStore
from aisafe.effects.images import prune
from aisafe.effects.podman import play
from aisafe.effects.programs import Ran, Scene, program, split_options, through
from aisafe.effects.programs import texts as words_of
from aisafe.effects.readonly import only_reads
from aisafe.effects.shell import Word
from aisafe.formats import composecommand, dockerrun, kubeplay
from aisafe.formats.compose import BadCompose, NotKnown, Project, open_project
from aisafe.formats.composecommand import ComposeCommand
from aisafe.formats.composefiles import Missing
from aisafe.formats.dockerrun import subcommand
from aisafe.formats.ports import parse_published
from aisafe.model import Effect, EffectKind

_LIFE: Final = {"start": "start", "stop": "stop", "kill": "stop", "restart": "restart", "rm": "remove",
                "remove": "remove", "pause": "", "unpause": ""}  # fmt: skip
_LIFE_VALUED: Final = "t time s signal timeout a filter cidfile pod-id-file"
_EXEC_VALUED: Final = ("-e", "--env", "-u", "--user", "-w", "--workdir", "--env-file", "--detach-keys")
_QUIET: Final = frozenset(
    ("ps", "inspect", "images", "logs", "version", "info", "port", "top", "stats", "diff", "history", "search", "events",
     "wait", "healthcheck", "exists", "list", "ls", "attach", "export", "save", "unshare", "")
)  # fmt: skip
_GROUPS: Final = ("system", "context", "node", "service", "stack", "plugin", "secret", "config", "buildx", "manifest")
_VERBS: Final = {"up": "up", "down": "down", "start": "start", "stop": "stop", "kill": "stop", "restart": "restart",
                 "create": "create", "pull": "pull", "build": "build", "rm": "rm"}  # fmt: skip


@program("docker", "podman", "nerdctl")
def engine(scene: Scene, words: Sequence[Word]) -> Ran:
    """Containers and all around them; what only reads is known elsewhere."""
    if not all(word.literal for word in words):
        return Ran(opaque=f"{scene.name} with an argument that only the host's shell knows")
    argv = (scene.name, *words_of(words))
    if scene.name == "nerdctl":
        return Ran(opaque="nerdctl is not understood")
    if any(word.startswith(("-H", "--host", "--context", "--url", "--connection")) for word in argv[1:3]):
        return Ran(opaque=f"{scene.name} for another engine than the host's own is not modelled")
    if scene.name == "podman" and scene.call.become_user not in ("root", ""):
        return Ran(opaque=f"podman of the user {scene.call.become_user} is not modelled")
    compose = composecommand.parse(argv)
    if compose is not None:
        return _compose(scene, compose, separator="-")
    found = subcommand(argv)
    if found is None:
        return Ran()
    verb, rest = found[0], list(found[1])
    store = scene.host.podman if scene.name == "podman" else scene.host.containers
    if verb in ("run", "create"):
        return Ran(effects=store.docker_run(scene.call, argv))
    if verb in _LIFE:
        return _life(scene, store, verb, rest)
    if verb == "exec":
        return _exec(scene, store, rest)
    if verb in ("pull", "load", "import", "build", "tag", "rmi", "commit"):
        return _images(scene, store, verb, rest)
    if verb == "image" and rest:
        inner = {"rm": "rmi", "remove": "rmi"}.get(rest[0], rest[0])
        return _pruned(scene, store, "image", rest) if inner == "prune" else _images(scene, store, inner, rest[1:])
    if verb in ("network", "volume") and rest:
        return _objects(scene, store, verb, rest[0], rest[1:])
    if verb == "pod" and rest:
        return _pod(scene, store, argv, rest[0], rest[1:])
    kube = kubeplay.command(argv)
    if kube is not None:
        return _kube(scene, store, *kube)
    if verb == "system" and rest[:1] == ["prune"]:
        return _pruned(scene, store, "system", rest)
    if scene.name == "docker" and verb in ("swarm", "stack", "service") and rest[:1] and rest[0] not in _QUIET:
        return _swarm(scene, verb, rest[0], rest[1:])
    if verb in ("login", "logout"):
        path = "~/.docker/config.json" if scene.name == "docker" else "/run/containers/0/auth.json"
        return Ran(effects=scene.host.files.disturb(scene.call, scene.path(path), "the credentials"))
    if verb in ("rename", "update", "cp", "push"):
        return _changed(scene, store, verb, rest)
    if verb in _QUIET or (verb in _GROUPS and rest[:1] and rest[0] in _QUIET):
        return Ran()
    return Ran(opaque=f"{scene.name} {verb} is not understood")


def _life(scene: Scene, store: ContainerStore, verb: str, rest: list[str]) -> Ran:
    options, operands = split_options([Word(text=text) for text in rest], valued=_LIFE_VALUED)
    if not _LIFE[verb]:
        return Ran()
    if {"all", "filter", "latest", "l"} & set(options) or (verb not in ("start",) and "a" in options):
        operands = [Word(text=there.name) for there in store.all()]
        if "filter" in options or "latest" in options or "l" in options:
            return Ran(opaque=f"{scene.name} {verb} of containers that the engine chooses")
    effects: tuple[Effect, ...] = ()
    for word in operands:
        there = store.get(word.text)
        absent = there.container is None and there.certainty == "certain" and not store.blind
        if absent and not scene.host.unforeseen:
            ignored = "ignore" in options or "i" in options or (("f" in options or "force" in options) and verb == "rm")
            if not ignored:
                return Ran(effects=effects, ok=False, rc=1)
            continue
        if verb == "rm" and there.active and not {"f", "force"} & set(options):
            return Ran(effects=effects, ok=False)  # You cannot remove a running container
        effects += getattr(store, _LIFE[verb])(scene.call, word.text)
    return Ran(effects=effects)


def _exec(scene: Scene, store: ContainerStore, rest: list[str]) -> Ran:
    """A command in a container; one that only reads changes nothing there either."""
    position = 0
    while position < len(rest) and rest[position].startswith("-"):
        position += 2 if rest[position] in _EXEC_VALUED else 1
    name, inner = "".join(rest[position : position + 1]), rest[position + 1 :]
    if inner and only_reads(inner[0].rpartition("/")[2], [Word(text=text) for text in inner[1:]]):
        return Ran()
    there = store.get(name)
    running = there.active and there.certainty == "certain"
    effect = scene.effect(
        "container", "run", name, certainty="certain" if running else "possible", reversible=False,
        why="" if running else there.why or f"container {name} is not known to run",
        detail="a command inside it; what that changes is not foreseen",
    )  # fmt: skip
    return Ran(effects=(effect,))


def _images(scene: Scene, store: ContainerStore, verb: str, rest: list[str]) -> Ran:
    options, operands = split_options(
        [Word(text=text) for text in rest], valued="platform i input t tag f file build-arg target network label c "
        "change m message a author creds authfile arch os format o output iidfile cache-from secret ssh progress",
    )  # fmt: skip
    names = [word.text for word in operands]
    if verb == "pull":
        return Ran(effects=tuple(effect for name in names for effect in store.pull(
            scene.call, name, why="whether the registry has a newer one" if store.image(name) else store.blind)))  # fmt: skip
    if verb == "build":
        name = options.get("t", options.get("tag", "an image without a name"))
        store.add_image(name)
        return Ran(effects=(scene.effect("image", "create", name, detail="built"),))
    if verb == "tag" and len(names) > 1:
        for name in names[1:]:
            store.add_image(name)
        return Ran(effects=tuple(scene.effect("image", "create", name, detail=f"another name of {names[0]}")
                                 for name in names[1:]))  # fmt: skip
    if verb == "rmi" and not {"a", "all"} & set(options):
        effects: tuple[Effect, ...] = ()
        for name in names:
            there = store.image(name)
            if there is None and not store.blind:
                return Ran(effects=effects, ok="f" in options or "force" in options)
            if there is not None:
                store.images.remove(there)
            effects += (scene.effect("image", "remove", name, certainty="possible" if store.blind else "certain",
                                     why=store.blind),)  # fmt: skip
        return Ran(effects=effects)
    if verb in ("load", "import", "commit", "rmi", "push", "trust", "sign"):
        return Ran(effects=(scene.effect("image", "change", f"what {scene.name} {verb} brings", certainty="possible",
                                         why="which images are in it is not read"),))  # fmt: skip
    return Ran() if verb in _QUIET else Ran(opaque=f"{scene.name} image {verb} is not understood")


def _objects(scene: Scene, store: ContainerStore, kind: str, verb: str, rest: list[str]) -> Ran:
    options, operands = split_options(
        [Word(text=text) for text in rest], valued="d driver o opt subnet gateway ip-range label aux-address "
        "ipam-driver ipam-opt scope config-from interface-name dns route",
    )  # fmt: skip
    names = [word.text for word in operands]
    there = store.networks if kind == "network" else store.volumes
    which: EffectKind = "network" if kind == "network" else "volume"
    if verb in _QUIET:
        return Ran()
    if verb in ("connect", "disconnect"):
        return Ran(effects=(scene.effect(which, "change", names[0] if names else "", detail=f"{verb}s {names[-1:]}"),))
    if verb == "prune":
        return _pruned(scene, store, kind, [])
    if verb not in ("create", "rm", "remove"):
        return Ran(opaque=f"{scene.name} {kind} {verb} is not understood")
    effects: tuple[Effect, ...] = ()
    why = store.blind
    for name in names or ([] if kind == "network" else ["(unnamed)"]):
        if verb == "create":
            if name in there and kind == "network" and "ignore" not in options:
                return Ran(effects=effects, ok=False, rc=1)  # network with name … already exists
            if name not in there:
                effects += (scene.effect(which, "create", name, certainty="possible" if why else "certain", why=why),)
            there.add(name)
            continue
        if name not in there and not why and not scene.host.unforeseen:
            return Ran(effects=effects, ok=bool({"f", "force"} & set(options)))
        there.discard(name)
        effects += (scene.effect(which, "remove", name, certainty="possible" if why else "certain", why=why,
                                 reversible=kind != "volume",
                                 detail="the data in it is lost" if kind == "volume" else ""),)  # fmt: skip
    return Ran(effects=effects)


def _pod(scene: Scene, store: ContainerStore, argv: tuple[str, ...], verb: str, rest: list[str]) -> Ran:
    if verb == "create":
        return Ran(effects=store.docker_run(scene.call, argv))
    if verb in _QUIET:
        return Ran()
    if verb not in _LIFE:
        return Ran(opaque=f"podman pod {verb} is not understood")
    options, operands = split_options([Word(text=text) for text in rest], valued=_LIFE_VALUED)
    if {"a", "all", "l", "latest"} & set(options):
        return Ran(opaque=f"podman pod {verb} of pods that the engine chooses")
    effects: tuple[Effect, ...] = ()
    for word in operands:
        members = store.members(word.text)
        if not members and not (store.blind or scene.host.unforeseen):
            return Ran(effects=effects, ok=bool({"f", "force", "i", "ignore"} & set(options)))
        for name in members:
            effects += getattr(store, _LIFE[verb])(scene.call, name) if _LIFE[verb] else ()
    return Ran(effects=effects)


def _kube(
    scene: Scene, store: ContainerStore, path: str, publish: tuple[str, ...], networks: tuple[str, ...], down: bool
) -> Ran:
    text = texts(scene.host)(scene.path(path)) if path not in ("", "-") else False
    if text is None and not scene.host.unforeseen:
        return Ran(ok=False)
    if not isinstance(text, str):
        return Ran(opaque=f"{scene.name} plays {path or 'a file'}, which is known only in the run")
    effects = play(scene.call, store, text, publish=publish, networks=networks, state="absent" if down else "started")
    return Ran(effects=effects)


def _swarm(scene: Scene, group: str, verb: str, rest: list[str]) -> Ran:
    """``docker swarm init``, ``docker stack deploy`` and ``docker service create``, as their modules have them."""
    given = dockerrun.options(rest)
    names = given.words

    def last(option: str) -> str | None:
        return given.values[option][-1] if option in given.values else None

    if group == "swarm" and verb in ("init", "leave"):
        state = "present" if verb == "init" else "absent"
        return through(scene, "community.docker.docker_swarm", {"state": state, "listen_addr": last("--listen-addr")})
    if group == "stack" and verb in ("deploy", "up", "rm", "remove", "down") and names:
        if verb not in ("deploy", "up"):
            return through(scene, "community.docker.docker_stack", {"name": names[0], "state": "absent"})
        files = [scene.path(file) for option in ("-c", "--compose-file") for file in given.values.get(option, ())]
        return through(scene, "community.docker.docker_stack", {
            "name": names[0], "compose": files, "prune": "--prune" in given.values})  # fmt: skip
    if group == "service" and verb in ("rm", "remove") and names:
        return through(scene, "community.docker.docker_swarm_service", {"name": names[0], "state": "absent"})
    if group == "service" and verb == "create" and names and last("--name"):
        ports = [_service_port(text) for option in ("-p", "--publish") for text in given.values.get(option, ())]
        return through(scene, "community.docker.docker_swarm_service", {
            "name": last("--name"), "image": names[0], "publish": ports, "command": names[1:]})  # fmt: skip
    return Ran(opaque=f"docker {group} {verb} is not understood")


def _service_port(text: str) -> dict[str, Any]:
    """``8080:80/udp`` or ``published=8080,target=80,mode=host`` of ``docker service create``."""
    if "=" in text:
        fields = dict(part.partition("=")[::2] for part in text.split(","))
        return {"published_port": fields.get("published"), "protocol": fields.get("protocol", "tcp"),
                "mode": fields.get("mode", "ingress")}  # fmt: skip
    (port, *_) = parse_published(text)
    return {"published_port": port.host_port, "protocol": port.protocol}


def _changed(scene: Scene, store: ContainerStore, verb: str, rest: list[str]) -> Ran:
    names = [text for text in rest if not text.startswith("-")]
    if verb == "push":
        return Ran()  # the registry changes, not the host
    if verb == "rename" and len(names) == 2:
        return Ran(effects=store.rename(scene.call, names[0], names[1]))
    if verb == "update":
        policy = next((text.partition("=")[2] for text in rest if text.startswith("--restart=")), "")
        return Ran(effects=tuple(
            effect for name in names[-1:] for effect in store.update(
                scene.call, name, detail="its limits or restart policy", **({"restart_policy": policy} if policy else {}))
        ))  # fmt: skip
    out = next((name for name in names if ":" in name), "")
    if verb == "cp" and len(names) == 2 and out == names[0]:
        return Ran(
            effects=scene.host.files.disturb(scene.call, scene.path(names[1]), "what comes out of the container")
        )
    return Ran(effects=(scene.effect("container", "change", out.partition(":")[0], reversible=False,
                                     detail="a file is copied into it"),))  # fmt: skip


def _pruned(scene: Scene, store: ContainerStore, what: str, words: Sequence[str]) -> Ran:
    """docker-system-prune(1): volumes only when asked for; with --all the images that no container uses."""
    volumes = "--volumes" in words
    everything = "--all" in words or any(re.fullmatch("-[a-z]*a[a-z]*", word) for word in words)
    kinds = {"system": ("container", "network", "image", *(("volume",) if volumes else ()))}.get(what, (what,))
    made = (prune(scene.call, store, kind, everything=everything and kind == "image") for kind in kinds)
    return Ran(effects=tuple(effect for effects in made for effect in effects))


@program("docker-compose")
def docker_compose(scene: Scene, words: Sequence[Word]) -> Ran:
    """Version 1 where Debian's package of that name is, version 2 else; they differ in the names of containers."""
    old = scene.host.packages.get("docker-compose", "").startswith("1.")
    return _standalone(scene, words, separator="_" if old else "-")


@program("podman-compose")
def podman_compose(scene: Scene, words: Sequence[Word]) -> Ran:
    return _standalone(scene, words, separator="_")


def _standalone(scene: Scene, words: Sequence[Word], *, separator: str) -> Ran:
    command = composecommand.parse((scene.name, *words_of(words)))
    if command is None or not all(word.literal for word in words):
        return Ran(opaque=f"{scene.name} with an argument that only the host's shell knows")
    return _compose(scene, command, separator=separator)


def _compose(scene: Scene, command: ComposeCommand, *, separator: str) -> Ran:
    if command.verb in composecommand.READING or not command.verb:
        return Ran()
    project = _project(scene, command, separator=separator)
    if isinstance(project, Ran):
        return project
    podman = command.program.startswith("podman")
    store = scene.host.podman if podman else scene.host.containers
    if command.verb == "exec":
        return _exec(scene, store, [project.container_name(command.words[0])] if command.words else [])
    if command.verb == "run" and command.words:
        return _run(scene, store, project, command)
    verb = _VERBS.get(command.verb)
    if verb is None:
        return Ran() if command.verb in ("pause", "unpause") else Ran(
            opaque=f"{command.program} {command.verb} is not understood")  # fmt: skip
    try:
        effects = act(scene.call, scene.host, store, project, _wish(command, verb))
        if command.verb == "rm" and command.has("-s", "--stop"):
            effects = act(scene.call, scene.host, store, project, replace(_wish(command, verb), verb="stop"))
            effects += act(scene.call, scene.host, store, project, _wish(command, verb))
    except (BadCompose, NotKnown) as error:
        return _refused(scene, error)
    return Ran(effects=effects)


def _wish(command: ComposeCommand, verb: str) -> Wish:
    recreate = {True: "always", False: "auto"}[command.has("--force-recreate", "-V", "--renew-anon-volumes")]
    build = "always" if command.has("--build") else "never" if command.has("--no-build") else "policy"
    scale = dict(text.partition("=")[::2] for text in command.options.get("--scale", ()))
    return Wish(
        verb="create" if verb == "up" and command.has("--no-start") else verb, services=command.words, build=build,
        recreate="never" if command.has("--no-recreate") else recreate, dependencies=not command.has("--no-deps"),
        pull=command.value("--pull") or ("always" if verb == "pull" else "policy"),
        scale={name: int(count) for name, count in scale.items() if count.isdigit()},
        orphans=command.has("--remove-orphans"), volumes=command.has("-v", "--volumes"),
    )  # fmt: skip


def _project(scene: Scene, command: ComposeCommand, *, separator: str) -> Project | Ran:
    own = home(scene.call.become_user or "root", host=scene.host, text="~")
    environment: Mapping[str, str] = {"HOME": own, **scene.call.environment}
    files = command.project_files(scene.cwd or "", environment=environment, home=own)
    if files is None:
        return Ran(opaque=f"{command.program} in a directory that is not known")
    try:
        return open_project(
            files, texts(scene.host), name=command.project, profiles=command.profiles, separator=separator
        )
    except (BadCompose, NotKnown) as error:
        return _refused(scene, error)


def _refused(scene: Scene, error: Exception) -> Ran:
    found = refused(scene.host, error)
    if isinstance(error, Missing) and not found.opaque:
        return Ran(ok=False)
    return Ran(opaque=found.opaque) if found.opaque else Ran(ok=False)


def _run(scene: Scene, store: ContainerStore, project: Project, command: ComposeCommand) -> Ran:
    """``compose run``: the services it depends on, and a container of its own that ends with the command."""
    service = command.words[0]
    try:
        before = [name for name in project.chosen([service]) if name != service] if not command.has("--no-deps") else []
        wish = Wish(services=tuple(before))
        effects = act(scene.call, scene.host, store, project, wish) if before else ()
        order = project.order(service, read=texts(scene.host))
    except (BadCompose, NotKnown) as error:
        return _refused(scene, error)
    name = command.value("--name") or f"{project.name}{project.separator}{service}{project.separator}run-(new)"
    ports = order.ports if command.has("--service-ports", "-P") else ()
    effects += store.ask(scene.call, replace(order, name=name, ports=ports, restart_policy="no"))
    if not command.has("-d", "--detach"):
        effects += store.remove(scene.call, name) if command.has("--rm") else store.stop(scene.call, name)
    return Ran(effects=effects)
