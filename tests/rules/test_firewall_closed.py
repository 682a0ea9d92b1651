"""A service that the firewall lets nobody reach."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aisafe.model import Firewall, PacketFilter, PacketRule
from tests.cases import claim, effect, forecast, found, state

NET = PacketRule(target="accept", ports=((5432, 5432),), source="10.0.0.0/8")
SHUT = PacketFilter(name="ufw", policy="drop", chains={"INPUT": (PacketRule(target="accept", ports=((22, 22),)), NET)})
ONLY4 = replace(SHUT, families=(4,))


@pytest.mark.parametrize(
    ("where", "wall", "expected"),
    [
        ("tcp 0.0.0.0:80", SHUT, [("warning", "now")]),
        ("tcp [::]:80", SHUT, [("warning", "now")]),
        ("tcp [::]:80", ONLY4, []),
        ("tcp 0.0.0.0:22", SHUT, []),
        ("tcp 0.0.0.0:5432", SHUT, []),
        ("tcp 127.0.0.1:80", SHUT, []),
        ("tcp 0.0.0.0:80", replace(SHUT, doubt="a rule"), []),
        ("tcp 0.0.0.0:80", replace(SHUT, policy="accept"), []),
    ],
)
def test_cases(where: str, wall: PacketFilter, expected: list[tuple[str, str]]) -> None:
    run = forecast(claims=[claim(where, "unit web.service")], firewall=Firewall(filters=(wall,)))
    assert [(item.severity, item.when) for item in found("firewall-closed", state(), run)] == expected


def test_a_published_port_is_opened_by_docker() -> None:
    run = effect("create", "container web", "tcp 0.0.0.0:80", detail="published 0.0.0.0:80/tcp -> 80 of container web")
    wall = Firewall(filters=(SHUT,))
    assert not found(
        "firewall-closed", state(), forecast(run, claims=[claim("tcp 0.0.0.0:80", "container web")], firewall=wall)
    )


def test_the_way_out_names_the_firewall_of_the_host() -> None:
    wall = Firewall(filters=(SHUT,))
    (finding,) = found(
        "firewall-closed", state(), forecast(claims=[claim("tcp 0.0.0.0:80", "unit a.service")], firewall=wall)
    )
    assert "community.general.ufw" in finding.yaml
    assert "127.0.0.1" in finding.fix
