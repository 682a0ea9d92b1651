"""ufw's and firewalld's own words as rules."""

from __future__ import annotations

import pytest

from aisafe.formats.hostfirewall import (
    service_ports,
    ufw_command,
    ufw_profiles,
    ufw_user_rules,
    well_known,
    zone,
    zone_policy,
    zone_rules,
)
from aisafe.model import PacketRule

USER_RULES = """\
*filter
### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in
-A ufw-user-input -p tcp --dport 22 -j ACCEPT
### tuple ### deny any 5000:5010 0.0.0.0/0 any 198.51.100.0/24 in
### tuple ### allow tcp 80,443 0.0.0.0/0 any 0.0.0.0/0 Nginx%20Full - in_eth1
### tuple ### route:allow tcp 81 0.0.0.0/0 any 0.0.0.0/0 in
### tuple ### allow udp 53 0.0.0.0/0 any 0.0.0.0/0 out
"""


def without_text(rule: PacketRule) -> tuple[object, ...]:
    return rule.target, rule.protocol, rule.ports, rule.source, rule.interface


def test_ufw_user_rules() -> None:
    assert [without_text(rule) for rule in ufw_user_rules(USER_RULES)] == [
        ("accept", "tcp", ((22, 22),), "", ""),
        ("drop", "", ((5000, 5010),), "198.51.100.0/24", ""),
        ("accept", "tcp", ((80, 80), (443, 443)), "", "eth1"),
    ]


@pytest.mark.parametrize(
    ("line", "verb", "rules"),
    [
        ("--force enable", "enable", []),
        ("allow 22/tcp", "rule", [("accept", "tcp", ((22, 22),), "", "")]),
        ("limit ssh", "rule", [("accept", "tcp", ((22, 22),), "", "")]),
        (
            "insert 1 deny from 192.0.2.0/24 to any port 80 proto tcp",
            "rule",
            [("drop", "tcp", ((80, 80),), "192.0.2.0/24", "")],
        ),
        ("delete allow 22/tcp", "delete", [("accept", "tcp", ((22, 22),), "", "")]),
        ("allow in on eth1 to any port 53", "rule", [("accept", "", ((53, 53),), "", "eth1")]),
        ("allow out 25", "", []),
        ("default deny incoming", "default", []),
        ("default allow outgoing", "", []),
        ("status verbose", "", []),
    ],
)
def test_ufw_commands(line: str, verb: str, rules: list[object]) -> None:
    found = ufw_command(line.split(), well_known)
    assert found is not None
    assert (found.verb, [without_text(rule) for rule in found.rules]) == (verb, rules)


def test_what_ufw_is_not_understood_to_say() -> None:
    assert ufw_command(["frobnicate"], well_known) is None
    assert ufw_command("delete 3".split(), well_known) is None
    (rule,) = ufw_command(["allow", "gopher"], lambda name: None).rules  # type: ignore[union-attr]
    assert "gopher" in rule.unclear


def test_profiles() -> None:
    text = "[Nginx Full]\ntitle=Web\nports=80,443/tcp\n[DNS]\nports=53\n[Two]\nports=80/tcp|53/udp\n"
    assert ufw_profiles(text)["Nginx Full"] == (("80,443", "tcp"),)
    assert ufw_profiles(text)["Two"] == (("80", "tcp"), ("53", "udp"))


def test_zones() -> None:
    text = '<zone target="DROP"><service name="ssh"/><port port="8000-8010" protocol="tcp"/><rule><drop/></rule></zone>'
    found = zone(text)
    assert zone_policy(found) == "drop"
    rules = zone_rules(found, lambda name: service_ports('<service><port protocol="tcp" port="22"/></service>'))
    assert ("accept", "tcp", ((22, 22),)) in [(rule.target, rule.protocol, rule.ports) for rule in rules]
    assert ("accept", "tcp", ((8000, 8010),)) in [(rule.target, rule.protocol, rule.ports) for rule in rules]
    assert any(rule.unclear for rule in rules)
    with pytest.raises(ValueError, match="mismatched tag"):
        zone("<zone><service></zone>")
