"""The ways in which Docker, Podman and Compose write ports, and the way programs write listen addresses."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, cast

from aisafe.frozen import frozen
from aisafe.model import Address, PublishedPort, Socket
from aisafe.model.host import Protocol

ANY4: Final = IPv4Address("0.0.0.0")  # noqa: S104  the address that a program would bind, not one that we bind
ANY6: Final = IPv6Address("::")
HIGHEST_PORT: Final = 65535
_LOCAL: Final[dict[str, Address]] = {"localhost": IPv4Address("127.0.0.1"), "ip6-localhost": IPv6Address("::1")}


@frozen
class PortSpec:
    """One published port. ``host_port`` None: the engine chooses one. ``address`` None: all addresses of the host.

    ``alone``: in a Swarm, published by each task itself (mode host), not by the ingress network.
    """

    container_port: int
    host_port: int | None = None
    address: Address | None = None
    protocol: Protocol = "tcp"
    alone: bool = False

    def published(self, *, ipv6: bool = True) -> tuple[PublishedPort, ...]:
        """The sockets that the engine opens: one a family when no address is given, none for a port of its choice.

        Docker's proxy listens on 0.0.0.0 and on [::], the latter for IPv6 only, and only where the host can (``ipv6``).
        """
        if self.host_port is None:
            return ()
        both = (ANY4, ANY6) if ipv6 else (ANY4,)
        addresses: tuple[Address, ...] = both if self.address is None else (self.address,)
        return tuple(
            PublishedPort(
                socket=Socket(
                    protocol=self.protocol, address=address, port=self.host_port,
                    ipv6_only=address.version == 6,
                ),
                container_port=self.container_port,
            )
            for address in addresses
        )  # fmt: skip


def port_range(text: str) -> range:
    """``8000-8005`` or ``80``. Raises ValueError for anything that is no port or range of ports."""
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text.strip())
    if not match:
        raise ValueError(f"{text!r} is no port or range of ports")
    first, last = int(match[1]), int(match[2] or match[1])
    if not 0 <= first <= last <= HIGHEST_PORT:
        raise ValueError(f"{text!r} is no port or range of ports from 0 to {HIGHEST_PORT}")
    return range(first, last + 1)


def address_of(text: str) -> Address | None:
    """An address as Docker and programs write it; None for '' and ``*`` (all). Raises ValueError for a name."""
    text = text.strip().removeprefix("[").removesuffix("]").partition("%")[0]
    if text in ("", "*"):
        return None
    known = _LOCAL.get(text)
    return ip_address(text) if known is None else known


def parse_published(text: str) -> tuple[PortSpec, ...]:
    """``[[IP:][HOST_PORT[-HOST_PORT]]:]CONTAINER_PORT[-CONTAINER_PORT][/PROTOCOL]`` (docker-run(1), --publish).

    A range of host ports for one container port leaves the choice to the engine. Raises ValueError.
    """
    rest, _, protocol = text.strip().strip("'\"").partition("/")
    protocol = (protocol or "tcp").lower()
    if protocol not in ("tcp", "udp"):
        raise ValueError(f"{text!r}: protocol {protocol!r} has no listening socket of the host to compare")
    address, host = "", ""
    if rest.startswith("["):
        address, _, rest = rest.partition("]")
        rest = rest.lstrip(":")
        host, _, container = rest.rpartition(":")
    else:
        head, _, container = rest.rpartition(":")
        address, _, host = head.rpartition(":")
    containers = port_range(container)
    where = address_of(address)
    hosts: list[int | None]
    if host in ("", "0"):
        hosts = [None] * len(containers)
    else:
        ports = port_range(host)
        if len(ports) == len(containers):
            hosts = list(ports)
        elif len(containers) == 1:
            hosts = [None]
        else:
            raise ValueError(f"{text!r}: the ranges of ports differ in length")
    return tuple(
        PortSpec(container_port=inner, host_port=outer, address=where, protocol=cast("Protocol", protocol))
        for inner, outer in zip(containers, hosts, strict=True)
    )


def published_sockets(specs: Iterable[PortSpec], *, ipv6: bool = True) -> tuple[PublishedPort, ...]:
    """All sockets that the engine opens for ``specs``."""
    return tuple(dict.fromkeys(port for spec in specs for port in spec.published(ipv6=ipv6)))


def listen_address(text: str, *, protocol: Protocol = "tcp", default_port: int | None = None) -> Socket | None:
    """Where a program listens: ``:9090``, ``127.0.0.1:9090``, ``[::1]:9090``, ``9090``, ``tcp://0.0.0.0:9090``.

    No address, or ``*``, means all of both families, as Go's net.Listen and most servers do. None: a socket of another
    kind (``unix:/run/x``), a port of the system's choice (0). The schemes ``tcp4`` and ``tcp6`` keep to one family.
    Raises ValueError when it is none of these.
    """
    text = text.strip()
    scheme, found, rest = text.partition("://")
    if found:
        if scheme.lower() in ("unix", "file", "fd", "npipe", "vsock"):
            return None
        if scheme.lower().startswith("udp"):
            protocol = "udp"
        elif scheme.lower() in ("tcp", "tcp4", "tcp6"):
            protocol = "tcp"
        text = rest.partition("/")[0]
    if text.startswith(("unix:", "/", "@", "./", "fd:", "vsock:")):
        return None
    match = re.fullmatch(r"(?:\[([^\]]*)\]|([^:\[\]]*)):(\d+)|(\d+)", text)
    host, port = "", default_port
    if match:
        host, port = match[1] or match[2] or "", int(match[3] or match[4])
    elif default_port is not None and text:
        host = text
    if port is None or port > HIGHEST_PORT:
        raise ValueError(f"{text!r} is no address to listen on")
    if port == 0:
        return None
    address = address_of(host) or (ANY4 if scheme.lower() in ("tcp4", "udp4") else ANY6)
    only = address.version == 6 and scheme.lower() in ("tcp6", "udp6")
    return Socket(protocol=protocol, address=address, port=port, ipv6_only=only)


def only_ipv4(socket: Socket) -> Socket:
    """The wildcard of both families as IPv4 alone has it."""
    return replace(socket, address=ANY4) if socket.address == ANY6 and not socket.ipv6_only else socket


def both_families(socket: Socket) -> Socket:
    """The socket that Go's net.Listen("tcp", …) opens: 0.0.0.0 is all of IPv6 and IPv4 (pkg.go.dev/net, Listen)."""
    return replace(socket, address=ANY6) if socket.address == ANY4 else socket


def unit_socket(text: str) -> Socket | None:
    """An address of ListenStream= or ListenDatagram= (systemd.socket(5)): a bare port is all addresses of both families.

    None: a socket of another kind (a path, an abstract name, vsock). Raises ValueError for what systemd ignores with a
    warning: names of hosts, addresses without port, port 0.
    """
    if text.startswith(("/", "@")):
        return None
    if text.startswith("vsock:"):
        if not re.fullmatch(r"vsock:\d*:\d+", text):
            raise ValueError(f"{text!r} is no address to listen on")
        return None
    match = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|(\d+\.\d+\.\d+\.\d+)):(\d+)(?:%(\S+))?|(\d+)", text)
    if match is None or not 0 < int(match[3] or match[5]) <= HIGHEST_PORT:
        raise ValueError(f"{text!r} is no address to listen on")
    address = ip_address(match[1] or match[2]) if match[3] else ANY6
    return Socket(protocol="tcp", address=address, port=int(match[3] or match[5]))
