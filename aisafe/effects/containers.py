"""docker_container (community.docker 4; the comparisons are those of its module_utils/module_container)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any, Final

from aisafe.effects import sockets
from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, BadArgument, as_text
from aisafe.effects.attributes import understood
from aisafe.effects.containerstore import ContainerStore, PredictedContainer
from aisafe.effects.predicted import PredictedHost, changed
from aisafe.formats import envfile
from aisafe.formats.dockerrun import ContainerOrder, command_words, volume
from aisafe.formats.ports import PortSpec, parse_published, published_sockets
from aisafe.formats.sizes import size_of
from aisafe.frozen import frozen
from aisafe.model import Container, Effect, Mount, Unknown, is_unknown

STATES: Final = ("absent", "present", "healthy", "stopped", "started")
LOCAL_ENGINE: Final = ("unix:///var/run/docker.sock", "unix://var/run/docker.sock", "unix:///run/docker.sock")
_READ: Final = frozenset(
    ("name", "image", "command", "command_handling", "entrypoint", "published_ports", "ports", "publish_all_ports",
     "exposed_ports", "exposed", "expose", "network_mode", "networks", "restart_policy", "restart_retries", "env",
     "env_file", "volumes", "mounts", "labels", "state", "recreate", "restart", "pull", "comparisons")
)  # fmt: skip
_NO_CONFIGURATION: Final = frozenset(
    ("docker_host", "docker_url", "docker_api_version", "api_version", "tls", "validate_certs", "tls_verify", "ca_path",
     "client_cert", "client_key", "tls_hostname", "timeout", "debug", "use_ssh_client", "ssl_version", "cacert_path",
     "cert_path", "key_path", "tls_ca_cert", "tls_client_cert", "tls_client_key", "cleanup",
     "container_default_behavior", "default_host_ip", "detach", "force_kill", "forcekill", "healthy_wait_timeout",
     "ignore_image", "image_comparison",
     "image_label_mismatch", "image_name_mismatch", "keep_volumes", "kill_signal", "networks_cli_compatible",
     "output_logs", "paused", "pull_check_mode_behavior", "purge_networks", "removal_wait_timeout", "stop_timeout",
     "platform")
)  # fmt: skip
_DEFAULT_NETWORKS: Final = ("", "default", "bridge")


@frozen
class Difference:
    """What makes an existing container another one than asked for. ``sure`` False: it could not be compared."""

    what: str
    sure: bool = True


@understood("community.docker.docker_container", "community.general.docker_container", kind="container")
def docker_container(call: Call, host: PredictedHost, args: Arguments) -> Result:
    name = args.need("name")
    state = args.word("state", default="started")
    if state not in STATES:
        raise BadArgument(f"value of state must be one of: {', '.join(STATES)}, got: {state}")
    elsewhere = other_engine(args)
    if elsewhere:
        return Result(changed=None, opaque=elsewhere)
    store = host.containers
    if state == "absent":
        effects = store.remove(call, name)
        return Result(effects=effects, changed=changed(effects), values={"name": name})
    order = order_of(call, host, args)
    there = store.get(name)
    effects = ()
    if order.image:
        effects, failed = need_image(call, store, order.image, pull=args.word("pull", default="missing"))
        if failed:
            return Result(changed=False, failed=failed)
    if there.container is None and not order.image:
        raise BadArgument("Cannot create container when image is not specified!")
    running = state in ("started", "healthy")
    if there.container is None or store.blind or there.certainty != "certain":
        why = store.blind or there.why
        effects += store.put(call, order, name=name, running=running, sure=not why, why=why)
        return Result(effects=effects, changed=changed(effects))
    return _existing(call, host, args, order=order, there=there, effects=effects, running=running)


def _existing(
    call: Call,
    host: PredictedHost,
    args: Arguments,
    *,
    order: ContainerOrder,
    there: PredictedContainer,
    effects: tuple[Effect, ...],
    running: bool,
) -> Result:
    store, name, container = host.containers, there.name, there.container
    assert container is not None
    differing = list(differences(call.args, order, there, store))
    sure = [item.what for item in differing if item.sure]
    unsure = [item.what for item in differing if not item.sure]
    if args.flag("recreate"):
        sure.append("recreate is asked for")
    stays_running = running or (container.active and args.word("state", default="started") == "present")
    if sure or unsure:
        wanted = filled(order, container)
        why = "" if sure else f"whether these are as asked could not be seen: {', '.join(unsure)}"
        active = running or (not sure and stays_running)
        effects += store.put(
            call, wanted, name=name, running=active, sure=bool(sure), why=why,
            detail=f"made anew: {', '.join(sure)}" if sure else "",
        )  # fmt: skip
        if not sure:
            effects += _state(call, store, container, name=name, running=running, restart=args.flag("restart"),
                              state=args.word("state", default="started"))  # fmt: skip
        return Result(effects=effects, changed=changed(effects))
    missing = [network for network in order.networks if network not in container.networks and container.networks]
    if missing:
        effects += store.update(call, name, detail=f"joins the networks {', '.join(missing)}",
                                networks=(*container.networks, *missing))  # fmt: skip
    effects += _state(call, store, container, name=name, running=running, restart=args.flag("restart"),
                      state=args.word("state", default="started"))  # fmt: skip
    return Result(effects=effects, changed=changed(effects))


def _state(
    call: Call, store: ContainerStore, container: Container, *, name: str, running: bool, restart: bool, state: str
) -> tuple[Effect, ...]:
    if running and not container.active:
        return store.start(call, name)
    if running and restart:
        return store.restart(call, name)
    return store.stop(call, name) if state == "stopped" else ()


def other_engine(args: Arguments) -> str:
    """Why the engine that is meant is not the host's own, '' when it is."""
    engine = args.raw("docker_host", "docker_url")
    if engine is None or engine in LOCAL_ENGINE:
        return ""
    return "an engine other than the host's own (docker_host) is not modelled"


def need_image(call: Call, store: ContainerStore, image: str, *, pull: str) -> tuple[tuple[Effect, ...], str]:
    """The effects of getting ``image``, and why it cannot be had, '' when it can."""
    there = store.image(image)
    if there is not None and pull in ("always", "True", "true", "yes"):
        return store.pull(call, image, why="whether the registry has a newer one"), ""
    if there is not None:
        return (), ""
    if pull == "never" and not store.blind:
        return (), f"Cannot find image with name {image}, and pull=never"
    return store.pull(call, image, why=store.blind), ""


def order_of(call: Call, host: PredictedHost, args: Arguments) -> ContainerOrder:
    """The arguments as a container order; what is unknown in them is a problem of the order."""
    problems = [f"{key} is known only in the run" for key in ("published_ports", "ports", "network_mode", "networks",
                "command", "entrypoint", "image", "publish_all_ports") if args.unknown(key)]  # fmt: skip
    networks = () if args.unknown("networks") else tuple(_network_names(args.raw("networks")))
    mode = "" if args.unknown("network_mode") else as_text(args.raw("network_mode") or "")
    if not mode and networks and args.flag("networks_cli_compatible", default=True):
        mode = networks[0]
    image = args.raw("image")
    return ContainerOrder(
        name=args.need("name"),
        image=str(image) if image is not None else "",
        command=None if args.unknown("command") else command_words(args.raw("command")),
        entrypoint=None if args.unknown("entrypoint") else command_words(args.raw("entrypoint")),
        ports=() if mode == "host" else tuple(_ports(args)),
        publish_all=not args.unknown("publish_all_ports") and args.flag("publish_all_ports"),
        exposed=() if args.unknown("exposed_ports", "exposed", "expose") else tuple(
            port if "/" in port else f"{port}/tcp" for port in args.words("exposed_ports", "exposed", "expose")),
        network_mode=mode,
        networks=networks,
        restart_policy=_text(args, "restart_policy") or "no",
        environment=_environment(args, host),
        mounts=tuple(_mounts(args)),
        volumes_from=() if args.unknown("volumes_from") else tuple(args.words("volumes_from")),
        labels=_texts(args.raw("labels")),
        memory_limit=size_of(_text(args, "memory")),
        memory_reserved=size_of(_text(args, "memory_reservation")),
        problems=tuple(problems),
    )  # fmt: skip


def _text(args: Arguments, name: str) -> str:
    value = args.raw(name)
    return "" if value is None or isinstance(value, Unknown) else as_text(value)


def _texts(value: Any) -> dict[str, str]:
    return {str(key): str(item) for key, item in value.items()} if isinstance(value, Mapping) else {}


def _network_names(value: Any) -> Iterator[str]:
    for item in value or ():
        yield as_text(item.get("name", "")) if isinstance(item, Mapping) else as_text(item)


def _ports(args: Arguments) -> Iterator[PortSpec]:
    """published_ports: without an address the module takes default_host_ip, which is 0.0.0.0 (not both families)."""
    if args.unknown("published_ports", "ports"):
        return
    given = args.raw("default_host_ip")
    default = IPv4Address("0.0.0.0") if given is None or not as_text(given) else None  # noqa: S104
    for text in args.words("published_ports", "ports"):
        try:
            specs = parse_published(text)
        except ValueError as error:
            raise BadArgument(f"published_ports: {error}") from None
        for spec in specs:
            none_given = spec.address is None and given != ""
            yield replace(spec, address=default) if none_given and default is not None else spec


def _environment(args: Arguments, host: PredictedHost) -> dict[str, str]:
    values: dict[str, str] = {}
    path = args.raw("env_file")
    if isinstance(path, str):
        text = host.file(path, follow=True).text
        values |= envfile.read_dotenv(text) if text else {}
    given = args.raw("env")
    for key, value in given.items() if isinstance(given, Mapping) else ():
        values[str(key)] = str(value)
    return values


def _mounts(args: Arguments) -> Iterator[Mount]:
    volumes = args.raw("volumes")
    for text in volumes if isinstance(volumes, list | tuple) else [volumes] if isinstance(volumes, str) else ():
        mount = volume(str(text))
        if mount is not None:
            yield replace(mount, target=mount.target.rstrip("/") or "/")
    for item in args.raw("mounts") or ():
        if isinstance(item, Mapping):
            yield Mount(type=str(item.get("type") or "volume"), source=str(item.get("source") or ""),
                        target=str(item.get("target") or "").rstrip("/"),
                        read_only=str(item.get("read_only")).lower() in ("true", "yes"))  # fmt: skip


def filled(order: ContainerOrder, container: Container) -> ContainerOrder:
    """``order`` with what it leaves open taken from the container that it replaces, where the module keeps that."""
    return order if order.image else replace(order, image=container.image)


def differences(
    given: Mapping[str, Any], order: ContainerOrder, there: PredictedContainer, store: ContainerStore
) -> Iterator[Difference]:
    """Where the container is not as asked. Options that are not given are not compared."""
    if there.order is not None and there.order == order:
        return  # made so by this very run
    asked = {key for key, value in given.items() if value is not None}
    ignored = _ignored(given.get("comparisons"))
    container = there.container
    assert container is not None
    for key, found in compared(order, container, store):
        if key in asked and key not in ignored:
            yield from found
    for key in sorted(asked - _READ - _NO_CONFIGURATION - ignored):
        yield Difference(what=key, sure=False)
    for key in sorted(asked & _READ - ignored):
        if is_unknown(given[key]):
            yield Difference(what=key, sure=False)


def _ignored(comparisons: Any) -> frozenset[str]:
    if not isinstance(comparisons, Mapping):
        return frozenset()
    every = _READ - {"name", "state"} if comparisons.get("*") == "ignore" else frozenset()
    return (every | {key for key, mode in comparisons.items() if mode == "ignore"}) - {
        key for key, mode in comparisons.items() if mode != "ignore"
    }


def compared(
    order: ContainerOrder, container: Container, store: ContainerStore
) -> Iterator[tuple[str, tuple[Difference, ...]]]:
    """Every option of an order that can be seen on a container, with its differences."""
    image = store.image(order.image)
    yield "image", _image(order, container, image.id if image else "")
    wanted = sockets.argv_of(order, image)
    own = image is not None or (order.entrypoint is not None and order.command is not None)
    same = wanted == container.command if own else container.command[-len(wanted) :] == wanted
    for key in ("command", "entrypoint"):
        yield key, () if same else (Difference(what=key),)
    for key in ("published_ports", "ports"):
        yield key, _published(order, container, ipv6=not order.ports or store.ipv6())
    yield (
        "network_mode",
        _differs("network_mode", _network(order.network_mode, store), _network(container.network_mode, store)),
    )
    yield "networks", _differs("networks", _network(order.network_mode, store), _network(container.network_mode, store))
    yield "restart_policy", _differs("restart_policy", order.restart_policy, container.restart_policy)
    for key in ("volumes", "mounts"):
        there = {(mount.target.rstrip("/") or "/", mount.source.rstrip("/") or "/") for mount in container.mounts}
        missing = [mount.target for mount in order.mounts if mount.type != "tmpfs" and mount.source
                   and (mount.target, mount.source.rstrip("/") or "/") not in there]  # fmt: skip
        yield key, (Difference(what=f"{key} {', '.join(missing)}"),) if missing else ()
    labels = [key for key, value in order.labels.items() if container.labels.get(key) != value]
    yield "labels", (Difference(what=f"labels {', '.join(labels)}"),) if labels else ()
    for key in ("env", "env_file"):
        absent = sorted(set(order.environment) - set(container.environment_names))
        yield key, (Difference(what=f"env {', '.join(absent)}"),) if absent else (
            (Difference(what="values of env", sure=False),) if order.environment else ())  # fmt: skip
    inside = {text if "/" in text else f"{text}/tcp" for text in container.exposed}
    closed = sorted(set(order.exposed) - inside)
    for key in ("exposed_ports", "exposed", "expose"):
        yield key, (Difference(what=f"exposed_ports {', '.join(closed)}"),) if closed else ()


def _image(order: ContainerOrder, container: Container, wanted_id: str) -> tuple[Difference, ...]:
    if order.image not in (container.image, container.image_id):
        return (Difference(what=f"image {container.image} -> {order.image}"),)
    if wanted_id and container.image_id and wanted_id != container.image_id:
        return (Difference(what=f"another image is now called {order.image}"),)
    return ()


def _differs(what: str, wanted: str, there: str) -> tuple[Difference, ...]:
    return () if wanted == there else (Difference(what=f"{what} {there or 'none'} -> {wanted or 'none'}"),)


def _network(mode: str, store: ContainerStore) -> str:
    """``mode`` with one name for the default, and another container's name for its id."""
    kind, mark, other = mode.partition(":")
    if kind == "container" and mark:
        return f"container:{store.get(other).name}"
    return "default" if mode in _DEFAULT_NETWORKS else mode


def _published(order: ContainerOrder, container: Container, *, ipv6: bool) -> tuple[Difference, ...]:
    wanted = {(port.socket, port.container_port) for port in published_sockets(order.ports, ipv6=ipv6)}
    there = {(port.socket, port.container_port) for port in container.ports}
    plain = {(socket.protocol, socket.address, socket.port, inner) for socket, inner in there}
    missing = [socket for socket, inner in wanted
               if (socket.protocol, socket.address, socket.port, inner) not in plain]  # fmt: skip
    chosen = {(port.protocol, port.container_port) for port in order.ports if port.host_port is None}
    absent = chosen - {(socket.protocol, inner) for socket, inner in there}
    if missing:
        return (Difference(what=f"published ports {', '.join(sorted(map(str, missing)))}"),)
    return (Difference(what="published ports", sure=container.active),) if absent else ()
