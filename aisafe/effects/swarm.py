"""Docker's Swarm: docker_swarm, docker_node, docker_swarm_service, docker_stack, configs and secrets (community.docker)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import Any

import yaml

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, BadArgument
from aisafe.effects.attributes import remote_path, understood
from aisafe.effects.compose import refused, texts
from aisafe.effects.containers import other_engine
from aisafe.effects.predicted import PredictedHost, changed
from aisafe.formats.compose import BadCompose, Files, NotKnown, Project, open_definition, open_project
from aisafe.model import Action, Effect, Holder, Socket, SwarmService, is_unknown

ENGINE_UNIT = "docker.service"
GOSSIP = 7946
"""Port of the nodes' gossip, TCP and UDP (Docker manual, "Getting started with Swarm mode", open ports)."""
_ADDRESSES = ("advertise_addr", "listen_addr", "data_path_addr", "data_path_port")
_COMPARED = ("name", "image", "publish", "state")
_NO_CONFIGURATION = ("docker_host", "tls", "validate_certs", "timeout", "debug", "api_version", "ca_path", "client_cert",
                     "client_key", "tls_hostname", "resolve_image", "force_update", "use_ssh_client")  # fmt: skip


@dataclass(slots=True)
class Swarm:
    """The swarm as seen from this host: ``manager``, and the services by name."""

    manager: bool
    services: dict[str, SwarmService] = field(default_factory=dict)


def swarm_of(host: PredictedHost) -> Swarm:
    found = host.memory.get("swarm")
    if not isinstance(found, Swarm):
        found = host.memory["swarm"] = Swarm(host.state.swarm_manager, dict(host.state.swarm_services))
    return found


@understood("community.docker.docker_swarm", kind="unit")
def docker_swarm(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """init opens the manager's port (2377) and that of the nodes' gossip; leave closes them."""
    if other_engine(args):
        return Result(changed=None, opaque=other_engine(args))
    swarm, state = swarm_of(host), args.word("state", default="present")
    why = host.containers.blind
    if state == "absent":
        if not swarm.manager and not why:
            effect = _engine(call, "whether the host is a worker of a swarm", detail="leaves the swarm")
            return Result(effects=(effect,), changed=None)
        swarm.manager, swarm.services = False, {}
        return Result(effects=(_engine(call, why, detail="leaves the swarm"),), changed=True)
    if state == "remove":
        return Result(
            effects=(_engine(call, "which node of the swarm is meant", detail="removes a node"),), changed=None
        )
    if swarm.manager and not args.flag("force"):
        settled = (*_NO_CONFIGURATION, "state", "force", *_ADDRESSES)
        given = [name for name, value in call.args.items() if value is not None and name not in settled]
        if not given:
            return Result(changed=False)
        unsure = f"whether these are as asked could not be seen: {', '.join(sorted(given))}"
        return Result(effects=(_engine(call, unsure, detail="settings of the swarm"),), changed=None)
    swarm.manager = state == "present" or swarm.manager
    binds = _ports_of_node(args, manager=state == "present")
    return Result(effects=(_engine(call, why, detail=f"swarm: {'init' if state == 'present' else state}", binds=binds),),
                  changed=True)  # fmt: skip


def _ports_of_node(args: Arguments, *, manager: bool) -> tuple[Socket, ...]:
    text = args.word("listen_addr", default="0.0.0.0:2377")
    host, _, port = text.rpartition(":") if ":" in text.rpartition("]")[2] else (text, "", "2377")
    try:
        address = ip_address(host.strip("[]") or "::")
    except ValueError:
        return ()
    address = IPv6Address("::") if address.is_unspecified else address  # dockerd listens for both families then
    gossip = [
        Socket(protocol="tcp", address=address, port=GOSSIP),
        Socket(protocol="udp", address=address, port=GOSSIP),
    ]
    manage = [Socket(protocol="tcp", address=address, port=int(port))] if manager and port.isdigit() else []
    return (*manage, *gossip)


@understood("community.docker.docker_node", kind="container")
def docker_node(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """Labels, role and availability of a node; draining moves its tasks away."""
    drains = args.word("availability", default="") == "drain"
    detail = "the swarm's tasks leave the node" if drains else "labels, role or availability of a node"
    effect = _engine(call, "how the node is set now could not be seen", detail=detail)
    return Result(effects=(effect,), changed=None)


@understood("community.docker.docker_config", "community.docker.docker_secret", kind="container")
def docker_config(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """An object of the swarm's own store, not of the host's files; whether it is there, and the same, is not seen."""
    kind = "secret" if call.module.endswith("secret") else "config"
    action: Action = "remove" if args.word("state", default="present") == "absent" else "create"
    effect = Effect(
        kind="container", action=action, name=f"{kind} {args.need('name')}", task=call.task, certainty="possible",
        why=f"whether the swarm has that {kind} already could not be seen", reversible=False,
    )  # fmt: skip
    return Result(effects=(effect,), changed=None)


@understood("community.docker.docker_swarm_service", kind="container")
def docker_swarm_service(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if other_engine(args):
        return Result(changed=None, opaque=other_engine(args))
    swarm, name = swarm_of(host), args.need("name")
    if args.word("state", default="present") == "absent":
        return _done(_remove(call, host, swarm, [name]))
    if not swarm.manager and not (host.containers.blind or host.unforeseen):
        return Result(changed=False, failed="Error inspecting service: This node is not a swarm manager.")
    sockets, known = _published(args)
    wanted = SwarmService(name=name, image=args.need("image"), sockets=sockets)
    given = [key for key in call.args if call.args[key] is not None and key not in (*_COMPARED, *_NO_CONFIGURATION)]
    compare_ports = args.given("publish")
    return _done(_deploy(call, host, swarm, [wanted], known=known, unsure=given, ports=compare_ports,
                         force=args.flag("force_update")))  # fmt: skip


def _published(args: Arguments) -> tuple[tuple[Socket, ...], bool]:
    """Ports of ``publish``: ingress is held by dockerd for both families, so is mode host without an address."""
    found = []
    if args.unknown("publish"):
        return (), False
    for item in args.raw("publish") or ():
        port = item.get("published_port") if isinstance(item, Mapping) else None
        if port:
            found.append(
                Socket(
                    protocol="udp" if item.get("protocol") == "udp" else "tcp",
                    address=IPv6Address("::"),
                    port=int(port),
                )
            )
    return tuple(found), True


@understood("community.docker.docker_stack", kind="container")
def docker_stack(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """``docker stack deploy``: the services STACK_SERVICE of Compose files, in which only the environment fills in."""
    swarm, name = swarm_of(host), args.need("name")
    if args.word("state", default="present") == "absent":
        return _done(_remove(call, host, swarm, [other for other in swarm.services if other.startswith(f"{name}_")]))
    if not swarm.manager and not (host.containers.blind or host.unforeseen):
        return Result(changed=False, failed="docker stack up deploy command failed: this node is not a swarm manager")
    try:
        project = _stack(call, host, args, name)
        orders = {key: project.order(key, read=texts(host)) for key in project.services}
    except (NotKnown, BadCompose) as error:
        return refused(host, error)
    wanted = [
        SwarmService(name=f"{name}_{key}", image=order.image, sockets=tuple(dict.fromkeys(
            Socket(protocol=port.protocol, address=IPv6Address("::"), port=port.host_port)
            for port in order.ports if port.host_port)))
        for key, order in orders.items()
    ]  # fmt: skip
    known = not project.problems
    edited = host.files.changed(project.read)
    effects = _deploy(
        call, host, swarm, wanted, known=known, unsure=["the rest of the stack"] if edited else [], ports=True
    )
    if args.flag("prune"):
        kept = {service.name for service in wanted}
        effects += _remove(call, host, swarm,
                           [other for other in swarm.services if other.startswith(f"{name}_") and other not in kept])  # fmt: skip
    return _done(effects)


def _stack(call: Call, host: PredictedHost, args: Arguments, name: str) -> Project:
    given = args.raw("compose") or ()
    if not given:
        raise BadArgument("compose parameter must be a list containing at least one element")
    if is_unknown(given):
        raise NotKnown("the Compose files of the stack are known only in the run")
    definitions = [item for item in given if isinstance(item, Mapping)]
    paths = [remote_path(str(item), call=call, host=host) for item in given if not isinstance(item, Mapping)]
    if definitions and (paths or len(definitions) > 1):
        raise NotKnown("several definitions of a stack, or files beside one, are not modelled")
    if definitions:
        return open_definition(yaml.safe_dump(definitions[0]), call.environment, name=name)
    directory = paths[0].rpartition("/")[0]
    files = Files(directory=directory, given=tuple(paths), environment=call.environment, env_files=("/dev/null",))
    read = texts(host)
    return open_project(files, lambda path: "" if path == "/dev/null" else read(path), name=name)


def _deploy(
    call: Call,
    host: PredictedHost,
    swarm: Swarm,
    wanted: Iterable[SwarmService],
    *,
    known: bool,
    unsure: list[str],
    ports: bool,
    force: bool = False,
) -> tuple[Effect, ...]:
    effects: list[Effect] = []
    blind = host.containers.blind or ("" if swarm.manager else "whether the host is a manager of a swarm by then")
    for service in wanted:
        there = swarm.services.get(service.name)
        swarm.services[service.name] = service
        holder = Holder(kind="container", name=service.name)
        differs = there is not None and (
            there.image.partition("@")[0] != service.image.partition("@")[0]
            or (ports and {(item.protocol, item.port) for item in there.sockets}
                != {(item.protocol, item.port) for item in service.sockets})
        )  # fmt: skip
        why = blind
        if there is not None and not differs and not force:
            if not unsure:
                continue
            why = f"whether these are as asked could not be seen: {', '.join(sorted(unsure))}"
        detail = f"a service of the swarm, image {service.image}"
        effects.append(Effect(
            kind="container", action="create" if there is None else "change", name=service.name, task=call.task,
            certainty="possible" if why else "certain", why=why, detail=detail, holder=holder, binds=service.sockets,
            sockets_known=known, reversible=False,
        ))  # fmt: skip
    return tuple(effects)


def _remove(call: Call, host: PredictedHost, swarm: Swarm, names: Iterable[str]) -> tuple[Effect, ...]:
    effects: list[Effect] = []
    why = host.containers.blind
    for name in names:
        if swarm.services.pop(name, None) is None and not why:
            continue
        holder = Holder(kind="container", name=name)
        effects.append(Effect(
            kind="container", action="remove", name=name, task=call.task, certainty="possible" if why else "certain",
            why=why, holder=holder, frees=(holder,), reversible=False, detail="a service of the swarm",
        ))  # fmt: skip
    return tuple(effects)


def _done(effects: tuple[Effect, ...]) -> Result:
    return Result(effects=effects, changed=changed(effects))


def _engine(call: Call, why: str, *, detail: str, binds: tuple[Socket, ...] = ()) -> Effect:
    return Effect(
        kind="unit", action="change", name=ENGINE_UNIT, task=call.task, certainty="possible" if why else "certain",
        why=why, detail=detail, holder=Holder(kind="unit", name=ENGINE_UNIT) if binds else None, binds=binds,
        reversible=False,
    )  # fmt: skip


@understood(
    "community.docker.docker_swarm_info", "community.docker.docker_node_info", "community.docker.docker_stack_info",
    "community.docker.docker_stack_task_info", "community.docker.docker_swarm_service_info", kind="container",
)  # fmt: skip
def swarm_info(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """Only looks."""
    if host.containers.blind or other_engine(args) or host.unforeseen:
        return Result(changed=False)
    swarm, kind = swarm_of(host), call.module.rpartition(".")[2]
    values: dict[str, Any] = {}
    if kind == "docker_swarm_info":
        values = {"can_talk_to_docker": True, "docker_swarm_manager": swarm.manager}
        values |= {"docker_swarm_active": True} if swarm.manager else {}
    elif kind == "docker_swarm_service_info" and swarm.manager:
        values = {"exists": args.need("name") in swarm.services}
    return Result(changed=False, values=values)
