"""ufw's and firewalld's own words and files as rules of a packet filter (ufw(8), ufw-framework(8), firewalld.zone(5))."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from aisafe.formats.packetfilter import SERVICES, ports
from aisafe.frozen import frozen
from aisafe.model.access import PacketRule

ESTABLISHED: Final = PacketRule(target="accept", states=("established", "related"), text="established connections")
_TARGETS: Final = {"allow": "accept", "limit": "accept", "deny": "drop", "reject": "drop"}
_ANY: Final = ("any", "0.0.0.0/0", "::/0", "")

Lookup = Callable[[str], Sequence[tuple[str, str]] | None]
"""(ports, protocol) of a name: an application profile or a service; None where that is not known."""


def ufw_rule(
    action: str, *, to_port: str = "", proto: str = "", source: str = "", destination: str = "", interface: str = "",
    name: str = "", lookup: Lookup,
) -> tuple[PacketRule, ...]:  # fmt: skip
    """The rules that ``ufw ACTION …`` adds to what comes in."""
    base = PacketRule(
        target=_TARGETS.get(action, ""), protocol="" if proto == "any" else proto,
        source="" if source in _ANY else source, destination="" if destination in _ANY else destination,
        interface=interface, text=" ".join(part for part in ("ufw", action, name or to_port, proto, source) if part),
    )  # fmt: skip
    wanted = name or (to_port if to_port not in _ANY and not re.match(r"\d", to_port) else "")
    if wanted:
        known = lookup(wanted)
        if known is None:
            return (replace(base, unclear=f"which ports {wanted} has"),)
        return tuple(replace(base, protocol=protocol or base.protocol, ports=tuple(ports(text)[0]))
                     for text, protocol in known)  # fmt: skip
    if to_port in _ANY:
        return (base,)
    text, _, protocol = to_port.partition("/")
    return (replace(base, protocol=protocol or base.protocol, ports=tuple(ports(text)[0])),)


def ufw_profiles(text: str) -> dict[str, tuple[tuple[str, str], ...]]:
    """Application profiles, as in /etc/ufw/applications.d: name -> (ports, protocol)."""
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    section = ""
    for line in text.splitlines():
        header = re.match(r"\[([^\]]+)\]", line.strip())
        if header:
            section = header[1]
        elif line.strip().startswith("ports=") and section:
            parts = line.partition("=")[2].strip().split("|")
            found[section] = tuple((part.partition("/")[0], part.partition("/")[2]) for part in parts)
    return found


def ufw_user_rules(text: str) -> tuple[PacketRule, ...]:
    """The rules for what comes in, of /etc/ufw/user.rules: its ``### tuple ###`` lines."""
    found = []
    for line in text.splitlines():
        words = line.removeprefix("### tuple ###").split() if line.startswith("### tuple ###") else []
        if len(words) < 7 or words[0].startswith("route:") or not words[-1].startswith("in"):
            continue
        action, protocol, port, destination, _, source = words[:6]
        interface = words[-1].removeprefix("in").lstrip("_")
        text_of = f"ufw {action} {port}/{protocol}" + ("" if source in _ANY else f" from {source}")
        found.append(
            PacketRule(
                target=_TARGETS.get(action.partition("_")[0], ""), protocol="" if protocol == "any" else protocol,
                ports=() if port in _ANY else tuple(ports(port)[0]), source="" if source in _ANY else source,
                destination="" if destination in _ANY else destination, interface=interface, text=text_of,
            )
        )  # fmt: skip
    return tuple(found)


@frozen
class UfwCommand:
    """``verb``: enable, disable, reset, reload, default, rule, delete, or '' for what changes nothing of what comes in."""

    verb: str = ""
    policy: str = ""
    rules: tuple[PacketRule, ...] = ()
    position: int | None = None


def ufw_command(words: Sequence[str], lookup: Lookup) -> UfwCommand | None:
    """What ``ufw WORDS`` does; None when it is not understood."""
    rest = [word for word in words if word not in ("--force", "--dry-run")]
    if not rest or "--dry-run" in words:
        return UfwCommand()
    verb = rest.pop(0)
    if verb in ("enable", "disable", "reset", "reload"):
        return UfwCommand(verb=verb)
    if verb in ("status", "show", "version", "app", "logging", "route", "help"):
        return UfwCommand()
    if verb == "default":
        incoming = not rest[1:] or rest[1] in ("incoming", "input")
        return UfwCommand(verb="default", policy=_TARGETS.get(rest[0], "")) if rest and incoming else UfwCommand()
    position: int | None = None
    deleting = verb == "delete"
    if verb in ("rule", "delete"):
        verb = rest.pop(0) if rest else ""
    if verb in ("insert", "prepend"):
        position = int(rest.pop(0)) - 1 if verb == "insert" and rest and rest[0].isdigit() else 0
        verb = rest.pop(0) if rest else ""
    if verb not in _TARGETS:
        return None
    given: dict[str, str] = {}
    where = ""
    while rest:
        word = rest.pop(0)
        if word == "out":
            return UfwCommand()
        if word in ("in", "log", "log-all"):
            continue
        if word == "on" and rest:
            given["interface"] = rest.pop(0)
        elif word in ("from", "to") and rest:
            where = word
            given["source" if word == "from" else "destination"] = rest.pop(0)
        elif word in ("port", "app") and rest:
            value = rest.pop(0)
            if where == "from":
                return None
            given["to_port" if word == "port" else "name"] = value
        elif word == "proto" and rest:
            given["proto"] = rest.pop(0)
        elif word == "comment":
            break
        else:
            given["to_port"] = word
    rules = ufw_rule(verb, lookup=lookup, **given)
    return UfwCommand(verb="delete" if deleting else "rule", rules=rules, position=position)


Zone = frozenset[tuple[str, str]]
"""What a firewalld zone says, as pairs: ("service", "ssh"), ("port", "80/tcp"), ("rich", text), ("target", "DROP")."""

PUBLIC: Final[Zone] = frozenset({("service", "ssh"), ("service", "dhcpv6-client")})


def zone(text: str) -> Zone:
    """A zone's file. Raises ValueError when it is no XML."""
    try:
        root = ET.fromstring(text)  # noqa: S314 (a host's own configuration, bounded in size; expat refuses entity bombs)
    except ET.ParseError as error:
        raise ValueError(str(error)) from None
    found = {("target", root.get("target", ""))} if root.get("target") else set()
    for item in root:
        if item.tag == "service":
            found.add(("service", item.get("name", "")))
        elif item.tag == "port":
            found.add(("port", f"{item.get('port')}/{item.get('protocol')}"))
        elif item.tag in ("interface", "source"):
            found.add((item.tag, item.get("name") or item.get("address") or ""))
        elif item.tag == "rule":
            found.add(("rich", ET.tostring(item, encoding="unicode").strip()))
    return frozenset(found)


def service_ports(text: str) -> tuple[tuple[str, str], ...]:
    """(ports, protocol) of a service's file. Raises ValueError when it is no XML."""
    try:
        root = ET.fromstring(text)  # noqa: S314 (as above)
    except ET.ParseError as error:
        raise ValueError(str(error)) from None
    return tuple((item.get("port", ""), item.get("protocol", "")) for item in root.iter("port"))


def zone_rules(what: Zone, lookup: Lookup) -> tuple[PacketRule, ...]:
    """The rules of a zone, in firewalld's order: what is denied by rich rules first."""
    found: list[PacketRule] = [ESTABLISHED]
    for kind, value in sorted(what):
        if kind == "service":
            known = lookup(value)
            rule = PacketRule(target="accept", text=f"service {value}")
            if known is None:
                found.append(replace(rule, unclear=f"which ports the service {value} has"))
            else:
                found += [replace(rule, ports=tuple(ports(text)[0]), protocol=protocol) for text, protocol in known]
        elif kind == "port":
            text, _, protocol = value.partition("/")
            found.append(
                PacketRule(target="accept", ports=tuple(ports(text)[0]), protocol=protocol, text=f"port {value}")
            )
        elif kind == "rich":
            found.insert(0, PacketRule(target="accept", unclear="a rich rule", text=value))
            found.insert(0, PacketRule(target="drop", unclear="a rich rule", text=value))
    return tuple(found)


def zone_policy(what: Zone) -> str:
    return "accept" if ("target", "ACCEPT") in what else "drop"


def well_known(name: str) -> tuple[tuple[str, str], ...] | None:
    """The port of a name of services(5) that rules often use."""
    return ((str(SERVICES[name]), "tcp"),) if name in SERVICES else _FIREWALLD.get(name)


_FIREWALLD: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "dhcpv6-client": (("546", "udp"),), "cockpit": (("9090", "tcp"),), "dns": (("53", "tcp"), ("53", "udp")),
    "OpenSSH": (("22", "tcp"),), "SSH": (("22", "tcp"),),
}  # fmt: skip
