"""Command lines, variables and configuration files of a program to the sockets that it would open."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Final

from aisafe.formats.commandline import base_name, executed, options
from aisafe.formats.ports import address_of, both_families, listen_address
from aisafe.formats.serverconfig import NotUnderstood, Reader, settings
from aisafe.frozen import frozen
from aisafe.knowledge.programs import Config, Program, Setting, by_binary
from aisafe.model import Socket
from aisafe.model.host import Protocol

ADDRESS_FLAGS: Final = frozenset(
    ("web.listen-address", "listen-address", "listen", "bind", "http.address", "http-address", "http.addr", "http-addr",
     "listen-addr", "http.listen-address", "http-listen-address", "http.listen", "http-listen", "bind-address",
     "bind-addr", "listenaddress", "listen_address", "listen_addr", "bind_address", "bind_addr", "server.address",
     "telemetry.addr", "telemetry-addr", "metrics-addr", "metrics-bind-address", "metrics.listen-address",
     "httplistenaddr",
     "web.listen", "listen-http", "http-bind-address", "server-address", "api.listen-address", "grpc-address")
)  # fmt: skip
LOOSE_ADDRESS_FLAGS: Final = frozenset(("addr", "address", "http", "host"))  # of clients too: only for local addresses
PORT_FLAGS: Final = frozenset(
    ("port", "http-port", "http.port", "http_port", "httpport", "listen-port", "listen.port", "listen_port",
     "listenport",
     "web.port", "web-port", "server.port", "server-port", "bind-port", "bind_port", "metrics-port", "grpc-port",
     "api-port", "https-port", "service-port")
)  # fmt: skip
HOST_FLAGS: Final = frozenset(
    ("host", "bind", "bind-address", "address", "ip", "listen-host", "listen-address", "listen", "web.host",
     "http.host",
     "bind_address", "addr", "server.host", "http-host", "bind-host", "hostname", "listen_ip")
)  # fmt: skip


UNREAD: Final = Reader()


@frozen
class Listening:
    """Where a program would listen. ``known`` False: not all of it could be worked out, ``why`` says what is missing.

    ``evidence``: what each socket comes from, in words.
    """

    sockets: tuple[Socket, ...] = ()
    known: bool = True
    evidence: tuple[str, ...] = ()
    why: str = ""

    def with_others(self, other: Listening) -> Listening:
        return Listening(
            sockets=tuple(dict.fromkeys((*self.sockets, *other.sockets))),
            known=self.known and other.known,
            evidence=tuple(dict.fromkeys((*self.evidence, *other.evidence))),
            why="; ".join(dict.fromkeys(why for why in (self.why, other.why) if why)),
        )


@dataclass(slots=True)
class _Role:
    """The sockets of one role while flags, variables and files are applied."""

    hosts: list[str]
    port: str | None
    udp: bool
    six: bool = False
    whole: list[str] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)
    settled: bool = False
    evidence: str = ""


def listening(
    argv: tuple[str, ...],
    environment: Mapping[str, str],
    *,
    program: Program | None = None,
    in_container: bool = False,
    read: Reader = UNREAD,
) -> Listening:
    """Where ``argv`` would listen. ``program``: what it is, where its name does not tell.

    ``in_container``: the defaults are those of its usual image, whose own configuration files cannot be read.
    """
    inner = executed(argv)
    if not inner.argv:
        return Listening(known=False, why="what the command runs could not be told")
    environment = {**environment, **inner.environment}
    found = by_binary(inner.argv[0]) or program
    name = base_name(inner.argv[0])
    if found is not None and found.name in ("netcat", "socat"):
        result = _relay(found.name, inner.argv)
    elif found is None:
        result = _unknown_program(inner.argv)
    else:
        result = _known_program(found, inner.argv, environment, in_container=in_container, read=read)
    if not inner.sure:
        result = Listening(
            sockets=result.sockets, known=False, evidence=result.evidence,
            why=result.why or f"{name} is started by a shell script that does more",
        )  # fmt: skip
    return result


def _known_program(
    program: Program,
    argv: tuple[str, ...],
    environment: Mapping[str, str],
    *,
    in_container: bool,
    read: Reader,
) -> Listening:
    defaults = program.container_sockets if in_container else program.sockets
    roles = {role: _role(role, text, f"default of {program.name}") for role, text in defaults.items()}
    given: list[tuple[Setting, str, str]] = []
    unknown: list[str] = []
    for config in program.config:
        told, why = _configured(config, argv, in_container=in_container, read=read)
        given += told
        unknown += [why] if why else []
    _apply(roles, given)
    for role in roles.values() if unknown else ():
        role.settled = False  # what could not be read may say otherwise, unless a variable or a flag wins
    from_environment = [
        (setting, environment[name], f"{name} in the environment")
        for name in environment if environment[name] for setting in _wanted(program.environment, name)
    ]  # fmt: skip
    _apply(roles, from_environment)
    _apply(roles, list(_from_flags(program, argv)))
    sockets: dict[Socket, str] = {}
    wrong: list[str] = []
    for role in roles.values():
        for text, evidence in _places(role):
            try:
                socket = _socket(role, text)
            except ValueError as error:
                wrong.append(f"{evidence}: {error}")
                continue
            if socket is not None:
                sockets.setdefault(both_families(socket) if program.go else socket, evidence)
    known = not wrong and (not unknown or (bool(roles) and all(role.settled for role in roles.values())))
    unknown += wrong
    return Listening(
        sockets=tuple(sockets), known=known, evidence=tuple(dict.fromkeys(sockets.values())),
        why="" if known else "; ".join(unknown),
    )  # fmt: skip


def _role(name: str, text: str | None, evidence: str) -> _Role:
    if text is None:
        return _Role(hosts=[""], port=None, udp=name.endswith("udp"), evidence=evidence)
    address, _, protocol = text.partition("/")
    host, _, port = address.rpartition(":")
    return _Role(hosts=[host], port=port, udp=protocol.startswith("udp"), six=protocol.endswith("6"), evidence=evidence)


def _apply(roles: dict[str, _Role], given: Iterable[tuple[Setting, str, str]]) -> None:
    """Set what is ``given``; several whole addresses for one role from one kind of source add up."""
    fresh: set[str] = set()
    for setting, value, evidence in given:
        role = roles.setdefault(setting.role, _Role(hosts=[""], port=None, udp=setting.role.endswith("udp")))
        role.settled, role.evidence = True, evidence
        if setting.part == "address" and value.strip().lower() in ("none", "off", "disabled"):
            role.port, role.whole = None, []
        elif setting.part == "address":
            texts = [text for text in re.split(r"[,\s]+", value.strip()) if text]
            role.whole = [*(role.whole if setting.role in fresh else []), *texts]
            role.shown |= dict.fromkeys(texts, evidence)
            role.port = role.port if texts else None
            fresh.add(setting.role)
        elif setting.part == "port":
            role.port, role.whole = value.strip(), []
        elif setting.part == "host":
            role.hosts, role.settled = [value.strip()], role.settled
        elif setting.part == "hosts":
            role.hosts = [text.lstrip("-") for text in re.split(r"[,\s]+", value.strip()) if text]
        else:
            role.port, role.whole = None, []


def _places(role: _Role) -> list[tuple[str, str]]:
    """The addresses of a role as texts, each with its evidence."""
    if role.whole:
        return [(text, role.shown.get(text, role.evidence)) for text in role.whole]
    if role.port is None or role.port == "0":
        return []
    scheme = f"{'udp' if role.udp else 'tcp'}{'6' if role.six else ''}"
    return [(f"{scheme}://{_bracketed(host)}:{role.port}", role.evidence) for host in role.hosts]


def _socket(role: _Role, text: str) -> Socket | None:
    protocol: Protocol = "udp" if role.udp or text.endswith("/udp") else "tcp"
    default = int(role.port) if role.port and role.port.isdigit() else None
    return listen_address(_without_scheme(text), protocol=protocol, default_port=default)


def _without_scheme(text: str) -> str:
    return re.sub(r"/(?:tcp|udp)$", "", re.sub(r"^(?:https?|mqtt|amqp)://", "", text)).rstrip("/")


def _from_flags(program: Program, argv: tuple[str, ...]) -> Iterable[tuple[Setting, str, str]]:
    table: dict[str, tuple[Setting, ...]] = {_flag(name): settings for name, settings in program.flags.items()}
    bare = True
    for option, value, position in options(argv):
        if not option:
            follows_option = position > 1 and argv[position - 1].startswith("-") and "=" not in argv[position - 1]
            if bare and program.positional and value is not None and value.isdigit() and not follows_option:
                bare = False
                yield from ((setting, value, f"argument {value}") for setting in program.positional)
            continue
        for setting in table.get(_flag(option)) or _wanted(table, _flag(option)):
            if setting.part == "off" or value is not None:
                yield setting, value or "", _shown(argv[position], value)


def _wanted(table: Mapping[str, tuple[Setting, ...]], name: str) -> tuple[Setting, ...]:
    """What ``name`` sets; ``*`` in a pattern of the table stands for the name of a role of its own (Traefik's)."""
    if name in table:
        return table[name]
    for pattern, wanted in table.items():
        head, star, tail = pattern.lower().partition("*")
        low = name.lower()
        if star and low.startswith(head) and low.endswith(tail) and len(low) > len(head) + len(tail):
            own = low[len(head) : len(low) - len(tail)]
            return tuple(replace(setting, role=setting.role.replace("*", own)) for setting in wanted)
    return ()


def _shown(word: str, value: str | None) -> str:
    """An option as it was written: ``--port=80``, ``--port 80``, ``-p80``."""
    return word if value is None or word.endswith(value) else f"{word} {value}"


def _flag(option: str) -> str:
    """Long options compare without their dashes, since Go's flag package takes one or two; short ones as they are."""
    name = option.lstrip("-")
    return name if len(name) > 1 else option


def _configured(
    config: Config, argv: tuple[str, ...], *, in_container: bool, read: Reader
) -> tuple[list[tuple[Setting, str, str]], str]:
    """What a configuration file sets, and why (all of) it could not be told, if so."""
    named = [
        value for option, value, _ in options(argv) if config.flag and value and _flag(option) == _flag(config.flag)
    ]
    if config.argument:
        named += [word for word in argv[1:2] if not word.startswith("-")]
    meant = [
        match.expand(path) for pattern, path in config.derived.items() for word in argv[1:]
        if (match := re.fullmatch(pattern, word))
    ]  # fmt: skip
    named += meant
    if not named and in_container:
        return [], ""  # what the image brings is its default
    paths = named[-1:] or config.paths
    if not paths and not config.flag:
        return [], "its configuration is not in one known place"
    for path in paths:
        if not path.startswith("/"):
            return [], f"{path} is not a whole path, so that it is not known where it lies"
        files = _files(path, read)
        if files is None:
            return [], f"{path} could not be read"
        if config.adds and not named and (files or path == paths[-1]):
            files = [(name, _added(text, config.adds)) for name, text in files or [(path, "")]]
        found: list[tuple[Setting, str, str]] = []
        why = ""
        for name, text in files:
            try:
                found += settings(text, config, path=name, read=read)
            except NotUnderstood as reason:
                found += reason.found
                why = why or f"{name}: {reason}"
        if files:
            return found, why
    return [], f"{named[-1]} is not there" if named and not meant else ""  # a package not yet there: its defaults


def _added(text: str, adds: str) -> str:
    """``text`` with what the start script adds, unless it has a setting of that name itself."""
    name = adds.partition("=")[0]
    return text if re.search(rf"(?m)^\s*{re.escape(name)}\b", text) else f"{text}\n{adds}\n"


def _files(path: str, read: Reader) -> list[tuple[str, str]] | None:
    """The file at ``path``, or those in the directory ``path``; [] for nothing, None where it cannot be known."""
    text = read.text(path)
    if isinstance(text, str):
        return [(path, text)]
    if text is False:
        return None
    found = []
    for name in sorted(read.names(path) or ()):
        inner = read.text(f"{path.rstrip('/')}/{name}")
        if inner is False:
            return None
        found += [(f"{path.rstrip('/')}/{name}", inner)] if inner is not None else []
    return found


def _unknown_program(argv: tuple[str, ...]) -> Listening:
    """Flags that mean the same in nearly every program."""
    sockets: dict[Socket, str] = {}
    hosts: list[str] = []
    ports: list[tuple[int, str]] = []
    for option, value, position in options(argv):
        name = _flag(option).lower()
        if value is None or len(name) < 2:
            continue
        shown = _shown(argv[position], value)
        if name in PORT_FLAGS and value.isdigit():
            ports.append((int(value), shown))
            continue
        if name in ADDRESS_FLAGS or name in LOOSE_ADDRESS_FLAGS:
            socket = _address_flag(value, loose=name in LOOSE_ADDRESS_FLAGS)
            if socket is not None:
                sockets[socket] = shown
                continue
        if name in HOST_FLAGS:
            hosts.append(value)
    if any(not _local(host) for host in hosts):
        return Listening(known=False, why=f"{base_name(argv[0])} is not a known program")  # a client's flags
    for port, shown in ports:
        if 0 < port <= 65535:
            sockets[listen_address(f"{_bracketed(hosts[-1] if hosts else '')}:{port}") or _never()] = shown
    if sockets:
        return Listening(sockets=tuple(sockets), evidence=tuple(dict.fromkeys(sockets.values())))
    return Listening(known=False, why=f"{base_name(argv[0])} is not a known program")


def _never() -> Socket:
    raise AssertionError("a port above 0 is a socket")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _address_flag(value: str, *, loose: bool) -> Socket | None:
    try:
        socket = listen_address(_without_scheme(value))
    except ValueError:
        return None
    if loose and socket and not (socket.address.is_unspecified or socket.address.is_loopback):
        return None
    return None if loose and value.isdigit() else socket


def _local(host: str) -> bool:
    """Whether ``host`` can be an address to bind, rather than the name of a server to talk to."""
    try:
        address_of(host)
    except ValueError:
        return False
    return True


def _relay(name: str, argv: tuple[str, ...]) -> Listening:
    """nc(1) and socat(1), which listen only when told to."""
    if name == "socat":
        sockets = {}
        for word in argv[1:]:
            match = re.match(r"(?i)(tcp|udp)(4|6)?-(?:l|listen|recv|recvfrom):(\d+)(.*)", word)
            if match:
                bound = re.search(r"(?i)\bbind=\[?([0-9a-f.:]+?)\]?(?:,|$)", match[4])
                host = bound[1] if bound else "::" if match[2] == "6" else "0.0.0.0"  # noqa: S104
                sockets[Socket(protocol="udp" if match[1].lower() == "udp" else "tcp", address=ip_address(host),
                               port=int(match[3]))] = word  # fmt: skip
        return Listening(sockets=tuple(sockets), evidence=tuple(sockets.values()))
    flags = "".join(word[1:] for word in argv[1:] if re.fullmatch(r"-[A-Za-z]+\d*", word))
    if "l" not in flags and "--listen" not in argv:
        return Listening()
    protocol: Protocol = "udp" if "u" in flags or "--udp" in argv else "tcp"
    host, port = "", ""
    for option, value, _ in options(argv):
        if option and re.fullmatch(r"-[A-Za-z]*p", option) and value and value.isdigit():
            port = value
        elif option == "-s" and value and _local(value):
            host = value
    bare = [word for word in argv[1:] if not word.startswith("-")]
    if not port:
        port = next((word for word in reversed(bare) if word.isdigit()), "")
        host = host or next((word for word in bare if not word.isdigit() and _local(word)), "")
    if not port:
        return Listening(known=False, why="nc listens on a port that could not be told")
    socket = listen_address(f"{_bracketed(host)}:{port}", protocol=protocol)
    return Listening(sockets=(socket,) if socket else (), evidence=(" ".join(argv),))
