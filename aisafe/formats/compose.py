"""Compose projects (the Compose Specification): services as container orders, with the names that the engine sees."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from typing import Any, Final, cast

from aisafe.formats.composefiles import Files, Model, NotKnown, ReadText, env_file_values, load, of_definition
from aisafe.formats.composemerge import BadCompose
from aisafe.formats.dockerrun import ContainerOrder, command_words, volume
from aisafe.formats.ports import PortSpec, address_of, parse_published, port_range
from aisafe.formats.sizes import size_of
from aisafe.frozen import frozen
from aisafe.model import Mount
from aisafe.model.host import Protocol

__all__ = ["BadCompose", "ComposeService", "Files", "NotKnown", "Project", "open_definition", "open_project", "read"]

PROJECT_LABEL: Final = "com.docker.compose.project"
SERVICE_LABEL: Final = "com.docker.compose.service"
_RESTART: Final = {"none": "no", "no": "no", "on-failure": "on-failure", "unless-stopped": "unless-stopped"}


@frozen
class ComposeService:
    """One service. ``scale`` containers of it run; ``profiles``: it starts only when one of them is asked for.

    ``order.name`` is '' unless container_name is given. ``build`` '' or the directory that the image is built from.
    ``optional``: those of ``depends_on`` that need not be there. ``pull``: its pull_policy, '' for the default.
    """

    name: str
    order: ContainerOrder
    scale: int = 1
    profiles: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    build: str = ""
    dockerfile: str = ""
    pull: str = ""
    env_files: tuple[Mapping[str, Any], ...] = ()


@frozen
class Project:
    """A Compose project. ``problems``: what could not be understood. ``read``: the files that it hangs on.

    ``networks``, ``volumes``: key -> the name given to it, '' for PROJECT_KEY; ``external`` names are not its own.
    ``separator`` stands in the names of containers: ``-``, and ``_`` for docker-compose 1 and podman-compose.
    """

    name: str = ""
    directory: str = ""
    services: Mapping[str, ComposeService] = field(default_factory=dict)
    networks: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)
    external: frozenset[str] = frozenset()
    profiles: frozenset[str] = frozenset()
    environment: Mapping[str, str] = field(default_factory=dict)
    read: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    separator: str = "-"

    def container_name(self, service: str, index: int = 1) -> str:
        """The name that a container gets: ``container_name``, else PROJECT-SERVICE-INDEX."""
        return self.services[service].order.name or self.separator.join((self.name, service, str(index)))

    def network_names(self, service: str) -> tuple[str, ...]:
        """The networks of a service as the engine calls them; () with a network_mode."""
        order = self.services[service].order
        if order.network_mode:
            return ()
        return tuple(self.networks.get(name) or f"{self.name}_{name}" for name in order.networks or ("default",))

    def chosen(self, asked: Iterable[str] = (), *, dependencies: bool = True) -> tuple[str, ...]:
        """The services that a command concerns, dependencies first. Naming one turns its profiles on (Compose
        Specification, "Profiles"). Raises BadCompose for one that there is not."""
        asked = tuple(asked)
        for name in asked:
            if name not in self.services:
                raise BadCompose(f"no such service: {name}")
        profiles = {*self.profiles, *(profile for name in asked for profile in self.services[name].profiles)}
        on = {name for name, item in self.services.items()
              if not item.profiles or "*" in profiles or profiles & set(item.profiles)}  # fmt: skip
        order: dict[str, None] = {}

        def visit(name: str, above: tuple[str, ...] = ()) -> None:
            if name in order or name in above:
                return
            for other in self.services[name].depends_on if dependencies else ():
                if other in on:
                    visit(other, (*above, name))
                elif other not in self.services[name].optional:
                    raise BadCompose(f'service "{name}" depends on undefined service "{other}"')
            order[name] = None

        for name in asked or [name for name in self.services if name in on]:
            visit(name)
        return tuple(order)

    def order(self, service: str, index: int = 1, *, read: ReadText = lambda path: False) -> ContainerOrder:
        """One container as the engine is asked for it. Raises BadCompose for an env_file that is not there."""
        item = self.services[service]
        order, name = item.order, self.container_name(service, index)
        networks = self.network_names(service)
        mode = order.network_mode
        if mode.startswith("service:"):
            other = mode.removeprefix("service:")
            mode = f"container:{self.container_name(other) if other in self.services else other}"
        values, problems = env_file_values(item.env_files, self.environment, read)
        mounts = [
            replace(mount, source=self.volumes.get(mount.source) or f"{self.name}_{mount.source}")
            if mount.type == "volume" and mount.source else mount
            for mount in order.mounts
        ]  # fmt: skip
        return replace(
            order, name=name, image=order.image or f"{self.name}{self.separator}{service}", networks=networks,
            mounts=tuple(mounts), volumes_from=tuple(map(self._container_of, order.volumes_from)),
            network_mode=mode or networks[0], environment={**values, **order.environment},
            labels={**order.labels, PROJECT_LABEL: self.name, SERVICE_LABEL: service},
            problems=(*order.problems, *self.problems, *problems),
        )  # fmt: skip

    def _container_of(self, entry: str) -> str:
        """``volumes_from``: ``SERVICE[:ro]`` or ``container:NAME[:ro]``, as the engine is told it."""
        other = entry.removeprefix("container:")
        name, mark, options = other.partition(":")
        own = other == entry and name in self.services
        return (self.container_name(name) if own else name) + mark + options


def project_name(directory: str) -> str:
    """The default project name: the base name of the directory, lower case, only letters, digits, ``-`` and ``_``.

    docker-compose 1 makes every name one of these; Compose 2 refuses a given name that is none.
    """
    base = directory.rstrip("/").rpartition("/")[2]
    return re.sub(r"^[_-]+", "", re.sub(r"[^a-z0-9_-]", "", base.lower()))


def open_project(
    files: Files, read_text: ReadText, *, name: str = "", profiles: Iterable[str] = (), separator: str = "-"
) -> Project:
    """The project of ``files``. ``name``: -p, before COMPOSE_PROJECT_NAME, ``name:`` and the directory.

    Raises BadCompose, NotKnown.
    """
    model = load(files, read_text)
    wanted = (*profiles, *filter(None, model.environment.get("COMPOSE_PROFILES", "").split(",")))
    return _project(model, name=name, profiles=wanted, separator=separator)


def open_definition(
    definition: str, environment: Mapping[str, str], *, name: str = "", profiles: Iterable[str] = (), home: str = ""
) -> Project:
    """A project from the text of its only file."""
    return _project(of_definition(definition, environment, home), name=name, profiles=tuple(profiles), separator="-")


def read(texts: Iterable[str], environment: Mapping[str, str]) -> Project:
    """Texts of one project that lie nowhere, later ones over earlier ones. Raises BadCompose."""
    paths = {f"/{number}": text for number, text in enumerate(texts)}
    return open_project(Files(directory="/", given=tuple(paths), environment=environment), paths.get)


def _project(model: Model, *, name: str, profiles: Iterable[str], separator: str) -> Project:
    problems = list(model.problems)
    data = model.data
    services = {
        str(key): _service(str(key), item, problems, model.environment)
        for key, item in (data.get("services") or {}).items()
    }
    chosen = name or model.environment.get("COMPOSE_PROJECT_NAME") or str(data.get("name") or "")
    if separator == "-" and chosen != project_name(chosen):
        raise BadCompose(f"invalid project name {chosen!r}: lower case letters, digits, '-' and '_' alone are allowed")
    return Project(
        name=project_name(chosen or model.directory), directory=model.directory, services=services,
        networks=_names(data.get("networks")), volumes=_names(data.get("volumes")), profiles=frozenset(profiles),
        external=frozenset((*_external(data.get("networks")), *_external(data.get("volumes")))),
        environment=model.environment, read=model.read, problems=tuple(dict.fromkeys(problems)), separator=separator,
    )  # fmt: skip


def _names(value: object) -> dict[str, str]:
    """Key -> name in the engine, of networks or volumes; an external one keeps its key as name."""
    found: dict[str, str] = {}
    for key, data in value.items() if isinstance(value, dict) else ():
        own = str(data.get("name") or "") if isinstance(data, dict) else ""
        found[str(key)] = own or (str(key) if isinstance(data, dict) and data.get("external") else "")
    return found


def _external(value: object) -> Iterator[str]:
    for key, data in value.items() if isinstance(value, dict) else ():
        if isinstance(data, dict) and data.get("external"):
            yield str(data.get("name") or key)


def _service(name: str, data: Mapping[str, Any], problems: list[str], environment: Mapping[str, str]) -> ComposeService:
    ports: list[PortSpec] = []
    for item in data.get("ports") or []:
        try:
            ports += _port(item)
        except (ValueError, TypeError, KeyError) as error:
            problems.append(f"service {name}: ports: {error}")
    mode = str(data.get("network_mode") or "")
    deploy = data.get("deploy") or {}
    build = data.get("build") or {}
    depends = data.get("depends_on") or {}
    order = ContainerOrder(
        name=str(data.get("container_name") or ""),
        image=str(data.get("image") or ""),
        command=command_words(data.get("command")),
        entrypoint=command_words(data.get("entrypoint")),
        ports=() if mode == "host" else tuple(dict.fromkeys(ports)),
        exposed=tuple(str(port) for port in data.get("expose") or []),
        network_mode=mode,
        networks=tuple(str(network) for network in data.get("networks") or []),
        restart_policy=_restart(data.get("restart"), deploy.get("restart_policy")),
        environment=_environment(data.get("environment"), environment),
        mounts=tuple(mount for mount in map(_volume, data.get("volumes") or []) if mount is not None),
        volumes_from=tuple(str(item) for item in data.get("volumes_from") or []),
        labels={key: "" if item is None else _text(item) for key, item in (data.get("labels") or {}).items()},
        memory_limit=size_of(data.get("mem_limit") or _resource(deploy, "limits")),
        memory_reserved=size_of(data.get("mem_reservation") or _resource(deploy, "reservations")),
    )
    service = ComposeService(
        name=name,
        order=order,
        scale=_scale(data.get("scale"), deploy.get("replicas")),
        profiles=tuple(str(profile) for profile in data.get("profiles") or []),
        depends_on=tuple(dict.fromkeys((*map(str, depends), *_lenders(order)))),
        optional=tuple(str(other) for other, how in depends.items()
                       if isinstance(how, dict) and str(how.get("required", True)).lower() == "false"),
        build=str(build.get("context", "")),
        dockerfile=str(build.get("dockerfile") or ""),
        pull=str(data.get("pull_policy") or ""),
        env_files=tuple(data.get("env_file") or ()),
    )  # fmt: skip
    if order.name and service.scale > 1:
        raise BadCompose(f'can\'t set container_name and scale of service "{name}" together')
    if not order.image and not service.build:
        raise BadCompose(f'service "{name}" has neither an image nor a build context specified')
    return service


def _lenders(order: ContainerOrder) -> Iterator[str]:
    """The services whose volumes it has: they come first, as if depends_on named them."""
    return (text.partition(":")[0] for text in order.volumes_from if not text.startswith("container:"))


def _scale(*given: object) -> int:
    found = next((item for item in given if item is not None and item != ""), 1)
    try:
        return int(str(found))
    except ValueError:
        raise BadCompose(f"scale {found!r} is no number") from None


def _restart(given: object, deploy: object) -> str:
    """``restart``, over which ``deploy.restart_policy.condition`` goes."""
    if isinstance(deploy, dict):
        return _RESTART.get(str(deploy.get("condition") or "any"), "always")
    if given is None or given is False:
        return "no"
    return str(given).partition(":")[0]


def _port(item: Any) -> tuple[PortSpec, ...]:
    """The short form (``127.0.0.1:8000-8001:80-81/udp``) and the long one (target, published, host_ip, protocol)."""
    if not isinstance(item, dict):
        return parse_published(str(item))
    protocol = str(item.get("protocol") or "tcp")
    if protocol not in ("tcp", "udp"):
        raise ValueError(f"protocol {protocol!r} has no listening socket of the host to compare")
    target = int(item["target"])
    published = port_range(str(item["published"])) if item.get("published") not in (None, "", 0, "0") else range(0)
    return (
        PortSpec(
            container_port=target, host_port=published[0] if len(published) == 1 else None,
            address=address_of(str(item.get("host_ip") or "")), alone=item.get("mode") == "host",
            protocol=cast("Protocol", protocol),
        ),
    )  # fmt: skip


def _resource(deploy: Any, kind: str) -> Any:
    """Memory of ``deploy.resources`` (Compose Deploy Specification)."""
    found = deploy
    for key in ("resources", kind, "memory"):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _environment(value: object, environment: Mapping[str, str]) -> dict[str, str]:
    """A variable without a value takes that of the project's environment, and is not there without one."""
    found: dict[str, str] = {}
    for key, item in value.items() if isinstance(value, dict) else ():
        if item is not None:
            found[str(key)] = _text(item)
        elif key in environment:
            found[str(key)] = environment[key]
    return found


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _volume(item: Any) -> Mount | None:
    if not isinstance(item, dict):
        return volume(str(item))
    return Mount(
        type=str(item.get("type", "volume")),
        source=str(item.get("source") or ""),
        target=str(item.get("target") or ""),
        read_only=bool(item.get("read_only")),
    )
