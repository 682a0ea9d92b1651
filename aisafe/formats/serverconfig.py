"""The listen addresses in configuration files of servers: each style to its reader."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Final

from aisafe.formats.configfiles import Found, NotUnderstood, Reader, included, matching
from aisafe.formats.servers import apache, caddy, databases, haproxy, mail, names, nginx, otelcol, system, trees
from aisafe.knowledge.programs import Config

__all__ = ["Found", "NotUnderstood", "Reader", "matching", "settings"]

_SERVERS: Final[Mapping[str, Callable[[str, str, Reader], Found]]] = {
    "nginx": nginx.read, "apache": apache.read, "haproxy": haproxy.read, "caddy": caddy.read, "sshd": system.sshd,
    "rsyslog": system.rsyslog, "snmpd": system.snmpd, "chrony": system.chrony, "tomcat": system.tomcat,
    "postgresql": databases.postgresql, "mysql": databases.mysql, "mosquitto": databases.mosquitto,
    "redis": databases.redis, "bind": names.bind, "unbound": names.unbound, "dnsmasq": names.dnsmasq,
    "postfix": mail.postfix, "dovecot": mail.dovecot, "traefik": trees.traefik, "otelcol": otelcol.read,
}  # fmt: skip


def settings(text: str, config: Config, *, path: str, read: Reader) -> Found:
    """What ``text`` sets: (setting, value, evidence), in order. Raises NotUnderstood."""
    if config.style == "other":
        raise NotUnderstood("its listen addresses are not read from this form of file")
    if config.style in ("yaml", "toml", "json", "hcl"):
        return trees.settings(text, config, path)
    if config.style in ("words", "equals"):
        found: Found = []
        _assignments(text, config, path, read, found, 0)
        return found
    return _SERVERS[config.style](text, path, read)


def _assignments(text: str, config: Config, path: str, read: Reader, found: Found, level: int) -> None:
    """``port 6379`` or ``port = 6379``; ``*`` in a key of the table stands for anything. ``include`` is followed."""
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        header = re.fullmatch(r"\[([^\]]+)\]", stripped)
        if header:
            section = header[1].strip()
            continue
        if not stripped or stripped[0] in "#;" or (config.section and section.lower() != config.section.lower()):
            continue
        name, _, value = stripped.partition("=") if config.style == "equals" else _first_word(stripped)
        value = re.split(r"\s+[#;]", value.strip(), maxsplit=1)[0].strip().strip("\"'")
        name = name.strip()
        if name in ("include", "Include") and config.style == "words":
            for inner, more in included(posixpath.join(posixpath.dirname(path), value), read, level):
                _assignments(more, config, inner, read, found, level + 1)
        for pattern, wanted in config.keys.items():
            if pattern == name or ("*" in pattern and fnmatchcase(name, pattern)):
                found += [(setting, value, f"{name} {value} in {path}:{number}") for setting in wanted]


def _first_word(line: str) -> tuple[str, str, str]:
    parts = line.split(None, 1)
    return parts[0], " ", parts[1] if len(parts) > 1 else ""
