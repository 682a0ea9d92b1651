"""What paramiko is told, and what its errors become; the rest is in tests/hosts."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from aisafe.errors import Unreachable
from aisafe.model import Connection
from aisafe.transport import hostconfig, ssh
from aisafe.transport.hostconfig import Route
from aisafe.transport.knownhosts import KnownKey
from aisafe.transport.open import UnsupportedConnection, open_session

WAY = Route(name="web1", address="10.0.0.1", port=22, user="root", trusted_as="10.0.0.1", known_hosts=(Path("/kh"),))


def _known(kind: str, key: bytes, *, revoked: bool = False) -> KnownKey:
    return KnownKey(kind=kind, key=key, path=Path("/kh"), line=3, revoked=revoked)


@pytest.mark.parametrize(
    ("strict", "known", "words"),
    [
        ("yes", [_known("ssh-ed25519", b"k")], ""),
        ("yes", [], "is not known"),
        ("accept-new", [], ""),
        ("no", [], ""),
        ("yes", [_known("ssh-ed25519", b"other")], "has CHANGED.*/kh line 3"),
        ("accept-new", [_known("ssh-ed25519", b"other")], "has CHANGED"),
        ("no", [_known("ssh-ed25519", b"other")], ""),
        ("yes", [_known("ssh-rsa", b"other")], "is not known"),
        ("yes", [_known("ssh-ed25519", b"old"), _known("ssh-ed25519", b"k")], ""),
        ("no", [_known("ssh-ed25519", b"k", revoked=True)], "revoked in /kh line 3"),
    ],
)
def test_host_key(strict: str, known: list[KnownKey], words: str) -> None:
    way = replace(WAY, strict=strict)
    if not words:
        ssh._check_key(way, known, "ssh-ed25519", b"k")
        return
    with pytest.raises(Unreachable, match=words) as caught:
        ssh._check_key(way, known, "ssh-ed25519", b"k")
    assert caught.value.fix


def _connection(port: int) -> Connection:
    return Connection(host="web1", address="127.0.0.1", port=port, common_args="-F none", timeout=1)


def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable, match=r"web1 cannot be reached: 127\.0\.0\.1 port .*: Connection refused"):
            open_session(_connection(unused.getsockname()[1]))


def test_no_ssh_there() -> None:
    """A port that accepts and says nothing, or something else, ends within the time-out and in words."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held = []
        thread = threading.Thread(target=lambda: held.append(server.accept()))
        thread.start()
        with pytest.raises(Unreachable, match="nothing there answers as an SSH server in time"):
            open_session(_connection(server.getsockname()[1]))
        thread.join()
        held[0][0].close()


def test_broken_proxy_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text("Host *\n ProxyCommand exit 1\n")
    monkeypatch.setattr(hostconfig, "USER_CONFIG", tmp_path / "config")
    with pytest.raises(Unreachable, match="cannot be reached"):
        open_session(_connection(22))


@pytest.mark.parametrize("kind", ["winrm", "ansible.netcommon.network_cli", "kubectl"])
def test_other_connections(kind: str) -> None:
    with pytest.raises(UnsupportedConnection, match="is not supported yet: the host is neither looked at nor guarded"):
        open_session(Connection(host="web1", connection=kind))
