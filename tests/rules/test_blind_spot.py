"""What could not be seen is never taken for absent."""

from __future__ import annotations

import pytest

from aisafe.model import BlindSpot
from tests.cases import forecast, found, proven, state

DOCKER = BlindSpot(kind="container", reason="Docker does not answer: connection refused", fix="Start it.")
MINOR = BlindSpot(kind="space", reason="df is missing", blocks=False)
HOST = BlindSpot(kind="host", reason="no route")


@pytest.mark.parametrize(
    ("live", "foreseen", "expected"),
    [
        ((), (), []),
        ((DOCKER,), (), ["error"]),
        ((DOCKER,), (DOCKER,), ["error"]),
        ((), (DOCKER,), ["error"]),
        ((MINOR,), (), ["warning"]),
        ((DOCKER,), (MINOR,), ["error", "warning"]),
        ((HOST, DOCKER, MINOR), (), ["error"]),
    ],
)
def test_before(live: tuple[BlindSpot, ...], foreseen: tuple[BlindSpot, ...], expected: list[str]) -> None:
    findings = found("blind-spot", state(blind_spots=live), forecast(blind_spots=foreseen))
    assert [item.severity for item in findings] == expected


def test_words() -> None:
    (finding,) = found("blind-spot", state(blind_spots=(DOCKER,)), forecast())
    assert finding.message == "The containers could not be seen: Docker does not answer: connection refused."
    assert finding.fix == "Start it."


def test_after_the_run_the_last_sample_counts() -> None:
    assert not proven("blind-spot", state(), forecast(), state(blind_spots=(DOCKER,)), state())
    (finding,) = proven("blind-spot", state(), forecast(), state(), state(blind_spots=(DOCKER,)))
    assert (finding.when, finding.severity) == ("after", "error")


def test_an_unreachable_host_is_for_another_rule() -> None:
    assert not proven("blind-spot", state(), forecast(), state(blind_spots=(HOST,)))
