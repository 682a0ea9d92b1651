"""Links, addresses, routes and rules, with ip(8) played."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aisafe.agent import command, network

ADDRESSES = [
    {"ifname": "lo", "flags": ["LOOPBACK", "UP"], "mtu": 65536, "addr_info": [
        {"local": "127.0.0.1", "prefixlen": 8, "scope": "host", "label": "lo"}]},
    {"ifname": "eth0", "flags": ["BROADCAST", "UP"], "mtu": 1500, "addr_info": [
        {"local": "192.0.2.5", "prefixlen": 24, "broadcast": "192.0.2.255", "scope": "global", "label": "eth0"},
        {"local": "fe80::1", "prefixlen": 64, "scope": "link"}]},
    {"ifname": "docker0", "flags": ["UP"], "mtu": 1500, "addr_info": [{"local": "172.17.0.1", "prefixlen": 16}]},
]  # fmt: skip
ROUTES = """default via 192.0.2.1 dev eth0 linkdown
192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.5
172.17.0.0/16 dev docker0 scope link
local 192.0.2.5 dev eth0 table local proto kernel scope host
"""
RULES = "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n"


class Ip:
    """What ``ip`` says, and what it was told to do."""

    def __init__(self) -> None:
        self.addresses: list[dict[str, Any]] = json.loads(json.dumps(ADDRESSES))
        self.routes, self.rules = ROUTES, RULES
        self.told: list[str] = []

    def run(self, words: list[str], **_: Any) -> str:
        line = " ".join(words[1:])
        if line == "-j address show":
            return json.dumps(self.addresses)
        if line.startswith("-6"):
            return ""
        if "route show" in line:
            return self.routes
        if "rule show" in line:
            return self.rules
        self.told.append(line)
        return ""


@pytest.fixture
def ip(monkeypatch: pytest.MonkeyPatch) -> Ip:
    played = Ip()
    monkeypatch.setattr(command, "run", played.run)
    monkeypatch.setattr(command, "find", lambda program: "/sbin/" + program)
    return played


def test_what_is_docker_s_or_the_kernel_s_is_not_kept(ip: Ip) -> None:
    found = network.snapshot()
    assert sorted(found["links"]) == ["eth0", "lo"]
    assert sorted(found["addresses"]) == ["eth0 192.0.2.5/24", "lo 127.0.0.1/8"]
    assert found["routes"]["-4"] == ["default via 192.0.2.1 dev eth0"]


def test_a_link_taken_down_comes_back_with_its_routes(ip: Ip) -> None:
    before = network.snapshot()
    ip.addresses[1].update(flags=["BROADCAST"], addr_info=[], mtu=1400)
    ip.routes = "default via 192.0.2.9 dev eth0\n"
    ip.rules += "100:\tfrom 192.0.2.7 lookup 5\n"
    told = network.differences(before, network.snapshot())
    assert told == [
        "network: link eth0 is down with mtu 1400 and was up with mtu 1500", "network: address eth0 192.0.2.5/24 is missing",
        "network: route default via 192.0.2.1 dev eth0 is missing",
        "network: route default via 192.0.2.9 dev eth0 was not there before",
        "network: rule 100: from 192.0.2.7 lookup 5 was not there before",
    ]  # fmt: skip
    assert network.restore(before) == []
    assert ip.told == [
        "link set dev eth0 mtu 1500 up",
        "address add 192.0.2.5/24 broadcast 192.0.2.255 label eth0 scope global dev eth0",
        "-4 route del default via 192.0.2.9 dev eth0", "-4 route add default via 192.0.2.1 dev eth0",
        "-4 rule del pref 100 from 192.0.2.7 lookup 5",
    ]  # fmt: skip


def test_a_lease_that_was_renewed_is_left_alone(ip: Ip) -> None:
    ip.addresses[1]["addr_info"][0]["dynamic"] = True
    ip.routes = "default via 192.0.2.1 dev eth0 proto dhcp\n"
    before = network.snapshot()
    ip.addresses[1]["addr_info"][0].update(local="192.0.2.6")
    ip.routes += "default via 192.0.2.1 dev eth0 proto dhcp metric 5\n"
    assert network.differences(before, network.snapshot()) == []
    assert network.restore(before) == []
    assert ip.told == []


def test_a_host_without_ip_has_no_network_to_bring_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find", lambda program: None)
    assert network.snapshot() == {}
    assert network.restore({}) == network.differences({}, {}) == []


@pytest.mark.parametrize(("code", "lines"), [(2, []), (124, None), (-9, None)])
def test_what_could_not_be_seen_is_not_taken_for_absent(
    monkeypatch: pytest.MonkeyPatch, code: int, lines: list[str] | None
) -> None:
    def fail(words: list[str], **_: object) -> str:
        raise network.command.CommandFailed(words, code, "no")

    monkeypatch.setattr(network.command, "run", fail)
    if lines is None:
        with pytest.raises(network.command.CommandFailed):
            network._lines(["-6", "rule", "show"])
    else:
        assert network._lines(["-6", "rule", "show"]) == lines
