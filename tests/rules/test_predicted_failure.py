"""A task that would fail."""

from __future__ import annotations

import pytest

from aisafe.model import Note
from tests.cases import forecast, found, state, task


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("predicted-failure", ["error"]),
        ("missing-source", ["error"]),
        ("possible-failure", []),
        ("template-error", []),
    ],
)
def test_kinds(kind: str, expected: list[str]) -> None:
    note = Note(kind=kind, host="web1", task=task("Do it", 7), message="something is so")  # type: ignore[arg-type]
    findings = found("predicted-failure", state(), forecast(notes=[note]))
    assert [item.severity for item in findings] == expected
    for item in findings:
        assert "something is so" in item.message
        assert item.task == task("Do it", 7)


def test_a_note_of_the_whole_run_is_heard_once() -> None:
    note = Note(kind="predicted-failure", message="something is so")
    assert [item.host for item in found("predicted-failure", state(), forecast(notes=[note]))] == [None]


def test_no_note_no_finding() -> None:
    assert not found("predicted-failure", state(), forecast())
