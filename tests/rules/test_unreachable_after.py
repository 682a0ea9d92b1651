"""A fresh connection is the proof."""

from __future__ import annotations

from aisafe.model import BlindSpot
from tests.cases import forecast, proven, state

GONE = state(blind_spots=(BlindSpot(kind="host", reason="connection refused"),))


def test_the_last_sample_counts() -> None:
    (finding,) = proven("unreachable-after", state(), forecast(), state(), GONE)
    assert finding.message == "No fresh connection to the host after the run: connection refused."
    assert finding.severity == "error"
    assert not proven("unreachable-after", state(), forecast(), GONE, state())
