"""What was served is still served."""

from __future__ import annotations

import pytest

from aisafe.model import BlindSpot, Effect, Listener
from tests.cases import container, effect, forecast, listens, proven, state

DB = listens("tcp 127.0.0.1:5432", "unit postgresql.service", pid=9)


@pytest.mark.parametrize(
    ("before", "after", "effects", "expected"),
    [
        (DB, None, [], 1),
        (DB, DB, [], 0),
        (DB, listens("tcp 0.0.0.0:5432", "unit postgresql.service"), [], 0),
        (DB, listens("tcp 127.0.0.1:5432", "container db"), [], 0),
        (DB, listens("udp 127.0.0.1:5432", "unit postgresql.service"), [], 1),
        (DB, None, [effect("stop", "unit postgresql.service")], 0),
        (DB, None, [effect("remove", "container x", frees=["unit postgresql.service"])], 0),
        (DB, None, [effect("restart", "unit postgresql.service", "tcp 0.0.0.0:5433")], 0),
        (DB, None, [effect("restart", "unit other.service")], 1),
        (DB, None, [effect("enable", "unit postgresql.service")], 1),
        (listens("tcp 127.0.0.1:6010", "unit session-3.scope"), None, [], 0),
        (listens("tcp 0.0.0.0:8080", "unit session-3.scope"), None, [], 1),
        (listens("udp 0.0.0.0:40001", "unit dns.service"), None, [], 0),
        (listens("tcp 127.0.0.1:40001", "unit containerd.service"), None, [], 0),
        (listens("tcp 0.0.0.0:40001", "unit app.service"), None, [], 1),
        (listens("tcp 0.0.0.0:81", None, process="nc"), None, [], 1),
        (listens("tcp 0.0.0.0:40001", None), None, [], 0),
    ],
)
def test_cases(before: Listener, after: Listener | None, effects: list[Effect], expected: int) -> None:
    findings = proven("listener-lost", state(before), forecast(*effects), state(after) if after else state())
    assert len(findings) == expected


def test_one_finding_a_holder() -> None:
    before = state(containers=[container("app", "tcp 0.0.0.0:80", "tcp [::]:80")])
    (finding,) = proven("listener-lost", before, forecast(), state())
    assert "container app served 0.0.0.0:80/tcp, [::]:80/tcp before the run" in finding.message
    assert (finding.severity, finding.fix) == ("error", "See why: docker logs app")


def test_what_could_not_be_seen_is_not_lost() -> None:
    blind = state(blind_spots=(BlindSpot(kind="listener", reason="x"),))
    assert not proven("listener-lost", state(DB), forecast(), blind)
