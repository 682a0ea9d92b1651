"""Which program a unit or a container runs, by one name for both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aisafe.formats import composecommand
from aisafe.formats.commandline import base_name, executed, names_engine, program_name
from aisafe.formats.compose import PROJECT_LABEL, SERVICE_LABEL, project_name
from aisafe.formats.composecommand import ComposeCommand
from aisafe.formats.dockerfile import ImageRecipe
from aisafe.formats.dockerrun import ContainerOrder, parse, parse_pod, subcommand
from aisafe.formats.unitfile import expand_variables
from aisafe.frozen import frozen
from aisafe.knowledge.programs import Program, by_binary, by_image, by_unit, repository_of
from aisafe.model import Container, Mount, Unit

COMPOSE_STARTS = ("up", "start", "restart", "create")

_BASE_IMAGES = frozenset(
    ("busybox", "debian", "alpine", "ubuntu", "fedora", "centos", "rockylinux", "almalinux", "archlinux", "scratch",
     "python", "node", "golang", "openjdk", "eclipse_temurin", "ruby", "php", "perl", "rust", "bash", "static", "base",
     "distroless", "hello_world", "amazoncorretto", "buildpack_deps", "ubi", "ubi_minimal", "opensuse", "image", "app")
)  # fmt: skip


@frozen
class Identity:
    """``program``: a normalised name, '' when it cannot be told. ``known``: what is known of it. ``evidence``: how."""

    program: str = ""
    evidence: str = ""
    known: Program | None = None


def of_command(argv: tuple[str, ...]) -> Identity:
    """The program behind ``argv``, looked for behind shells, interpreters and wrappers."""
    inner = executed(argv)
    if not inner.argv:
        return Identity()
    path = inner.argv[0]
    known = by_binary(path)
    if known is not None and not known.generic:
        return Identity(program=known.name, evidence=f"runs {path}", known=known)
    return Identity(program="" if known else program_name(path), evidence=f"runs {path}", known=known)


def of_unit(unit: Unit, environment: Mapping[str, str]) -> Identity:
    """By what it executes, a container within included; else by its name."""
    guesses = []
    for command in unit.commands:
        argv = expand_variables(command, environment)
        order = parse(executed(argv).argv)
        if order is not None:
            found = of_order(order)
            guesses.append(Identity(program=found.program, evidence=f"runs a container: {found.evidence}"))
        else:
            guesses.append(of_command(argv))
    known = next((guess for guess in guesses if guess.known is not None and not guess.known.generic), None)
    if known is not None:
        return known
    named = by_unit(unit.name)
    if named is not None and not named.generic:
        return Identity(program=named.name, evidence=f"the name of {unit.name}", known=named)
    return next((guess for guess in guesses if guess.program), guesses[0] if guesses else Identity())


def container_of_unit(unit: Unit, environment: Mapping[str, str] | None = None) -> ContainerOrder | None:
    """The container that ``docker run`` in ExecStart= starts, or the infra container of its ``podman pod create``; None
    when the unit starts none."""
    for command in unit.commands:
        argv = executed(expand_variables(command, environment or unit.environment)).argv
        order = parse(argv) or parse_pod(argv)
        if order is not None:
            return order
    return None


def starts(unit: Unit, container: Container) -> bool:
    """Whether ``container`` is one that ``unit`` runs: by its ``docker run``, as quadlets and ``podman generate systemd``
    label it, by its ``docker start NAME``, or as a service of the Compose project that the unit starts."""
    if container.labels.get("PODMAN_SYSTEMD_UNIT") == unit.name:
        return True
    if not names_engine(unit.commands):
        return False
    for command in unit.commands:
        argv = executed(expand_variables(command, unit.environment)).argv
        order = parse(argv)
        if order is not None:
            if order.name == container.name:
                return True
            continue
        client = subcommand(argv)
        if client is not None and client[0] in ("start", "restart") and container.name in client[1]:
            return True
        compose = composecommand.parse(argv)
        if compose is not None and compose.verb in COMPOSE_STARTS and _of_project(unit, compose, container):
            return True
    return False


def _of_project(unit: Unit, compose: ComposeCommand, container: Container) -> bool:
    labels = container.labels
    project = labels.get(PROJECT_LABEL) or labels.get("io.podman.compose.project", "")
    if not project or (compose.words and labels.get(SERVICE_LABEL) not in compose.words):
        return False
    files = compose.project_files(unit.working_directory, environment=unit.environment)
    named = compose.project or unit.environment.get("COMPOSE_PROJECT_NAME", "")
    if named or files is None:
        return project == named
    return labels.get("com.docker.compose.project.working_dir", files.directory) == files.directory and (
        "com.docker.compose.project.working_dir" in labels or project == project_name(files.directory))  # fmt: skip


def engine_of(unit: Unit) -> str:
    """The container engine whose client the unit runs, docker when it runs none."""
    for command in unit.commands:
        argv = executed(command).argv
        if argv and base_name(argv[0]) in ("podman", "podman-compose"):
            return "podman"
    return "docker"


def of_order(order: ContainerOrder, recipe: ImageRecipe | None = None) -> Identity:
    """The program of a container that something asks for."""
    argv = (*(order.entrypoint or ()), *(order.command or ()))
    if recipe is not None and order.entrypoint is None:
        argv = (*recipe.entrypoint, *(order.command if order.command is not None else recipe.command))
    return of_container(image=order.image, argv=argv, mounts=order.mounts, recipe=recipe)


def of_container(
    *, image: str, argv: tuple[str, ...], mounts: Iterable[Mount] = (), recipe: ImageRecipe | None = None
) -> Identity:
    """By its image where that is known, by its command (or the file of the host that it is), by the image's name."""
    by_name = by_image(image)
    if by_name is not None and not by_name.generic:
        return Identity(program=by_name.name, evidence=f"image {image}", known=by_name)
    executable = executed(argv).argv[:1]
    from_command = of_command(argv)
    for path in executable:
        origin = _origin(path, mounts, recipe)
        if origin:
            found = of_command((origin,))
            if found.program:
                return Identity(program=found.program, evidence=f"runs {path}, which is {origin}", known=found.known)
    if from_command.known is not None and not from_command.known.generic:
        return from_command
    repository = program_name(base_name(repository_of(image)))
    if from_command.program and from_command.program not in _BASE_IMAGES:
        shell_tool = repository in _BASE_IMAGES and len(executable) == 1 and "/" not in executable[0]
        if not shell_tool:
            return from_command
    if repository and repository not in _BASE_IMAGES and not (by_name and by_name.generic):
        return Identity(program=repository, evidence=f"image {image}", known=None)
    return Identity(evidence=f"image {image}", known=from_command.known)


def _origin(path: str, mounts: Iterable[Mount], recipe: ImageRecipe | None) -> str:
    """Where the file at ``path`` in a container comes from: a mount, or a COPY of its Dockerfile."""
    for mount in mounts:
        if mount.type != "bind":
            continue
        if path == mount.target:
            return mount.source
        if path.startswith(mount.target.rstrip("/") + "/"):
            return mount.source.rstrip("/") + path[len(mount.target.rstrip("/")) :]
    if recipe is None:
        return ""
    for target, source in recipe.copied.items():
        if path == target or base_name(path) == base_name(target):
            return source
    return ""
