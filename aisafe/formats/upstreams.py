"""Where proxies send what they get: nginx (ngx_http_proxy_module), HAProxy (``server``), Apache (mod_proxy), Caddy."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from aisafe.formats.serverconfig import Reader

_LEVELS: Final = 6


@dataclass(frozen=True, slots=True)
class Upstream:
    """``place``: ``127.0.0.1:3000`` or a path of a Unix socket, as written; ``where``: directive, file and line."""

    place: str
    where: str


@dataclass(frozen=True, slots=True)
class _Proxy:
    main: str
    directives: str
    include: str = ""


_PROXIES: Final = {
    "nginx": _Proxy(
        "/etc/nginx/nginx.conf",
        r"(?:^|[;{\s])(?:(?:proxy|fastcgi|uwsgi|scgi|grpc)_pass\s+(?:\w+://)?|server\s+(?=[^;{]*;))([^\s;{/]+|unix:[^\s;]+)(?=[\s;/])",
        r"(?:^|[;{\s])include\s+([^;]+);",
    ),
    "haproxy": _Proxy("/etc/haproxy/haproxy.cfg", r"^\s*server\s+\S+\s+(\S+)"),
    "apache": _Proxy(
        "/etc/apache2/apache2.conf", r"(?i)^\s*(?:ProxyPass|BalancerMember)\b.*?(?:https?|ajp|wss?|fcgi)://([^/\s\"]+)",
        r"(?i)^\s*Include(?:Optional)?\s+(\S+)",
    ),
    "caddy": _Proxy("/etc/caddy/Caddyfile", r"^\s*reverse_proxy\s+(?:https?://)?(\S+)", r"^\s*import\s+(\S+)"),
}  # fmt: skip


def upstreams(program: str, reader: Reader) -> tuple[Upstream, ...]:
    """Those of a proxy by the name of its program; () for one that is not known here, or what could not be read."""
    proxy = _PROXIES.get({"apache2": "apache", "httpd": "apache"}.get(program, program))
    return tuple(_read(proxy, proxy.main, reader, 0)) if proxy else ()


def _read(proxy: _Proxy, path: str, reader: Reader, level: int) -> Iterator[Upstream]:
    text = reader.text(path)
    if not text or level > _LEVELS:
        return
    for number, raw in enumerate(text.splitlines(), start=1):
        line = re.sub(r"(^|\s)#.*$", "", raw)
        for match in re.finditer(proxy.directives, line):
            yield Upstream(match[1].removeprefix("unix:"), f"{line.strip().rstrip(';')} in {path}:{number}")
        for match in re.finditer(proxy.include, line) if proxy.include else ():
            pattern = posixpath.join(posixpath.dirname(proxy.main), match[1].strip("\"'"))
            folder, last = posixpath.split(pattern)
            wild = set("*?[") & set(last)
            names = (reader.names(folder) or ()) if wild else (last,)
            for name in sorted(names):
                if not wild or fnmatchcase(name, last):
                    yield from _read(proxy, posixpath.join(folder, name), reader, level + 1)
