"""Tasks without a model are named and counted, one finding a host."""

from __future__ import annotations

from aisafe.model import Coverage, Note, TaskRef
from tests.cases import forecast, found, state, task


def note(where: TaskRef, message: str = "a command") -> Note:
    return Note(kind="opaque-task", host="web1", task=where, message=message)


def test_one_finding_lists_them_all() -> None:
    notes = [note(task("A", 3)), note(task("B", 9)), note(task("A", 3)), note(task("B", 9), "another item")]
    (finding,) = found("opaque-task", state(), forecast(notes=notes, coverage=Coverage(tasks=5, modelled=3, opaque=2)))
    assert finding.message == "2 of 5 tasks cannot be foreseen."
    assert finding.evidence == (
        "'A' (site.yml:3): a command", "'B' (site.yml:9): a command", "'B' (site.yml:9): another item",
    )  # fmt: skip
    assert (finding.severity, finding.task) == ("warning", task("A", 3))


def test_none() -> None:
    assert not found("opaque-task", state(), forecast())
