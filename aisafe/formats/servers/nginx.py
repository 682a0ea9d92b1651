"""nginx: ``listen`` of every server in http, stream and mail, includes followed (ngx_http_core_module, "listen")."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from aisafe.formats.configfiles import Found, NotUnderstood, Reader, address, closed, included
from aisafe.frozen import frozen

_TOKEN = re.compile(r"""\s+|\#[^\n]*|(?P<sign>[{};])|"(?P<double>(?:\\.|[^"\\])*)"|'(?P<single>(?:\\.|[^'\\])*)'|
                        (?P<word>(?:\$\{[^}]*\}|\\.|[^\s{};])+)""", re.VERBOSE | re.DOTALL)  # fmt: skip
_WITHOUT_LISTEN = re.compile(
    r"(mime\.types|fastcgi|proxy_params|uwsgi_params|scgi_params|modules-enabled|koi-|win-utf)"
)


@frozen
class _Directive:
    words: tuple[str, ...]
    block: tuple[_Directive, ...] | None
    path: str


def read(text: str, path: str, files: Reader) -> Found:
    """All that nginx listens on. A server in http without ``listen`` is at port 80, as nginx started by root."""
    listens: dict[tuple[str, str], str] = {}
    both: set[str] = set()
    tree = _tree(text, path, files, posixpath.dirname(path), 0)
    for kind, server in _servers(tree):
        found = [item for item in server.block or () if item.words[0] == "listen"]
        if not found and kind == "http":
            listens[("tcp", "0.0.0.0:80")] = f"server block without listen in {server.path}"
        for item in found:
            words = item.words[1:]
            if not words or words[0].startswith("unix:"):
                continue
            scheme = "udp" if {"udp", "quic"} & set(words) else "tcp"
            where = f"listen {' '.join(words)} in {item.path}"
            for place in _places(words[0]):
                listens.setdefault((scheme, place), where)
                if "ipv6only=off" in words:
                    both.add(place)
    roles = [closed(role, f"no server block in {path}") for role in ("http", "http6")]
    return [
        *roles,
        *(address("http", f"{scheme}{'6' if place.startswith('[') and place not in both else ''}://{place}", where)
          for (scheme, place), where in listens.items() if not _covered(scheme, place, listens)),
    ]  # fmt: skip


def _covered(scheme: str, place: str, listens: dict[tuple[str, str], str]) -> bool:
    """nginx binds no address of its own where a wildcard has the port ("bind" in the documentation of ``listen``)."""
    host, _, port = place.rpartition(":")
    wildcard = "[::]" if host.startswith("[") else "0.0.0.0"  # noqa: S104
    return host != wildcard and (scheme, f"{wildcard}:{port}") in listens


def _places(text: str) -> Iterator[str]:
    if re.fullmatch(r"\d+(-\d+)?", text):
        text = f"*:{text}"
    match = re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]*)(?::(\d+)(?:-(\d+))?)?", text)
    if match is None:
        raise NotUnderstood(f"listen {text} is no address that is understood here")
    host = "0.0.0.0" if match[1] in ("*", "") else match[1]  # noqa: S104
    first = int(match[2] or 80)
    for port in range(first, int(match[3] or first) + 1):
        yield f"{host}:{port}"


def _servers(tree: tuple[_Directive, ...]) -> Iterator[tuple[str, _Directive]]:
    for outer in tree:
        if outer.words[0] in ("http", "stream", "mail"):
            for inner in outer.block or ():
                if inner.words[0] == "server" and inner.block is not None and len(inner.words) == 1:
                    yield outer.words[0], inner
        elif outer.words == ("server",) and outer.block is not None:
            yield "http", outer  # a part of a configuration, looked at by itself


def _tree(text: str, path: str, files: Reader, prefix: str, level: int) -> tuple[_Directive, ...]:
    tokens = _tokens(text, path)
    return tuple(_block(tokens, path, files, prefix, level, top=True))


def _tokens(text: str, path: str) -> Iterator[tuple[str, bool]]:
    """(text_of, whether it is a sign)."""
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise NotUnderstood(f"{path} has a quote that is not closed")
        position = match.end()
        for name in ("sign", "double", "single", "word"):
            if match[name] is not None:
                yield match[name], name == "sign"


def _block(
    tokens: Iterator[tuple[str, bool]], path: str, files: Reader, prefix: str, level: int, *, top: bool,
    inside: str = "",
) -> Iterator[_Directive]:  # fmt: skip
    words: list[str] = []
    for text_of, sign in tokens:
        if not sign:
            words.append(text_of)
        elif text_of == "{":
            name = words[0] if words else ""
            if name.endswith("_by_lua_block"):
                _skip(tokens, path)
                block: tuple[_Directive, ...] = ()
            else:
                block = tuple(_block(tokens, path, files, prefix, level, top=False, inside=name))
            if words:
                yield _Directive(words=tuple(words), block=block, path=path)
            words = []
        elif text_of == ";":
            if words[:1] == ["include"] and len(words) == 2 and inside not in ("location", "types", "map"):
                yield from _include(words[1], files, prefix, level)
            elif words:
                yield _Directive(words=tuple(words), block=None, path=path)
            words = []
        else:
            if top:
                raise NotUnderstood(f"{path} closes a block that it did not open")
            return
    if not top:
        raise NotUnderstood(f"a block in {path} is not closed")


def _skip(tokens: Iterator[tuple[str, bool]], path: str) -> None:
    depth = 1
    for text_of, sign in tokens:
        depth += {"{": 1, "}": -1}.get(text_of, 0) if sign else 0
        if not depth:
            return
    raise NotUnderstood(f"a block in {path} is not closed")


def _include(pattern: str, files: Reader, prefix: str, level: int) -> Iterator[_Directive]:
    """A relative path starts where the main file lies, not where the including one does."""
    if _WITHOUT_LISTEN.search(pattern):
        return
    for path, text in included(posixpath.join(prefix, pattern), files, level):
        yield from _tree(text, path, files, prefix, level + 1)
