"""Units of the run stay up."""

from __future__ import annotations

from typing import Any

import pytest

from aisafe.model import HostState, Unit
from tests.cases import forecast, proven, ran, service, state, unit

PLAN = forecast(services=[service("unit app.service", by_run=True)])


def app(**given: Any) -> Unit:
    return unit("app.service", **{"invocation_id": "1", **given})


def hosts(*units: Unit) -> list[HostState]:
    return [state(units=[item]) for item in units]


@pytest.mark.parametrize(
    ("before", "samples", "words"),
    [
        (None, [app(), app()], None),
        (
            None,
            [app(active_state="failed", sub_state="failed", result="exit-code")],
            "it has failed (Result=exit-code)",
        ),
        (None, [app(active_state="inactive", sub_state="dead")], "it is inactive (dead)"),
        (
            None,
            [app(active_state="activating", sub_state="auto-restart", result="exit-code")],
            "about to start it again",
        ),
        (None, [app(restarts=0), app(restarts=2, invocation_id="3")], "started it again 2 times while it was watched"),
        (None, [app(restarts=4), app(restarts=4)], "has already started it again 4 times"),
        (app(restarts=4), [app(restarts=4), app(restarts=4)], None),
        (app(restarts=4, invocation_id="0"), [app(restarts=0), app(restarts=0)], None),
        (None, [app(), app(invocation_id="2")], "started again while it was watched"),
        (None, [app(type="oneshot", active_state="inactive", sub_state="dead", result="success")], None),
        (None, [app(type="oneshot", active_state="failed", sub_state="failed", result="exit-code")], "failed"),
        (None, [app(active_state="activating", sub_state="start")], None),
    ],
)
def test_cases(before: Unit | None, samples: list[Unit], words: str | None) -> None:
    first = state(units=[before] if before else [])
    findings = proven("unit-not-active", first, PLAN, *hosts(*samples))
    assert len(findings) == (0 if words is None else 1)
    if words:
        assert words in findings[0].message
        assert (findings[0].severity, findings[0].fix) == ("error", "See why: journalctl -u app.service")


def test_a_unit_that_is_not_there() -> None:
    (finding,) = proven("unit-not-active", state(), PLAN, state())
    assert "there is no such unit after the run" in finding.message


@pytest.mark.parametrize("given", [{"by_run": False}, {"active": False}, {"certainty": "possible"}])
def test_only_what_was_certain_to_be_up(given: dict[str, Any]) -> None:
    plan = forecast(services=[service("unit app.service", **{"by_run": True, **given})])
    assert not proven("unit-not-active", state(), plan, *hosts(app(active_state="failed")))


def test_another_unit_that_fails_meanwhile_is_a_warning() -> None:
    (finding,) = proven("unit-not-active", *(state(units=[app()]), forecast()), *hosts(app(active_state="failed")))
    assert finding.severity == "warning"


def test_a_failed_run_is_told_by_another_rule() -> None:
    assert not proven("unit-not-active", state(), PLAN, state(), applied=ran(2))
