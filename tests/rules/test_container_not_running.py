"""Containers of the run stay up."""

from __future__ import annotations

from typing import Any

import pytest

from aisafe.model import Container
from tests.cases import container, forecast, proven, service, state

PLAN = forecast(services=[service("container app", by_run=True)])


def app(**given: Any) -> Container:
    return container("app", **{"started_at": "1", **given})


@pytest.mark.parametrize(
    ("before", "samples", "words"),
    [
        (None, [app(), app()], None),
        (
            None,
            [app(state="created", error="port is already allocated")],
            "created and was never started (port is already",
        ),
        (None, [app(state="exited", exit_code=1)], "it is exited (exit code 1)"),
        (None, [app(state="exited", exit_code=0)], "it is exited (exit code 0)"),
        (None, [app(state="restarting", restart_count=3, exit_code=127)], "started again all the time (exit code 127)"),
        (None, [app(restart_count=0), app(restart_count=2)], "started it again 2 times"),
        (None, [app(restart_count=1)], "started it again once"),
        (None, [app(state="restarting", restart_count=1, exit_code=2), app(restart_count=2)], "2 times (exit code 2)"),
        (app(restart_count=5), [app(restart_count=5)], None),
        (app(restart_count=5), [app(restart_count=6)], "started it again 6 times"),
        (app(restart_count=5, id="old"), [app(restart_count=0)], None),
        (None, [app(), app(started_at="2")], "started again while it was watched"),
        (None, [app(health="unhealthy")], "its health check fails"),
        (None, [app(health="starting"), app(health="healthy")], None),
        (None, [app(), None], "it is not there after the run"),
    ],
)
def test_cases(before: Container | None, samples: list[Container | None], words: str | None) -> None:
    first = state(containers=[before] if before else [])
    after = [state(containers=[item] if item else []) for item in samples]
    findings = proven("container-not-running", first, PLAN, *after)
    assert len(findings) == (0 if words is None else 1)
    if words:
        assert words in findings[0].message
        assert findings[0].severity == "error"
        assert findings[0].fix.startswith("See why: docker logs app, ")


@pytest.mark.parametrize("given", [{"by_run": False}, {"active": False}, {"certainty": "possible"}])
def test_only_what_was_certain_to_be_up(given: dict[str, Any]) -> None:
    plan = forecast(services=[service("container app", **{"by_run": True, **given})])
    assert not proven("container-not-running", state(), plan, state())
