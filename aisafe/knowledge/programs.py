"""What is known of programs: the names they go by, where they listen by default, and what changes it.

``programs.json`` holds it; README.md beside it says what its keys mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from functools import cache
from typing import Any, Final, Literal, cast, get_args

from aisafe.frozen import frozen
from aisafe.knowledge.reading import read

Part = Literal["address", "port", "host", "hosts", "off"]
Style = Literal[
    "words", "equals", "yaml", "toml", "json", "hcl", "nginx", "apache", "haproxy", "caddy", "sshd", "rsyslog", "snmpd",
    "chrony", "tomcat", "postgresql", "mysql", "mosquitto", "redis", "bind", "unbound", "dnsmasq", "postfix", "dovecot",
    "traefik", "otelcol", "other",
]  # fmt: skip
STYLES: Final = get_args(Style)
PARTS: Final = ("address", "port", "host", "hosts", "off")
_REGISTRY_HOSTS: Final = ("docker.io/library/", "docker.io/", "index.docker.io/", "registry-1.docker.io/")


@frozen
class Setting:
    """What a flag, a variable or a key of a configuration file sets: one part of the socket with that role."""

    role: str
    part: Part


@frozen
class Config:
    """A configuration file that may move sockets. ``paths``: where it is by default, the first that exists counts.

    ``flag``: the option that names another; ``argument``: the first bare argument does. ``style``: how to read it.
    ``adds``: what the distributions' own start script adds to it, in the words of the file.
    ``derived``: pattern of a word of the command -> the path of the file that it means.
    """

    paths: tuple[str, ...]
    style: Style
    flag: str = ""
    argument: bool = False
    section: str = ""
    adds: str = ""
    keys: Mapping[str, tuple[Setting, ...]]
    derived: Mapping[str, str] = field(default_factory=dict)


@frozen
class Program:
    """One program. ``sockets``: role -> ``[ADDRESS:]PORT[/udp]``, None where it is closed unless asked for.

    ``container_sockets``: the same for its usual image, where that differs. ``generic``: it says nothing of what is
    served (an interpreter, a general server for applications). ``go``: it takes 0.0.0.0 for all of both families, as
    Go's net.Listen does. ``arguments``: file of its package's unit -> the words with variables of it in ExecStart=.
    ``addrconfig``: without an address it takes IPv4 alone where no interface but the loopback has IPv6 (getaddrinfo(3)).
    ``source``: where all this is written.
    """

    name: str
    binaries: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    sockets: Mapping[str, str | None]
    container_sockets: Mapping[str, str | None]
    flags: Mapping[str, tuple[Setting, ...]]
    environment: Mapping[str, tuple[Setting, ...]]
    config: tuple[Config, ...] = ()
    positional: tuple[Setting, ...] = ()
    arguments: Mapping[str, str] = field(default_factory=dict)
    generic: bool = False
    go: bool = False
    addrconfig: bool = False
    source: str = ""


@cache
def programs() -> Mapping[str, Program]:
    """All programs by name, from ``programs.json``. Raises ValueError where that file is wrong."""
    return {name: _known(name) for name in _data()}


@cache
def _data() -> Mapping[str, Mapping[str, Any]]:
    data: Mapping[str, Mapping[str, Any]] = read("programs.json")
    return data


def by_binary(name: str) -> Program | None:
    """The program of an executable: its base name, any case, ``_`` and ``-`` alike."""
    return _named("binaries", _key(name.rpartition("/")[2]))


def by_unit(name: str) -> Program | None:
    """The program of a unit by its name, with or without suffix; for an instance, by its template."""
    stem = name.removesuffix(".service").removesuffix(".socket").partition("@")[0]
    return _named("units", _key(stem))


def by_package(name: str) -> Program | None:
    """The program that a Debian package installs as a service."""
    return _named("packages", _key(name.partition(":")[0].partition("=")[0]))


def by_image(reference: str) -> Program | None:
    """The program of a container image: ``quay.io/prometheus/node-exporter:v1.8`` is node_exporter.

    A mirror of Docker Hub in front (``registry.example.org/prom/node-exporter``) does not matter.
    """
    repository = repository_of(reference)
    found = _named("images", _key(repository))
    head, _, rest = repository.partition("/")
    if found is None and rest and ("." in head or ":" in head or head == "localhost"):
        found = _named("images", _key(rest)) or _named("images", _key(rest.removeprefix("library/")))
    return found


def repository_of(reference: str) -> str:
    """An image reference without tag and digest, and without the names of Docker Hub."""
    repository = re.sub(r":[^/:]*$", "", reference.partition("@")[0])
    for host in _REGISTRY_HOSTS:
        repository = repository.removeprefix(host)
    return repository


def _key(name: str) -> str:
    return name.lower().replace("_", "-")


def _named(field: str, key: str) -> Program | None:
    name = _index(field).get(key)
    return None if name is None else _known(name)


@cache
def _index(field: str) -> Mapping[str, str]:
    table: dict[str, str] = {}
    for program, data in _data().items():
        for name in data.get(field) or ():
            if table.setdefault(_key(name), program) != program:
                raise ValueError(f"programs.json: {name!r} of {program} is also a name of {table[_key(name)]}")
    return table


@cache
def _known(name: str) -> Program:
    return _program(name, _data()[name])


def _program(name: str, data: Mapping[str, Any]) -> Program:
    unknown = set(data) - set(Program.__dataclass_fields__)
    if unknown:
        raise ValueError(f"programs.json: {name}: unknown keys {', '.join(sorted(unknown))}")
    if not data.get("source"):
        raise ValueError(f"programs.json: {name}: no source")
    sockets = data["sockets"]
    return Program(
        name=name,
        binaries=tuple(data.get("binaries") or ()),
        units=tuple(data.get("units") or ()),
        packages=tuple(data.get("packages") or ()),
        images=tuple(data.get("images") or ()),
        sockets=sockets,
        container_sockets=data.get("container_sockets", sockets),
        flags=_table(data.get("flags")),
        environment=_table(data.get("environment")),
        config=tuple(_config(name, item) for item in data.get("config", ())),
        positional=_settings(data.get("positional", ())),
        arguments=data.get("arguments", {}),
        generic=data.get("generic", False),
        go=data.get("go", False),
        addrconfig=data.get("addrconfig", False),
        source=data["source"],
    )


def _config(name: str, data: Mapping[str, Any]) -> Config:
    if data["style"] not in STYLES:
        raise ValueError(f"programs.json: {name}: style {data['style']!r} is none of {', '.join(STYLES)}")
    return Config(
        paths=tuple(data.get("paths", ())), style=cast("Style", data["style"]), flag=data.get("flag", ""),
        argument=data.get("argument", False), section=data.get("section", ""), keys=_table(data.get("keys")),
        adds=data.get("adds", ""),
        derived=data.get("derived", {}),
    )  # fmt: skip


def _table(data: Mapping[str, Any] | None) -> Mapping[str, tuple[Setting, ...]]:
    return {key: _settings(value) for key, value in (data or {}).items()}


def _settings(value: str | Iterable[str]) -> tuple[Setting, ...]:
    found = []
    for item in [value] if isinstance(value, str) else value:
        role, _, part = item.partition(".")
        part = part or "address"
        if part not in PARTS:
            raise ValueError(f"programs.json: {item!r}: {part!r} is none of {', '.join(PARTS)}")
        found.append(Setting(role=role, part=cast("Part", part)))
    return tuple(found)
