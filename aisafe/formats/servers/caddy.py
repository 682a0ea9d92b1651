"""Caddy: the addresses of a Caddyfile's sites and its global options (caddyserver.com, "Caddyfile Concepts", "Addresses")."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator
from ipaddress import ip_address

from aisafe.formats.configfiles import Found, NotUnderstood, Reader, address, closed, included

Block = tuple[list[str], list["Block"]]
"""The words of a directive or of a site's addresses, and what stands in its braces."""
_ROLES = ("http", "https", "https_udp", "admin")
_TOKEN = re.compile(
    r"(?P<line>\n)|[ \t\r]+|\#[^\n]*|\"(?P<quoted>(?:\\.|[^\"\\])*)\"|`(?P<raw>[^`]*)`|(?P<word>[^\s]+)"
)


def read(text: str, path: str, files: Reader) -> Found:
    """Names get HTTPS, with HTTP/3, and a redirect from the HTTP port; ``:8080`` and ``http://`` stay plain."""
    if path.endswith(".json") or text.lstrip().startswith('{"'):
        return _json(text, path)
    blocks = list(_blocks(_tokens(text), top=True))
    options: dict[str, list[str]] = {}
    if blocks and not blocks[0][0]:
        options = {words[0]: words[1:] for words, _ in blocks.pop(0)[1] if words}
    found: Found = [closed(role, f"no site in {path}") for role in _ROLES]
    admin = (options.get("admin") or ["localhost:2019"])[0]
    if admin != "off":
        found.append(address("admin", admin, f"admin {admin} in {path}"))
    for words, inner in _sites(blocks, path, files, 0):
        binds = [host for directive, _ in inner if directive[:1] == ["bind"] for host in directive[1:]]
        hosts = binds or options.get("default_bind") or [""]
        for site in [part for word in words for part in word.split(",") if part]:
            found += _site(site, hosts, options, path)
    return found


def _site(site: str, hosts: list[str], options: dict[str, list[str]], path: str) -> Found:
    plain = (options.get("http_port") or ["80"])[0]
    secure = (options.get("https_port") or ["443"])[0]
    if re.search(r"\{\$|\{env\.", site):
        raise NotUnderstood(f"the site {site} comes from the environment")
    match = re.fullmatch(r"(?:(https?)://)?(\[[^\]]*\]|[^:/\[]*)(?::(\d+)(?:-(\d+))?)?(?:/.*)?", site)
    if match is None:
        raise NotUnderstood(f"the site {site} is no address that is understood here")
    scheme, name, first, last = match[1], match[2], match[3], match[4]
    automatic = (options.get("auto_https") or [""])[0]
    with_tls = scheme != "http" and first != plain and automatic != "off" and (
        scheme == "https" or (bool(name) and name != "*") or first == secure
    )  # fmt: skip
    port = first or (secure if with_tls else plain)
    ports = range(int(port), int(last or port) + 1)
    where = f"site {site} in {path}"
    found: Found = []
    for host in hosts:
        place = _host(host)
        found += [address("https" if with_tls else "http", f"{place}:{number}", where) for number in ports]
        if with_tls:
            found += [address("https_udp", f"{place}:{number}", f"{where} (HTTP/3)") for number in ports]
            if name and automatic not in ("disable_redirects", "off"):
                found.append(address("http", f"{place}:{plain}", f"redirect to {where}"))
    return found


def _host(text: str) -> str:
    text = text.strip("[]")
    if "/" in text:
        raise NotUnderstood(f"bind {text} is not an address")
    try:
        return f"[{text}]" if text and ip_address(text).version == 6 else text
    except ValueError:
        return text


def _sites(blocks: list[Block], path: str, files: Reader, level: int) -> Iterator[Block]:
    if blocks and not any(inner for _, inner in blocks) and blocks[0][0][:1] != ["import"]:
        yield blocks[0][0], blocks[1:]  # one site without braces: its addresses are the first line
        return
    snippets = {words[0] for words, _ in blocks if words and words[0].startswith("(")}
    for words, inner in blocks:
        if words[:1] == ["import"] and len(words) > 1 and f"({words[1]})" not in snippets:
            for name, text in included(posixpath.join(posixpath.dirname(path), words[1]), files, level):
                yield from _sites(list(_blocks(_tokens(text), top=True)), name, files, level + 1)
        elif words and not words[0].startswith(("(", "&(")) and words[0] != "import":
            yield words, inner


def _tokens(text: str) -> Iterator[str]:
    """Words, and a newline for each end of a line."""
    text = re.sub(r"\{\$[A-Za-z_][A-Za-z0-9_]*:([^}]*)\}", r"\1", text)  # an environment variable with a default
    for match in _TOKEN.finditer(text):
        for name in ("line", "quoted", "raw", "word"):
            if match[name] is not None:
                yield match[name]


def _blocks(tokens: Iterator[str], *, top: bool) -> Iterator[Block]:
    words: list[str] = []
    for word in tokens:
        if word == "{":
            yield words, list(_blocks(tokens, top=False))
            words = []
        elif word == "}":
            if words:
                yield words, []
            if top:
                raise NotUnderstood("it closes a block that it did not open")
            return
        elif word == "\n":
            if words and not words[-1].endswith(","):
                yield words, []
                words = []
        else:
            words.append(word)
    if not top:
        raise NotUnderstood("a block is not closed")
    if words:
        yield words, []


def _json(text: str, path: str) -> Found:
    try:
        data = json.loads(text)
        servers = data.get("apps", {}).get("http", {}).get("servers", {})
        listens = [place for server in servers.values() for place in server.get("listen", [])]
        admin = data.get("admin", {})
    except (ValueError, AttributeError) as error:
        raise NotUnderstood(f"it is no configuration in JSON: {error}") from error
    found = [closed(role, f"not in {path}") for role in _ROLES]
    found += [address("http", str(place).removeprefix("tcp/"), f"listen {place} in {path}") for place in listens]
    if not admin.get("disabled"):
        found.append(address("admin", admin.get("listen", "localhost:2019"), f"admin in {path}"))
    return found
