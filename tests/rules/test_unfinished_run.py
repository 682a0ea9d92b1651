"""A host that another run guards is locked."""

from __future__ import annotations

import pytest

from aisafe.config import Settings
from aisafe.errors import ExitCode
from aisafe.judge import exit_code, judge
from aisafe.model import Unfinished
from tests.cases import NOON, forecast, found, state


@pytest.mark.parametrize(
    ("word", "locked"), [("armed", True), ("rolling-back", True), ("unknown", True), ("rolled-back", False),
                         ("rollback-incomplete", False)],
)  # fmt: skip
def test_states(word: str, locked: bool) -> None:
    before = state(unfinished=Unfinished(run="r1", state=word, since=NOON, holder="ann@ctl"))
    findings = found("unfinished-run", before, forecast())
    assert [item.severity for item in findings] == ["error"] * locked
    if locked:
        assert findings[0].message == (
            f"The host is locked: run r1 by ann@ctl, begun 2026-03-01 12:00:00 UTC, still guards it (state: {word})."
        )
        verdict = judge({"web1": before}, forecast(), settings=Settings())
        assert exit_code(verdict) == ExitCode.LOCKED
        assert exit_code(verdict, plan=True) == ExitCode.BLOCKED


def test_none() -> None:
    assert not found("unfinished-run", state(), forecast())
