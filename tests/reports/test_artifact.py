"""What AWX keeps of a run: plain data that JSON can hold, small enough for variables of later jobs."""

from __future__ import annotations

import json

from aisafe.model import Finding, Forecast, HostForecast, Verdict
from aisafe.reports import View
from aisafe.reports.artifact import artifact


def view(*findings: Finding) -> View:
    forecast = Forecast(hosts={"web1": HostForecast(host="web1")})
    return View(forecast=forecast, verdict=Verdict(findings=findings), exit_code=20, run="r1", playbooks=("site.yml",))


def test_errors_come_first_and_notes_and_accepted_findings_are_left_out():
    told = artifact(
        view(
            Finding(rule="memory", severity="warning", message="Much."),
            Finding(rule="port-conflict", severity="error", message="Taken.", host="web1", fix="Stop it."),
            Finding(rule="assumption", severity="note", message="Maybe."),
            Finding(rule="opaque-task", severity="warning", message="Known.", accepted="ann"),
        )
    )
    assert [item["rule"] for item in told["findings"]] == ["port-conflict", "memory"]
    assert (told["verdict"], told["exit_code"], told["errors"], told["warnings"], told["run"]) == (
        "blocked",
        20,
        1,
        1,
        "r1",
    )
    assert told["changes"] == {"web1": 0}
    assert "Taken." in told["plan"]
    assert json.loads(json.dumps(told)) == told


def test_it_stays_small():
    many = [Finding(rule="port-conflict", severity="error", message=f"Taken {n}. " * 50) for n in range(500)]
    told = artifact(view(*many))
    assert (told["errors"], len(told["findings"])) == (500, 50)
    assert len(told["plan"]) < 61_000
    assert "too long" in told["plan"]
