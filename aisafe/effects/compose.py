"""docker_compose_v2 (community.docker 4) on the Compose files of the predicted host; container names as Compose v2."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import yaml

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, BadArgument
from aisafe.effects.attributes import remote_path, understood
from aisafe.effects.containers import compared, need_image, other_engine
from aisafe.effects.predicted import PredictedHost, changed
from aisafe.formats import dockerfile, envfile
from aisafe.formats.compose import FILE_NAMES, OVERRIDE_NAMES, BadCompose, ComposeService, Project, project_name, read
from aisafe.formats.dockerrun import ContainerOrder
from aisafe.model import Effect, Unknown, is_unknown

PROJECT_LABEL, SERVICE_LABEL = "com.docker.compose.project", "com.docker.compose.service"


class NotKnown(Exception):
    """The files of the project cannot be known before the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Project:
    """A project with its name, its directory and its files on the host; ``edited``: the run changed one of them."""

    name: str
    directory: str
    files: tuple[str, ...]
    content: Project
    edited: bool


@understood("community.docker.docker_compose_v2", kind="container")
def docker_compose_v2(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if other_engine(args):
        return Result(changed=None, opaque=other_engine(args))
    state = args.word("state", default="present")
    try:
        project = _load(call, host, args)
    except NotKnown as error:
        return Result(changed=None, opaque=str(error))
    except BadCompose as error:
        return Result(changed=False, failed=f"the Compose file is refused: {error}")
    if state == "absent":
        effects = _down(call, host, args, project)
    elif state in ("present", "stopped", "restarted"):
        effects = _up(call, host, args, project, state=state)
    else:
        raise BadArgument(f"value of state must be one of: absent, present, stopped, restarted, got: {state}")
    return Result(effects=effects, changed=changed(effects))


@understood("community.docker.docker_compose_v2_pull", kind="image", action="pull")
def docker_compose_v2_pull(call: Call, host: PredictedHost, args: Arguments) -> Result:
    try:
        project = _load(call, host, args)
    except (NotKnown, BadCompose) as error:
        return Result(changed=None, opaque=str(error))
    effects: tuple[Effect, ...] = ()
    for name, service in project.content.services.items():
        if service.order.image and not service.build and (not args.words("services") or name in args.words("services")):
            effects += need_image(call, host.containers, service.order.image,
                                  pull=args.word("policy", default="always"))[0]  # fmt: skip
    return Result(effects=effects, changed=changed(effects))


def _load(call: Call, host: PredictedHost, args: Arguments) -> _Project:
    """The project from ``definition`` or from its files. Raises NotKnown, BadCompose, BadArgument."""
    definition = args.raw("definition")
    if definition is not None:
        if is_unknown(definition):
            raise NotKnown("the definition of the project is known only in the run")
        content = read([yaml.safe_dump(definition)], call.environment)
        name = args.text("project_name") or content.name
        if not name:
            raise BadArgument("project_name is needed with definition")
        return _Project(name=name, directory="/", files=(), content=content, edited=False)
    directory = remote_path(args.need("project_src"), call=call, host=host)
    files = _files(host, directory, args.words("files"))
    texts = [_text(host, path) for path in files]
    env_files = [posixpath.join(directory, name) for name in args.words("env_files") or (".env",)]
    environment: dict[str, str] = {}
    for path in env_files:
        found = host.file(path, follow=True)
        if found.kind not in ("absent", "file") or isinstance(found.content, Unknown):
            raise NotKnown(f"{path} is known only in the run")
        environment |= envfile.read_dotenv(found.text or "", environment)
    environment |= call.environment
    content = read(texts, environment)
    name = args.text("project_name") or environment.get("COMPOSE_PROJECT_NAME") or content.name
    return _Project(
        name=name or project_name(directory), directory=directory, files=files, content=content,
        edited=host.files.changed([*files, *env_files]),
    )  # fmt: skip


def _files(host: PredictedHost, directory: str, given: tuple[str, ...]) -> tuple[str, ...]:
    if given:
        return tuple(posixpath.join(directory, name) for name in given)
    host.prefetch(posixpath.join(directory, name) for name in (*FILE_NAMES, *OVERRIDE_NAMES, ".env"))
    there = [
        next((path for name in names if host.file(path := posixpath.join(directory, name)).kind != "absent"), "")
        for names in (FILE_NAMES, OVERRIDE_NAMES)
    ]
    if not there[0]:
        if host.unforeseen or host.file(directory, follow=True).exists is None:
            raise NotKnown(f"the Compose file in {directory} is known only in the run")
        raise BadArgument(f'"{directory}" does not contain {", ".join(FILE_NAMES)}')
    return tuple(path for path in there if path)


def _text(host: PredictedHost, path: str) -> str:
    found = host.file(path, follow=True)
    if found.text is not None and found.certainty == "certain":
        return found.text
    if found.kind == "absent" and not host.unforeseen:
        raise BadArgument(f"Cannot find Compose file {path}")
    raise NotKnown(f"{path} is known only in the run")


def _chosen(args: Arguments, project: _Project) -> Iterator[tuple[str, ComposeService, str]]:
    """(service, its definition, container name) of what is asked for, dependencies first."""
    services = project.content.services
    profiles = set(args.words("profiles"))
    asked = args.words("services")
    for name in asked:
        if name not in services:
            raise BadArgument(f"no such service: {name}")
    wanted = list(asked) or [
        name for name, item in services.items() if not item.profiles or profiles & set(item.profiles)
    ]
    order: dict[str, None] = {}

    def visit(name: str) -> None:
        if name in order or name not in services:
            return
        if args.flag("dependencies", default=True):
            for other in services[name].depends_on:
                visit(other)
        order[name] = None

    for name in wanted:
        visit(name)
    scale = args.raw("scale") or {}
    for name in order:
        count = int(scale.get(name, services[name].scale)) if isinstance(scale, dict) else services[name].scale
        for index in range(1, count + 1):
            yield name, services[name], project.content.container_name(project.name, name, index)


def _up(call: Call, host: PredictedHost, args: Arguments, project: _Project, *, state: str) -> tuple[Effect, ...]:
    effects = _surroundings(call, host, args, project)
    for service, item, name in _chosen(args, project):
        order = _order(host, project, service, item, name)
        if project.content.problems:
            order = replace(order, problems=(*order.problems, *project.content.problems))
        effects += _image(call, host, args, project, item=item, image=order.image)
        effects += _container(call, host, args, order, edited=project.edited, running=state != "stopped")
        if state == "restarted" and not any(effect.name == name for effect in effects):
            effects += host.containers.restart(call, name)
        if state == "stopped":
            effects += host.containers.stop(call, name)
    if args.flag("remove_orphans"):
        for there in host.containers.all():
            labels = there.container.labels if there.container else {}
            orphan = labels.get(PROJECT_LABEL) == project.name
            if orphan and labels.get(SERVICE_LABEL) not in project.content.services:
                effects += host.containers.remove(call, there.name)
    return effects


def _surroundings(call: Call, host: PredictedHost, args: Arguments, project: _Project) -> tuple[Effect, ...]:
    """The networks and volumes that the project makes before its containers."""
    store, effects = host.containers, []
    used = {network for _, item, name in _chosen(args, project) for network in _networks(project, item)}
    volumes = {mount.source for service, item, name in _chosen(args, project)
               for mount in _order(host, project, service, item, name).mounts if mount.type == "volume"}  # fmt: skip
    for kind, wanted, there in (("network", used, store.networks), ("volume", volumes, store.volumes)):
        for name in sorted(wanted - there - project.content.external - {""}):
            effects.append(
                Effect(
                    kind="network" if kind == "network" else "volume", action="create", name=name, task=call.task,
                    certainty="possible" if store.blind else "certain", why=store.blind,
                )
            )  # fmt: skip
            there.add(name)
    return tuple(effects)


def _networks(project: _Project, item: ComposeService) -> tuple[str, ...]:
    if item.order.network_mode:
        return ()
    names = item.order.networks or ("default",)
    return tuple(project.content.networks.get(name) or f"{project.name}_{name}" for name in names)


def _order(host: PredictedHost, project: _Project, service: str, item: ComposeService, name: str) -> ContainerOrder:
    """The container order of one container, with the names that the engine sees."""
    order = item.order
    networks = _networks(project, item)
    mode = order.network_mode
    if mode.startswith("service:"):
        mode = f"container:{project.content.container_name(project.name, mode.removeprefix('service:'))}"
    environment: dict[str, str] = {}
    problems = order.problems
    for path in order.environment_files:
        text = host.file(posixpath.join(project.directory, path), follow=True).text
        environment |= envfile.read_dotenv(text) if text else {}
    mounts = []
    for mount in order.mounts:
        source = mount.source
        if mount.type == "bind":
            source = posixpath.normpath(posixpath.join(project.directory, source))
        elif mount.type == "volume" and source:
            source = project.content.volumes.get(source) or f"{project.name}_{source}"
        mounts.append(replace(mount, source=source))
    return replace(
        order, name=name, image=order.image or f"{project.name}-{service}", networks=networks, mounts=tuple(mounts),
        network_mode=mode or networks[0], environment={**environment, **order.environment}, problems=problems,
        labels={**order.labels, PROJECT_LABEL: project.name, SERVICE_LABEL: service},
    )  # fmt: skip


def _image(
    call: Call, host: PredictedHost, args: Arguments, project: _Project, *, item: ComposeService, image: str
) -> tuple[Effect, ...]:
    store = host.containers
    if not item.build:
        pull = args.word("pull", default="policy")
        effects, _ = need_image(call, store, image, pull="missing" if pull == "policy" else pull)
        return effects
    if store.image(image) is not None and args.word("build", default="policy") != "always":
        return ()
    why = store.blind or ("whether the build gives another image" if store.image(image) else "")
    path = posixpath.join(project.directory, item.build, item.dockerfile or "Dockerfile")
    text = host.file(path, follow=True).text
    store.add_image(image, dockerfile.read(text) if text is not None else None)
    return (
        Effect(kind="image", action="create", name=image, task=call.task, certainty="possible" if why else "certain",
               why=why, detail=f"built in {posixpath.dirname(path)}"),
    )  # fmt: skip


def _container(
    call: Call, host: PredictedHost, args: Arguments, order: ContainerOrder, *, edited: bool, running: bool
) -> tuple[Effect, ...]:
    store = host.containers
    there = store.get(order.name)
    container = there.container
    if container is None or store.blind or there.certainty != "certain":
        why = store.blind or there.why
        return store.put(call, order, name=order.name, running=running, sure=not why, why=why)
    policy = args.word("recreate", default="auto")
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


def _down(call: Call, host: PredictedHost, args: Arguments, project: _Project) -> tuple[Effect, ...]:
    store = host.containers
    names = {project.content.container_name(project.name, name) for name in project.content.services}
    effects: tuple[Effect, ...] = ()
    for there in store.all():
        labels: Any = there.container.labels if there.container else {}
        if labels.get(PROJECT_LABEL) == project.name or there.name in names:
            effects += store.remove(call, there.name)
    if store.blind:
        for name in sorted(names):
            effects += store.remove(call, name)
    prefix = f"{project.name}_"
    for network in sorted(store.networks):
        if network.startswith(prefix) and network not in project.content.external:
            store.networks.discard(network)
            effects += (Effect(kind="network", action="remove", name=network, task=call.task),)
    for volume in sorted(store.volumes) if args.flag("remove_volumes") else ():
        if volume.startswith(prefix):
            store.volumes.discard(volume)
            effects += (Effect(kind="volume", action="remove", name=volume, task=call.task, reversible=False,
                               detail="the data in it is lost"),)  # fmt: skip
    return effects
