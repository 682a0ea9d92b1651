"""The scenarios as they are written; ``python -m tests.scenarios`` runs them for real."""

from __future__ import annotations

import pytest

from aisafe.rules import RULES
from tests.scenarios.scenario import DATA, Scenario, everything, load

SCENARIOS = everything()


@pytest.mark.parametrize("name", [name for name, _ in RULES])
def test_every_rule_has_one_that_fires_and_a_near_miss(name: str) -> None:
    about = [scenario for scenario in SCENARIOS if scenario.rule == name]
    assert [scenario.name for scenario in about if not scenario.silent], "none that must be found"
    assert [scenario.name for scenario in about if scenario.silent], "no near miss"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_what_is_written_makes_sense(scenario: Scenario) -> None:
    known = {name for name, _ in RULES}
    assert scenario.rule in known
    assert {item.rule for item in scenario.expect} | scenario.also <= known
    assert all(item.severity in ("error", "warning", "note") for item in scenario.expect)
    assert all(item.when in ("now", "boot", "possible", "after") for item in scenario.expect)
    assert scenario.now, "nothing is looked at"
    assert scenario.what.endswith(".")
    boots = any(item.when == "boot" and item.severity == "error" for item in scenario.expect)
    assert not boots or scenario.boot is not None, "what breaks at boot is seen after one only"


def test_there_are_enough_of_them() -> None:
    assert len(SCENARIOS) >= 60


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("what: x\nrule: other\n", "lies in the directory"),
        ("what: x\nrule: memory\nfoo: 1\n", "unknown keys foo"),
        ("what: x\nrule: memory\nlogin: eve\n", "login eve"),
        ("what: x\nrule: memory\n", "KeyError"),
        ("what: x\nrule: memory\nplay: []\nexpect: []\ntruth: {applies: true}\nneeds: luck\n", "needs luck"),
        (
            "what: x\nrule: memory\nplay: []\nexpect: []\ntruth: {applies: true}\nother: {play: [], ends: never}\n",
            "other: ends never",
        ),
    ],
)
def test_a_file_that_is_wrong_is_named(text: str, words: str, tmp_path) -> None:
    file = tmp_path / "memory" / "a.yml"
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(ValueError, match=words):
        load(file)


def test_no_file_lies_where_it_is_not_read() -> None:
    assert {path for path in DATA.rglob("*") if path.is_file()} == set(DATA.glob("*/*.yml"))
