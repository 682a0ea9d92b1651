"""Live hosts for the tests of units and containers."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from aisafe.effects.api import LiveFile, Result
from aisafe.effects.predicted import PredictedHost
from aisafe.model import (
    Container,
    Coverage,
    Effect,
    Holder,
    HostForecast,
    Image,
    Listener,
    PublishedPort,
    Service,
    Socket,
    Unit,
)
from tests.effects.scenes import predicted

EXPORTER = Unit(
    name="prometheus-node-exporter.service", active_state="active", sub_state="running", unit_file_state="enabled",
    main_pid=49, commands=(("/usr/bin/prometheus-node-exporter", "$ARGS"),), type="simple",
    environment_files=("/etc/default/prometheus-node-exporter",),
    fragment_path="/lib/systemd/system/prometheus-node-exporter.service",
)  # fmt: skip
DOCKER = Unit(
    name="docker.service", active_state="active", unit_file_state="enabled", commands=(("/usr/sbin/dockerd",),)
)
BUSYBOX = Image(id="sha256:bb", tags=("busybox:1.36",), command=("sh",))
UNIT_DIRECTORIES = ("/etc/systemd/system", "/lib/systemd/system", "/etc/default", "/srv", "/opt", "/etc/nginx/conf.d")
IF_INET6 = b"00000000000000000000000000000001 01 80 10 80       lo\n"


def socket(address: str, port: int, *, protocol: Any = "tcp", only: bool = False) -> Socket:
    return Socket(protocol=protocol, address=ip_address(address), port=port, ipv6_only=only)


def listener(holder: str, address: str, port: int, *, kind: Any = "unit", pid: int = 49) -> Listener:
    return Listener(socket=socket(address, port), holder=Holder(kind=kind, name=holder), pid=pid)


def container(name: str, **more: Any) -> Container:
    given: dict[str, Any] = {
        "id": f"{name:0<12}",
        "image": "busybox:1.36",
        "image_id": "sha256:bb",
        "network_mode": "default",
    }
    return Container(name=name, **{**given, **more})


def port(address: str, host: int, inner: int) -> PublishedPort:
    return PublishedPort(socket=socket(address, host), container_port=inner)


def living(
    *units: Unit,
    files: dict[str, bytes | LiveFile] | None = None,
    listeners: tuple[Listener, ...] = (),
    containers: tuple[Container, ...] = (),
    ipv6: bool = True,
    **more: Any,
) -> PredictedHost:
    """A Debian host with these units, containers and files, and Docker."""
    given = {"/proc/net/if_inet6": IF_INET6 if ipv6 else b"", **(files or {})}
    return predicted(
        given, directories=UNIT_DIRECTORIES, units={unit.name: unit for unit in (DOCKER, *units)}, listeners=listeners,
        containers={item.name: item for item in containers}, **{"images": (BUSYBOX,), **more},
    )  # fmt: skip


def exporter_host(**more: Any) -> PredictedHost:
    """The exporter runs as a unit on port 9100."""
    return living(EXPORTER, listeners=(listener(EXPORTER.name, "::", 9100),), **more)


def brief(effects: tuple[Effect, ...]) -> list[str]:
    """``action name [sockets]``, with ``?`` for what is only possible and ``~`` for sockets that are not all known."""
    return [
        f"{effect.action} {effect.name}{'?' if effect.certainty != 'certain' else ''}"
        + "".join(f" {item}" for item in effect.binds)
        + ("" if effect.sockets_known else " ~")
        for effect in effects
    ]


def forecast(host: PredictedHost) -> HostForecast:
    return host.forecast(Coverage())


def service(host: PredictedHost, name: str) -> Service:
    (found,) = [item for item in forecast(host).services if item.holder.name == name]
    return found


def good(result: Result) -> Result:
    assert not result.failed, result.failed
    assert not result.opaque, result.opaque
    return result
