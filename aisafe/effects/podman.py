"""containers.podman: containers and pods of root's Podman, from arguments and from Kubernetes YAML."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, BadArgument
from aisafe.effects.attributes import remote_path, understood
from aisafe.effects.compose import inside, texts
from aisafe.effects.containers import compared, need_image
from aisafe.effects.containerstore import ContainerStore
from aisafe.effects.podmanfiles import write_quadlet
from aisafe.effects.predicted import PredictedHost, changed
from aisafe.formats import envfile, kubeplay
from aisafe.formats.dockerrun import ContainerOrder, command_words, infra, volume
from aisafe.formats.ports import PortSpec, parse_published
from aisafe.model import Container, Effect, Unknown, is_unknown

STATES: Final = ("absent", "present", "stopped", "started", "created", "quadlet")
_PORTS: Final = ("publish", "ports", "published", "published_ports")
_NETWORK: Final = ("network", "net", "network_mode")
_VOLUMES: Final = ("volume", "volumes")
_SEEN: Final = frozenset(
    (*_PORTS, *_NETWORK, *_VOLUMES, "name", "image", "command", "entrypoint", "env", "env_file", "env_files", "pod",
     "restart_policy", "label", "labels", "expose", "exposed", "exposed_ports", "publish_all", "state", "recreate",
     "restart", "force_restart", "executable", "detach", "debug", "generate_systemd", "rm", "remove", "auto_remove",
     "log_level", "image_strict", "authfile", "delete_depend", "delete_time", "delete_volumes", "force_delete", "tty",
     "interactive", "quadlet_dir", "quadlet_filename", "quadlet_file_mode", "quadlet_options", "pull")
)  # fmt: skip


def not_roots(call: Call) -> str:
    """Why it is not root's Podman that is meant, '' when it is."""
    return "" if call.become_user in ("root", "") else f"Podman of the user {call.become_user} is not modelled"


@understood("containers.podman.podman_container", kind="container")
def podman_container(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if not_roots(call):
        return Result(changed=None, opaque=not_roots(call))
    state = args.word("state", default="started")
    if state not in STATES:
        raise BadArgument(f"value of state must be one of: {', '.join(STATES)}, got: {state}")
    if state == "quadlet":
        return write_quadlet(call, host, args, "container")
    store, name = host.podman, args.need("name")
    if state == "absent":
        return _done((*_systemd_files(call, host, args, name, absent=True), *_remove(call, store, args, name)))
    order = order_of(call, host, args)
    there = store.get(name)
    if there.container is None and not order.image:
        verb = "start" if state == "started" else "create"
        raise BadArgument(f"Cannot {verb} container when image is not specified!")
    running = state == "started"
    effects: tuple[Effect, ...] = ()
    if order.image:
        effects, failed = need_image(call, store, order.image, pull=args.word("pull", default="missing"))
        if failed:
            return Result(changed=False, failed=failed)
    if there.container is None or store.blind or there.certainty != "certain":
        why = store.blind or there.why
        effects += _pod_first(call, store, order)
        effects += store.put(call, order, name=name, running=running, sure=not why, why=why)
    else:
        effects += _existing(call, store, args, order, there.container, state=state)
    return _done((*effects, *_systemd_files(call, host, args, name)))


def _done(effects: tuple[Effect, ...]) -> Result:
    return Result(effects=effects, changed=changed(effects))


def _remove(call: Call, store: ContainerStore, args: Arguments, name: str) -> tuple[Effect, ...]:
    """``delete_depend`` takes along what hangs on it."""
    container = store.get(name).container
    if container is None:
        return store.remove(call, name)
    if not args.flag("delete_depend"):
        _refuse_dependents(store, container)
    others = store.users_of_network(container)
    return (*(effect for other in others for effect in store.remove(call, other)), *store.remove(call, name))


def _refuse_dependents(store: ContainerStore, container: Container) -> None:
    """Podman does not remove a container whose network another one has, nor make it anew (podman-rm(1), --depend)."""
    if others := [name for name in store.users_of_network(container) if store.get(name).certainty == "certain"]:
        raise BadArgument(f"container {container.name} has dependent containers which must be removed before it: "
                          f"{', '.join(others)}")  # fmt: skip


def _pod_first(call: Call, store: ContainerStore, order: ContainerOrder) -> tuple[Effect, ...]:
    """A pod is started by the first container that starts in it."""
    name = f"{order.pod}-infra"
    there = store.get(name)
    return store.start(call, name) if order.pod and there.container is not None and not there.active else ()


def _existing(
    call: Call, store: ContainerStore, args: Arguments, order: ContainerOrder, container: Container, *, state: str
) -> tuple[Effect, ...]:
    name = container.name
    if state == "stopped":
        return store.stop(call, name)
    running = state == "started"
    if args.flag("restart", "force_restart"):
        return store.restart(call, name) if container.active else store.start(call, name)
    made = store.get(name).order
    differing = [] if made == order or not order.image else list(differences(args, order, container, store))
    if args.flag("recreate"):
        differing.append("recreate is asked for")
    if differing:
        _refuse_dependents(store, container)
        return store.put(call, order, name=name, running=running or container.active,
                         detail=f"made anew: {', '.join(differing)}")  # fmt: skip
    effects: tuple[Effect, ...] = ()
    unseen = sorted(key for key, value in call.args.items() if value is not None and key not in _SEEN)
    unseen += [key for key in sorted(_SEEN) if is_unknown(call.args.get(key))]
    if unseen and made != order:
        effects = store.put(call, order, name=name, running=running or container.active, sure=False,
                            why=f"whether these are as asked could not be seen: {', '.join(unseen)}")  # fmt: skip
    return (*effects, *(store.start(call, name) if running and not container.active else ()))


def differences(args: Arguments, order: ContainerOrder, container: Container, store: ContainerStore) -> Iterator[str]:
    """What the module would make the container anew for, as far as it can be seen (PodmanContainerDiff)."""
    image = store.image(order.image)
    if image is not None and container.image_id and image.id != container.image_id:
        yield f"image {container.image} -> {order.image}"
    if image is None and not container.image.endswith(order.image):
        yield f"image {container.image} -> {order.image}"
    given = {"command": args.given("command"), "published_ports": not order.pod, "labels": args.given("label", "labels"),
             "restart_policy": args.given("restart_policy"), "volumes": args.given(*_VOLUMES),
             "env": args.given("env", "env_file", "env_files")}  # fmt: skip
    for key, found in compared(order, container, store):
        if given.get(key):
            yield from (item.what for item in found if item.sure)
    if args.given(*_NETWORK) and not order.pod:
        wanted = _mode(order.network_mode)
        if wanted != "bridge" and wanted != _mode(container.network_mode):
            yield f"network {container.network_mode} -> {wanted}"
        if wanted == "bridge" and set(order.networks) - set(container.networks) - {"bridge", "default"}:
            yield f"networks {', '.join(order.networks)}"


def _mode(network: str) -> str:
    """A named network is the mode bridge to Podman."""
    plain = network.partition(":")[0]
    return plain if plain in ("host", "none", "container", "ns", "private", "slirp4netns", "pasta") else "bridge"


def order_of(call: Call, host: PredictedHost, args: Arguments) -> ContainerOrder:
    """The arguments as a container order; what is unknown in them is a problem of the order."""
    problems = [f"{key} is known only in the run" for key in (*_PORTS, *_NETWORK, "command", "image", "pod", "entrypoint")
                if args.unknown(key)]  # fmt: skip
    networks = () if args.unknown(*_NETWORK) else args.words(*_NETWORK)
    pod = "" if args.unknown("pod") else args.word("pod", default="")
    mode = f"container:{pod}-infra" if pod else networks[0] if networks else ""
    return ContainerOrder(
        name=args.need("name"),
        image="" if args.unknown("image") else args.word("image", default=""),
        command=None if args.unknown("command") else command_words(args.raw("command")),
        entrypoint=None if args.unknown("entrypoint") else command_words(args.raw("entrypoint")),
        ports=() if pod or mode == "host" or args.unknown(*_PORTS) else tuple(ports_of(args.words(*_PORTS))),
        exposed=tuple(args.words("expose", "exposed", "exposed_ports")),
        publish_all=args.flag("publish_all"),
        network_mode=mode.partition(":")[0] if not mode.startswith("container:") else mode,
        networks=() if pod else tuple(name.partition(":")[0] for name in networks),
        restart_policy=args.word("restart_policy", default="no").partition(":")[0],
        environment=_environment(call, host, args),
        mounts=tuple(mount for text in args.words(*_VOLUMES) if (mount := volume(text)) is not None),
        volumes_from=() if args.unknown("volumes_from") else tuple(args.words("volumes_from")),
        labels=_texts(args.raw("label", "labels")),
        pod=pod,
        problems=tuple(problems),
    )


def ports_of(texts_: tuple[str, ...]) -> Iterator[PortSpec]:
    for text in texts_:
        try:
            yield from parse_published(text)
        except ValueError as error:
            raise BadArgument(f"publish: {error}") from None


def _texts(value: Any) -> dict[str, str]:
    return {str(key): str(item) for key, item in value.items()} if isinstance(value, Mapping) else {}


def _environment(call: Call, host: PredictedHost, args: Arguments) -> dict[str, str]:
    values: dict[str, str] = {}
    for path in () if args.unknown("env_file", "env_files") else args.words("env_file", "env_files"):
        text = host.file(remote_path(path, call=call, host=host), follow=True).text
        values |= envfile.read_dotenv(text) if text else {}
    return values | _texts(args.raw("env"))


def _systemd_files(
    call: Call, host: PredictedHost, args: Arguments, name: str, *, absent: bool = False
) -> tuple[Effect, ...]:
    """generate_systemd: a unit file in a directory of the user's choice, whose text Podman writes."""
    wanted = args.raw("generate_systemd")
    if not isinstance(wanted, Mapping) or not wanted.get("path"):
        return ()
    prefix = str(wanted.get("container_prefix", "container"))
    separator = str(wanted.get("separator", "-"))
    unit = f"{prefix}{separator}{name}" if prefix else name
    path = posixpath.join(remote_path(str(wanted["path"]), call=call, host=host), f"{unit}.service")
    if absent:
        return host.remove(call, path)
    start = ["/usr/bin/podman", "start", name]
    if str(wanted.get("new", False)).lower() in ("true", "yes"):
        start = ["/usr/bin/podman", "run", "--name", name, *_run_words(args)]
    there = host.file(path)
    if there.text is not None and _starts_the_same(there.text, start):
        return ()
    restart = str(wanted.get("restart_policy") or "on-failure")
    text = (f"[Unit]\nDescription=Podman {unit}.service\n[Service]\nEnvironment=PODMAN_SYSTEMD_UNIT=%n\nRestart={restart}\n"
            f"ExecStart={shlex.join(start)}\nType=notify\n[Install]\nWantedBy=default.target\n")  # fmt: skip
    return host.put(
        call, path, content=text.encode(), detail="written by podman generate systemd; its exact text is Podman's"
    )


def _run_words(args: Arguments) -> list[str]:
    words: list[str] = ["--replace", "-d"]
    for option, names in (("--publish", _PORTS), ("--network", _NETWORK), ("--volume", _VOLUMES)):
        for text in args.words(*names):
            words += [option, text]
    return [*words, args.word("image", default=""), *(command_words(args.raw("command")) or ())]


def _starts_the_same(text: str, start: list[str]) -> bool:
    """Whether the unit file that is there runs the same container, by the options that matter to sockets."""
    line = next((match[1] for match in re.finditer(r"^ExecStart=((?:.*\\\n)*.*)$", text, re.MULTILINE)), "")
    words = line.replace("\\\n", " ").split()
    return all(word in words for word in start[2:] if word != "--replace")


@understood("containers.podman.podman_containers", kind="container")
def podman_containers(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """Several containers, each as podman_container has it."""
    effects: tuple[Effect, ...] = ()
    for item in args.raw("containers") or ():
        if not isinstance(item, Mapping):
            return Result(effects=effects, changed=None, opaque="a container of the list is known only in the run")
        found = podman_container(replace(call, args=item), host, Arguments(item))
        effects += found.effects
        if found.failed or found.opaque:
            return replace(found, effects=effects)
    return _done(effects)


@understood("containers.podman.podman_pod", kind="container")
def podman_pod(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """A pod: its infra container holds the ports, its members come and go with it."""
    if not_roots(call):
        return Result(changed=None, opaque=not_roots(call))
    state, name = args.word("state", default="created"), args.need("name")
    if state == "quadlet":
        return write_quadlet(call, host, args, "pod")
    store = host.podman
    members = store.members(name)
    if state in ("absent", "stopped", "killed", "restarted", "paused", "unpaused") and (members or store.blind):
        act = {"absent": store.remove, "stopped": store.stop, "killed": store.stop, "restarted": store.restart}.get(
            state
        )
        names = members or (f"{name}-infra",)
        return _done(tuple(effect for one in names for effect in act(call, one)) if act else ())
    if state == "absent":
        return Result(changed=False)
    problems = ("publish is known only in the run",) if args.unknown(*_PORTS) else ()
    networks = () if args.unknown(*_NETWORK) else args.words(*_NETWORK)
    ports = () if problems else tuple(ports_of(args.words(*_PORTS)))
    order = infra(
        ContainerOrder(ports=ports, networks=networks, network_mode="".join(networks[:1]), problems=problems), name
    )
    infra_name = f"{name}-infra"
    running = state in ("started", "restarted")
    there = store.get(infra_name).container
    if there is None or (not problems and _ports_differ(order, there, store)) or args.flag("recreate"):
        effects = store.put(call, order, name=infra_name, running=running or (there is not None and there.active),
                            sure=not store.blind, why=store.blind)  # fmt: skip
        return _done(effects)
    effects = ()
    for one in members if running else ():
        effects += store.start(call, one)
    return _done(effects)


def _ports_differ(order: ContainerOrder, there: Container, store: ContainerStore) -> bool:
    return any(found for key, found in compared(order, there, store) if key == "published_ports")


@understood("containers.podman.podman_play", kind="container")
def podman_play(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """``podman kube play``: the pods of the YAML; what is there already is made anew only with recreate."""
    if not_roots(call):
        return Result(changed=None, opaque=not_roots(call))
    state = args.word("state", default="created")
    if state == "quadlet":
        return write_quadlet(call, host, args, "kube")
    given = args.text("kube_file_content")
    text: Any = given if given is not None else texts(host)(remote_path(args.need("kube_file"), call=call, host=host))
    if text is None and not host.unforeseen:
        return Result(changed=False, failed=f"{args.need('kube_file')} is not there")
    if not isinstance(text, str):
        return Result(changed=None, opaque="the Kubernetes YAML is known only in the run")
    networks = args.words("network")
    effects = play(call, host.podman, text, networks=networks, state=state, recreate=args.flag("recreate"))
    return _done(effects)


def play(
    call: Call,
    store: ContainerStore,
    text: str,
    *,
    networks: tuple[str, ...] = (),
    publish: tuple[str, ...] = (),
    state: str = "started",
    recreate: bool = False,
) -> tuple[Effect, ...]:
    """What playing ``text`` does. Raises BadArgument."""
    try:
        orders = kubeplay.read(text, publish=publish, networks=networks)
    except ValueError as error:
        raise BadArgument(str(error)) from None
    effects: tuple[Effect, ...] = ()
    for order in reversed(orders) if state == "absent" else orders:
        there = store.get(order.name)
        if state == "absent":
            effects += store.remove(call, order.name)
        elif there.container is None or recreate or store.blind:
            is_infra = order.name == f"{order.pod}-infra"
            effects += () if is_infra else need_image(call, store, order.image, pull="missing")[0]
            effects += store.put(call, order, name=order.name, running=True, sure=not store.blind, why=store.blind)
        elif state == "started" and not there.active:
            effects += store.start(call, order.name)
    return effects


@understood("containers.podman.podman_container_exec", kind="container", action="run")
def podman_container_exec(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if not_roots(call):
        return Result(changed=None, opaque=not_roots(call))
    return inside(call, host, host.podman, args.need("name"))


@understood(
    "containers.podman.podman_container_info", "containers.podman.podman_pod_info", "containers.podman.podman_image_info",
    "containers.podman.podman_network_info", "containers.podman.podman_volume_info", "containers.podman.podman_login_info",
    "containers.podman.podman_secret_info", "containers.podman.podman_system_info", "containers.podman.podman_search",
    "containers.podman.podman_system_connection_info", kind="container",
)  # fmt: skip
def podman_info(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """Only looks. Which of the containers or images asked for are there is known; the rest of the answer is Podman's."""
    store, kind = host.podman, call.module.rpartition(".podman_")[2]
    names = args.words("name")
    if not_roots(call) or store.blind or not names or kind not in ("container_info", "image_info"):
        return Result(changed=False)
    if kind == "image_info":
        images = [Unknown(f"what the image {name} is") for name in names if store.image(name) is not None]
        return Result(changed=False, values={"images": images})
    found = [store.get(name) for name in names]
    if any(there.certainty != "certain" for there in found):
        return Result(changed=False)
    shown = [Unknown(f"what the container {there.name} is") for there in found if there.container is not None]
    return Result(changed=False, values={"containers": shown})
