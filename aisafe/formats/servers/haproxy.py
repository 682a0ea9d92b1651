"""HAProxy: ``bind`` of frontends, listens and peers, ``stats socket`` (HAProxy 2.8 configuration manual, 3.1, 4.2, 11.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aisafe.formats.configfiles import Found, NotUnderstood, Reader, address

_SECTION = re.compile(r"(global|defaults|frontend|listen|backend|peers|resolvers|mailers|cache|userlist|program|ring|"
                      r"log-forward|http-errors|fcgi-app|crt-store|traces)\b")  # fmt: skip


def read(text: str, path: str, files: Reader) -> Found:
    """Addresses; a range of ports is one address a port. Raises NotUnderstood for addresses from the environment."""
    del files
    found: Found = []
    section, unsure = "", ""
    for number, raw in enumerate(text.splitlines(), start=1):
        words = re.split(r"(?<!\\)#", raw, maxsplit=1)[0].split()
        if not words:
            continue
        begun = _SECTION.fullmatch(words[0]) if not raw[:1].isspace() or words[0] in ("global", "defaults") else None
        if begun:
            section = begun[1]
            if section == "listen" and len(words) > 2:  # the form of before 1.5
                words = ["bind", *words[2:]]
        where = f"{path}:{number}"
        if words[0] in ("bind", "dgram-bind") and len(words) > 1:
            scheme = "udp" if words[0] == "dgram-bind" else "tcp"
            for item in words[1].split(","):
                found += [
                    address("bind", place, f"{words[0]} {item} in {where}") for place in _places(item, scheme, words)
                ]
        elif section == "global" and words[:2] == ["stats", "socket"] and len(words) > 2:
            found += [
                address("bind", place, f"stats socket {words[2]} in {where}") for place in _places(words[2], "tcp", [])
            ]
        elif section == "peers" and words[0] == "peer":
            unsure = f"{where}: which of the peers is this host cannot be told"
    if unsure and not any("peers" in item[2] for item in found):
        raise NotUnderstood(unsure, found)
    return found


def _places(item: str, scheme: str, words: list[str]) -> Iterator[str]:
    """``*:80``, ``:::443``, ``[::]:80``, ``127.0.0.1:8000-8010``, ``quic4@:443``; nothing for paths and descriptors."""
    family, at, rest = item.partition("@")
    if at:
        if family in ("unix", "abns", "abnsz", "fd", "sockpair", "mptcp"):
            return
        scheme = "udp" if family.startswith(("quic", "udp")) else scheme
        item = rest
    if item.startswith("/"):
        return
    match = re.fullmatch(r"(?:\[([^\]]*)\]|(.*)):(\d+)(?:-(\d+))?", item)
    if match is None or "$" in item:
        raise NotUnderstood(f"bind {item} is not a plain address")
    host = match[1] if match[1] is not None else match[2]
    host = host if host not in ("", "*") else "::" if family.endswith("6") and at else "0.0.0.0"  # noqa: S104
    only = "6" if ":" in host and "v6only" in words else ""
    first = int(match[3])
    for port in range(first, int(match[4] or first) + 1):
        yield f"{scheme}{only}://{f'[{host}]' if ':' in host else host}:{port}"
