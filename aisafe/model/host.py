"""What a host is: sockets, units, containers, packages, and what of it could not be seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Literal

from aisafe.frozen import frozen

Protocol = Literal["tcp", "udp"]
Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Socket:
    """A local address that accepts traffic: the triple of protocol, address and port.

    ``address`` ``::`` without ``ipv6_only`` accepts IPv4 as well (ipv6(7), IPV6_V6ONLY). ``port`` is 1 to 65535.
    """

    protocol: Protocol
    address: Address
    port: int
    ipv6_only: bool = False

    def overlaps(self, other: Socket) -> bool:
        """Whether both cannot be bound at once (bind(2), EADDRINUSE; a wildcard covers its family)."""
        if (self.protocol, self.port) != (other.protocol, other.port):
            return False
        mine, theirs = _unmapped(self.address), _unmapped(other.address)
        if mine.version == theirs.version:
            return mine == theirs or mine.is_unspecified or theirs.is_unspecified
        six = self if mine.version == 6 else other
        return _unmapped(six.address).is_unspecified and not six.ipv6_only

    def __str__(self) -> str:
        host = f"[{self.address}]" if self.address.version == 6 else str(self.address)
        return f"{host}:{self.port}/{self.protocol}"


def _unmapped(address: Address) -> Address:
    """``::ffff:192.0.2.1`` is the IPv4 address 192.0.2.1 (RFC 4291, section 2.5.5.2)."""
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


HolderKind = Literal["unit", "container", "process"]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Holder:
    """Who holds a socket: a systemd unit, a container, or a bare process, named as the host's own tools name it."""

    kind: HolderKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@frozen
class Listener:
    """A socket that accepts traffic now, and who holds it. ``pid`` is None where it could not be seen."""

    socket: Socket
    holder: Holder | None = None
    process: str | None = None
    pid: int | None = None


@frozen
class Unit:
    """A systemd unit as systemd.unit(5) and ``systemctl show`` describe it.

        ``aliases``: its other names. ``unit_file_state``: enabled, disabled, static, masked, generated… ('' for none).
        ``commands``: the argv of each ExecStart in order, as systemd parsed it. ``environment``: of Environment= only; may
        hold secrets. ``environment_files``: paths, a leading ``-`` kept (a missing file is not an error then).
        ``listen``: ListenStream/ListenDatagram of a .socket unit (``ListenStream=[::]:80``), ``ipv6_only``: its
    BindIPv6Only=. ``triggers``/``triggered_by``: socket, path and timer relations. ``working_directory``:
    WorkingDirectory=, '' where there is none. ``requires``: units with which it stops (Requires=, BindsTo=, PartOf=).
    ``directories``: WorkingDirectory= and those of StateDirectory=, absolute.
    """

    name: str
    aliases: tuple[str, ...] = ()
    load_state: str = "loaded"
    active_state: str = "inactive"
    sub_state: str = "dead"
    unit_file_state: str = ""
    type: str = ""
    restart: str = "no"
    main_pid: int | None = None
    restarts: int = 0
    working_directory: str = ""
    invocation_id: str = ""
    result: str = ""
    fragment_path: str = ""
    drop_in_paths: tuple[str, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    environment_files: tuple[str, ...] = ()
    listen: tuple[str, ...] = ()
    ipv6_only: bool = False
    triggers: tuple[str, ...] = ()
    triggered_by: tuple[str, ...] = ()
    user: str = ""
    need_daemon_reload: bool = False
    requires: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()

    @property
    def active(self) -> bool:
        return self.active_state in ("active", "activating", "reloading", "refreshing")

    @property
    def enabled(self) -> bool:
        return self.unit_file_state in ("enabled", "enabled-runtime", "alias", "generated")


@frozen
class PublishedPort:
    """A container's port published on the host (Docker Engine API: HostConfig.PortBindings)."""

    socket: Socket
    container_port: int


@frozen
class Mount:
    """A file system seen inside a container: ``type`` is bind, volume or tmpfs."""

    type: str
    source: str
    target: str
    read_only: bool = False


@frozen
class Container:
    """A container of Docker (Engine API, ``GET /containers/{id}/json``) or of root's Podman (podman-inspect(1)), running
    or not.

    ``engine``: docker or podman. ``pod``: the pod of Podman that it belongs to, whose infra container, named POD-infra
    here, holds the ports; ''.

    ``state``: created, running, paused, restarting, exited, dead. ``restart_policy``: no, on-failure, always,
    unless-stopped. ``command``: entrypoint and arguments. ``environment_names``: names only, values may be secrets;
    ``config_hash``: sha256 over the whole configuration with the values, so that a change shows.
    """

    name: str
    id: str
    image: str
    image_id: str = ""
    state: str = "running"
    pid: int | None = None
    restart_count: int = 0
    restart_policy: str = "no"
    network_mode: str = "bridge"
    networks: tuple[str, ...] = ()
    ports: tuple[PublishedPort, ...] = ()
    exposed: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    environment_names: tuple[str, ...] = ()
    started_at: str = ""
    exit_code: int | None = None
    error: str = ""
    health: str = ""
    config_hash: str = ""
    engine: str = "docker"
    pod: str = ""

    @property
    def active(self) -> bool:
        return self.state in ("running", "paused", "restarting")


@frozen
class SwarmService:
    """A service of Docker's Swarm (Engine API, ``GET /services``), with the sockets of the host that it publishes."""

    name: str
    image: str = ""
    sockets: tuple[Socket, ...] = ()


@frozen
class Image:
    """An image on the host: ``tags`` are ``repository:tag``; ``exposed`` as ``9090/tcp``."""

    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    engine: str = "docker"


@frozen
class User:
    """An account of passwd(5); ``groups`` are the names of its supplementary groups."""

    name: str
    uid: int
    gid: int
    home: str = ""
    shell: str = ""
    groups: tuple[str, ...] = ()


@frozen
class Space:
    """A mounted file system: bytes in all and bytes free to root, None where that is not known (a network file system is
    not asked). ``also``: further directories where it is mounted."""

    path: str
    type: str
    total: int | None
    free: int | None
    also: tuple[str, ...] = ()


BlindKind = Literal[
    "host",
    "listener",
    "unit",
    "container",
    "podman",
    "package",
    "file",
    "user",
    "facts",
    "space",
    "firewall",
    "include",
    "inventory",
]


@frozen
class BlindSpot:
    """Something that could not be seen; never to be read as 'nothing there'.

    ``blocks``: the judgement cannot be trusted without it (the whole host, listeners, units). ``fix`` says what would
    let it be seen.
    """

    kind: BlindKind
    reason: str
    fix: str = ""
    blocks: bool = True


@frozen
class Unfinished:
    """A run that a host still guards, or whose rollback the controller has not heard of yet.

    ``silent``: seconds since its controller's last word, after ``deadline`` of which the host goes back by itself; None where
    the run is not armed, or the host was booted since.
    """

    run: str
    state: str
    since: datetime
    holder: str = ""
    silent: float | None = None
    deadline: float | None = None


@frozen
class Login:
    """The SSH login in use, as the host sees it; '' and None: not known.

    ``method``: publickey or password, by which sshd let us in. ``key``: our public key, base64 without its type. ``address``,
    ``port``: where the host's sshd accepted us, which behind a forwarded port is not what the inventory says; ``client``: from
    where (sshd(8), SSH_CONNECTION). ``become``: root is had through this program (sudo, su), '' when the login is root's.
    ``become_password``: a password for it is given.
    """

    user: str
    method: str = ""
    key: str = ""
    client: str = ""
    address: str = ""
    port: int | None = None
    become: str = ""
    become_password: bool = False


@frozen
class PacketTables:
    """The kernel's packet filter. ``iptables``: of ``iptables`` and ``ip6tables``, the table filter: "CHAIN POLICY" -> its rules
    as iptables-save(8) writes them. ``rules``: of both tools that are there, all tables, a line a rule or policy: ``-t filter
    -P INPUT DROP``. ``zones``: as ``firewall-cmd --list-all-zones`` tells them, () where firewalld does not run. ``nft``: "family
    name" -> the text of every other table (nft(8))."""

    iptables: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    rules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    zones: tuple[str, ...] = ()
    nft: Mapping[str, str] = field(default_factory=dict)


@frozen
class HostState:
    """One host at one moment. Whatever is missing here and has no blind spot is really not there.

    ``memory_total``, ``swap_total``: bytes, None where that was not seen (proc_meminfo(5)).
    ``agent_checks``: what the guard needs, name -> '' when all is well, else what is
    missing (``rsync``, ``systemd``…). ``login``: how we are in, None where that is not by SSH. ``packet_filter`` None: it
    could not be read.
    """

    host: str
    taken_at: datetime
    boot_id: str = ""
    hostname: str = ""
    os: Mapping[str, str] = field(default_factory=dict)
    root: bool = False
    listeners: tuple[Listener, ...] = ()
    units: Mapping[str, Unit] = field(default_factory=dict)
    containers: Mapping[str, Container] = field(default_factory=dict)
    images: tuple[Image, ...] = ()
    networks: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    swarm_manager: bool = False
    swarm_services: Mapping[str, SwarmService] = field(default_factory=dict)
    podman_networks: tuple[str, ...] = ()
    podman_volumes: tuple[str, ...] = ()
    packages: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, User] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)
    spaces: tuple[Space, ...] = ()
    memory_total: int | None = None
    swap_total: int | None = None
    agent_checks: Mapping[str, str] = field(default_factory=dict)
    unfinished: Unfinished | None = None
    login: Login | None = None
    packet_filter: PacketTables | None = None
    blind_spots: tuple[BlindSpot, ...] = ()


@frozen
class Collected:
    """What hosts gave that were asked. ``facts``: ansible_facts of those that gave any."""

    states: Mapping[str, HostState] = field(default_factory=dict)
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
