"""Quadlets: the files of podman-systemd.unit(5) and the services that Podman's generator makes of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from aisafe.formats.unitfile import Entry, UnitFile, split_words
from aisafe.frozen import frozen

DIRECTORIES: Final = ("/run/containers/systemd", "/etc/containers/systemd", "/usr/share/containers/systemd")
SECTIONS: Final[Mapping[str, str]] = {
    "container": "Container", "pod": "Pod", "kube": "Kube", "network": "Network", "volume": "Volume", "image": "Image",
    "build": "Build",
}  # fmt: skip
FIRST_VERSION: Final = (4, 4)
"""Podman that has the generator (its release notes of 4.4.0)."""

_SUFFIX: Final = {"container": "", "kube": "", "pod": "-pod", "network": "-network", "volume": "-volume",
                  "image": "-image", "build": "-build"}  # fmt: skip
_OPTIONS: Final = {
    "PublishPort": "--publish", "Environment": "--env", "EnvironmentFile": "--env-file", "Label": "--label",
    "Mount": "--mount", "ExposeHostPort": "--expose", "Entrypoint": "--entrypoint", "HostName": "--hostname",
}  # fmt: skip


@frozen
class Generated:
    """A service as the generator writes it: ``unit`` with its ExecStart=, ``pulls``: services that start with it.

    ``problems``: keys of the quadlet that point at what could not be found.
    """

    name: str
    unit: UnitFile
    pulls: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


Find = Callable[[str], UnitFile | None]
"""Another quadlet by its file name (``front.network``); None when it is not there."""


def is_quadlet(path: str) -> bool:
    """Whether the generator reads the file at ``path``: in one of the directories or below, by its ending."""
    return path.rpartition(".")[2] in SECTIONS and any(path.startswith(f"{directory}/") for directory in DIRECTORIES)


def service_name(file_name: str, unit: UnitFile | None = None) -> str:
    """``web.container`` is ``web.service``, ``db.volume`` is ``db-volume.service``, unless ServiceName= says otherwise."""
    stem, _, kind = file_name.rpartition(".")
    own = unit.last(SECTIONS[kind], "ServiceName") if unit is not None else ""
    if own:
        return own if own.endswith(".service") else f"{own}.service"
    base, at, instance = stem.partition("@")
    return f"{base}{_SUFFIX[kind]}{at}{instance}.service"


def generate(file_name: str, unit: UnitFile, find: Find = lambda name: None) -> Generated:
    """The service of a quadlet. ``unit``: its file with its drop-ins merged."""
    stem, _, kind = file_name.rpartition(".")
    section = SECTIONS[kind]
    problems: list[str] = []
    pulls: dict[str, None] = {}

    def other(reference: str, ending: str, key: str, prefix: str = "systemd-") -> str:
        """The name that a quadlet gives to its object; ``reference`` itself when it names no quadlet."""
        if not reference.endswith(f".{ending}"):
            return reference
        found = find(reference)
        if found is None:
            problems.append(f"{reference}, which {file_name} names, is not there")
        pulls[service_name(reference, found)] = None
        own = found.last(SECTIONS[ending], key) if found is not None else ""
        return own or f"{prefix}{reference.removesuffix(f'.{ending}')}"

    words = _WORDS[kind](stem, unit, section, other)
    global_args = [word for entry in unit.every(section, "GlobalArgs") for word in split_words(entry.value)]
    start = " ".join(_quoted(word) for word in ("/usr/bin/podman", *global_args, *words))
    kept = [entry for entry in unit.entries if entry.section in ("Unit", "Service", "Install")]
    own_type = unit.last("Service", "Type") or ("notify" if kind in ("container", "kube") else
                                                "forking" if kind == "pod" else "oneshot")  # fmt: skip
    made = [
        Entry(section="Service", key="Type", value=own_type), Entry(section="Service", key="ExecStart", value=start),
        Entry(section="Service", key="Environment", value="PODMAN_SYSTEMD_UNIT=%n"),
    ]  # fmt: skip
    return Generated(
        name=service_name(file_name, unit), unit=UnitFile(entries=(*kept, *made)), pulls=tuple(pulls),
        problems=tuple(problems),
    )  # fmt: skip


def starts_at_boot(unit: UnitFile) -> bool:
    """Whether [Install] has something that pulls the service in: the generator makes those links itself."""
    return any(unit.words("Install", key) for key in ("WantedBy", "RequiredBy", "UpheldBy"))


_Other = Callable[..., str]


def _container(stem: str, unit: UnitFile, section: str, other: _Other) -> list[str]:
    name = unit.last(section, "ContainerName") or "systemd-%N"
    words = ["run", "--name", name, "--replace", "--rm", "--cgroups=split", "--sdnotify=conmon", "-d"]
    pod = unit.last(section, "Pod")
    if pod:
        words += ["--pod", other(pod, "pod", "PodName")]
    words += _networks(unit, section, other)
    for key, option in _OPTIONS.items():
        split = key in ("Environment", "Label")
        for entry in unit.every(section, key):
            for value in split_words(entry.value) if split else (entry.value,):
                words += [option, value]
    for entry in unit.every(section, "Volume"):
        source, mark, rest = entry.value.partition(":")
        words += ["--volume", f"{other(source, 'volume', 'VolumeName')}{mark}{rest}"]
    words += _podman_args(unit, section)
    image = unit.last(section, "Image")
    image = (
        other(image, "image", "Image", "")
        if image.endswith(".image")
        else other(image, "build", "ImageTag", "localhost/")
    )
    rootfs = unit.last(section, "Rootfs")
    return [*words, *(["--rootfs", rootfs] if rootfs else [image]), *split_words(unit.last(section, "Exec"))]


def _pod(stem: str, unit: UnitFile, section: str, other: _Other) -> list[str]:
    """What holds the ports is made by ``podman pod create``, which the service runs before it starts the pod."""
    words = ["pod", "create", "--replace", "--name", unit.last(section, "PodName") or f"systemd-{stem}"]
    words += _networks(unit, section, other)
    for entry in unit.every(section, "PublishPort"):
        words += ["--publish", entry.value]
    return [*words, *_podman_args(unit, section)]


def _kube(stem: str, unit: UnitFile, section: str, other: _Other) -> list[str]:
    words = ["kube", "play", "--replace", "--service-container=true", *_networks(unit, section, other)]
    for entry in unit.every(section, "PublishPort"):
        words += ["--publish", entry.value]
    return [*words, *_podman_args(unit, section), unit.last(section, "Yaml")]


def _object(kind: str) -> Callable[[str, UnitFile, str, _Other], list[str]]:
    def words(stem: str, unit: UnitFile, section: str, other: _Other) -> list[str]:
        if kind in ("image", "build"):
            return ["image", "pull", unit.last(section, "Image")] if kind == "image" else ["build", "--tag", unit.last(
                section, "ImageTag")]  # fmt: skip
        own = unit.last(section, "NetworkName" if kind == "network" else "VolumeName")
        return [kind, "create", "--ignore", *_podman_args(unit, section), own or f"systemd-{stem}"]

    return words


_WORDS: Final[Mapping[str, Callable[[str, UnitFile, str, _Other], list[str]]]] = {
    "container": _container, "pod": _pod, "kube": _kube,
    **{kind: _object(kind) for kind in ("network", "volume", "image", "build")},
}  # fmt: skip


def _networks(unit: UnitFile, section: str, other: _Other) -> Iterator[str]:
    for entry in unit.every(section, "Network"):
        name, mark, options = entry.value.partition(":")
        if name.endswith(".container"):
            yield from ("--network", f"container:{other(name, 'container', 'ContainerName')}")
        else:
            yield from ("--network", f"{other(name, 'network', 'NetworkName')}{mark}{options}")


def _podman_args(unit: UnitFile, section: str) -> list[str]:
    return [word for entry in unit.every(section, "PodmanArgs") for word in split_words(entry.value)]


def _quoted(word: str) -> str:
    """``word`` as ExecStart= takes it (systemd.syntax(7), Quoting)."""
    if word and not re.search(r"[\s\"'\\]", word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
