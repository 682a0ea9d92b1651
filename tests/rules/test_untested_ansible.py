"""An untested engine is told, once."""

from __future__ import annotations

from aisafe.model import Note
from tests.cases import forecast, found, state


def test_it_warns_once_for_the_run() -> None:
    note = Note(kind="untested-ansible", message="ansible-core 9.9 was not tested with the forecast")
    (finding,) = found("untested-ansible", state(), forecast(notes=[note]))
    assert (finding.severity, finding.host) == ("warning", None)
    assert "ansible-core 9.9 was not tested" in finding.message
    assert "AISAFE_ALLOW_UNTESTED_ANSIBLE" in finding.fix


def test_a_tested_one_is_no_finding() -> None:
    assert not found("untested-ansible", state(), forecast())
