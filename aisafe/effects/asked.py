"""What the services that the run makes or starts ask of their host: images, paths, accounts, memory; what is not there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from aisafe.formats.commandline import executed
from aisafe.formats.dockerrun import ContainerOrder
from aisafe.formats.sizes import heap_of, size_of
from aisafe.formats.unitfile import UnitFile
from aisafe.masking import names_secret
from aisafe.model import Absent, Asked, Container, Effect, Holder, Unit

if TYPE_CHECKING:
    from aisafe.effects.containerstore import PredictedContainer
    from aisafe.effects.predicted import PredictedHost

_STARTS = ("start", "restart")
_PACKAGED = ("/usr/", "/bin/", "/sbin/", "/lib", "/etc/", "/var/")
"""Where a package that the run installs may bring what is not there yet."""
_FILE = re.compile(
    r"\.(?:conf|cfg|cnf|ini|json|ya?ml|toml|xml|env|pem|crt|cer|key|p12|pfx|jks|sock|properties|sh|sql|py|js|lua|rb|php|txt|rules|hcl|"
    r"htpasswd|list|repo|db|sqlite3?|tmpl|template|service|acl|pub|asc|gpg|types|map|lock)$"
)
"""Endings of names that files have; any other dot may stand in a directory's name (``conf.d``, ``example.com``, ``.ssh``)."""
_NO_VALUE = re.compile(r"^(?:|[$%/].*|\*+|.*[{⟦].*)$")


def asked_of(host: PredictedHost, effects: Iterable[Effect]) -> tuple[Asked, ...]:
    """Of every container that the run makes and every unit that it starts, as they are at its end."""
    every = list(effects)
    started = {effect.name for effect in every if effect.kind == "unit" and effect.action in _STARTS}
    units = [there for name in sorted(started) if (there := host.units.get(name)).found and there.unit.active]
    every_box = [*host.containers.all(), *host.podman.all()]
    made = [there for there in every_box if there.order is not None and there.touched is not None]
    if not units and not made:
        return ()
    sight = _Sight(host, every)
    sight.prefetch([path for there in units for path in _paths(there.unit)])
    sight.prefetch(
        [mount.source for there in made if there.order for mount in there.order.mounts if mount.type == "bind"]
    )
    found = [_of_container(sight, there, there.order) for there in made if there.order is not None]
    for there in units:
        text = host.units.sections(there.unit.name)
        found.append(
            Asked(
                who=Holder(kind="unit", name=there.unit.name), task=there.touched, certainty=there.certainty,
                absent=tuple(_absent_of_unit(sight, there.unit, text)), in_sight=tuple(_in_sight(there.unit)),
                memory_limit=size_of(text.last("Service", "MemoryMax") or text.last("Service", "MemoryLimit"))
                or heap_of([*there.unit.environment.values(), *(word for argv in there.unit.commands for word in argv)]),
                memory_reserved=size_of(text.last("Service", "MemoryMin") or text.last("Service", "MemoryLow")),
            )
        )  # fmt: skip
    return tuple(found)


class _Sight:
    """What is certainly not there: absent, and nothing of the run may have brought it unseen."""

    def __init__(self, host: PredictedHost, effects: Iterable[Effect]) -> None:
        self.host = host
        every = list(effects)
        self._anything = any(
            effect.certainty == "opaque" or (effect.kind == "command" and not effect.elsewhere) for effect in every
        )
        self._packages = any(effect.kind == "package" and effect.action != "remove" for effect in every)

    def prefetch(self, paths: Iterable[str]) -> None:
        self.host.prefetch(path for path in paths if path.startswith("/"))

    def lacks(self, path: str) -> bool:
        if not path.startswith("/") or self._anything or (self._packages and path.startswith(_PACKAGED)):
            return False
        return self.host.file(path, follow=True).exists is False

    def lacks_account(self, name: str, known: Iterable[str]) -> bool:
        plain = re.fullmatch(r"[a-z_][a-z0-9_-]*\$?", name) is not None
        seen = not any(spot.kind in ("user", "host") for spot in self.host.state.blind_spots)
        return plain and seen and not self._anything and not self._packages and name not in known


def _paths(unit: Unit) -> Iterator[str]:
    yield from (command[0] for command in unit.commands if command)
    yield from (path.lstrip("-") for path in unit.environment_files)


def _absent_of_unit(sight: _Sight, unit: Unit, text: UnitFile) -> Iterator[Absent]:
    for command in unit.commands:
        if command and sight.lacks(command[0]):
            yield Absent(kind="path", name=command[0], why=f"ExecStart= of {unit.name}", fatal=True,
                         then="systemd cannot execute it (status 203/EXEC)")  # fmt: skip
    for path in unit.environment_files:
        if not path.startswith("-") and not set(path) & set("*?[") and sight.lacks(path):
            yield Absent(kind="path", name=path, why=f"EnvironmentFile= of {unit.name}, without a leading '-'", fatal=True,
                         then="systemd does not start the unit without it")  # fmt: skip
    directory = text.last("Service", "WorkingDirectory")
    if directory.startswith("/") and "%" not in directory and sight.lacks(directory):
        yield Absent(kind="path", name=directory, why=f"WorkingDirectory= of {unit.name}", fatal=True,
                     then="systemd cannot change to it (status 200/CHDIR)")  # fmt: skip
    if unit.user and not text.flag("Service", "DynamicUser") and sight.lacks_account(unit.user, sight.host.users):
        yield Absent(kind="user", name=unit.user, why=f"User= of {unit.name}", fatal=True,
                     then="systemd cannot become that user (status 217/USER)")  # fmt: skip
    group = text.last("Service", "Group")
    if group and not text.flag("Service", "DynamicUser") and sight.lacks_account(group, sight.host.groups):
        yield Absent(kind="group", name=group, why=f"Group= of {unit.name}", fatal=True,
                     then="systemd cannot take that group (status 216/GROUP)")  # fmt: skip


def _of_container(sight: _Sight, there: PredictedContainer, order: ContainerOrder) -> Asked:
    container = there.container
    store = sight.host.podman if container is not None and container.engine == "podman" else sight.host.containers
    live = {tag for image in sight.host.state.images for tag in image.tags}
    name = order.image if "@" in order.image or ":" in order.image.rpartition("/")[2] else f"{order.image}:latest"
    return Asked(
        who=Holder(kind="container", name=there.name), task=there.touched, certainty=there.certainty, image=order.image,
        image_here=name in live, image_built=store.recipe(order.image) is not None,
        absent=tuple(_absent_of_container(sight, container)) if container is not None else (),
        in_sight=tuple(_flags(container.command)) if container is not None else (),
        memory_limit=order.memory_limit or heap_of([*order.environment.values(), *(container.command if container else ())]),
        memory_reserved=order.memory_reserved,
    )  # fmt: skip


def _absent_of_container(sight: _Sight, container: Container) -> Iterator[Absent]:
    for mount in container.mounts:
        if mount.type != "bind" or not sight.lacks(mount.source):
            continue
        is_file = bool(_FILE.search(mount.source.rpartition("/")[2]) and _FILE.search(mount.target.rpartition("/")[2]))
        podman = container.engine == "podman"
        then = "Docker makes a directory of that name, owned by root"
        if is_file:
            then += f", so that {mount.target} is a directory where the program wants a file"
        yield Absent(
            kind="path", name=mount.source, why=f"mounted at {mount.target} in container {container.name}",
            fatal=is_file or podman, then="Podman does not start the container without it" if podman else then,
        )  # fmt: skip


def _in_sight(unit: Unit) -> Iterator[str]:
    for command in unit.commands:
        yield from _flags(executed(command).argv)
    for name, value in unit.environment.items():
        if names_secret(name) and not _NO_VALUE.match(value):
            yield f"Environment={name}"


def _flags(argv: Iterable[str]) -> Iterator[str]:
    """Options whose value is a secret that stands in the command line itself."""
    words = list(argv)
    for word, following in zip(words, [*words, ""][1:], strict=True):
        name, equals, value = word.partition("=")
        if not word.startswith("-") or not names_secret(name.lstrip("-")):
            continue
        value = value if equals else "" if following.startswith("-") else following
        if not _NO_VALUE.match(value):
            yield name
