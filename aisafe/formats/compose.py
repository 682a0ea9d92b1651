"""Compose files (the Compose Specification): services as container orders, with variables filled in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import yaml

from aisafe.formats.dockerrun import ContainerOrder, command_words, pair, volume
from aisafe.formats.ports import PortSpec, address_of, parse_published, port_range
from aisafe.formats.sizes import size_of
from aisafe.model import Mount
from aisafe.model.host import Protocol

FILE_NAMES: Final = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")  # Compose's own order
OVERRIDE_NAMES: Final = (
    "compose.override.yaml", "compose.override.yml", "docker-compose.override.yaml", "docker-compose.override.yml",
)  # fmt: skip
_VARIABLE: Final = re.compile(
    r"\$(?:\$|(?P<plain>[A-Za-z_][A-Za-z0-9_]*)"
    r"|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<rest>[^{}]*(?:\$\{[^{}]*\}[^{}]*)*)\})"
)


class _Loader(yaml.SafeLoader):
    """YAML as Compose reads it: ``2222:22`` and ``no`` are text, not a number in base 60 and a boolean (YAML 1.2)."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  as PyYAML wants it


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?[0-9]*\.[0-9]+(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


class BadCompose(ValueError):
    """The file is one that Compose itself would refuse, or that is not understood here; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeService:
    """One service. ``scale`` containers of it run; ``profiles``: it starts only when one of them is asked for.

    ``order.name`` is '' unless container_name is given. ``build`` '' or the directory that the image is built from.
    """

    name: str
    order: ContainerOrder
    scale: int = 1
    profiles: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    build: str = ""
    dockerfile: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A Compose project. ``name`` '' unless the file sets it. ``problems``: what could not be understood.

    ``networks``, ``volumes``: key -> the name given to it, '' for PROJECT_KEY; ``external`` names are not its own.
    """

    name: str = ""
    services: Mapping[str, ComposeService] = field(default_factory=dict)
    networks: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)
    external: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()

    def container_name(self, project: str, service: str, index: int = 1) -> str:
        """The name Compose v2 gives a container: ``container_name``, else PROJECT-SERVICE-INDEX."""
        return self.services[service].order.name or f"{project}-{service}-{index}"


def project_name(directory: str) -> str:
    """The default project name: the base name of the directory, lower case, only letters, digits, ``-`` and ``_``."""
    base = directory.rstrip("/").rpartition("/")[2]
    return re.sub(r"^[_-]+", "", re.sub(r"[^a-z0-9_-]", "", base.lower()))


def read(texts: Iterable[str], environment: Mapping[str, str]) -> Project:
    """Files of one project, later ones over earlier ones. Raises BadCompose."""
    problems: list[str] = []
    merged: dict[str, Any] = {}
    for text in texts:
        try:
            data = yaml.load(text, _Loader)  # noqa: S506  a SafeLoader
        except yaml.YAMLError as error:
            raise BadCompose(f"not YAML: {getattr(error, 'problem', None) or 'cannot be parsed'}") from error
        if not isinstance(data, dict):
            raise BadCompose("not a mapping with services")
        merged = _merge(merged, _interpolate(data, environment))
    for unread in ("include", "extends"):
        if unread in merged:
            problems.append(f"'{unread}' is not followed")
    services = {}
    for name, data in (merged.get("services") or {}).items():
        if not isinstance(data, dict):
            raise BadCompose(f"service {name} is not a mapping")
        services[str(name)] = _service(str(name), data, problems)
    return Project(
        name=str(merged.get("name") or ""), services=services, networks=_names(merged.get("networks")),
        volumes=_names(merged.get("volumes")), problems=tuple(problems),
        external=frozenset((*_external(merged.get("networks")), *_external(merged.get("volumes")))),
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


def _merge(low: Any, high: Any, key: str = "") -> Any:
    """Compose's rules for several files: mappings merge, lists of ports and the like add up, the rest is replaced."""
    if isinstance(low, dict) and isinstance(high, dict):
        return {name: _merge(low.get(name), high.get(name, low.get(name)), name) for name in {**low, **high}}
    if isinstance(low, list) and isinstance(high, list) and low is not high and key not in ("command", "entrypoint"):
        return [*low, *(item for item in high if item not in low)]
    return high


def _interpolate(value: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _interpolate(item, environment) for key, item in value.items()}
    if isinstance(value, list):
        return [_interpolate(item, environment) for item in value]
    return interpolate(value, environment) if isinstance(value, str) else value


def interpolate(text: str, environment: Mapping[str, str]) -> str:
    """``$X``, ``${X}``, ``${X:-y}``, ``${X-y}``, ``${X:?y}``, ``${X:+y}`` and ``$$``. Raises BadCompose for ``?``."""

    def fill(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        name = match["plain"] or match["name"]
        rest = match["rest"] or ""
        value = environment.get(name)
        operator = re.match(r":?[-?+]", rest)
        if not operator:
            return value or ""
        there = bool(value) if operator[0].startswith(":") else value is not None
        other = rest[operator.end() :]
        if operator[0][-1] == "+":
            return interpolate(other, environment) if there else ""
        if there:
            return value or ""
        if operator[0][-1] == "?":
            raise BadCompose(f"the variable {name} is needed and not set: {other}")
        return interpolate(other, environment)

    return _VARIABLE.sub(fill, text)


def _service(name: str, data: Mapping[str, Any], problems: list[str]) -> ComposeService:
    for key in ("extends",):
        if key in data:
            problems.append(f"service {name}: '{key}' is not followed")
    ports: list[PortSpec] = []
    for item in data.get("ports") or []:
        try:
            ports += _port(item)
        except (ValueError, TypeError) as error:
            problems.append(f"service {name}: ports: {error}")
    mode = str(data.get("network_mode") or "")
    deploy = data.get("deploy") or {}
    build = data.get("build")
    order = ContainerOrder(
        name=str(data.get("container_name") or ""),
        image=str(data.get("image") or ""),
        command=command_words(data.get("command")),
        entrypoint=command_words(data.get("entrypoint")),
        ports=() if mode == "host" else tuple(ports),
        exposed=tuple(str(port) for port in data.get("expose") or []),
        network_mode=mode,
        networks=tuple(str(network) for network in data.get("networks") or []),
        restart_policy=str(data.get("restart") or "no").partition(":")[0].replace("False", "no"),
        environment=_pairs(data.get("environment")),
        environment_files=tuple(_env_files(data.get("env_file"))),
        mounts=tuple(mount for mount in map(_volume, data.get("volumes") or []) if mount is not None),
        labels=_pairs(data.get("labels")),
        memory_limit=size_of(data.get("mem_limit") or _resource(deploy, "limits")),
        memory_reserved=size_of(data.get("mem_reservation") or _resource(deploy, "reservations")),
    )
    return ComposeService(
        name=name,
        order=order,
        scale=int(data.get("scale") or deploy.get("replicas") or 1) if data.get("scale") != 0 else 0,
        profiles=tuple(str(profile) for profile in data.get("profiles") or []),
        depends_on=tuple(str(other) for other in data.get("depends_on") or []),
        build=str(build.get("context", ".") if isinstance(build, dict) else build or ""),
        dockerfile=str(build.get("dockerfile", "") if isinstance(build, dict) else ""),
    )


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
            address=address_of(str(item.get("host_ip") or "")), protocol=cast("Protocol", protocol),
        ),
    )  # fmt: skip


def _resource(deploy: Any, kind: str) -> Any:
    """Memory of ``deploy.resources`` (Compose Deploy Specification)."""
    found = deploy
    for key in ("resources", kind, "memory"):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _pairs(value: object) -> dict[str, str]:
    if isinstance(value, dict):
        return {str(key): "" if item is None else str(item) for key, item in value.items()}
    return dict(pair(str(item)) for item in value) if isinstance(value, list) else {}


def _env_files(value: object) -> list[str]:
    items = value if isinstance(value, list) else [value] if value else []
    return [str(item.get("path", "") if isinstance(item, dict) else item) for item in items]


def _volume(item: Any) -> Mount | None:
    if not isinstance(item, dict):
        return volume(str(item))
    return Mount(
        type=str(item.get("type", "volume")),
        source=str(item.get("source") or ""),
        target=str(item.get("target") or ""),
        read_only=bool(item.get("read_only")),
    )
