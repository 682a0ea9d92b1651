"""What can't be undone is told in numbers."""

from __future__ import annotations

from dataclasses import replace

from tests.cases import effect, forecast, found, state


def test_listed_once() -> None:
    lost = replace(effect("remove", "container db", name="Drop it"), kind="volume", reversible=False)
    (finding,) = found("irreversible", state(), forecast(effect("start", "unit a.service"), lost, lost))
    assert finding.message == "2 of 3 effects cannot be undone by a roll-back; 33 % can."
    assert finding.evidence == ("'Drop it' (site.yml:10): remove volume db",)
    assert finding.severity == "warning"


def test_none() -> None:
    assert not found("irreversible", state(), forecast(effect("start", "unit a.service")))
