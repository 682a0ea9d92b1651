"""Who holds which socket."""

from __future__ import annotations

import os
import socket
import struct

import pytest

from aisafe.agent import listeners, netlink

ROOT = "1:name=systemd:/init.scope\n0::/init.scope\n"
NESTED = "9:name=systemd:/docker/" + "a" * 64 + "/init.scope\n0::/docker/" + "a" * 64 + "/init.scope\n"
CONTAINERS = {"b" * 64: "web"}


@pytest.mark.parametrize(
    ("table", "root", "kind", "name"),
    [
        pytest.param("0::/system.slice/nginx.service\n", ROOT, "unit", "nginx.service", id="v2"),
        pytest.param(
            "2:cpu:/\n1:name=systemd:/system.slice/nginx.service\n0::/\n", ROOT, "unit", "nginx.service", id="hybrid"
        ),
        pytest.param(
            "0::/system.slice/system-getty.slice/getty@tty1.service\n",
            ROOT,
            "unit",
            "getty@tty1.service",
            id="instance",
        ),
        pytest.param(
            "0::/machine.slice/box.service/payload/system.slice/nginx.service\n",
            ROOT,
            "unit",
            "box.service",
            id="delegated",
        ),
        pytest.param("0::/user.slice/user-1000.slice/session-3.scope\n", ROOT, "process", "python3", id="login"),
        pytest.param(
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/web.service\n",
            ROOT,
            "unit",
            "user@1000.service",
            id="user unit",
        ),
        pytest.param("0::/system.slice/docker-" + "b" * 64 + ".scope\n", ROOT, "container", "web", id="container v2"),
        pytest.param("4:name=systemd:/docker/" + "b" * 64 + "\n0::/\n", ROOT, "container", "web", id="container v1"),
        pytest.param(
            "0::/system.slice/docker-" + "c" * 64 + ".scope\n",
            ROOT,
            "unit",
            "docker-" + "c" * 64 + ".scope",
            id="unknown container",
        ),
        pytest.param(
            "9:name=systemd:/docker/" + "a" * 64 + "/system.slice/ssh.service\n",
            NESTED,
            "unit",
            "ssh.service",
            id="inside a container",
        ),
        pytest.param(
            "9:name=systemd:/docker/" + "a" * 64 + "/docker/" + "b" * 64 + "\n",
            NESTED,
            "container",
            "web",
            id="container inside a container",
        ),
        pytest.param("", ROOT, "process", "python3", id="no table"),
        pytest.param("0::/init.scope\n", ROOT, "process", "python3", id="PID 1"),
    ],
)
def test_holder(table: str, root: str, kind: str, name: str) -> None:
    found = listeners.holder(listeners.control_group(table, root), CONTAINERS, "python3")
    assert found == {"kind": kind, "name": name}


def test_proc_table() -> None:
    text = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1\n"
        "   1: 0100007F:0051 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 78 1\n"
    )
    six = text.splitlines()[0] + "\n   0: " + "0" * 32 + ":0016 " + "0" * 32 + ":0000 0A 0:0 00:0 0 0 0 79 1\n"
    assert [(e["address"], e["port"], e["inode"]) for e in netlink.parse_table(text, "tcp")] == [("127.0.0.1", 80, 77)]
    assert [(e["address"], e["port"], e["ipv6_only"]) for e in netlink.parse_table(six, "tcp")] == [("::", 22, False)]


@pytest.mark.parametrize("only", [0, 1])
def test_kernel_message(only: int) -> None:
    head = struct.pack("=BBBB", socket.AF_INET6, 10, 0, 0) + struct.pack("!HH", 8080, 0) + b"\0" * 32
    message = head + b"\0" * 12 + struct.pack("=IIIII", 0, 0, 0, 0, 4711)
    assert len(message) == 72
    message += struct.pack("=HHBBH", 5, 8, 0, 0, 0) + struct.pack("=HHB3x", 5, netlink.INET_DIAG_SKV6ONLY, only)
    entry = netlink.parse(message, "tcp")
    assert entry == {"protocol": "tcp", "address": "::", "port": 8080, "ipv6_only": bool(only), "inode": 4711}


def test_this_machine() -> None:
    """A socket of our own is found with its process, whichever way the kernel is asked."""
    datagrams = socket.SOCK_DGRAM
    with socket.socket() as tcp, socket.socket(type=datagrams) as udp, socket.socket(type=datagrams) as far:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        udp.bind(("127.0.0.1", 0))
        far.bind(("127.0.0.1", 0))
        far.connect(udp.getsockname())
        want = {("tcp", tcp.getsockname()[1]), ("udp", udp.getsockname()[1])}
        mine = os.getpid()
        found, _ = listeners.listeners({}, {}, {})
        ours = {(e["socket"]["protocol"], e["socket"]["port"]) for e in found if e.get("pid") == mine}
        assert want <= ours
        assert ("udp", far.getsockname()[1]) not in ours, "a connected socket accepts nothing from others"
        table = [e for protocol in ("tcp", "udp") for e in netlink._proc(protocol, "")]
        assert want <= {(e["protocol"], e["port"]) for e in table}


def _container(name: str, state: str, port: int) -> dict[str, object]:
    published = {
        "socket": {"protocol": "tcp", "address": "0.0.0.0", "port": port, "ipv6_only": False},
        "container_port": 1,
    }
    return {"id": name * 64, "state": state, "ports": [published]}


def test_published_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """docker-proxy's sockets belong to the container; a port forwarded by the firewall alone is held all the same."""
    sockets = [{"protocol": "tcp", "address": "0.0.0.0", "port": 80, "ipv6_only": False, "inode": 5}]
    files = {
        "/proc/7/comm": "docker-proxy\n",
        "/proc/7/cgroup": "0::/system.slice/docker.service\n",
        "/proc/1/cgroup": ROOT,
    }
    monkeypatch.setattr(netlink, "bound", lambda: sockets)
    monkeypatch.setattr(listeners, "owners", lambda inodes: ({5: [7]}, True))
    monkeypatch.setattr(listeners, "read", lambda path: files.get(path, ""))
    known = {
        "a": _container("a", "running", 80),
        "b": _container("b", "running", 81),
        "c": _container("c", "exited", 82),
    }
    found, unseen = listeners.listeners({}, known, {})
    held = {entry["socket"]["port"]: entry["holder"] for entry in found}
    assert held == {80: {"kind": "container", "name": "a"}, 81: {"kind": "container", "name": "b"}}
    assert unseen == 0


def test_socket_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    """What PID 1 holds for a socket unit stays when the service that it started is stopped."""
    sockets = [{"protocol": "tcp", "address": "::", "port": 80, "ipv6_only": False, "inode": 5}]
    monkeypatch.setattr(netlink, "bound", lambda: sockets)
    monkeypatch.setattr(listeners, "owners", lambda inodes: ({5: [1, 9]}, True))
    monkeypatch.setattr(listeners, "read", lambda path: {"/proc/9/comm": "web\n"}.get(path, ""))
    units = {"web.socket": {"active_state": "active", "listen": ["ListenStream=[::]:80", "ListenStream=/run/web"]}}
    found, _ = listeners.listeners(units, {}, {})
    assert [(e["holder"], e["pid"], e["process"]) for e in found] == [
        ({"kind": "unit", "name": "web.socket"}, 9, "web")
    ]


def test_unseen_holder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root the holder is unknown and counted; with root a socket without process is the kernel's."""
    sockets = [{"protocol": "tcp", "address": "::1", "port": 80, "ipv6_only": False, "inode": 5}]
    monkeypatch.setattr(netlink, "bound", lambda: sockets)
    for complete, holder, count in ((False, None, 1), (True, {"kind": "process", "name": "kernel"}, 0)):
        monkeypatch.setattr(listeners, "owners", lambda inodes, complete=complete: ({}, complete))
        found, unseen = listeners.listeners({}, {}, {})
        assert (found[0]["holder"], unseen) == (holder, count)
