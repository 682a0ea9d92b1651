"""The run takes away what another service needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aisafe.model import Effect, Need
from tests.cases import container, effect, forecast, found, holder, listens, service, sock, state, task, unit

HOST = state(
    listens("tcp 127.0.0.1:3000", "unit base.service"),
    units=[unit("app.service"), unit("base.service"), unit("echo.socket")], containers=[container("base"), container("side")],
)  # fmt: skip
APP, SIDE = service("unit app.service", live=True), service("container side", live=True)
DOWN = service("unit base.service", active=False)
STOP = effect("stop", "unit base.service")


def need(kind: str, name: str, who: str = "unit app.service", **given: Any) -> Need:
    return Need(who=holder(who), kind=kind, name=name, why="as it says", **given)  # type: ignore[arg-type]


def gone(path: str, action: str = "remove") -> Effect:
    return Effect(kind="file", action=action, name=path, task=task())  # type: ignore[arg-type]


def network(action: str) -> Effect:
    return replace(effect(action, "unit back"), kind="network", holder=None)


UPSTREAM = need("socket", "127.0.0.1:3000", socket=sock("tcp 127.0.0.1:3000"))


@pytest.mark.parametrize(
    ("needs", "effects", "services", "expected"),
    [
        ([need("unit", "base.service")], [STOP], [APP, DOWN], [("error", "now")]),
        (
            [need("unit", "base.service")],
            [STOP, effect("start", "unit base.service")],
            [APP, service("unit base.service")],
            [],
        ),
        ([need("unit", "base.service")], [STOP], [DOWN], []),
        ([need("unit", "base.service")], [STOP], [replace(APP, active=False), DOWN], []),
        (
            [need("container", "base", "container side")],
            [effect("change", "container base")],
            [SIDE],
            [("error", "now")],
        ),
        (
            [need("container", "base", "container side")],
            [effect("change", "container base"), effect("change", "container side")],
            [SIDE],
            [],
        ),
        (
            [need("container", "base", "container side")],
            [effect("stop", "container base"), effect("start", "container base")],
            [SIDE],
            [("error", "now")],
        ),
        (
            [need("container", "base", "container side")],
            [effect("restart", "container base"), effect("restart", "container side")],
            [SIDE],
            [],
        ),
        ([need("network", "back", "container side")], [network("remove")], [SIDE], [("error", "now")]),
        ([need("network", "back", "container side")], [network("remove"), network("create")], [SIDE], []),
        (
            [need("unit", "echo.socket", "container side")],
            [effect("restart", "unit echo.socket")],
            [SIDE, service("unit echo.socket")],
            [("error", "now")],
        ),
        ([need("path", "/opt/app/run", starting=True)], [gone("/opt/app")], [APP], [("error", "boot")]),
        ([need("path", "/opt/app/run", starting=True)], [gone("/opt/app"), gone("/opt/app/run", "create")], [APP], []),
        ([need("path", "/opt/app/run", starting=True)], [gone("/opt/app"), gone("/opt/app", "create")], [APP], []),
        (
            [need("path", "/opt/app/run", starting=True)],
            [gone("/opt/app"), replace(gone("/opt/app", "create"), detail="directory")],
            [APP],
            [("error", "boot")],
        ),
        (
            [need("path", "/opt/app/run", starting=True)],
            [gone("/opt/app"), replace(gone("tar xf", "run"), kind="command")],
            [APP],
            [("warning", "possible")],
        ),
        (
            [UPSTREAM],
            [effect("restart", "unit base.service")],
            [APP, replace(DOWN, active=True, sockets_known=False)],
            [],
        ),
        ([UPSTREAM], [STOP], [APP, DOWN], [("error", "now")]),
        ([UPSTREAM], [STOP], [APP, DOWN, service("container new", "tcp 0.0.0.0:3000")], []),
        ([need("unit", "base.service")], [replace(STOP, certainty="possible")], [APP, DOWN], [("warning", "possible")]),
    ],
)
def test_cases(needs, effects, services, expected) -> None:
    findings = found("dependency-cut", HOST, forecast(*effects, services=services, needs=tuple(needs)))
    assert [(item.severity, item.when) for item in findings] == expected


def test_both_parties_are_named() -> None:
    (finding,) = found("dependency-cut", HOST, forecast(STOP, services=[APP, DOWN], needs=(UPSTREAM,)))
    assert [party.name for party in finding.parties] == ["app.service", "base.service"]
    assert "127.0.0.1:3000, which nothing serves then" in finding.message
