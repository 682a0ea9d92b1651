"""The forecast document: its schema, and one whole golden document."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from aisafe.config import Settings
from aisafe.judge import exit_code, judge
from aisafe.model import BlindSpot, Forecast, HostState
from aisafe.reports import View, find_report
from aisafe.reports.json import document, schema
from tests.cases import claim, forecast, state, story

GOLDEN = Path(__file__).parent / "golden" / "plan.json"


def made(states: dict[str, HostState], plan: Forecast) -> dict[str, Any]:
    verdict = judge(states, plan, settings=Settings())
    data = document(states, plan, verdict, exit_code(verdict))
    jsonschema.validate(data, schema(), format_checker=jsonschema.FormatChecker())
    return data


def test_the_schema_is_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_golden() -> None:
    states, plan = story()
    assert made(states, plan) == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_the_report_is_the_document() -> None:
    states, plan = story()
    verdict = judge(states, plan, settings=Settings())
    text = find_report("json")(View(states=states, forecast=plan, verdict=verdict, exit_code=20))
    assert json.loads(text) == document(states, plan, verdict, 20)


def test_a_clean_run() -> None:
    data = made({"web1": state()}, forecast())
    assert (data["verdict"], data["exit_code"], data["findings"]) == ("clean", 0, [])
    assert data["summary"]["errors"] == 0


def test_a_blind_host_has_its_spot_once() -> None:
    spot = BlindSpot(kind="container", reason="Docker does not answer", fix="Start it.")
    data = made({"web1": state(blind_spots=(spot,))}, forecast(blind_spots=(spot,)))
    assert data["hosts"]["web1"]["blind_spots"] == [
        {"kind": "container", "reason": "Docker does not answer", "fix": "Start it.", "blocks": True}
    ]
    assert data["exit_code"] == 23


def test_a_host_that_is_not_touched_is_listed() -> None:
    data = made({"web1": state(), "web2": state(host="web2")}, forecast())
    assert data["hosts"]["web2"]["effects"] == []


def test_claims_in_order_and_v6only_kept() -> None:
    plan = forecast(claims=[
        claim("tcp 0.0.0.0:9000", "unit a.service"), claim("tcp6only [::]:80", "unit a.service"),
        claim("tcp 127.0.0.1:80", "process nc", certainty="possible"),
    ])  # fmt: skip
    claims = made({"web1": state()}, plan)["hosts"]["web1"]["claims"]
    assert [(item["address"], item["ipv6_only"], item["port"], item["certainty"]) for item in claims] == [
        ("127.0.0.1", False, 80, "possible"), ("::", True, 80, "certain"), ("0.0.0.0", False, 9000, "certain"),
    ]  # fmt: skip


@pytest.mark.parametrize("broken", [{"verdict": "fine"}, {"exit_code": "20"}, {"extra": 1}, {"hosts": []}])
def test_the_schema_refuses(broken: dict[str, Any]) -> None:
    states, plan = story()
    data = {**made(states, plan), **broken}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, schema())


def test_severities_follow_the_settings() -> None:
    states, plan = story()
    verdict = judge(states, plan, settings=Settings(rules={"port-conflict": "note"}))
    data = document(states, plan, verdict, 20)
    assert {item["severity"] for item in data["findings"] if item["rule"] == "port-conflict"} == {"note"}
    assert replace(plan, complete=False) != plan
