"""Servers of the system itself: sshd, rsyslog, snmpd, chrony, and Tomcat's server.xml."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from aisafe.formats.configfiles import Found, NotUnderstood, Reader, address, closed, included


def sshd(text: str, path: str, files: Reader) -> Found:
    """sshd_config(5): ``Port`` may be given several times; ``ListenAddress`` with a port wins over it."""
    ports: list[tuple[str, str]] = []
    addresses: list[tuple[str, str]] = []
    family = "any"
    for keyword, value, where in _sshd_lines(text, path, files, 0):
        if keyword == "port":
            ports.append((value, where))
        elif keyword == "listenaddress":
            addresses.append((value, where))
        elif keyword == "addressfamily" and family == "any":
            family = value.lower()
    found: Found = []
    for text_of, where in addresses:
        host = text_of.split()[0]
        if re.fullmatch(r"\[[^\]]+\]:\d+|[^:\[\]]+:\d+", host):
            found.append(address("ssh", host, f"ListenAddress {host} in {where}"))
            continue
        host = f"[{host}]" if ":" in host and not host.startswith("[") else host
        scheme = "tcp6" if host.startswith("[") else "tcp"
        found += [address("ssh", f"{scheme}://{host}:{port}", f"ListenAddress {host} in {where}")
                  for port, _ in ports or [("22", "")]]  # fmt: skip
    if not addresses and (ports or family != "any"):
        for port, where in ports or [("22", f"AddressFamily {family} in {path}")]:
            shown = f"Port {port} in {where}" if ports else where
            found += [address("ssh", place, shown) for place, kind in (
                (f"0.0.0.0:{port}", "inet6"), (f"tcp6://[::]:{port}", "inet")) if family != kind]  # fmt: skip
    return [*found, closed("ssh6", "")] if found else []


def _sshd_lines(text: str, path: str, files: Reader, level: int) -> Iterator[tuple[str, str, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        match = re.match(r"\s*([A-Za-z]+)[\s=]+\"?([^\"#]+?)\"?\s*(?:#.*)?$", line)
        if not match:
            continue
        keyword, value = match[1].lower(), match[2]
        if keyword == "match":
            return
        if keyword == "include":
            for pattern in value.split():
                for name, inner in included(posixpath.join("/etc/ssh", pattern), files, level):
                    yield from _sshd_lines(inner, name, files, level + 1)
            continue
        yield keyword, value, f"{path}:{number}"


def rsyslog(text: str, path: str, files: Reader) -> Found:
    """Inputs of imudp, imtcp, imptcp and imrelp, in both forms of the language (rsyslog, "Input Modules")."""
    found: Found = []
    _rsyslog(text, path, files, found, 0)
    return found


def _rsyslog(text: str, path: str, files: Reader, found: Found, level: int) -> None:
    plain = re.sub(r"(?m)^\s*#.*$", "", text)
    for body in re.findall(r"\binput\s*\(([^)]*)\)", plain):
        options = {name.lower(): value for name, value in re.findall(r"([A-Za-z.]+)\s*=\s*\[?\s*\"([^\"]*)\"", body)}
        kind, port = options.get("type", ""), options.get("port", "")
        if kind in ("imudp", "imtcp", "imptcp", "imrelp") and port:
            if not port.isdigit():
                raise NotUnderstood(f"{path}: port {port} is none", found)
            udp = kind == "imudp"
            found += _syslog("udp" if udp else "tcp", options.get("address", ""), port, f"input {kind} in {path}")
    for kind, port in re.findall(r"(?mi)^\s*\$(UDPServerRun|InputTCPServerRun|InputPTCPServerRun|InputRELPServerRun)\s+(\d+)",
                                 plain):  # fmt: skip
        udp = kind.lower().startswith("udp")
        bound = re.search(r"(?mi)^\s*\$UDPServerAddress\s+(\S+)", plain) if udp else None
        found += _syslog("udp" if udp else "tcp", bound[1] if bound else "", port, f"${kind} {port} in {path}")
    patterns = [
        *re.findall(r"(?mi)^\s*\$IncludeConfig\s+(\S+)", plain),
        *re.findall(r"include\s*\(\s*file\s*=\s*\"([^\"]+)\"", plain),
    ]
    for pattern in patterns:
        for name, inner in included(pattern, files, level):
            _rsyslog(inner, name, files, found, level + 1)


def _syslog(protocol: str, host: str, port: str, where: str) -> Found:
    hosts = [host] if host and host != "*" else ["0.0.0.0", "::"]  # noqa: S104
    return [
        address(
            f"syslog_{protocol}",
            f"{protocol}{'6' if ':' in item else ''}://{f'[{item}]' if ':' in item else item}:{port}",
            where,
        )
        for item in hosts
    ]


def snmpd(text: str, path: str, files: Reader) -> Found:
    """agentAddress (snmpd.conf(5)), else port 161 of all IPv4 addresses; includeDir is followed."""
    given: list[tuple[str, str]] = []
    for name, value, where in _snmpd_lines(text, path, files, 0):
        if name == "agentaddress":
            given += [(item.strip(), where) for item in value.split(",")]
    found = [closed("udp", f"not in {path}"), closed("udp6", f"not in {path}")]
    for item, where in given or [("udp:161", f"default, not in {path}")]:
        kind, colon, rest = (
            item.partition(":") if re.match(r"(udp|tcp|unix|ssh|dtls|tls)[a-z0-9]*:", item) else ("", "", item)
        )
        if colon and not kind.startswith(("udp", "tcp")):
            continue
        match = re.fullmatch(r"\[([^\]]*)\](?::(\d+))?|(\d+)|([^:\[\]]*)(?::(\d+))?", rest)
        if match is None:
            raise NotUnderstood(f"agentaddress {item} in {where} is not understood", found)
        six = match[1] is not None or kind.endswith("6")
        host = (f"[{match[1] or '::'}]" if six else match[4]) or "0.0.0.0"  # noqa: S104
        if host.startswith("/"):
            continue
        protocol = f"{'tcp' if kind.startswith('tcp') else 'udp'}{'6' if six else ''}"
        port = match[2] or match[3] or match[5] or "161"
        found.append(address("udp", f"{protocol}://{host}:{port}", f"agentaddress {item} in {where}"))
    return found


def _snmpd_lines(text: str, path: str, files: Reader, level: int) -> Iterator[tuple[str, str, str]]:
    for number, raw in enumerate(text.splitlines(), start=1):
        words = raw.split()
        if len(words) < 2 or words[0].startswith("#"):
            continue
        if words[0].lower() == "includedir":
            for name, inner in included(posixpath.join(words[1], "*.conf"), files, level):
                yield from _snmpd_lines(inner, name, files, level + 1)
        else:
            yield words[0].lower(), " ".join(words[1:]), f"{path}:{number}"


def chrony(text: str, path: str, files: Reader) -> Found:
    """The port of commands on loopback, and that of NTP where clients are allowed (chrony.conf(5))."""
    values = {"port": "123", "cmdport": "323", "bindaddress": "", "allow": ""}
    for name, value in _chrony_lines(text, path, files, 0):
        values[name] = value or "yes"
    found = [closed("command", f"cmdport 0 in {path}"), closed("command6", f"cmdport 0 in {path}"), closed("ntp", "")]
    if values["cmdport"] != "0":
        where = f"cmdport {values['cmdport']} in {path}"
        found += [address("command_udp", f"{host}:{values['cmdport']}", where) for host in ("127.0.0.1", "[::1]")]
    if values["allow"] and values["port"] != "0":
        where = f"allow in {path}"
        hosts = [values["bindaddress"]] if values["bindaddress"] else ["0.0.0.0", "::"]  # noqa: S104
        places = [f"udp6://[{host}]" if ":" in host else f"udp://{host}" for host in hosts]
        found += [address("ntp_udp", f"{place}:{values['port']}", where) for place in places]
    return found


def _chrony_lines(text: str, path: str, files: Reader, level: int) -> Iterator[tuple[str, str]]:
    for raw in text.splitlines():
        words = raw.split()
        if not words or words[0][0] in "#%;!":
            continue
        name, value = words[0].lower(), " ".join(words[1:])
        if name in ("include", "confdir"):
            for place in [value] if name == "include" else [posixpath.join(item, "*.conf") for item in words[1:]]:
                for inner, more in included(place, files, level):
                    yield from _chrony_lines(more, inner, files, level + 1)
        elif name in ("port", "cmdport", "bindaddress", "allow"):
            yield name, value


def tomcat(text: str, path: str, files: Reader) -> Found:
    """The connectors and the shutdown port of a server.xml (Apache Tomcat 10, "The HTTP Connector", "The Server Component")."""
    del files
    plain = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    found = [closed("http", f"no Connector in {path}"), closed("shutdown", f"not in {path}")]
    for element, body in re.findall(r"<(Connector|Server)\b([^>]*)>", plain):
        options = dict(re.findall(r"([A-Za-z]+)\s*=\s*[\"']([^\"']*)[\"']", body))
        port = options.get("port", "8005" if element == "Server" else "")
        if "${" in port:
            raise NotUnderstood(f"port {port} of a {element} is a property", found)
        if not port.isdigit() or port == "0":
            continue
        if element == "Server":
            found.append(
                address("shutdown", f"{options.get('address', '127.0.0.1')}:{port}", f"Server port {port} in {path}")
            )
            continue
        host = options.get("address", "127.0.0.1" if options.get("protocol", "").startswith("AJP") else "")
        place = f"[{host}]" if ":" in host else host.replace("localhost", "127.0.0.1")
        found.append(address("http", f"{place}:{port}", f"Connector port {port} in {path}"))
    return found
