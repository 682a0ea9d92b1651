"""Two services start at the next boot."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from aisafe.model import Service
from tests.cases import effect, forecast, found, listens, service, state, task


def unit(**given: Any) -> Service:
    return service("unit nginx.service", "tcp 0.0.0.0:80", **{"active": False, "at_boot": True, "live": True, **given})


def box(**given: Any) -> Service:
    return service("container web", "tcp [::]:80", **{"at_boot": True, "by_run": True, "task": task(line=20), **given})


@pytest.mark.parametrize(
    ("services", "expected"),
    [
        ([unit(), box()], ["error"]),
        ([unit(by_run=True, task=task(line=9)), box()], ["error"]),
        ([unit(at_boot=False), box()], []),
        ([unit(), box(at_boot=False)], ["warning"]),
        ([unit(active=True, at_boot=False), box(active=False)], ["warning"]),
        ([unit(), box(by_run=False)], []),
        ([unit(), box(certainty="possible")], ["warning"]),
        ([unit(), service("container web", "tcp 0.0.0.0:81", at_boot=True, by_run=True)], []),
        ([unit(), service("container web", "udp 0.0.0.0:80", at_boot=True, by_run=True)], []),
        (
            [
                service("unit ssh.socket", "tcp [::]:22", at_boot=True),
                service("unit ssh.service", "tcp [::]:22", at_boot=True, by_run=True),
            ],
            [],
        ),
    ],
)
def test_cases(services: list[Service], expected: list[str]) -> None:
    findings = found("port-conflict-at-boot", state(), forecast(services=services))
    assert [item.severity for item in findings] == expected
    assert all(item.when == "boot" for item in findings)


def test_what_clashes_now_is_not_told_twice() -> None:
    before = state(listens("tcp 0.0.0.0:80", "unit nginx.service"))
    plan = forecast(effect("create", "container web", "tcp [::]:80"), services=[unit(active=True), box()])
    assert found("port-conflict", before, plan)
    assert not found("port-conflict-at-boot", before, plan)


def test_the_way_out_disables_the_sleeping_unit() -> None:
    (finding,) = found("port-conflict-at-boot", state(), forecast(services=[unit(), box()]))
    (fix,) = yaml.safe_load(finding.yaml)
    assert fix["ansible.builtin.systemd_service"] == {"name": "nginx.service", "enabled": False}
    assert finding.task == task(line=20)
    assert "stopped and starts at boot (enabled)" in finding.evidence[0]
