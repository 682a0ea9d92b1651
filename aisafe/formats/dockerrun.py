"""The command lines of ``docker run``, ``docker create`` and their likes in Podman and nerdctl (docker-run(1))."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import Final

from aisafe.formats.commandline import ENGINES, base_name
from aisafe.formats.ports import PortSpec, parse_published
from aisafe.formats.sizes import size_of
from aisafe.frozen import frozen
from aisafe.model import Mount

_SWITCHES: Final = frozenset(
    ("--detach", "-d", "--disable-content-trust", "--init", "--interactive", "-i", "--no-healthcheck",
     "--oom-kill-disable",
     "--privileged", "--publish-all", "-P", "--quiet", "-q", "--read-only", "--rm", "--sig-proxy", "--tty", "-t",
     "--replace", "--tls-verify", "--no-hosts", "--no-hostname", "--env-host", "--http-proxy", "--rmi",
     "--use-api-socket", "--read-only-tmpfs", "--passwd", "--unsetenv-all", "--rootfs", "--help")
)  # fmt: skip
_GLOBAL_VALUES: Final = frozenset(
    ("--config", "-c", "--context", "-H", "--host", "-l", "--log-level", "--tlscacert", "--tlscert", "--tlskey",
     "--root", "--namespace", "-n", "--address", "-a", "--url", "--connection", "--storage-driver", "--runroot",
     "--storage-opt", "--cgroup-manager", "--conmon", "--events-backend", "--tmpdir", "--identity", "--module",
     "--hooks-dir", "--network-cmd-path", "--network-config-dir", "--runtime", "--runtime-flag", "--volumepath",
     "--imagestore", "--ssh", "--default-mounts-file", "--cdi-spec-dir")
)  # fmt: skip


@frozen
class ContainerOrder:
    """A container as something asks for it: ``docker run``, a Compose service, a module's arguments.

    ``command`` and ``entrypoint`` are None where the image decides. ``network_mode`` '' is the engine's default.
    ``volumes_from``: containers whose mounts it has as well, ``NAME`` or ``NAME:ro``.
    ``pod``: the pod of Podman that it joins, ``new_pod``: which it brings along, ports included.
    Memory in bytes. ``problems``: parts that could not be understood, so that more may be open than told.
    """

    name: str = ""
    image: str = ""
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    ports: tuple[PortSpec, ...] = ()
    publish_all: bool = False
    exposed: tuple[str, ...] = ()
    network_mode: str = ""
    networks: tuple[str, ...] = ()
    restart_policy: str = "no"
    environment: Mapping[str, str] = field(default_factory=dict)
    environment_files: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    volumes_from: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    memory_limit: int | None = None
    memory_reserved: int | None = None
    pod: str = ""
    new_pod: bool = False
    removed_at_exit: bool = False
    replaces: bool = False
    only_create: bool = False
    problems: tuple[str, ...] = ()


def subcommand(argv: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
    """(``run``, its arguments) of ``docker --context x container run …``; None when it is no such engine's client."""
    if not argv or base_name(argv[0]) not in ENGINES:
        return None
    words = list(argv[1:])
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option in _GLOBAL_VALUES and words:
            words.pop(0)
    if words[:1] == ["container"]:
        words.pop(0)
    return (words[0], tuple(words[1:])) if words else None


def parse_pod(argv: tuple[str, ...]) -> ContainerOrder | None:
    """``podman pod create``: the infra container that it makes, which holds the pod's ports; None for anything else."""
    found = subcommand(argv)
    if found is None or found[0] != "pod" or found[1][:1] != ("create",):
        return None
    given: dict[str, list[str]] = {}
    words = list(found[1][1:])
    while words and words[0].startswith("-"):
        name, value = _option(words, _SWITCHES | {"--share-parent", "--infra"})
        given.setdefault(_ALIASES.get(name, name), []).append(value)
    if words:
        given["--name"] = words[:1]
    return infra(_order(given, ["(pod)"], only_create=True), _last(given, "--name"))


def infra(order: ContainerOrder, pod: str) -> ContainerOrder:
    """The infra container of ``pod`` with the network and the ports of ``order``."""
    return ContainerOrder(
        name=f"{pod}-infra", image="localhost/podman-pause", pod=pod, ports=order.ports, networks=order.networks,
        network_mode=order.network_mode, replaces=order.replaces, only_create=True, command=("/catatonit", "-P"),
        entrypoint=(), problems=order.problems,
    )  # fmt: skip


def parse(argv: tuple[str, ...]) -> ContainerOrder | None:
    """The container that ``argv`` starts or creates; None when it does neither."""
    found = subcommand(argv)
    if found is None or found[0] not in ("run", "create"):
        return None
    given: dict[str, list[str]] = {}
    words = list(found[1])
    while words and words[0].startswith("-") and words[0] != "--":
        name, value = _option(words)
        given.setdefault(_ALIASES.get(name, name), []).append(value)
    if words[:1] == ["--"]:
        words.pop(0)
    return _order(given, words, only_create=found[0] == "create")


@frozen
class Options:
    """The options before the first operand, each with its values (``true`` for a switch), and the operands."""

    values: Mapping[str, list[str]]
    words: list[str]


_SERVICE_SWITCHES: Final = _SWITCHES | {"--with-registry-auth", "--prune", "--force", "--autolock", "--force-new-cluster",
                                        "--no-resolve-image"}  # fmt: skip


def options(words: Sequence[str]) -> Options:
    """Those of ``docker service``, ``stack`` and ``swarm``."""
    rest = list(words)
    given: dict[str, list[str]] = {}
    while rest and rest[0].startswith("-"):
        name, value = _option(rest, _SERVICE_SWITCHES)
        given.setdefault(name, []).append(value)
    return Options(values=given, words=rest)


_ALIASES: Final = {
    "-p": "--publish", "-P": "--publish-all", "-v": "--volume", "-e": "--env", "-l": "--label", "--net": "--network",
    "-d": "--detach", "-m": "--memory",
}  # fmt: skip


def _option(words: list[str], switches: frozenset[str] = _SWITCHES) -> tuple[str, str]:
    """Take one option with its value off the front of ``words``; switches have the value ``true``."""
    word = words.pop(0)
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        if equals:
            return name, value
        if name in switches:
            return name, "true"
        return name, words.pop(0) if words else ""
    letters = word[1:]
    while letters:  # -dit, -p8080:80, -itp 80:80
        name, letters = f"-{letters[0]}", letters[1:]
        if name not in switches:
            return name, letters.removeprefix("=") or (words.pop(0) if words else "")
        if name == "-P":
            return name, "true"
    return "-d", "true"


def _order(given: dict[str, list[str]], words: list[str], *, only_create: bool) -> ContainerOrder:
    problems: list[str] = []
    ports: list[PortSpec] = []
    for text in given.get("--publish", []):
        try:
            ports += parse_published(text)
        except ValueError as error:
            problems.append(f"--publish {error}")
    networks = [_network(text) for text in given.get("--network", [])]
    pod = _last(given, "--pod")
    joins = bool(pod) and not pod.startswith("new:")
    if joins:  # what the pod publishes is its infra container's
        networks, ports = [f"container:{pod}-infra"], []
    entrypoint = given.get("--entrypoint")
    if not words:
        problems.append("no image is named")
    return ContainerOrder(
        name=_last(given, "--name"),
        image=words[0] if words else "",
        command=tuple(words[1:]) or None,
        entrypoint=(entrypoint[-1],) if entrypoint and entrypoint[-1] else () if entrypoint else None,
        ports=tuple(ports),
        publish_all=_last(given, "--publish-all") == "true",
        exposed=tuple(given.get("--expose", [])),
        network_mode="".join(networks[:1]),
        networks=() if joins else tuple(networks),
        restart_policy=_last(given, "--restart", "no").partition(":")[0],
        environment=dict(pair(text) for text in given.get("--env", [])),
        environment_files=tuple(given.get("--env-file", [])),
        mounts=tuple(
            mount for mount in (
                *(volume(text) for text in given.get("--volume", [])),
                *(_mount(text) for text in given.get("--mount", [])),
            ) if mount is not None
        ),
        volumes_from=tuple(name for text in given.get("--volumes-from", []) for name in text.split(",") if name),
        labels=dict(pair(text) for text in given.get("--label", [])),
        memory_limit=size_of(_last(given, "--memory")),
        memory_reserved=size_of(_last(given, "--memory-reservation")),
        pod=pod.removeprefix("new:"),
        new_pod=pod.startswith("new:"),
        removed_at_exit=_last(given, "--rm") == "true",
        replaces=_last(given, "--replace") == "true",
        only_create=only_create,
        problems=tuple(problems),
    )  # fmt: skip


def _network(text: str) -> str:
    """The mode or network in ``--network``: ``host``, ``name=front,alias=web`` (Docker), ``pasta:-t,auto`` (Podman)."""
    if "=" in text.partition(",")[0] and ":" not in text.partition("=")[0]:
        return dict(pair(part) for part in text.split(",")).get("name", text)
    head, mark, _ = text.partition(":")
    return text if not mark or head in ("container", "ns", "service") else head


def _last(given: dict[str, list[str]], name: str, default: str = "") -> str:
    return given[name][-1] if given.get(name) else default


def pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def volume(text: str) -> Mount | None:
    """``SOURCE:TARGET[:OPTIONS]`` of ``--volume``; None for an anonymous one (a target alone)."""
    parts = text.split(":")
    if len(parts) < 2 or (len(parts) == 2 and re.fullmatch(r"(ro|rw|z|Z|,)+", parts[1])):
        return None
    source, target, options = parts[0], parts[1], ",".join(parts[2:]).split(",")
    bind = source.startswith(("/", ".", "~"))
    return Mount(type="bind" if bind else "volume", source=source, target=target, read_only="ro" in options)


def inherited(order: ContainerOrder, mounts_of: Callable[[str], Iterable[Mount]]) -> tuple[Mount, ...]:
    """What ``--volumes-from`` adds to the order's own mounts: a target that is taken already keeps what it has."""
    found = {mount.target.rstrip("/"): mount for mount in order.mounts}
    for text in order.volumes_from:
        name, _, options = text.partition(":")
        for mount in mounts_of(name):
            read_only = mount.read_only or "ro" in options.split(",")
            found.setdefault(mount.target.rstrip("/"), replace(mount, read_only=read_only))
    return tuple(found.values())[len({mount.target.rstrip("/") for mount in order.mounts}) :]


def _mount(text: str) -> Mount | None:
    """``type=bind,source=/a,target=/b,readonly`` of ``--mount``."""
    fields = dict(pair(part) for part in text.split(","))
    target = fields.get("target") or fields.get("destination") or fields.get("dst")
    if not target:
        return None
    read_only = any(fields.get(name) in ("", "true", "1") for name in ("readonly", "ro"))
    source = fields.get("source") or fields.get("src") or ""
    return Mount(type=fields.get("type", "volume"), source=source, target=target, read_only=read_only)


def command_words(value: object) -> tuple[str, ...] | None:
    """A command as modules and Compose take it: a list, or text that is split as a shell would. None for None."""
    if value is None:
        return None
    if isinstance(value, list | tuple):
        return tuple(str(word) for word in value)
    try:
        return tuple(shlex.split(str(value)))
    except ValueError:
        return tuple(str(value).split())
