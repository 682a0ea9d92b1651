"""What waves would make another thing of."""

from __future__ import annotations

import pytest

from aisafe.config import Settings
from aisafe.model import Note
from tests.cases import effect, forecast, found, state, task

WAVES = Settings(waves=("1", "100%"))


@pytest.mark.parametrize(
    ("kind", "severity"),
    [("delegated", "error"), ("outside-waves", "error"), ("batches", "warning"), ("other-hosts", "warning"),
     ("looks-across", "warning"), ("assumed", None)],
)  # fmt: skip
def test_kinds(kind: str, severity: str | None) -> None:
    note = Note(kind=kind, host="web1", task=task("Do it", 7), message="something is so")  # type: ignore[arg-type]
    findings = found("across-waves", state(), forecast(notes=[note]), settings=WAVES)
    assert [item.severity for item in findings] == [severity] * (severity is not None)
    for item in findings:
        assert "something is so" in item.message
        assert item.task == task("Do it", 7)
    assert not found("across-waves", state(), forecast(notes=[note]))


def test_what_runs_once_and_changes_something_blocks() -> None:
    once = Note(kind="run-once", host="web1", task=task("Do it", 7), message="once")
    changes = effect("change", "unit shop.service", line=7)
    other = effect("change", "unit shop.service", line=8)
    unseen = Note(kind="unguarded-host", host="web1", task=task("Do it", 7), message="elsewhere")
    for plan, severity in (
        (forecast(changes, notes=[once]), "error"), (forecast(other, notes=[once]), "warning"),
        (forecast(notes=[once, unseen]), "error"),
    ):  # fmt: skip
        assert [item.severity for item in found("across-waves", state(), plan, settings=WAVES)] == [severity]
