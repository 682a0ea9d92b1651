from __future__ import annotations

from typing import Any

from aisafe.effects.iptables import known
from tests.effects.scenes import predicted, run

SSH = {"chain": "INPUT", "protocol": "tcp", "destination_port": "22", "jump": "ACCEPT"}
LIVE = {
    "iptables": (
        "-t filter -P INPUT ACCEPT",
        "-t filter -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
        '-t filter -A INPUT -s 10.0.0.5/32 -p tcp -m multiport --dports 80,443 -m comment --comment "web in" -j ACCEPT',
        "-t filter -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-t filter -A INPUT -j REJECT --reject-with icmp-port-unreachable",
    )
}


def iptables(args: dict[str, Any], **state: Any) -> list[tuple[str, str]]:
    host = predicted(**{"firewall": LIVE, **state})
    return [(one.name, one.certainty) for one in run(host, "iptables", args).effects]


def test_rules_that_are_there_already() -> None:
    assert iptables(SSH) == []
    web = {"source": "10.0.0.5", "protocol": "tcp", "destination_ports": ["80", "443"], "comment": "web in"}
    assert iptables({"chain": "INPUT", "jump": "ACCEPT", **web}) == []
    assert iptables({"chain": "INPUT", "ctstate": ["ESTABLISHED", "RELATED"], "jump": "ACCEPT"}) == []
    assert iptables({"chain": "INPUT", "jump": "REJECT"}) == []
    assert iptables({"chain": "INPUT", "policy": "ACCEPT"}) == []
    assert iptables({**SSH, "destination_port": "23", "state": "absent"}) == []


def test_a_new_rule_is_named_as_the_command_that_adds_it() -> None:
    assert iptables({**SSH, "destination_port": "23", "jump": "DROP"}) == [
        ("iptables -t filter -A INPUT -p tcp -j DROP --dport 23", "certain")
    ]
    assert iptables({**SSH, "destination_port": "23", "action": "insert", "rule_num": "1"}) == [
        ("iptables -t filter -I INPUT 1 -p tcp -j ACCEPT --dport 23", "certain")
    ]
    assert iptables({**SSH, "state": "absent"}) == [
        ("iptables -t filter -D INPUT -p tcp -j ACCEPT --dport 22", "certain")
    ]
    assert iptables({"chain": "INPUT", "policy": "DROP"}) == [("iptables -t filter -P INPUT DROP", "certain")]
    assert iptables({"flush": True}) == [("iptables -t filter -F", "certain")]


def test_a_rule_that_looks_alike_is_not_certainly_another() -> None:
    assert iptables({**SSH, "limit": "3/min"})[0][1] == "possible"


def test_without_a_look_at_the_host_every_rule_is_possible() -> None:
    assert [certainty for _, certainty in iptables(SSH, firewall={})] == ["possible"]
    assert [certainty for _, certainty in iptables({**SSH, "ip_version": "both"})] == [
        "possible"
    ]  # ip6tables was not seen


def test_the_run_remembers_its_own_rules() -> None:
    host = predicted(firewall=LIVE)
    args = {**SSH, "destination_port": "8080"}
    assert run(host, "iptables", args).changed is True
    assert run(host, "iptables", args).changed is False
    assert run(host, "iptables", {**args, "state": "absent"}).changed is True
    assert run(host, "iptables", {"flush": True, "chain": "INPUT"}).changed is True
    assert run(host, "iptables", SSH).changed is True


def test_one_rule_in_two_spellings() -> None:
    lines = ["-t nat -A POSTROUTING -s 10.8.0.0/24 -o eth0 -j MASQUERADE"]
    assert known(lines, "-t nat -A POSTROUTING -o eth0 -s 10.8.0.0/255.255.255.0 -j MASQUERADE") is True
    assert known(lines, "-t nat -A POSTROUTING -o eth1 -s 10.8.0.0/24 -j MASQUERADE") is None
    assert known(lines, "-t filter -A INPUT -j DROP") is False


def test_saved_rules_in_the_place_of_the_present_ones() -> None:
    host = predicted(
        {"/etc/iptables.rules": b"*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp --dport 22 -j ACCEPT\nCOMMIT\n"},
        firewall=LIVE,
    )
    args = {"state": "restored", "path": "/etc/iptables.rules"}
    assert run(host, "community.general.iptables_state", args).effects[0].name == "iptables-restore /etc/iptables.rules"
    assert run(host, "iptables", SSH).changed is False
    assert run(host, "iptables", {"chain": "INPUT", "policy": "DROP"}).changed is False
