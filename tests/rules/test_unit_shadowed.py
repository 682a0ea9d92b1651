"""A unit file over a packaged one."""

from __future__ import annotations

import pytest

from aisafe.model import Effect
from tests.cases import forecast, found, state, task, unit

HOST = state(
    units=[
        unit("nginx.service", fragment_path="/lib/systemd/system/nginx.service"),
        unit("own.service", fragment_path="/etc/systemd/system/own.service"),
    ]
)


def file(name: str, action: str = "create", detail: str = "") -> Effect:
    path = f"/etc/systemd/system/{name}"
    return Effect(kind="file", action=action, name=path, task=task(), detail=detail)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("effects", "expected"),
    [
        ([file("nginx.service")], 1),
        ([file("own.service", "change")], 0),
        ([file("new.service")], 0),
        ([file("nginx.service", detail="link to /dev/null")], 0),
        ([file("nginx.service.d/a.conf")], 0),
        ([file("nginx.service", "remove")], 0),
        ([Effect(kind="package", action="install", name="redis-server", task=task()), file("redis-server.service")], 1),
    ],
)
def test_cases(effects: list[Effect], expected: int) -> None:
    findings = found("unit-shadowed", HOST, forecast(*effects))
    assert [(item.severity, item.when) for item in findings] == [("warning", "after")] * expected


def test_both_files_are_named() -> None:
    (finding,) = found("unit-shadowed", HOST, forecast(file("nginx.service")))
    assert [party.name for party in finding.parties] == [
        "/lib/systemd/system/nginx.service",
        "/etc/systemd/system/nginx.service",
    ]
    assert "nginx.service.d" in finding.fix
