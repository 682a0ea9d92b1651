"""docker_compose_v2 and its likes (community.docker 4), docker_compose of version 3, and what the command lines do."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from typing import Any, Final

import yaml

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, BadArgument
from aisafe.effects.attributes import home, remote_path, understood
from aisafe.effects.containers import compared, need_image, other_engine
from aisafe.effects.containerstore import ContainerStore
from aisafe.effects.filetree import PredictedFile
from aisafe.effects.predicted import PredictedHost, changed
from aisafe.formats import dockerfile
from aisafe.formats.compose import (
    PROJECT_LABEL,
    SERVICE_LABEL,
    BadCompose,
    ComposeService,
    Files,
    NotKnown,
    Project,
    open_definition,
    open_project,
)
from aisafe.formats.composefiles import FILE_NAMES, OVERRIDE_NAMES, Missing, ReadText
from aisafe.formats.dockerrun import ContainerOrder
from aisafe.frozen import frozen
from aisafe.model import Effect, is_unknown

STATES: Final = {"present": "up", "absent": "down", "stopped": "stopped", "restarted": "restart"}


@frozen
class Wish:
    """What is asked of a project. ``verb``: up, create, start, stop, restart, down, pull, build or rm as of
    docker-compose(1), or stopped: created, and not running. ``pull`` and ``build``: policy, always, missing, never;
    ``volumes``: down takes them too."""

    verb: str = "up"
    services: tuple[str, ...] = ()
    recreate: str = "auto"
    build: str = "policy"
    pull: str = "policy"
    scale: Mapping[str, int] = field(default_factory=dict)
    dependencies: bool = True
    orphans: bool = False
    volumes: bool = False


@understood("community.docker.docker_compose_v2", kind="container")
def docker_compose_v2(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if other_engine(args):
        return Result(changed=None, opaque=other_engine(args))
    state = args.word("state", default="present")
    if state not in STATES:
        raise BadArgument(f"value of state must be one of: {', '.join(STATES)}, got: {state}")
    wish = Wish(
        verb=STATES[state], services=args.words("services"), recreate=args.word("recreate", default="auto"),
        build=args.word("build", default="policy"), pull=args.word("pull", default="policy"),
        scale=_scale(args.raw("scale")), dependencies=args.flag("dependencies", default=True),
        orphans=args.flag("remove_orphans"), volumes=args.flag("remove_volumes"),
    )  # fmt: skip
    return _fulfilled(call, host, args, wish)


@understood("community.docker.docker_compose", kind="container")
def docker_compose(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """The module for docker-compose 1 (community.docker before 4.0): its containers have ``_`` in their names."""
    if other_engine(args):
        return Result(changed=None, opaque=other_engine(args))
    verb = "down" if args.word("state", default="present") == "absent" else "up"
    if args.flag("stopped"):
        verb = "stopped"
    elif args.flag("restarted"):
        verb = "restart"
    wish = Wish(
        verb=verb, services=args.words("services"), scale=_scale(args.raw("scale")),
        recreate={"smart": "auto"}.get(word := args.word("recreate", default="smart"), word),
        build="always" if args.flag("build") else "policy", pull="always" if args.flag("pull") else "policy",
        dependencies=args.flag("dependencies", default=True), orphans=args.flag("remove_orphans"),
        volumes=args.flag("remove_volumes"),
    )  # fmt: skip
    return _fulfilled(call, host, args, wish, separator="_")


@understood("community.docker.docker_compose_v2_pull", kind="image", action="pull")
def docker_compose_v2_pull(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if other_engine(args):
        return Result(changed=None, opaque=other_engine(args))
    pull = args.word("policy", default="always")
    return _fulfilled(call, host, args, Wish(
        verb="pull", services=args.words("services"), pull=pull, dependencies=args.flag("include_deps")))  # fmt: skip


@understood("community.docker.docker_compose_v2_run", kind="container", action="run")
def docker_compose_v2_run(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """A container of its own for one command, after the services that it depends on; ports only with service_ports."""
    service = args.need("service")
    try:
        project = project_of(call, host, args)
        before = [name for name in project.chosen([service]) if name != service] if not args.flag("no_deps") else []
        effects = act(call, host, host.containers, project, Wish(services=tuple(before))) if before else ()
        order = project.order(service, read=texts(host))
    except (NotKnown, Missing, BadCompose) as error:
        return refused(host, error)
    ports = order.ports if args.flag("service_ports") else ()
    name = args.word("name", default=f"{project.name}-{service}-run-(new)")
    order = replace(order, name=name, ports=ports, restart_policy="no")
    store = host.containers
    effects += need_image(call, store, order.image, pull="missing")[0]
    effects += store.put(call, order, name=name, running=True, detail="one command")
    if not args.flag("detach"):
        effects += store.remove(call, name) if args.flag("cleanup") else store.stop(call, name)
    return Result(effects=effects, changed=True)


@understood("community.docker.docker_compose_v2_exec", kind="container", action="run")
def docker_compose_v2_exec(call: Call, host: PredictedHost, args: Arguments) -> Result:
    try:
        project = project_of(call, host, args)
        project.chosen([args.need("service")])
    except (NotKnown, Missing, BadCompose) as error:
        return refused(host, error)
    name = project.container_name(args.need("service"), args.number("index") or 1)
    return inside(call, host, host.containers, name)


def inside(call: Call, host: PredictedHost, store: ContainerStore, name: str) -> Result:
    """A command in a container that runs; what it does there cannot be told."""
    there = store.get(name)
    running = there.active and there.certainty == "certain"
    if there.container is None and there.certainty == "certain" and not (store.blind or host.unforeseen):
        return Result(changed=False, failed=f"Could not find container {name}")
    why = "" if running else there.why or store.blind or f"container {name} does not run"
    effect = Effect(
        kind="container", action="run", name=name, task=call.task, certainty="certain" if running else "possible",
        why=why, reversible=False, detail="a command inside it; what that changes is not foreseen",
    )  # fmt: skip
    return Result(effects=(effect,), changed=True)


def _fulfilled(call: Call, host: PredictedHost, args: Arguments, wish: Wish, *, separator: str = "-") -> Result:
    try:
        project = project_of(call, host, args, separator=separator)
        effects = act(call, host, host.containers, project, wish)
    except (NotKnown, Missing, BadCompose) as error:
        return refused(host, error)
    return Result(effects=effects, changed=changed(effects))


def refused(host: PredictedHost, error: Exception) -> Result:
    """A file that is not there may come from what could not be foreseen; what Compose refuses fails."""
    if isinstance(error, NotKnown) or (isinstance(error, Missing) and host.unforeseen):
        return Result(changed=None, opaque=f"the Compose project is known only in the run: {error}")
    return Result(
        changed=False, failed=str(error) if isinstance(error, Missing) else f"the Compose file is refused: {error}"
    )


def _scale(given: Any) -> dict[str, int]:
    return {str(name): int(count) for name, count in given.items()} if isinstance(given, Mapping) else {}


def texts(host: PredictedHost) -> ReadText:
    """The files of the predicted host as Compose would read them."""

    def text(path: str) -> str | Any:
        found: PredictedFile = host.file(path, follow=True)
        if found.kind in ("absent", "directory") and found.certainty == "certain":
            return None
        return found.text if found.text is not None and found.certainty == "certain" else False

    return text


def project_of(call: Call, host: PredictedHost, args: Arguments, *, separator: str = "-") -> Project:
    """The project that a module's arguments mean. Raises NotKnown, Missing, BadCompose, BadArgument."""
    own = home(call.become_user, host=host, text="~") if call.become_user in (*host.users, "root") else ""
    environment = {"HOME": own, **call.environment} if own else dict(call.environment)
    name, profiles = args.word("project_name", default=""), args.words("profiles")
    definition = args.raw("definition")
    if definition is not None:
        if is_unknown(definition):
            raise NotKnown("the definition of the project is known only in the run")
        if not name:
            raise BadArgument("project_name is needed with definition")
        return open_definition(yaml.safe_dump(definition), environment, name=name, profiles=profiles, home=own)
    directory = remote_path(args.need("project_src"), call=call, host=host)
    if host.file(directory, follow=True).exists is False:
        raise Missing(f'"{directory}" is not a directory')
    host.prefetch(posixpath.join(directory, name) for name in (*FILE_NAMES, *OVERRIDE_NAMES, ".env"))
    files = Files(
        directory=directory, given=args.words("files"), env_files=args.words("env_files", "env_file"),
        environment=environment, home=own,
    )  # fmt: skip
    return open_project(files, texts(host), name=name, profiles=profiles, separator=separator)


def act(call: Call, host: PredictedHost, store: ContainerStore, project: Project, wish: Wish) -> tuple[Effect, ...]:
    """What Compose does with ``project``. Raises BadCompose."""
    if wish.verb == "down":
        return _down(call, store, project, wish)
    if wish.verb in ("start", "stop", "restart", "rm"):
        return tuple(effect for name in _of_project(store, project, wish)
                     for effect in _live(call, store, name, wish.verb))  # fmt: skip
    effects = _surroundings(call, host, store, project, wish) if wish.verb not in ("pull", "build") else ()
    for item, name, order in orders(host, project, wish):
        if wish.verb in ("pull", "build"):
            if bool(item.build) is (wish.verb == "build"):
                effects += _image(call, host, store, project, item=item, image=order.image, wish=wish)
            continue
        edited = host.files.changed([*project.read, *(str(entry.get("path", "")) for entry in item.env_files)])
        effects += _image(call, host, store, project, item=item, image=order.image, wish=wish)
        running = wish.verb == "up"
        effects += _container(call, store, order, edited=edited, running=running, policy=wish.recreate)
        if wish.verb == "stopped":
            effects += store.stop(call, name)
    if wish.orphans:
        for there in store.all():
            labels = there.container.labels if there.container else {}
            if labels.get(PROJECT_LABEL) == project.name and labels.get(SERVICE_LABEL) not in project.services:
                effects += store.remove(call, there.name)
    return effects


def orders(host: PredictedHost, project: Project, wish: Wish) -> Iterator[tuple[ComposeService, str, ContainerOrder]]:
    """(service, container name, order) of what is asked for, dependencies first."""
    for service in project.chosen(wish.services, dependencies=wish.dependencies):
        item = project.services[service]
        for index in range(1, wish.scale.get(service, item.scale) + 1):
            order = project.order(service, index, read=texts(host))
            yield item, order.name, order


def _of_project(store: ContainerStore, project: Project, wish: Wish) -> list[str]:
    """The containers of the project that are there, and those that should be."""
    wanted = project.chosen(wish.services, dependencies=False)
    found = [there.name for there in store.all() if there.container is not None
             and there.container.labels.get(PROJECT_LABEL) == project.name
             and there.container.labels.get(SERVICE_LABEL) in wanted]  # fmt: skip
    return list(dict.fromkeys((*found, *(project.container_name(name) for name in wanted))))


def _live(call: Call, store: ContainerStore, name: str, verb: str) -> tuple[Effect, ...]:
    there = store.get(name)
    if there.container is None and there.certainty == "certain" and not store.blind:
        return ()
    verbs = {"start": store.start, "stop": store.stop, "restart": store.restart}
    if verb == "rm":
        return () if there.active and there.certainty == "certain" else store.remove(call, name)
    return verbs[verb](call, name)


def _surroundings(
    call: Call, host: PredictedHost, store: ContainerStore, project: Project, wish: Wish
) -> tuple[Effect, ...]:
    """The networks and volumes that the project makes before its containers."""
    effects: list[Effect] = []
    wanted = list(orders(host, project, wish))
    used = {network for _, _, order in wanted for network in order.networks}
    volumes = {mount.source for _, _, order in wanted for mount in order.mounts if mount.type == "volume"}
    for kind, needed, there in (("network", used, store.networks), ("volume", volumes, store.volumes)):
        for name in sorted(needed - there - project.external - {""}):
            effects.append(
                Effect(
                    kind="network" if kind == "network" else "volume", action="create", name=name, task=call.task,
                    certainty="possible" if store.blind else "certain", why=store.blind,
                )
            )  # fmt: skip
            there.add(name)
    return tuple(effects)


def _image(
    call: Call,
    host: PredictedHost,
    store: ContainerStore,
    project: Project,
    *,
    item: ComposeService,
    image: str,
    wish: Wish,
) -> tuple[Effect, ...]:
    if not item.build:
        policy = wish.pull if wish.pull != "policy" else {"if_not_present": "missing"}.get(item.pull, item.pull)
        return need_image(call, store, image, pull=policy or "missing")[0]
    again = wish.build == "always" or wish.verb == "build" or item.pull == "build"
    if store.image(image) is not None and not again:
        return ()
    why = store.blind or ("whether the build gives another image" if store.image(image) else "")
    path = posixpath.join(project.directory, item.build, item.dockerfile or "Dockerfile")
    text = host.file(path, follow=True).text if path.startswith("/") else None
    if store.image(image) is None:
        store.add_image(image, dockerfile.read(text) if text is not None else None)
    return (
        Effect(kind="image", action="create", name=image, task=call.task, certainty="possible" if why else "certain",
               why=why, detail=f"built in {posixpath.dirname(path)}"),
    )  # fmt: skip


def _container(
    call: Call, store: ContainerStore, order: ContainerOrder, *, edited: bool, running: bool, policy: str
) -> tuple[Effect, ...]:
    there = store.get(order.name)
    container = there.container
    if container is None or store.blind or there.certainty != "certain":
        why = store.blind or there.why
        return store.put(call, order, name=order.name, running=running, sure=not why, why=why)
    differing: list[str] = []
    if there.order != order and policy != "never":
        # a default command of the image, and labels of Compose itself, are no part of the comparison
        skip = {"command", "entrypoint"} if order.command is None and order.entrypoint is None else set()
        differing = [item.what for key, found in compared(order, container, store) if key not in {*skip, "labels"}
                     for item in found if item.sure]  # fmt: skip
    if differing or policy == "always":
        text = f"made anew: {', '.join(dict.fromkeys(differing)) or 'recreate is asked for'}"
        return store.put(call, order, name=order.name, running=running, detail=text)
    effects: tuple[Effect, ...] = ()
    if edited and there.order != order and policy != "never":
        why = "the Compose files were changed, and whether that concerns this container is not certain"
        effects = store.put(call, order, name=order.name, running=running or container.active, sure=False, why=why)
    if running and not container.active:
        effects += store.start(call, order.name) or ()
    return effects


def _down(call: Call, store: ContainerStore, project: Project, wish: Wish) -> tuple[Effect, ...]:
    names = {project.container_name(name) for name in wish.services or project.services}
    effects: tuple[Effect, ...] = ()
    for there in store.all():
        labels: Any = there.container.labels if there.container else {}
        mine = labels.get(PROJECT_LABEL) == project.name and (
            labels.get(SERVICE_LABEL) in (wish.services or project.services) or (wish.orphans and not wish.services))  # fmt: skip
        if mine or there.name in names:
            effects += store.remove(call, there.name)
    if store.blind:
        for name in sorted(names):
            effects += store.remove(call, name)
    if wish.services:
        return effects
    prefix = f"{project.name}_"
    own = {*project.networks.values(), *project.volumes.values()} - {""}
    for network in sorted(store.networks):
        if (network.startswith(prefix) or network in own) and network not in project.external:
            store.networks.discard(network)
            effects += (Effect(kind="network", action="remove", name=network, task=call.task),)
    for volume in sorted(store.volumes) if wish.volumes else ():
        if (volume.startswith(prefix) or volume in own) and volume not in project.external:
            store.volumes.discard(volume)
            effects += (Effect(kind="volume", action="remove", name=volume, task=call.task, reversible=False,
                               detail="the data in it is lost"),)  # fmt: skip
    return effects
