"""DNS servers: BIND, Unbound, dnsmasq."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from aisafe.formats.configfiles import Found, NotUnderstood, Reader, address, closed, included

_ROLES = ("dns", "dns6", "dns_udp", "dns6_udp")


def bind(text: str, path: str, files: Reader) -> Found:
    """listen-on, listen-on-v6, controls and statistics-channels (BIND 9 reference, "options" and "controls").

    ``any`` is an own socket for each IPv4 address of the host, which are not known here: loopback is told, the rest is
    said to be unknown. On IPv6 it is the wildcard.
    """
    plain = _bind_text(text, path, files, 0)
    found: Found = [closed(role, f"not in {path}") for role in (*_ROLES, "control", "control6")]
    unsure = ""
    blocks = re.findall(r"\blisten-on(-v6)?\s*([^{;]*)\{([^}]*)\}", plain)
    default = re.search(r"\bport\s+(\d+)\s*;", re.sub(r"\{[^{}]*\}", "", _within(plain, "options")))
    port = default[1] if default else "53"
    for six in ("", "-v6"):
        if not any(block[0] == six for block in blocks):
            blocks.append((six, "", "any;"))
    for six, options, body in blocks:
        chosen = re.search(r"\bport\s+(\d+)", options)
        number = chosen[1] if chosen else port
        for item in filter(None, (part.strip().strip('"') for part in body.split(";"))):
            where = f"listen-on{six} {{ {' '.join(body.split())} }} in {path}"
            if item == "none":
                continue
            if item in ("any", "localhost", "localnets") and (not six or item != "any"):
                unsure = f"{where}: it binds each address of the host, which are not all known"
                item = "::1" if six else "127.0.0.1"  # noqa: PLW2901
            host = "[::]" if item == "any" else f"[{item}]" if ":" in item else item
            if not re.fullmatch(r"[\[\]0-9a-fA-F:.]+", host):
                unsure = f"{where}: {item} is no plain address"
                continue
            scheme = "6" if six else ""
            found += [address("dns", f"tcp{scheme}://{host}:{number}", where),
                      address("dns_udp", f"udp{scheme}://{host}:{number}", where)]  # fmt: skip
    found += _bind_channels(plain, path)
    if unsure:
        raise NotUnderstood(unsure, found)
    return found


def _bind_channels(plain: str, path: str) -> Found:
    found: Found = []
    controls = _within(plain, "controls")
    if not re.search(r"\bcontrols\s*\{", plain):
        found += [
            address("control", place, f"default controls, not in {path}") for place in ("127.0.0.1:953", "[::1]:953")
        ]
    for body, role, default in (
        (controls, "control", "953"),
        (_within(plain, "statistics-channels"), "statistics", "80"),
    ):
        for host, port in re.findall(r"\binet\s+(\S+?)(?:\s+port\s+(\d+))?\s*(?=allow|;|\{)", body):
            place = {"*": "0.0.0.0"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
            found.append(address(role, f"{place}:{port or default}", f"inet {host} in {role}s of {path}"))
    return found


def _within(text: str, name: str) -> str:
    """What stands in the braces after ``name``, '' for none."""
    match = re.search(rf"\b{name}\s*\{{", text)
    if match is None:
        return ""
    depth, position = 1, match.end()
    while position < len(text) and depth:
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        position += 1
    return text[match.end() : position - 1]


def _bind_text(text: str, path: str, files: Reader, level: int) -> str:
    plain = re.sub(
        r'"[^"\n]*"|/\*.*?\*/|//[^\n]*|#[^\n]*', lambda m: m[0] if m[0][0] == '"' else " ", text, flags=re.DOTALL
    )
    parts = [re.sub(r'\binclude\s+"[^"]*"\s*;', " ", plain)]
    for pattern in re.findall(r'\binclude\s+"([^"]*)"\s*;', plain):
        if re.search(r"zones|rndc|bind\.keys|\.key\b", pattern):
            continue
        for inner, more in included(posixpath.join("/etc/bind", pattern), files, level):
            parts.append(_bind_text(more, inner, files, level + 1))
    return "\n".join(parts)


def unbound(text: str, path: str, files: Reader) -> Found:
    """interface:, port: and those of remote-control: (unbound.conf(5)); loopback unless told otherwise."""
    hosts: list[tuple[str, str]] = []
    controls: list[tuple[str, str]] = []
    values = {"port": "53", "control-enable": "no", "control-port": "8953", "do-ip6": "yes"}
    for name, value, where in _unbound_lines(text, path, files, 0):
        if name in ("interface", "ip-address"):
            hosts.append((value, f"{name}: {value} in {where}"))
        elif name == "control-interface":
            controls.append((value, f"{name}: {value} in {where}"))
        elif name in values:
            values[name] = value
    found: Found = [closed(role, f"not in {path}") for role in (*_ROLES, "control", "control6")]
    for value, where in hosts or [("127.0.0.1", f"default, not in {path}"), ("::1", f"default, not in {path}")]:
        host, _, port = value.partition("@")
        if not re.fullmatch(r"[0-9a-fA-F:.]+", host):
            raise NotUnderstood(f"{where} is no plain address", found)
        place = f"[{host}]" if ":" in host else host
        six = "6" if ":" in host else ""
        if not six or values["do-ip6"] == "yes":
            found += [address(f"dns{end}", f"{scheme}{six}://{place}:{port or values['port']}", where)
                      for end, scheme in (("", "tcp"), ("_udp", "udp"))]  # fmt: skip
    if values["control-enable"] == "yes":
        places = controls or [("127.0.0.1", f"control-enable in {path}"), ("::1", f"control-enable in {path}")]
        for host, where in places:
            if not host.startswith("/"):
                found.append(
                    address("control", f"{f'[{host}]' if ':' in host else host}:{values['control-port']}", where)
                )
    return found


def _unbound_lines(text: str, path: str, files: Reader, level: int) -> Iterator[tuple[str, str, str]]:
    for number, raw in enumerate(text.splitlines(), start=1):
        match = re.match(r"\s*([a-z0-9-]+):\s*\"?([^\"#]*?)\"?\s*(?:#.*)?$", raw)
        if match is None:
            continue
        if match[1] in ("include", "include-toplevel"):
            for inner, more in included(posixpath.join(posixpath.dirname(path), match[2]), files, level):
                yield from _unbound_lines(more, inner, files, level + 1)
        elif match[2]:
            yield match[1], match[2], f"{path}:{number}"


def dnsmasq(text: str, path: str, files: Reader) -> Found:
    """port, listen-address, DHCP and TFTP (dnsmasq(8)). The wildcard is bound, even for some interfaces only, unless
    bind-interfaces or bind-dynamic says otherwise."""
    lines = list(_dnsmasq_lines(text, path, files, 0))
    given: dict[str, list[str]] = {}
    for name, value in lines:
        given.setdefault(name, []).append(value)
    port = (given.get("port") or ["53"])[-1]
    exact = "bind-interfaces" in given or "bind-dynamic" in given
    hosts = [host for value in given.get("listen-address", ()) for host in value.split(",")]
    found: Found = [closed(role, f"port {port} in {path}") for role in _ROLES]
    where = f"port {port} in {path}" if "port" in given else f"default port, not in {path}"
    places = [("", "0.0.0.0"), ("6", "[::]")]  # noqa: S104
    if exact and hosts:
        places = [("6", f"[{host}]") if ":" in host else ("", host) for host in hosts]
        where = f"listen-address {','.join(hosts)} in {path}"
    if port != "0" and not (exact and not hosts):
        for six, host in places:
            found += [
                address("dns", f"tcp{six}://{host}:{port}", where),
                address("dns_udp", f"udp{six}://{host}:{port}", where),
            ]
    if any(name in ("dhcp-range",) for name in given):
        found.append(address("dhcp_udp", "0.0.0.0:67", f"dhcp-range in {path}"))
    if "enable-tftp" in given:
        found.append(address("tftp_udp", "0.0.0.0:69", f"enable-tftp in {path}"))
    if exact and port != "0" and (not hosts or "interface" in given):
        raise NotUnderstood("bind-interfaces binds the addresses of the interfaces, which are not known", found)
    return found


def _dnsmasq_lines(text: str, path: str, files: Reader, level: int) -> Iterator[tuple[str, str]]:
    for raw in text.splitlines():
        line = re.split(r"(?:^|\s)#", raw, maxsplit=1)[0].strip()
        name, _, value = line.partition("=")
        name, value = name.strip(), value.strip()
        if name == "conf-file":
            for inner, more in included(value, files, level):
                yield from _dnsmasq_lines(more, inner, files, level + 1)
        elif name == "conf-dir":
            directory, *filters = value.split(",")
            wanted = [item for item in filters if item.startswith("*")]
            for inner, more in included(posixpath.join(directory, "*"), files, level):
                refused = any(inner.endswith(item) for item in filters if item not in wanted)
                backup = inner.endswith("~") or inner.rpartition("/")[2].startswith("#")
                if not refused and not backup and (not wanted or any(inner.endswith(item[1:]) for item in wanted)):
                    yield from _dnsmasq_lines(more, inner, files, level + 1)
        elif name:
            yield name, value
