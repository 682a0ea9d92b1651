"""One program as a unit and as a container."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from aisafe.model import Service
from tests.cases import forecast, found, service, state, task


def unit(**given: Any) -> Service:
    return service(
        "unit exporter.service", "tcp 0.0.0.0:9100", **{"program": "exporter", "live": True, "pid": 4, **given}
    )


def box(**given: Any) -> Service:
    base = {"program": "exporter", "by_run": True, "task": task(line=20)}
    return service("container exporter", "tcp 0.0.0.0:9101", **{**base, **given})


@pytest.mark.parametrize(
    ("services", "expected"),
    [
        ([unit(), box()], [("error", "now")]),
        ([box(), unit()], [("error", "now")]),
        ([unit(program=""), box(program="")], []),
        ([unit(), box(program="nginx")], []),
        ([unit(), box(by_run=False)], []),
        ([unit(active=False), box()], []),
        ([unit(active=False, at_boot=True), box()], [("error", "boot")]),
        ([unit(), box(certainty="possible")], [("warning", "possible")]),
        ([box(), service("container other", program="exporter", by_run=True)], []),
        ([unit(by_run=True, live=False, task=task(line=8)), box()], [("error", "now")]),
    ],
)
def test_cases(services: list[Service], expected: list[tuple[str, str]]) -> None:
    findings = found("service-twice", state(), forecast(services=services))
    assert [(item.severity, item.when) for item in findings] == expected


def test_the_way_out_stops_the_one_that_was_there() -> None:
    (finding,) = found("service-twice", state(), forecast(services=[unit(), box()]))
    (fix,) = yaml.safe_load(finding.yaml)
    assert fix["ansible.builtin.systemd_service"]["name"] == "exporter.service"
    assert [party.live for party in finding.parties] == [True, False]
    (finding,) = found(
        "service-twice", state(), forecast(services=[unit(by_run=True, live=False), box(by_run=False, live=True)])
    )
    assert yaml.safe_load(finding.yaml)[0]["community.docker.docker_container"] == {
        "name": "exporter",
        "state": "absent",
    }
