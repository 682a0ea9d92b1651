"""Which keys are trusted for a host."""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path

import pytest

from aisafe.transport.knownhosts import lookup

KEY = base64.b64encode(b"key").decode()


def _hashed(name: str) -> str:
    salt = b"0123456789abcdefghij"
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    ("field", "name", "found"),
    [
        ("web1", "web1", True),
        ("WEB1,10.0.0.1", "web1", True),
        ("web1,10.0.0.1", "10.0.0.1", True),
        ("web1", "web10", False),
        ("*.example.org", "a.example.org", True),
        ("*.example.org,!b.example.org", "b.example.org", False),
        ("web?", "web1", True),
        ("[web1]:2222", "[web1]:2222", True),
        ("web1", "[web1]:2222", False),
        ("[web1]:2222", "web1", False),
        (_hashed("web1"), "web1", True),
        (_hashed("[web1]:2222"), "[web1]:2222", True),
        (_hashed("web1"), "web2", False),
        ("|1|bad|worse", "web1", False),
    ],
)
def test_matches(tmp_path: Path, field: str, name: str, found: bool) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"# a comment\n\n{field} ssh-ed25519 {KEY} someone\n")
    keys = lookup([name], [path, tmp_path / "absent"])
    assert [(key.kind, key.key, key.line) for key in keys] == ([("ssh-ed25519", b"key", 3)] if found else [])


def test_markers(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"@revoked web1 ssh-rsa {KEY}\n@cert-authority web1 ssh-rsa {KEY}\nweb1 ssh-rsa not-base64!\n")
    assert [(key.line, key.revoked) for key in lookup(["web1"], [path])] == [(1, True)]
