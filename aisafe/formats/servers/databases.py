"""PostgreSQL, MySQL and MariaDB, Mosquitto: their files with what they include, over what is compiled in."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from aisafe.formats.configfiles import Found, NotUnderstood, Reader, address, closed, included, matching


def postgresql(text: str, path: str, files: Reader) -> Found:
    """listen_addresses and port (PostgreSQL 17, 19.3); the last assignment wins, postgresql.auto.conf is not looked at."""
    values = {"listen_addresses": "localhost", "port": "5432"}
    places = dict.fromkeys(values, f"default, not set in {path}")
    for name, value, where in _postgresql_lines(text, path, files, 0):
        if name in values:
            values[name], places[name] = value, f"{name} {value} in {where}"
    found = [closed("tcp", places["listen_addresses"]), closed("tcp6", places["listen_addresses"])]
    for host in filter(None, re.split(r"[,\s]+", values["listen_addresses"])):
        where = places["port"] if places["port"].startswith("port") else places["listen_addresses"]
        if host == "localhost":
            found += [
                address("tcp", f"127.0.0.1:{values['port']}", where),
                address("tcp", f"[::1]:{values['port']}", where),
            ]
        elif host == "*":
            found += [address("tcp", f"0.0.0.0:{values['port']}", where),
                      address("tcp", f"tcp6://[::]:{values['port']}", where)]  # fmt: skip
        else:
            found.append(address("tcp", f"{_bracketed(host)}:{values['port']}", where))
    return found


def _postgresql_lines(text: str, path: str, files: Reader, level: int) -> Iterator[tuple[str, str, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        match = re.match(r"\s*([A-Za-z_]+)\s*=?\s*(?:'((?:[^']|'')*)'|([^\s#']+))", line)
        if match is None:
            continue
        name, value = match[1].lower(), match[2] if match[2] is not None else match[3]
        if name in ("include", "include_if_exists", "include_dir"):
            place = posixpath.join(posixpath.dirname(path), value)
            pattern = posixpath.join(place, "*.conf") if name == "include_dir" else place
            for inner, more in included(pattern, files, level):
                yield from _postgresql_lines(more, inner, files, level + 1)
        else:
            yield name, value, f"{path}:{number}"


def mysql(text: str, path: str, files: Reader) -> Found:
    """port, bind-address, skip-networking and those of the X plugin, in the sections that a server reads."""
    values = {"port": "3306", "bind_address": "*", "mysqlx_port": "33060", "mysqlx_bind_address": "*"}
    places = dict.fromkeys(values, f"default, not set in {path}")
    x_plugin = False
    for section, name, value, where in _mysql_lines(text, path, files, 0):
        if not re.fullmatch(r"server|mysqld(-\S+)?|mariadbd?(-\S+)?", section):
            continue
        x_plugin = x_plugin or name.startswith("mysqlx") or "mysql.conf.d" in where
        if name in values:
            values[name], places[name] = value, f"{name} {value} in {where}"
        elif name == "skip_networking" and value.lower() not in ("0", "off", "false"):
            return [closed("tcp", f"skip-networking in {where}"), closed("mysqlx", f"skip-networking in {where}")]
        elif name == "mysqlx" and value.lower() in ("0", "off", "false"):
            values["mysqlx_port"] = "0"
    found = [closed("tcp", places["port"])]
    for role, port, hosts in (("tcp", "port", "bind_address"), ("mysqlx", "mysqlx_port", "mysqlx_bind_address")):
        if role == "mysqlx" and (not x_plugin or values["mysqlx_port"] == "0"):
            continue
        where = places[hosts] if "default" not in places[hosts] else places[port]
        for host in filter(None, values[hosts].split(",")):
            found.append(address(role, f"{_bracketed('' if host == '*' else host.strip())}:{values[port]}", where))
    return found


def _mysql_lines(text: str, path: str, files: Reader, level: int) -> Iterator[tuple[str, str, str, str]]:
    section = ""
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        header = re.fullmatch(r"\[([^\]]+)\].*", line)
        include = re.match(r"!(include|includedir)\s+(\S+)", line)
        if header:
            section = header[1].strip()
        elif include:
            pattern = posixpath.join(include[2], "*.cnf") if include[1] == "includedir" else include[2]
            for inner, more in included(pattern, files, level):
                yield from _mysql_lines(more, inner, files, level + 1)
        elif line and line[0] not in "#;":
            name, _, value = line.partition("=")
            value = re.split(r"\s+#", value.strip(), maxsplit=1)[0].strip("\"' ")
            yield section, name.strip().replace("-", "_").removeprefix("loose_"), value, f"{path}:{number}"


def mosquitto(text: str, path: str, files: Reader) -> Found:
    """Every ``listener``; without one, port 1883 of loopback (mosquitto.conf(5), version 2)."""
    found: Found = [closed("mqtt", f"not in {path}"), closed("mqtt6", f"not in {path}")]
    listeners: Found = []
    port, host, where = "", "", ""
    for name, value, place in _mosquitto_lines(text, path, files, 0):
        words = value.split()
        if name == "listener" and words and words[0] != "0":
            target = _bracketed(words[1]) if len(words) > 1 else ""
            listeners.append(address("mqtt", f"{target}:{words[0]}", f"listener {value} in {place}"))
        elif name == "port":
            port, where = value, f"port {value} in {place}"
        elif name == "bind_address":
            host, where = value, f"bind_address {value} in {place}"
    if port or host:
        listeners.append(address("mqtt", f"{_bracketed(host)}:{port or 1883}", where))
    local = [
        address("mqtt", f"{host}:1883", f"no listener in {path}: loopback only") for host in ("127.0.0.1", "[::1]")
    ]
    return [*found, *(listeners or local)]


def _mosquitto_lines(text: str, path: str, files: Reader, level: int) -> Iterator[tuple[str, str, str]]:
    for number, raw in enumerate(text.splitlines(), start=1):
        name, _, value = raw.strip().partition(" ")
        if name == "include_dir":
            for inner, more in included(posixpath.join(value.strip(), "*.conf"), files, level):
                yield from _mosquitto_lines(more, inner, files, level + 1)
        elif name and not name.startswith("#"):
            yield name, value.strip(), f"{path}:{number}"


def redis(text: str, path: str, files: Reader) -> Found:
    """port, tls-port and bind of Redis and Valkey with ``include``; without ``bind`` all addresses."""
    values = {"port": "6379", "tls-port": "0", "bind": "*"}
    places = dict.fromkeys(values, f"default, not set in {path}")
    for name, value, where in _redis_lines(text, path, files, 0):
        if name in values:
            values[name], places[name] = value, f"{name} {value} in {where}"
    found = [closed("tcp", places["bind"]), closed("tcp6", places["bind"])]
    for port in ("port", "tls-port"):
        hosts = ["0.0.0.0", "::"] if values["bind"] in ("*", "") else values["bind"].split()  # noqa: S104
        for host in hosts if values[port] != "0" else ():
            name = host.lstrip("-")
            name = {"*": "0.0.0.0", "::*": "::"}.get(name, name)  # noqa: S104
            scheme = "tcp6" if ":" in name else "tcp"
            where = places[port] if "default" not in places[port] else places["bind"]
            found.append(address("tcp", f"{scheme}://{_bracketed(name)}:{values[port]}", where))
    return found


def _redis_lines(text: str, path: str, files: Reader, level: int) -> Iterator[tuple[str, str, str]]:
    for number, raw in enumerate(text.splitlines(), start=1):
        words = raw.split()
        if len(words) < 2 or words[0].startswith("#"):
            continue
        name, value = words[0].lower(), " ".join(words[1:]).replace('"', "").replace("'", "")
        if name == "include":
            if matching(value, files) is None:
                raise NotUnderstood(f"it includes {value}, which could not be listed")
            for inner, more in included(value, files, level):
                yield from _redis_lines(more, inner, files, level + 1)
        else:
            yield name, value, f"{path}:{number}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
