"""What became of a run whose controller was lost."""

from __future__ import annotations

import pytest

from aisafe.model import Unfinished
from tests.cases import NOON, forecast, found, state


@pytest.mark.parametrize(
    ("word", "expected"), [("rolled-back", "warning"), ("rollback-incomplete", "error"), ("armed", None)]
)
def test_states(word: str, expected: str | None) -> None:
    findings = found("earlier-run", state(unfinished=Unfinished(run="r1", state=word, since=NOON)), forecast())
    assert [item.severity for item in findings] == ([expected] if expected else [])
    for item in findings:
        assert (
            "The earlier run r1, begun 2026-03-01 12:00:00 UTC, was never confirmed: the host rolled itself"
            in item.message
        )
        assert "aisafe show r1" in item.fix
