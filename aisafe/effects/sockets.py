"""Where a unit or a container would listen once it is started."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from ipaddress import IPv6Address

from aisafe.effects import identity
from aisafe.formats import composecommand, envfile, kubeplay
from aisafe.formats.commandline import executed
from aisafe.formats.compose import BadCompose, NotKnown, open_project
from aisafe.formats.composecommand import ComposeCommand
from aisafe.formats.dockerrun import ContainerOrder, parse, parse_pod, subcommand
from aisafe.formats.listenflags import UNREAD, Listening, listening
from aisafe.formats.ports import listen_address, published_sockets
from aisafe.formats.serverconfig import Reader, matching
from aisafe.formats.unitfile import expand_variables
from aisafe.frozen import frozen
from aisafe.model import Holder, HostState, Image, PublishedPort, Socket, Unit

ONE_SHOT = ("oneshot",)
UNKNOWN_PART = "⟦"
"""Begins the part of a text that only the run knows."""


@frozen
class Engine:
    """What of the container engine matters for sockets: its images, and whether it publishes on IPv6 too.

    ``ipv6`` is asked only when a port is published, since the answer may have to be read from the host.
    """

    images: tuple[Image, ...] = ()
    ipv6: Callable[[], bool] = lambda: True


ANY_ENGINE = Engine()


def engine_for(unit: Unit, images: Iterable[Image]) -> Engine:
    """The engine whose client ``unit`` runs, with what is known of a live host. Podman holds ports on 0.0.0.0 alone."""
    program = identity.engine_of(unit)
    found = tuple(image for image in images if image.engine == program)
    return Engine(images=found, ipv6=lambda: program != "podman")


def publishes_ipv6(table: str | None, *, seen: bool) -> bool:
    """Whether Docker opens published ports on [::] as well: where it can bind [::1] (libnetwork, IsV6Listenable).

    ``table``: /proc/net/if_inet6, where the host has IPv6; ``seen`` False: it could not be looked at.
    """
    return not seen or (table is not None and "00000000000000000000000000000001" in table)


def live_sockets(state: HostState, holder: Holder) -> Listening:
    """What ``holder`` listens on at this moment, as seen."""
    found = [listener.socket for listener in state.listeners if listener.holder == holder]
    blind = [spot.reason for spot in state.blind_spots if spot.kind in ("listener", "host")]
    return Listening(
        sockets=tuple(dict.fromkeys(found)), known=not blind, why="; ".join(blind),
        evidence=(f"{holder.name} listens there today",) if found else (),
    )  # fmt: skip


def environment_of(unit: Unit, read: Reader) -> tuple[dict[str, str], str]:
    """Environment= and EnvironmentFile= together (later files win), and which file could not be read, '' for none.

    The last part of a path may have wildcards (systemd.exec(5), EnvironmentFile=).
    """
    values = dict(unit.environment)
    missing = ""
    for entry in unit.environment_files:
        path = entry.removeprefix("-")
        paths: tuple[str, ...] = (path,)
        if set("*?[") & set(path):
            found = matching(path, read)
            if found is None:
                missing = f"which files {path} stands for could not be told"
                continue
            paths = found
        for each in paths:
            text = read.text(each)
            if text is False:
                missing = f"{each} could not be read"
            elif text is not None:
                values |= envfile.read(text)
    return values, missing


def of_unit(
    unit: Unit, *, read: Reader = UNREAD, engine: Engine = ANY_ENGINE, held_by_sockets: Iterable[Socket] = ()
) -> Listening:
    """Where ``unit`` would listen when started, from its definition.

    ``held_by_sockets``: what its active .socket units hold and hand over, which is not its own.
    """
    if unit.name.endswith(".socket"):
        return _of_socket_unit(unit)
    if not unit.name.endswith(".service"):
        return Listening()
    environment, missing = environment_of(unit, read)
    program = identity.of_unit(unit, environment)
    result = Listening()
    for command in unit.commands:
        argv = expand_variables(command, environment)
        result = result.with_others(_of_command(unit, argv, environment, program, read=read, engine=engine))
    if not unit.commands:
        result = Listening(known=False, why=f"{unit.name} has no ExecStart= that could be read")
    names_environment = any("$" in word for command in unit.commands for word in command)
    if missing and (names_environment or not result.known or _uses_environment(program)):
        result = Listening(sockets=result.sockets, known=False, evidence=result.evidence, why=missing)
    passed = tuple(held_by_sockets)
    own = tuple(socket for socket in result.sockets if not any(socket.overlaps(other) for other in passed))
    return Listening(sockets=own, known=result.known, evidence=result.evidence, why=result.why)


def _uses_environment(program: identity.Identity) -> bool:
    return program.known is None or bool(program.known.environment)


def _of_command(
    unit: Unit,
    argv: tuple[str, ...],
    environment: Mapping[str, str],
    program: identity.Identity,
    *,
    read: Reader,
    engine: Engine,
) -> Listening:
    inner = executed(argv)
    if any(UNKNOWN_PART in word for word in argv):
        return Listening(known=False, why=f"a part of ExecStart= of {unit.name} is known only in the run")
    order = parse(inner.argv) or parse_pod(inner.argv)
    if order is not None:
        found = of_order(order, engine=engine)
        note = f"published by container {order.name or order.image} that {unit.name} runs"
        return Listening(sockets=found.sockets, known=found.known, evidence=(*found.evidence, note), why=found.why)
    compose = composecommand.parse(inner.argv)
    if compose is not None:
        return _of_compose(unit, compose, environment, read=read, engine=engine)
    kube = kubeplay.command(inner.argv)
    if kube is not None:
        return _of_kube(unit, kube, read=read, engine=engine)
    client = subcommand(inner.argv)
    if client is not None:
        if client[0] in ("start", "restart", "stack") or client[1][:1] == ("start",):
            return Listening(known=False, why=f"{unit.name} starts containers that are described elsewhere")
        return Listening()
    if unit.type in ONE_SHOT and identity.of_command(argv).known is None:
        return Listening()  # it ends before the unit counts as started (systemd.service(5), Type=)
    found = listening(argv, environment, program=program.known, read=read)
    where = f"ExecStart= of {unit.fragment_path or unit.name}"
    evidence = tuple(f"{text} in {where}" if text.startswith("-") else text for text in found.evidence)
    return Listening(sockets=found.sockets, known=found.known, evidence=evidence, why=found.why)


def _of_compose(
    unit: Unit, command: ComposeCommand, environment: Mapping[str, str], *, read: Reader, engine: Engine
) -> Listening:
    """Where the services of a Compose project listen that ``unit`` starts in its WorkingDirectory=."""
    if command.verb not in identity.COMPOSE_STARTS:
        return Listening()
    files = command.project_files(unit.working_directory, environment=environment, home="/root")
    if files is None:
        return Listening(known=False, why=f"{unit.name} runs {command.program}, and in which directory is not told")
    try:
        project = open_project(files, read.text, name=command.project, profiles=command.profiles)
        orders = [project.order(name, read=read.text) for name in project.chosen(command.words)]
    except (BadCompose, NotKnown) as error:
        return Listening(known=False, why=f"{unit.name} runs {command.program}: {error}")
    result = Listening()
    for order in orders:
        found = of_order(order, engine=engine, read=read)
        note = (f"container {order.name} that {unit.name} runs with {command.program}",)
        result = result.with_others(Listening(sockets=found.sockets, known=found.known, why=found.why,
                                              evidence=(*found.evidence, *note)))  # fmt: skip
    return result


def _of_kube(
    unit: Unit, command: tuple[str, tuple[str, ...], tuple[str, ...], bool], *, read: Reader, engine: Engine
) -> Listening:
    path, publish, networks, down = command
    if down:
        return Listening()
    text = read.text(path) if path.startswith("/") else False
    if not isinstance(text, str):
        return Listening(known=False, why=f"{unit.name} plays {path or 'a file'}, which could not be read")
    try:
        orders = kubeplay.read(text, publish=publish, networks=networks)
    except ValueError as error:
        return Listening(known=False, why=f"{path}: {error}")
    result = Listening()
    for order in orders:
        result = result.with_others(of_order(order, engine=engine, read=read))
    return result


def _of_socket_unit(unit: Unit) -> Listening:
    """ListenStream= and ListenDatagram= (systemd.socket(5)): a bare port is all addresses of both families."""
    sockets: dict[Socket, str] = {}
    problems = []
    for entry in unit.listen:
        kind, _, value = entry.partition("=")
        if kind not in ("ListenStream", "ListenDatagram"):
            continue
        try:
            socket = listen_address(value, protocol="tcp" if kind == "ListenStream" else "udp")
        except ValueError as error:
            problems.append(str(error))
            continue
        if socket is not None:
            only = unit.ipv6_only and socket.address.version == 6
            sockets[replace(socket, ipv6_only=only)] = f"{entry} of {unit.name}"
    return Listening(
        sockets=tuple(sockets), known=not problems, evidence=tuple(sockets.values()), why="; ".join(problems)
    )


def of_order(order: ContainerOrder, *, engine: Engine = ANY_ENGINE, read: Reader = UNREAD) -> Listening:
    """Where a container would listen: what it publishes; with the host's network, what its program opens."""
    image = image_named(order.image, engine.images)
    argv = argv_of(order, image)
    ports = published_sockets(order.ports, ipv6=not order.ports or engine.ipv6())
    result = of_container(
        name=order.name or order.image, network_mode=order.network_mode, ports=ports, argv=argv, image_name=order.image,
        exposed=(*order.exposed, *(image.exposed if image else ())), environment=order.environment, read=read,
    )  # fmt: skip
    if not order.problems:
        return result
    return Listening(sockets=result.sockets, known=False, evidence=result.evidence, why="; ".join(order.problems))


def argv_of(order: ContainerOrder, image: Image | None) -> tuple[str, ...]:
    """Entrypoint and command together, from the image where the order leaves them open (Docker: a new entrypoint
    drops the image's command)."""
    entrypoint = order.entrypoint if order.entrypoint is not None else (image.entrypoint if image else ())
    command = order.command
    if command is None:
        command = image.command if image and order.entrypoint is None else ()
    return (*entrypoint, *command)


def image_named(name: str, images: Iterable[Image]) -> Image | None:
    """The image that ``name`` means on this host; without a tag, ``latest``."""
    wanted = name if "@" in name or ":" in name.rpartition("/")[2] else f"{name}:latest"
    short = wanted.removeprefix("docker.io/").removeprefix("library/")
    for image in images:
        if image.engine == "podman" and "/" not in short and any(tag.endswith(f"/{short}") for tag in image.tags):
            return image  # a short name means whichever image of that name is there (containers-registries.conf(5))
        if image.id == name or image.id.removeprefix("sha256:").startswith(name.removeprefix("sha256:") or "-"):
            return image
        if wanted in image.tags or short in image.tags or wanted in image.digests:
            return image
    return None


def of_container(
    *,
    name: str,
    network_mode: str,
    ports: tuple[PublishedPort, ...],
    argv: tuple[str, ...],
    image_name: str,
    exposed: Iterable[str] = (),
    environment: Mapping[str, str] | None = None,
    read: Reader = UNREAD,
) -> Listening:
    """The sockets of the host that a container with this configuration takes."""
    if network_mode.startswith("container:") or network_mode == "none":
        return Listening()
    if network_mode != "host":
        shown = {port.socket: f"published {port.socket} -> {port.container_port} of container {name}" for port in ports}
        return Listening(sockets=tuple(shown), evidence=tuple(shown.values()))
    program = identity.of_container(image=image_name, argv=argv)
    found = listening(argv, environment or {}, program=program.known, in_container=True, read=read) if argv else None
    if found is None and program.known is not None:
        found = listening((program.known.name,), environment or {}, program=program.known, in_container=True, read=read)
    if found is not None and (found.known or found.sockets):
        evidence = tuple(f"{text}, on the host's network by container {name}" for text in found.evidence)
        return Listening(sockets=found.sockets, known=found.known, evidence=evidence, why=found.why)
    guessed = tuple(_exposed(text) for text in exposed)
    return Listening(
        sockets=tuple(socket for socket in guessed if socket), known=False,
        evidence=(f"ports that the image {image_name} exposes",) if guessed else (),
        why=f"container {name} uses the host's network, and where its program listens is not known",
    )  # fmt: skip


def _exposed(text: str) -> Socket | None:
    port, _, protocol = text.partition("/")
    if not port.isdigit() or protocol not in ("", "tcp", "udp"):
        return None
    return Socket(protocol="udp" if protocol == "udp" else "tcp", address=IPv6Address("::"), port=int(port))
