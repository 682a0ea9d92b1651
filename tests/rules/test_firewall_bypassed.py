"""Docker opens a published port past the firewall."""

from __future__ import annotations

import pytest

from aisafe.model import Firewall, PacketFilter, PacketRule
from tests.cases import claim, effect, forecast, found, sock, state

SHUT = PacketFilter(name="ufw", policy="drop", chains={"INPUT": (PacketRule(target="accept", ports=((22, 22),)),)})


def plan(where: str, wall: Firewall | None, *, still: bool = True):
    detail = f"published {sock(where)} -> 80 of container web"
    run = effect("create", "container web", where, detail=detail)
    return forecast(run, claims=[claim(where, "container web")] if still else [], firewall=wall)


@pytest.mark.parametrize(
    ("where", "wall", "still", "expected"),
    [
        ("tcp 0.0.0.0:8080", Firewall(filters=(SHUT,)), True, [("warning", "now")]),
        ("tcp 0.0.0.0:22", Firewall(filters=(SHUT,)), True, []),
        ("tcp 127.0.0.1:8080", Firewall(filters=(SHUT,)), True, []),
        ("tcp 0.0.0.0:8080", Firewall(), True, []),
        ("tcp 0.0.0.0:8080", None, True, []),
        ("tcp 0.0.0.0:8080", Firewall(filters=(SHUT,)), False, []),
        ("tcp 0.0.0.0:8080", Firewall(filters=(SHUT,), published="DOCKER-USER drops"), True, [("note", "possible")]),
        ("tcp 0.0.0.0:8080", Firewall(filters=(SHUT,), unseen="no root"), True, []),
    ],
)
def test_cases(where, wall, still, expected) -> None:
    findings = found("firewall-bypassed", state(), plan(where, wall, still=still))
    assert [(item.severity, item.when) for item in findings] == expected


def test_the_way_out_is_loopback() -> None:
    (finding,) = found("firewall-bypassed", state(), plan("tcp 0.0.0.0:8080", Firewall(filters=(SHUT,))))
    assert "127.0.0.1:8080:80" in finding.yaml
    assert finding.parties[0].name == "ufw"
