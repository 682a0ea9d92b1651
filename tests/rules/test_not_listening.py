"""A planned socket is there, and held by whom we said."""

from __future__ import annotations

import pytest

from aisafe.model import BlindSpot, Claim, HostState
from tests.cases import claim, container, forecast, listens, proven, ran, state, unit

NGINX = claim("tcp 0.0.0.0:80", "unit nginx.service")


@pytest.mark.parametrize(
    ("planned", "after", "expected"),
    [
        (NGINX, state(listens("tcp 0.0.0.0:80", "unit nginx.service")), 0),
        (NGINX, state(listens("tcp [::]:80", "unit nginx.service")), 0),
        (NGINX, state(listens("tcp6only [::]:80", "unit nginx.service")), 1),
        (NGINX, state(), 1),
        (NGINX, state(listens("udp 0.0.0.0:80", "unit nginx.service")), 1),
        (NGINX, state(listens("tcp 0.0.0.0:80", "unit apache2.service", pid=4)), 1),
        (NGINX, state(listens("tcp 0.0.0.0:80", "unit nginx.socket"), units=[unit("nginx.socket")]), 0),
        (NGINX, state(blind_spots=(BlindSpot(kind="listener", reason="x"),)), 0),
        (claim("tcp 0.0.0.0:80", "unit nginx.service", certainty="possible"), state(), 0),
        (claim("tcp 0.0.0.0:80", "container web"),
         state(listens("tcp 0.0.0.0:80", "unit docker.service", process="docker-proxy"),
               containers=[container("web", "tcp 0.0.0.0:80")]), 0),
        (claim("tcp 0.0.0.0:80", "container web"), state(containers=[container("web", "tcp 0.0.0.0:80")]), 0),
        (claim("tcp 0.0.0.0:80", "container web"), state(containers=[container("web", state="created")]), 1),
    ],
)  # fmt: skip
def test_cases(planned: Claim, after: HostState, expected: int) -> None:
    assert len(proven("not-listening", state(), forecast(claims=[planned]), after)) == expected


def test_the_last_sample_counts() -> None:
    there = state(listens("tcp 0.0.0.0:80", "unit nginx.service"))
    assert not proven("not-listening", state(), forecast(claims=[NGINX]), state(), there)
    assert proven("not-listening", state(), forecast(claims=[NGINX]), there, state())


def test_a_failed_run_is_told_by_another_rule() -> None:
    assert not proven("not-listening", state(), forecast(claims=[NGINX]), state(), applied=ran(2))


def test_words() -> None:
    (nobody,) = proven("not-listening", state(), forecast(claims=[NGINX]), state())
    assert nobody.message == "unit nginx.service was to listen on 0.0.0.0:80/tcp, and nothing does."
    assert nobody.fix == "See why: journalctl -u nginx.service"
    other = state(listens("tcp 0.0.0.0:80", "unit apache2.service", pid=4))
    (taken,) = proven("not-listening", state(), forecast(claims=[NGINX]), other)
    assert taken.message == (
        "unit nginx.service was to listen on 0.0.0.0:80/tcp, but unit apache2.service (pid 4) does."
    )
    assert [(party.name, party.live) for party in taken.parties] == [
        ("apache2.service", True),
        ("nginx.service", False),
    ]
