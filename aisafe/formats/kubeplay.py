"""What ``podman kube play`` makes of Kubernetes YAML: pods with their ports (podman-kube-play(1))."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

import yaml

from aisafe.formats.dockerrun import ContainerOrder, infra, subcommand
from aisafe.formats.ports import PortSpec, address_of, parse_published
from aisafe.model.host import Protocol

_VALUED = frozenset(
    ("--annotation", "--authfile", "--cert-dir", "--configmap", "--context-dir", "--creds", "--ip", "--log-driver",
     "--log-opt", "--mac-address", "--network", "--publish", "--seccomp-profile-root", "--userns", "--arch", "--os")
)  # fmt: skip


class BadKube(ValueError):
    """Not YAML of Kubernetes objects."""


def command(argv: tuple[str, ...]) -> tuple[str, tuple[str, ...], tuple[str, ...], bool] | None:
    """(path, --publish, --network, --down) of ``podman kube play PATH`` or ``podman play kube PATH``; None for others."""
    found = subcommand(argv)
    if found is None or (found[0], *found[1][:1]) not in (("kube", "play"), ("play", "kube"), ("kube", "down")):
        return None
    given: dict[str, list[str]] = {}
    paths: list[str] = []
    words = list(found[1][1:])
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if not word.startswith("-") or word == "-":
            paths.append(word)
        elif name in _VALUED and not equals and words:
            given.setdefault(name, []).append(words.pop(0))
        else:
            given.setdefault(name, []).append(value)
    down = "--down" in given or found[1][0] == "down"
    return ("".join(paths[:1]), tuple(given.get("--publish", ())), tuple(given.get("--network", ())), down)


def read(text: str, *, publish: Iterable[str] = (), networks: Iterable[str] = ()) -> tuple[ContainerOrder, ...]:
    """The containers of the pods in ``text``, each pod's infra container first. Raises BadKube."""
    try:
        documents = list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        raise BadKube(f"not YAML: {getattr(error, 'problem', None) or 'cannot be parsed'}") from None
    orders: list[ContainerOrder] = []
    for document in documents:
        if not isinstance(document, dict):
            continue
        name = str((document.get("metadata") or {}).get("name") or "")
        spec = document.get("spec") or {}
        if document.get("kind") == "Pod":
            orders += _pod(name, spec, tuple(publish), tuple(networks))
        elif document.get("kind") in ("Deployment", "DaemonSet", "Job"):
            template = (spec.get("template") or {}).get("spec") or {}
            orders += _pod(f"{name}-pod", template, tuple(publish), tuple(networks))
    return tuple(orders)


def _pod(
    name: str, spec: Mapping[str, Any], publish: tuple[str, ...], networks: tuple[str, ...]
) -> Iterable[ContainerOrder]:
    """--publish goes over the hostPort of the same container port."""
    host = bool(spec.get("hostNetwork"))
    ports: dict[tuple[int, str], PortSpec] = {}
    problems: list[str] = []
    containers = [item for item in spec.get("containers") or () if isinstance(item, dict)]
    for item in containers:
        for port in item.get("ports") or ():
            protocol = str(port.get("protocol") or "TCP").lower()
            if not port.get("hostPort") or protocol not in ("tcp", "udp"):
                continue
            try:
                inner, outer = int(port.get("containerPort") or port["hostPort"]), int(port["hostPort"])
                ports[inner, protocol] = PortSpec(
                    container_port=inner, host_port=outer, address=address_of(str(port.get("hostIP") or "")),
                    protocol=cast("Protocol", protocol))  # fmt: skip
            except ValueError as error:
                problems.append(f"pod {name}: {error}")
    for text in publish:
        for found in parse_published(text):
            ports[found.container_port, found.protocol] = found
    mode = "host" if host else "".join(networks[:1])
    order = ContainerOrder(name=name, ports=() if host else tuple(ports.values()), network_mode=mode, networks=networks,
                           problems=tuple(problems))  # fmt: skip
    yield replace(infra(order, name), only_create=False)
    for item in containers:
        yield ContainerOrder(
            name=f"{name}-{item.get('name', '')}", image=str(item.get("image") or ""), pod=name,
            network_mode="host" if host else f"container:{name}-infra",
            entrypoint=_words(item.get("command")), command=_words(item.get("args")),
            restart_policy={"Never": "no", "OnFailure": "on-failure"}.get(str(spec.get("restartPolicy")), "always"),
        )  # fmt: skip


def _words(value: object) -> tuple[str, ...] | None:
    return tuple(str(word) for word in value) if isinstance(value, list) else None
