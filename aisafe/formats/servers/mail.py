"""Mail servers: Postfix and Dovecot."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from aisafe.formats.configfiles import Found, NotUnderstood, Reader, address, closed, included

PORTS = {"smtp": "25", "smtps": "465", "submissions": "465", "submission": "587", "qmqp": "628"}
"""Names in master.cf that services(5) gives a port."""
DOVECOT = {
    ("imap-login", "imap"): ("imap", 143), ("imap-login", "imaps"): ("imap", 993), ("pop3-login", "pop3"): ("pop3", 110),
    ("pop3-login", "pop3s"): ("pop3", 995), ("submission-login", "submission"): ("submission", 587),
    ("submission-login", "submissions"): ("submission", 0), ("managesieve-login", "sieve"): ("sieve", 4190),
}  # fmt: skip
"""(service, listener) that are there without being written down -> protocol, port."""


def postfix(text: str, path: str, files: Reader) -> Found:
    """The services of type inet (master(5)) at inet_interfaces and inet_protocols of main.cf (postconf(5))."""
    main = files.text(posixpath.join(posixpath.dirname(path), "main.cf"))
    if main is False:
        raise NotUnderstood("main.cf beside it could not be read")
    values = {"inet_interfaces": "all", "inet_protocols": "all"}
    for name, value in re.findall(r"(?m)^([a-z_]+)\s*=\s*(.*(?:\n[ \t]+.*)*)", main or ""):
        values[name] = " ".join(value.split())
    found = [closed("smtp", f"no such service in {path}"), closed("smtp6", f"no such service in {path}")]
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if len(words) < 8 or line[:1] in (" ", "\t", "#") or words[1] != "inet":
            continue
        host, _, service = words[0].rpartition(":")
        port = PORTS.get(service, service)
        where = f"{words[0]} inet in {path}:{number}"
        if not port.isdigit():
            raise NotUnderstood(f"{where}: which port {service} is cannot be told", found)
        for place in [host] if host else _interfaces(values, found):
            plain = place.strip("[]")
            found.append(address("smtp", f"tcp6://[{plain}]:{port}" if ":" in plain else f"{plain}:{port}", where))
    return found


def _interfaces(values: dict[str, str], found: Found) -> list[str]:
    protocols = re.split(r"[,\s]+", values["inet_protocols"])
    four, six = bool({"all", "ipv4"} & set(protocols)), bool({"all", "ipv6"} & set(protocols))
    known = {"all": ["0.0.0.0", "::"], "loopback-only": ["127.0.0.1", "::1"], "localhost": ["127.0.0.1", "::1"]}  # noqa: S104
    places: list[str] = []
    for word in filter(None, re.split(r"[,\s]+", values["inet_interfaces"])):
        for place in known.get(word, [word]):
            plain = place.strip("[]")
            if not re.fullmatch(r"[0-9a-fA-F:.]+", plain):
                raise NotUnderstood(f"inet_interfaces has {word}, which is no plain address", found)
            if six if ":" in plain else four:
                places.append(plain)
    return places


def dovecot(text: str, path: str, files: Reader) -> Found:
    """inet_listener of the services of the enabled protocols, at ``listen`` (Dovecot 2.3, "Service Configuration")."""
    values = {"protocols": "imap pop3 lmtp submission", "listen": "*, ::", "ssl": "yes"}
    listeners: dict[tuple[str, str], dict[str, str]] = {key: {} for key in DOVECOT}
    for blocks, name, value in _dovecot_lines(text, path, files, (), 0):
        if len(blocks) == 2 and blocks[0].startswith("service ") and blocks[1].startswith("inet_listener"):
            key = (blocks[0].split()[1], [*blocks[1].split(), ""][1].strip('"'))
            listeners.setdefault(key, {})[name] = value
        elif not blocks and name in values:
            values[name] = value.replace(f"${name}", _before(values, name))
    found = [closed(role, f"not in {path}") for role in ("imap", "imap6", "imaps", "imaps6")]
    protocols = values["protocols"].split()
    for (service, listener), options in listeners.items():
        protocol, port = DOVECOT.get((service, listener), ("", 0))
        number = options.get("port") or str(port)
        enabled = protocol in protocols if protocol else True
        secure = listener.endswith("s") and listener != "submissions" and protocol in ("imap", "pop3")
        if not enabled or number == "0" or (secure and values["ssl"] == "no") or not (options or protocol):
            continue
        hosts = options.get("address") or options.get("listen") or values["listen"]
        for host in filter(None, re.split(r"[,\s]+", hosts)):
            place = {"*": "0.0.0.0", "[::]": "::"}.get(host, host.strip("[]"))  # noqa: S104
            six = ":" in place
            where = f"inet_listener {listener or service} of {path}"
            found.append(address("imap", f"tcp{'6' if six else ''}://{f'[{place}]' if six else place}:{number}", where))
    return found


def _before(values: dict[str, str], name: str) -> str:
    """``protocols = $protocols imap`` adds; what is there before anything was set is nothing."""
    return "" if values[name] == "imap pop3 lmtp submission" else values[name]


def _dovecot_lines(
    text: str, path: str, files: Reader, blocks: tuple[str, ...], level: int
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    for raw in text.splitlines():
        line = re.split(r"(?:^|\s)#", raw, maxsplit=1)[0].strip()
        include = re.match(r"!include(?:_try)?\s+(\S+)", line)
        if include:
            pattern = posixpath.join(posixpath.dirname(path), include[1])
            for inner, more in included(pattern, files, level):
                yield from _dovecot_lines(more, inner, files, blocks, level + 1)
        elif line.endswith("{"):
            blocks = (*blocks, " ".join(line[:-1].split()))
        elif line == "}":
            blocks = blocks[:-1]
        elif "=" in line:
            name, _, value = line.partition("=")
            yield blocks, name.strip(), value.strip().strip('"')
