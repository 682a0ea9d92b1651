"""The listen addresses in configuration files of servers, in the few shapes that cover most of them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from aisafe.knowledge.programs import Config, Setting

INCLUDES_FOLLOWED = 8  # levels


class NotUnderstood(ValueError):
    """The file is in a form that is not read here, or pulls in what cannot be known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """How configuration files are read. ``text``: of a file, None where there is none, False where it cannot be known.

    ``names``: in a directory, () where there is none, None where that cannot be known.
    """

    text: Callable[[str], str | Literal[False] | None] = lambda path: False
    names: Callable[[str], tuple[str, ...] | None] = lambda path: None


def matching(pattern: str, read: Reader) -> tuple[str, ...] | None:
    """The paths that ``pattern`` names, sorted, wildcards in its last part; None where that cannot be known (glob(7))."""
    directory, last = posixpath.split(pattern)
    if not set("*?[{$") & set(pattern):
        return (pattern,)
    listed = read.names(directory) if not set("*?[{$") & set(directory) and "{" not in last else None
    if listed is None:
        return None
    hidden = last.startswith(".")
    return tuple(
        posixpath.join(directory, name) for name in sorted(listed)
        if fnmatchcase(name, last) and (hidden or not name.startswith("."))
    )  # fmt: skip


Found = list[tuple[Setting, str, str]]


def settings(text: str, config: Config, *, path: str, read: Reader) -> Found:
    """What ``text`` sets: (setting, value, evidence), in order. Raises NotUnderstood."""
    if config.style == "other":
        raise NotUnderstood("its listen addresses are not read from this form of file")
    if config.style in ("words", "equals"):
        return _assignments(text, config, path)
    return _SERVERS[config.style](text, path, read)


def _assignments(text: str, config: Config, path: str) -> Found:
    found: Found = []
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        header = re.fullmatch(r"\[([^\]]+)\]", stripped)
        if header:
            section = header[1].strip()
            continue
        if not stripped or stripped[0] in "#;" or (config.section and section != config.section):
            continue
        name, _, value = stripped.partition("=") if config.style == "equals" else _first_word(stripped)
        value = re.split(r"\s+[#;]", value.strip(), maxsplit=1)[0].strip().strip("\"'")
        for setting in config.keys.get(name.strip(), ()):
            found.append((setting, value, f"{name.strip()} {value} in {path}:{number}"))
    return found


def _first_word(line: str) -> tuple[str, str, str]:
    name, _, value = line.partition(" ") if " " in line else line.partition("\t")
    return name, " ", value


def _sshd(text: str, path: str, read: Reader) -> Found:
    """sshd_config(5): ``Port`` may be given several times; ``ListenAddress`` with a port wins over it."""
    ports: list[tuple[str, str]] = []
    addresses: list[tuple[str, str]] = []
    for keyword, value, where in _sshd_lines(text, path, read, 0):
        if keyword == "port":
            ports.append((value, where))
        elif keyword == "listenaddress":
            addresses.append((value, where))
    whole = Setting(role="ssh", part="address")
    found: Found = []
    for address, where in addresses:
        host = address.split()[0]
        if re.fullmatch(r"\[[^\]]+\]:\d+|[^:\[\]]+:\d+", host):
            found.append((whole, host, f"ListenAddress {host} in {where}"))
            continue
        host = f"[{host}]" if ":" in host and not host.startswith("[") else host
        found += [(whole, f"{host}:{port}", f"ListenAddress {host} in {where}") for port, _ in ports or [("22", "")]]
    for port, where in ports if not addresses else []:
        found += [(whole, text, f"Port {port} in {where}") for text in (f"0.0.0.0:{port}", f"tcp6://[::]:{port}")]
    return [*found, (Setting(role="ssh6", part="off"), "", "")] if found else []


def _sshd_lines(text: str, path: str, read: Reader, level: int) -> Iterator[tuple[str, str, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        match = re.match(r"\s*([A-Za-z]+)[\s=]+\"?([^\"#]+?)\"?\s*(?:#.*)?$", line)
        if not match:
            continue
        keyword, value = match[1].lower(), match[2]
        if keyword == "match":
            return
        if keyword == "include":
            for pattern in value.split():
                for name, inner in _included(posixpath.join("/etc/ssh", pattern), read, level):
                    yield from _sshd_lines(inner, name, read, level + 1)
            continue
        yield keyword, value, f"{path}:{number}"


def _included(pattern: str, read: Reader, level: int) -> Iterator[tuple[str, str]]:
    """The files that an include names, sorted; a pattern may have wildcards in its last part. Raises NotUnderstood."""
    if level >= INCLUDES_FOLLOWED:
        raise NotUnderstood(f"includes are nested more than {INCLUDES_FOLLOWED} levels deep")
    paths = matching(pattern, read)
    if paths is None:
        raise NotUnderstood(f"it includes {pattern}, which could not be listed")
    for path in paths:
        text = read.text(path)
        if text is False:
            raise NotUnderstood(f"it includes {path}, which could not be read")
        if text is not None:
            yield path, text


def _nginx(text: str, path: str, read: Reader) -> Found:
    """``listen`` of every server block, with includes (nginx, ngx_http_core_module and ngx_stream_core_module)."""
    found = list(_nginx_listens(text, path, read, 0))
    whole = Setting(role="http", part="address")
    stays = [(whole, value, where) for value, where in found]
    return [(Setting(role=role, part="off"), "", f"no server block in {path}") for role in ("http", "http6")] + stays


def _nginx_listens(text: str, path: str, read: Reader, level: int) -> Iterator[tuple[str, str]]:
    plain = re.sub(r"(?m)(^|\s)#.*$", r"\1", text)
    for block in _nginx_servers(plain):
        listens = list(re.finditer(r"(?:^|[;{}\s])listen\s+([^;]+);", block))
        if not listens and re.search(r"\broot\b|\blocation\b|\bserver_name\b|\breturn\b", block):
            yield "0.0.0.0:80", f"server block without listen in {path}"
        for match in listens:
            words = match[1].split()
            if words[0].startswith("unix:"):
                continue
            address = f"0.0.0.0:{words[0]}" if words[0].isdigit() else words[0].replace("*:", "0.0.0.0:")
            if not re.search(r":\d+$", address):
                address += ":80"
            scheme = "udp" if "udp" in words or "quic" in words else "tcp"
            if address.startswith("[") and "ipv6only=off" not in words:
                scheme += "6"
            yield f"{scheme}://{address}", f"listen {match[1].strip()} in {path}"
    for match in re.finditer(r"(?:^|[;{}\s])include\s+([^;]+);", plain):
        pattern = match[1].strip().strip("\"'")
        if re.search(r"mime\.types|fastcgi|snippets|proxy_params|uwsgi|scgi|modules-enabled", pattern):
            continue
        for name, inner in _included(posixpath.join(posixpath.dirname(path), pattern), read, level):
            yield from _nginx_listens(inner, name, read, level + 1)


def _nginx_servers(text: str) -> Iterator[str]:
    for match in re.finditer(r"(?:^|[;{}\s])server\s*\{", text):
        depth, position = 1, match.end()
        while position < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[position], 0)
            position += 1
        if depth:
            raise NotUnderstood("a server block is not closed")
        yield text[match.end() : position - 1]


def _apache(text: str, path: str, read: Reader) -> Found:
    """``Listen`` (Apache 2.4, mpm_common). Within <IfModule>, Debian's list of enabled modules decides."""
    whole = Setting(role="http", part="address")
    found: Found = []
    conditions: list[bool] = []
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        condition = re.match(r"(?i)<If(Module|Define|Version)\s+!?\s*([^\s>]+)", stripped)
        if condition:
            loaded = read.names("/etc/apache2/mods-enabled") or ()
            module = condition[2].removeprefix("mod_").removesuffix(".c").removesuffix("_module")
            conditions.append(f"{module}.load" in loaded)
        elif re.match(r"(?i)</If(Module|Define|Version)", stripped) and conditions:
            conditions.pop()
        match = re.match(r"(?i)Listen\s+(\S+)", stripped)
        if match and all(conditions):
            found.append((whole, match[1], f"Listen {match[1]} in {path}:{number}"))
    return found


def _haproxy(text: str, path: str, read: Reader) -> Found:
    """``bind`` of frontends and listens (HAProxy 2.8 manual, 4.2)."""
    whole = Setting(role="bind", part="address")
    found: Found = []
    for number, line in enumerate(text.splitlines(), start=1):
        match = re.match(r"\s*bind\s+(\S+)", line)
        if not match:
            continue
        for address in match[1].split(","):
            plain = re.sub(r"^(ipv4@|ipv6@|quic4@|quic6@)", "", address)
            plain = re.sub(r"^\*?:(?=\d+$)", "0.0.0.0:", plain)
            if "$" in plain or re.search(r":\d+-\d+$", plain):
                raise NotUnderstood(f"line {number}: bind {address} is not a plain address")
            if not plain.startswith(("/", "unix@", "abns@", "fd@", "sockpair@")):
                found.append((whole, plain, f"bind {address} in {path}:{number}"))
    return found


_SERVERS: dict[str, Callable[[str, str, Reader], Found]] = {
    "nginx": _nginx, "apache": _apache, "haproxy": _haproxy, "sshd": _sshd,
}  # fmt: skip
