"""A forecast that ends early."""

from __future__ import annotations

import pytest

from aisafe.model import Note
from tests.cases import forecast, found, state, task


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("stopped", ["error"]),
        ("unknown-include", ["error"]),
        ("missing-role", ["error"]),
        ("capped", ["error"]),
        ("predicted-failure", []),
    ],
)
def test_kinds(kind: str, expected: list[str]) -> None:
    note = Note(kind=kind, host="web1", task=task("Do it", 7), message="something is so")  # type: ignore[arg-type]
    findings = found("incomplete-forecast", state(), forecast(notes=[note]))
    assert [item.severity for item in findings] == expected
    for item in findings:
        assert "something is so" in item.message
        assert item.task == task("Do it", 7)


def test_a_note_of_the_whole_run_is_heard_once() -> None:
    note = Note(kind="stopped", message="something is so")
    assert [item.host for item in found("incomplete-forecast", state(), forecast(notes=[note]))] == [None]


def test_no_note_no_finding() -> None:
    assert not found("incomplete-forecast", state(), forecast())


def test_an_end_without_a_note_is_told_all_the_same() -> None:
    findings = found("incomplete-forecast", state(), forecast(complete=False))
    assert [(item.host, item.severity) for item in findings] == [(None, "error")]


def test_an_end_with_its_note_is_told_once() -> None:
    note = Note(kind="stopped", message="the strategy is not known")
    findings = found("incomplete-forecast", state(), forecast(complete=False, notes=[note]))
    assert [item.message for item in findings] == ["The forecast could not go on: the strategy is not known."]
