"""Paths and accounts that a service of the run wants and nobody brings."""

from __future__ import annotations

from typing import Any

import pytest

from aisafe.model import Absent, Asked
from tests.cases import forecast, found, holder, state, task


def asked(who: str = "container prom", *absent: Absent, **given: Any) -> Asked:
    return Asked(who=holder(who), task=task("Run it", 14), absent=absent, **given)


def absent(name: str = "/etc/prom.yml", **given: Any) -> Absent:
    return Absent(**{"kind": "path", "name": name, "why": "mounted", "then": "it fails", "fatal": True, **given})


@pytest.mark.parametrize(
    ("item", "severity", "when"),
    [
        (asked("container prom", absent()), "error", "now"),
        (asked("container prom", absent(), certainty="possible"), "warning", "possible"),
        (asked("container prom", absent(fatal=False)), "note", "possible"),
        (asked("unit x.service", absent("shop", kind="user")), "error", "now"),
    ],
)
def test_how_bad_it_is(item: Asked, severity: str, when: str) -> None:
    (finding,) = found("mount-missing", state(), forecast(asked=(item,)))
    assert (finding.severity, finding.when, finding.task) == (severity, when, item.task)
    assert item.absent[0].name in finding.message
    assert "it fails" in finding.message


def test_one_finding_for_each_and_none_for_none() -> None:
    both = forecast(asked=(asked("unit x.service", absent("/a"), absent("/b")), asked("container prom")))
    assert len(found("mount-missing", state(), both)) == 2
    assert found("mount-missing", state(), forecast()) == []
