from __future__ import annotations

import pytest

from aisafe.formats.ports import listen_address, parse_published, published_sockets


@pytest.mark.parametrize(
    ("text", "sockets"),
    [
        ("80:8080", ["0.0.0.0:80/tcp", "[::]:80/tcp"]),
        ("127.0.0.1:80:8080", ["127.0.0.1:80/tcp"]),
        ("[::1]:80:8080/udp", ["[::1]:80/udp"]),
        ("0.0.0.0:7000-7002:7000-7002", ["0.0.0.0:7000/tcp", "0.0.0.0:7001/tcp", "0.0.0.0:7002/tcp"]),
        ("80", []),
        ("127.0.0.1::80", []),
        ("8000-9000:80", []),
        ("0:80", []),
    ],
)
def test_published(text: str, sockets: list[str]) -> None:
    assert [str(port.socket) for port in published_sockets(parse_published(text))] == sockets


def test_published_on_a_host_without_ipv6() -> None:
    assert [str(port.socket) for port in published_sockets(parse_published("80:80"), ipv6=False)] == ["0.0.0.0:80/tcp"]
    (_, six) = published_sockets(parse_published("80:80"))
    assert six.socket.ipv6_only


@pytest.mark.parametrize("text", ["x:80", "80:x", "1-3:1-2", "70000:80", "80:80/sctp", "", "host.example:80:80"])
def test_no_ports(text: str) -> None:
    with pytest.raises(ValueError, match=r"port|address|protocol"):
        parse_published(text)


@pytest.mark.parametrize(
    ("text", "socket"),
    [
        (":9090", "[::]:9090/tcp"),
        ("9090", "[::]:9090/tcp"),
        ("*:9090", "[::]:9090/tcp"),
        ("localhost:1", "127.0.0.1:1/tcp"),
        ("[::1]:1", "[::1]:1/tcp"),
        ("tcp://0.0.0.0:1/path", "0.0.0.0:1/tcp"),
        ("udp://:53", "[::]:53/udp"),
        ("tcp4://:53", "0.0.0.0:53/tcp"),
        ("unix:///run/x.sock", None),
        ("/run/x.sock", None),
        ("127.0.0.1:0", None),
    ],
)
def test_listen_address(text: str, socket: str | None) -> None:
    found = listen_address(text)
    assert (str(found) if found else None) == socket


def test_a_family_of_its_own() -> None:
    found = listen_address("tcp6://[::]:80")
    assert found is not None
    assert found.ipv6_only


@pytest.mark.parametrize("text", ["", "nothing", "example.org:80", "1.2.3.4:99999", "::1:80"])
def test_no_listen_address(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        listen_address(text)
