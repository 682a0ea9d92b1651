from __future__ import annotations

from aisafe.agent import firewall

BEFORE = """\
*filter
:INPUT ACCEPT [1:2]
:FORWARD DROP [0:0]
:DOCKER - [0:0]
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -s 10.0.0.0/8 -j ACCEPT
COMMIT
"""
NOW = """\
*filter
:INPUT DROP [9:9]
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:MINE - [0:0]
-A INPUT -j MINE
-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT
-A FORWARD -o br-0123456789ab -j DOCKER
-A FORWARD -o docker0 -j DOCKER
-A DOCKER -d 172.17.0.2/32 -j ACCEPT
-A MINE -j ACCEPT
COMMIT
*nat
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE
COMMIT
"""


def test_the_script_brings_ours_back_and_leaves_dockers_rules_where_they_are() -> None:
    assert firewall.script(firewall.parse(BEFORE), firewall.parse(NOW)).splitlines() == [
        "*filter",
        ":FORWARD DROP [0:0]",
        ":INPUT ACCEPT [0:0]",
        ":MINE - [0:0]",
        "-F FORWARD",
        "-A FORWARD -o br-0123456789ab -j DOCKER",
        "-A FORWARD -o docker0 -j DOCKER",
        "-A FORWARD -s 10.0.0.0/8 -j ACCEPT",
        "-F INPUT",
        "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
        "-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT",
        "-X MINE",
        "COMMIT",
    ]


def test_counters_and_dockers_own_are_no_difference() -> None:
    now = BEFORE.replace("[1:2]", "[5:5]").replace("-A FORWARD -s", "-A FORWARD -i docker0 -j ACCEPT\n-A FORWARD -s")
    assert firewall.script(firewall.parse(BEFORE), firewall.parse(now)) == ""


def test_order_is_a_difference() -> None:
    lines = BEFORE.splitlines()
    lines[4], lines[5] = lines[5], lines[4]
    states = [{"iptables": firewall.parse(text), "ip6tables": {}, "nft": {}} for text in (BEFORE, "\n".join(lines))]
    assert firewall.differences(*states) == ["firewall iptables: the rules are in another order"]


def test_flushed_docker_chains_are_noticed() -> None:
    states = [
        {"iptables": firewall.parse(text), "ip6tables": {}, "nft": {}}
        for text in (BEFORE, "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n")
    ]
    assert firewall.docker_lost(*states)
    assert not firewall.docker_lost(states[0], states[0])


USERS = """\
*filter
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -o br-0123456789ab -j DOCKER
-A DOCKER-USER -s 192.0.2.7/32 -o docker0 -j DROP
-A DOCKER-USER -j RETURN
COMMIT
"""


def test_the_chain_that_docker_keeps_for_the_administrator_is_the_administrators() -> None:
    before = firewall.parse(USERS)
    now = firewall.parse(USERS.replace("192.0.2.7", "192.0.2.8"))
    assert firewall.script(before, now).splitlines() == [
        "*filter",
        ":DOCKER-USER - [0:0]",
        ":FORWARD DROP [0:0]",
        "-F DOCKER-USER",
        "-A DOCKER-USER -s 192.0.2.7/32 -o docker0 -j DROP",
        "-A DOCKER-USER -j RETURN",
        "-F FORWARD",
        "-A FORWARD -j DOCKER-USER",
        "-A FORWARD -o docker0 -j DOCKER",
        "-A FORWARD -o br-0123456789ab -j DOCKER",
        "COMMIT",
    ]
    found = firewall.differences(
        {"iptables": before, "ip6tables": {}, "nft": {}}, {"iptables": now, "ip6tables": {}, "nft": {}}
    )
    assert len(found) == 2
    without = firewall.parse("*filter\n:FORWARD DROP [0:0]\nCOMMIT\n")
    fresh = firewall.parse(USERS.replace("-A DOCKER-USER -s 192.0.2.7/32 -o docker0 -j DROP\n", ""))
    assert firewall.own(fresh) == firewall.own(without), "one that says nothing is the same as none"


def test_ways_into_dockers_chains_come_back_where_the_chains_are() -> None:
    before = firewall.parse(USERS)
    flushed = firewall.parse(
        USERS.replace("-A FORWARD -o docker0 -j DOCKER\n-A FORWARD -o br-0123456789ab -j DOCKER\n", "")
    )
    assert "-A FORWARD -o docker0 -j DOCKER" in firewall.script(before, flushed).splitlines()
    assert not any("br-" in line for line in firewall.script(before, flushed).splitlines()), "the network may be gone"
    found = firewall.differences(
        {"iptables": before, "ip6tables": {}, "nft": {}}, {"iptables": flushed, "ip6tables": {}, "nft": {}}
    )
    assert found == ["firewall iptables: -t filter -A FORWARD -o docker0 -j DOCKER is missing"]
    gone = firewall.parse("*filter\n:FORWARD DROP [0:0]\nCOMMIT\n")
    assert "DOCKER" not in firewall.script(before, gone).replace("DOCKER-USER", ""), "only the daemon makes its chains"
