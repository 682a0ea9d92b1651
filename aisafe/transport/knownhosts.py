"""Host keys that the user trusts (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT")."""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import hmac
from collections.abc import Iterable
from pathlib import Path

from aisafe.frozen import frozen


@frozen
class KnownKey:
    """One line that speaks of the host. ``key``: the bytes of the public key. ``revoked``: never to be accepted."""

    kind: str
    key: bytes
    path: Path
    line: int
    revoked: bool = False


LARGEST = 64 * 1024 * 1024
"""Bytes of a file that is read."""


def lookup(names: Iterable[str], files: Iterable[Path]) -> list[KnownKey]:
    """The keys of a host by any of its ``names`` (``host``, or ``[host]:port`` for a port other than 22).

    A file that cannot be read is skipped, as ssh does. Certificate authorities are left out: host certificates are not
    supported, so that such a host is unknown.
    """
    names = list(names)
    found = []
    for path in files:
        try:
            if not path.is_file() or path.stat().st_size > LARGEST:
                continue
            text = path.read_text(errors="replace")
        except OSError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            words = line.split()
            marker = words.pop(0) if words and words[0].startswith("@") else ""
            if len(words) < 3 or words[0].startswith("#") or marker == "@cert-authority":
                continue
            if not any(_matches(words[0], name) for name in names):
                continue
            try:
                key = base64.b64decode(words[2], validate=True)
            except binascii.Error:
                continue
            found.append(KnownKey(kind=words[1], key=key, path=path, line=number, revoked=marker == "@revoked"))
    return found


def _matches(field: str, name: str) -> bool:
    if field.startswith("|1|"):
        _, _, salt, digest = [*field.split("|"), "", ""][:4]
        try:
            wanted = hmac.new(base64.b64decode(salt), name.encode(), hashlib.sha1).digest()
            return hmac.compare_digest(wanted, base64.b64decode(digest))
        except binascii.Error:
            return False
    good = False
    for pattern in field.split(","):
        negated = pattern.startswith("!")
        if fnmatch.fnmatchcase(name.lower(), _pattern(pattern.lstrip("!").lower())):
            if negated:
                return False
            good = True
    return good


def _pattern(text: str) -> str:
    """Only ``*`` and ``?`` are wild there; ``[host]:port`` is literal."""
    return text.replace("[", "[[]")
