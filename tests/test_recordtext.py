"""The text of a record says what the data without secrets says."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from aisafe import recordtext
from aisafe.masking import redacted
from aisafe.model import Forecast
from aisafe.model.codec import dump
from aisafe.recordtext import pieces
from tests import cases

SECRET = "hunter22"


def states() -> dict[str, Any]:
    before, _ = cases.story()
    (one,) = before.values()
    secret = cases.unit(
        "a.service",
        environment={"KEY": SECRET},
        commands=(("/bin/a", "--password", SECRET), ("/bin/b", f"token={SECRET}")),
    )
    busy = cases.container("c", "tcp 0.0.0.0:80", command=("c", f"--token={SECRET}"), labels={"environment": "prod"})
    one = replace(one, units={**one.units, "a.service": secret}, containers={"c": busy})
    return {name: replace(one, host=name) for name in ("h1", "h2")}


def plan() -> Forecast:
    served = cases.service("unit a.service", "tcp 0.0.0.0:80", argv=("/bin/a", SECRET, f"--key={SECRET}"))
    made = cases.forecast(cases.effect("start", "unit a.service", "tcp 0.0.0.0:80"), services=[served, served])
    return replace(made, hosts={**made.hosts, "web2": replace(made.hosts["web1"], host="web2")})


@pytest.mark.parametrize("most", [1, 20_000])
@pytest.mark.parametrize(
    "value",
    [
        states(),
        plan(),
        cases.story()[1],
        {"argv": ["a", f"--token={SECRET}"], "environment": {"A": SECRET}, "playbooks": {"site.yml": "1"}, "n": None},
        {"services": [{"argv": ["a", SECRET]}], "other": {"services": {"argv": ["--password", SECRET]}}, "e": {}},
        {},
        [],
        "text",
        [1, {"environment": {"A": SECRET}}],
    ],
)
def test_as_the_data(value: Any, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordtext, "MOST", most)
    text = "".join(pieces(value))
    assert json.loads(text) == redacted(dump(value))
    assert SECRET not in text


def test_one_object_under_two_names() -> None:
    """What is shared is written by where it stands: under one name it may be shown, under another it is hidden."""
    shared = {"A": SECRET}
    assert json.loads("".join(pieces({"labels": shared, "environment": shared}))) == {
        "labels": {"A": SECRET}, "environment": {"A": "***"},
    }  # fmt: skip


def test_a_host_a_line() -> None:
    assert ["".join(pieces(states())).count("\n"), "".join(pieces(plan())).count('\n"web')] == [2, 2]
