"""The packet filters of a predicted host."""

from __future__ import annotations

from typing import Any

import pytest

from aisafe.effects.predicted import PredictedHost
from aisafe.formats.packetfilter import Packet, way
from aisafe.model import PacketTables, Unit, Unknown
from tests.effects.scenes import predicted, run

UFW = "community.general.ufw"
IPTABLES = "ansible.builtin.iptables"
FIREWALLD = "ansible.posix.firewalld"
ENABLED = {
    "/etc/ufw/ufw.conf": b"ENABLED=yes\n",
    "/etc/default/ufw": b'DEFAULT_INPUT_POLICY="DROP"\n',
    "/etc/ufw/user.rules": b"### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n",
}
LIVE_UFW = PacketTables(iptables={"iptables": {"INPUT DROP": ("-A INPUT -j ufw-user-input",), "ufw-user-input -": ()}})
UFW_UNIT = {"ufw.service": Unit(name="ufw.service", unit_file_state="enabled")}


def host(files: dict[str, bytes] | None = None, **given: Any) -> PredictedHost:
    return predicted(files or {}, packet_filter=given.pop("packet_filter", PacketTables()), **given)


def answer(there: PredictedHost, port: int, *, boot: bool = False, **packet: Any) -> str:
    wall = there.firewall.boot() if boot else there.firewall.now()
    return way(wall.filters, Packet(protocol="tcp", port=port, **packet))[0]


def test_ufw_is_read_and_changed() -> None:
    there = host(ENABLED, packet_filter=LIVE_UFW, units=UFW_UNIT)
    assert (answer(there, 22), answer(there, 80)) == ("open", "closed")
    run(there, UFW, {"rule": "allow", "port": "80", "proto": "tcp"})
    run(there, UFW, {"rule": "deny", "port": "22", "proto": "tcp"})
    assert (answer(there, 22), answer(there, 80), answer(there, 80, boot=True)) == ("closed", "open", "open")
    run(there, UFW, {"rule": "allow", "port": "80", "proto": "tcp", "delete": True})
    run(there, UFW, {"rule": "allow", "from_ip": "192.0.2.0/24", "insert": 1})
    assert (answer(there, 80, source="192.0.2.7"), answer(there, 80, source="203.0.113.7")) == ("open", "closed")
    run(there, UFW, {"state": "disabled"})
    assert answer(there, 81) == "open"


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        (["ufw --force enable"], "closed"),
        (["ufw allow 22/tcp", "ufw --force enable"], "open"),
        (["ufw allow OpenSSH", "ufw --force enable"], "open"),
        (["ufw --force enable", "ufw allow 22/tcp"], "open"),
        (["ufw default allow incoming", "ufw --force enable"], "open"),
        (["ufw --force enable", "ufw frobnicate"], "unclear"),
        (["iptables -P INPUT DROP"], "closed"),
        (["iptables -A INPUT -p tcp --dport 22 -j ACCEPT", "iptables -P INPUT DROP"], "open"),
        (["iptables -P INPUT DROP", "iptables -F"], "closed"),
        (["iptables -A INPUT -p tcp --dport 22 -j DROP", "iptables -D INPUT -p tcp --dport 22 -j DROP"], "open"),
        (["iptables -t nat -A PREROUTING -p tcp --dport 22 -j DROP"], "open"),
        (["iptables -I INPUT 1 -s 203.0.113.9 -j DROP"], "unclear"),
        (["iptables-restore /root/rules"], "unclear"),
    ],
)
def test_commands(commands: list[str], expected: str) -> None:
    there = host({"/etc/ufw/applications.d/openssh-server": b"[OpenSSH]\nports=22/tcp\n"}, units=UFW_UNIT)
    for command in commands:
        run(there, "command", {"_raw_params": command})
    assert answer(there, 22) == expected


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        ([{"chain": "INPUT", "policy": "DROP"}], "closed"),
        ([{"chain": "INPUT", "protocol": "tcp", "destination_port": "22", "jump": "ACCEPT"},
          {"chain": "INPUT", "policy": "DROP"}], "open"),
        ([{"chain": "INPUT", "jump": "DROP"},
          {"chain": "INPUT", "protocol": "tcp", "destination_ports": ["22", "80"], "jump": "ACCEPT",
                                                "action": "insert"}], "open"),
        ([{"chain": "INPUT", "jump": "DROP"}, {"chain": "INPUT", "jump": "DROP", "state": "absent"}], "open"),
        ([{"chain": "INPUT", "policy": "DROP", "ip_version": "ipv6"}], "open"),
        ([{"chain": "OUTPUT", "policy": "DROP"}], "open"),
        ([{"chain": "INPUT", "policy": Unknown("a command")}], "unclear"),
    ],
)  # fmt: skip
def test_iptables_module(tasks: list[dict[str, Any]], expected: str) -> None:
    there = host()
    for args in tasks:
        run(there, IPTABLES, args)
    assert answer(there, 22) == expected


def test_rules_that_nobody_saved_are_gone_at_boot() -> None:
    there = host()
    run(there, IPTABLES, {"chain": "INPUT", "policy": "DROP"})
    assert (answer(there, 22), answer(there, 22, boot=True)) == ("closed", "open")


def test_firewalld_at_run_time_and_for_good() -> None:
    unit = Unit(name="firewalld.service", active_state="active", unit_file_state="enabled")
    there = host({"/etc/firewalld/firewalld.conf": b"DefaultZone=public\n"}, units={unit.name: unit})
    assert (answer(there, 22), answer(there, 80)) == ("open", "closed")
    run(there, FIREWALLD, {"port": "80/tcp", "state": "enabled", "permanent": True})
    assert (answer(there, 80), answer(there, 80, boot=True)) == ("closed", "open")
    run(there, "command", {"_raw_params": "firewall-cmd --reload"})
    assert answer(there, 80) == "open"
    run(there, FIREWALLD, {"service": "ssh", "state": "disabled", "permanent": True, "immediate": True})
    assert answer(there, 22) == "closed"


def test_nftables_is_read_from_its_file_when_its_service_starts() -> None:
    text = b"flush ruleset\ntable inet filter { chain input {\n"
    text += b"type filter hook input priority 0; policy drop;\n tcp dport 22 accept\n } }\n"
    unit = Unit(name="nftables.service", type="oneshot")
    there = host({"/etc/nftables.conf": text}, units={unit.name: unit})
    assert answer(there, 80) == "open"
    run(there, "systemd_service", {"name": "nftables", "state": "started", "enabled": True})
    assert (answer(there, 80), answer(there, 22), answer(there, 80, boot=True)) == ("closed", "open", "closed")


def test_what_only_happens_perhaps_makes_it_unclear() -> None:
    there = host()
    run(there, IPTABLES, {"chain": "INPUT", "policy": "DROP"}, certainty="possible", why="a condition")
    assert answer(there, 22) == "unclear"


def test_a_filter_that_could_not_be_read_is_said() -> None:
    assert "did not tell" in predicted().firewall.now().unseen
