"""Two things of one run want one socket."""

from __future__ import annotations

import pytest

from aisafe.model import Effect
from tests.cases import effect, forecast, found, listens, service, state

A = effect("create", "container a", "tcp 0.0.0.0:80", line=1, detail="published ports 80:8080")
B = effect("create", "container b", "tcp 127.0.0.1:80", line=2, detail="published ports 127.0.0.1:80:8080")


@pytest.mark.parametrize(
    ("effects", "expected"),
    [
        ([A, B], ["error"]),
        ([A], []),
        ([A, effect("remove", "container a"), B], []),
        ([A, A], []),
        ([A, effect("create", "container b", "tcp 0.0.0.0:81")], []),
        ([A, effect("create", "container b", "udp 0.0.0.0:80")], []),
        ([effect("start", "unit x.service", "tcp 0.0.0.0:80", certainty="possible", why="a command"), B], ["warning"]),
        ([A, B, A, B], ["error"]),
    ],
)
def test_cases(effects: list[Effect], expected: list[str]) -> None:
    assert [item.severity for item in found("port-conflict-in-run", state(), forecast(*effects))] == expected


def test_a_live_party_is_for_the_other_rule() -> None:
    before = state(listens("tcp 0.0.0.0:80", "unit nginx.service"))
    assert not found("port-conflict-in-run", before, forecast(A))


def test_both_tasks_are_named_and_a_free_port_is_shown() -> None:
    (finding,) = found("port-conflict-in-run", state(), forecast(A, B))
    assert [(party.name, party.task.line if party.task else 0, party.live) for party in finding.parties] == [
        ("a", 1, False), ("b", 2, False),
    ]  # fmt: skip
    assert finding.task is not None
    assert finding.task.line == 2
    assert finding.yaml == 'ports:\n  - "127.0.0.1:81:8080"\n'


def test_the_same_program_twice_is_to_be_dropped() -> None:
    plan = forecast(A, B, services=[service("container a", program="nginx"), service("container b", program="nginx")])
    assert found("port-conflict-in-run", state(), plan)[0].fix == "Both are nginx: drop one of the two tasks."
