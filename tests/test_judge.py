"""The judge: levels, acceptance, order, and what happens when a rule or a host fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from aisafe.config import Accept, Settings
from aisafe.errors import ExitCode, UsageError
from aisafe.judge import check_rules, exit_code, judge, prove
from aisafe.model import BlindSpot, Finding, Forecast, Note, Verdict
from aisafe.rules import RULES, Case, Rule
from tests.cases import forecast, ran, state, story, task


def rules_of(verdict: Verdict) -> list[str]:
    return [finding.rule for finding in verdict.findings]


@pytest.fixture
def crashing(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(case: Case) -> Iterator[Finding]:
        raise LookupError(f"no {case.host}")
        yield

    table = dict(RULES)
    table["crashing"] = Rule(id="crashing", severity="warning", stage="both", check=check)
    monkeypatch.setattr(RULES, "_items", table)


def test_the_story_is_blocked() -> None:
    states, plan = story()
    verdict = judge(states, plan, settings=Settings())
    assert rules_of(verdict) == ["port-conflict", "service-twice", "irreversible", "opaque-task"]
    assert (verdict.word, exit_code(verdict)) == ("blocked", ExitCode.BLOCKED)


def test_nothing_to_do_is_clean() -> None:
    verdict = judge({"web1": state()}, forecast(), settings=Settings())
    assert (verdict.findings, verdict.word, exit_code(verdict)) == ((), "clean", ExitCode.OK)


def test_a_rule_that_crashes_blocks(crashing: None) -> None:
    verdict = judge({"web1": state()}, forecast(), settings=Settings())
    assert rules_of(verdict) == ["rule-failed", "rule-failed"]
    assert verdict.findings[1].message == "rule crashing could not be evaluated: LookupError: no web1"
    assert verdict.blocks


def test_a_crash_is_neither_lowered_nor_accepted_with_its_rule(crashing: None) -> None:
    settings = Settings(rules={"crashing": "note"}, accept=(Accept(rule="crashing", reason="x"),))
    assert judge({"web1": state()}, forecast(), settings=settings).blocks


def test_a_rule_that_is_off_is_not_asked(crashing: None) -> None:
    assert not judge({"web1": state()}, forecast(), settings=Settings(rules={"crashing": "off"})).findings


@pytest.mark.parametrize(
    ("level", "severity", "word"),
    [("error", "error", "blocked"), ("warn", "warning", "warn"), ("note", "note", "clean")],
)
def test_levels(level: str, severity: str, word: str) -> None:
    plan = forecast(notes=[Note(kind="opaque-task", host="web1", task=task(), message="x")])
    verdict = judge({"web1": state()}, plan, settings=Settings(rules={"opaque-task": level}))  # type: ignore[dict-item]
    assert [finding.severity for finding in verdict.findings] == [severity]
    assert verdict.word == word


def test_levels_of_lint() -> None:
    lint = [
        Finding(rule="lint:yaml[x]", severity="note", message="a"),
        Finding(rule="lint:risky", severity="note", message="b"),
    ]
    settings = Settings(rules={"lint": "warn", "lint:risky": "error"})
    found = judge({}, Forecast(), lint=lint, settings=settings).findings
    assert [(item.rule, item.severity) for item in found] == [("lint:risky", "error"), ("lint:yaml[x]", "warning")]


def test_accepted_findings_are_listed_and_do_not_block() -> None:
    states, plan = story()
    accepts = tuple(Accept(rule=rule, reason="command line") for rule in ("port-conflict", "service-twice"))
    verdict = judge(states, plan, settings=Settings(accept=accepts))
    assert [(item.rule, item.accepted) for item in verdict.findings if item.severity == "error"] == [
        ("port-conflict", "command line"), ("service-twice", "command line"),
    ]  # fmt: skip
    assert (verdict.word, exit_code(verdict)) == ("warn", ExitCode.OK)


@pytest.mark.parametrize(
    ("accept", "said"),
    [
        (
            Accept(rule="memory", reason="known", owner="ops", until=date(2099, 1, 1)),
            ["Nothing of this run is covered by the acceptance of memory: ops: known (until 2099-01-01)."],
        ),
        (
            Accept(rule="memory", reason="command line", host="web*"),
            ["Nothing of this run is covered by the acceptance of memory on web*: command line."],
        ),
        (Accept(rule="memory", reason="x", host="db*"), []),  # about a host that this run does not touch
        (Accept(rule="port-conflict", reason="x"), []),
        (Accept(rule="unit-not-active", reason="x"), []),  # what the proof will say is not known yet
    ],
)
def test_an_acceptance_that_covers_nothing_is_a_note(accept: Accept, said: list[str]) -> None:
    states, plan = story()
    found = [item for item in judge(states, plan, settings=Settings(accept=(accept,))).findings
             if item.rule == "unused-acceptance"]  # fmt: skip
    assert [item.message for item in found] == said
    assert all(item.severity == "note" for item in found)


def test_an_expired_acceptance_counts_again_and_says_so() -> None:
    states, plan = story()
    accept = Accept(rule="port-conflict", reason="known", owner="ops", until=date(2026, 2, 1), expired=True)
    first = judge(states, plan, settings=Settings(accept=(accept,))).findings[0]
    assert first.blocks
    assert (
        first.evidence[-1]
        == "it was accepted by ops: known (until 2026-02-01); that day has passed, so it counts again"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [("port-conflct", "Did you mean port-conflict"), ("zzz", "Known rules: across-waves, ")],
)
def test_unknown_rules_are_refused(name: str, message: str) -> None:
    for settings in (Settings(rules={name: "off"}), Settings(accept=(Accept(rule=name, reason="x"),))):
        with pytest.raises(UsageError) as caught:
            check_rules(settings)
        assert message in caught.value.fix


def test_known_rules_are_taken() -> None:
    check_rules(Settings(rules={"port-conflict": "warn", "lint": "off", "lint:yaml[x]": "off"}))


def test_equal_findings_of_a_loop_count_once() -> None:
    note = Note(kind="predicted-failure", host="web1", task=task(), message="no such file")
    twice = forecast(notes=[note, note, replace(note, message="another")])
    assert len(judge({"web1": state()}, twice, settings=Settings()).findings) == 2


def test_a_host_that_was_not_asked_is_a_blind_spot() -> None:
    verdict = judge({}, forecast(), settings=Settings())
    assert [(item.rule, item.host) for item in verdict.findings] == [("blind-spot", "web1")]
    assert exit_code(verdict) == ExitCode.BLIND


def test_an_unguarded_host_is_no_blind_spot() -> None:
    plan = forecast(
        host="localhost", notes=[Note(kind="unguarded-host", host="localhost", message="command runs on it")]
    )
    assert rules_of(judge({}, plan, settings=Settings())) == ["unguarded-host"]


def test_too_blind_only_when_nothing_else_blocks() -> None:
    states, plan = story()
    states["web1"] = replace(states["web1"], blind_spots=(BlindSpot(kind="container", reason="Docker is dead"),))
    assert exit_code(judge(states, plan, settings=Settings())) == ExitCode.BLOCKED


def test_a_host_without_a_sample_after_the_run_is_unreachable() -> None:
    verdict = prove({"web1": state()}, forecast(), {}, ran(), settings=Settings())
    assert rules_of(verdict) == ["unreachable-after"]


def test_all_well_after_the_run() -> None:
    assert not prove({"web1": state()}, forecast(), {"web1": [state()]}, ran(), settings=Settings()).findings


def test_order_is_the_worst_first_and_the_same_each_time() -> None:
    states, plan = story()
    once, again = (judge(states, plan, settings=Settings()).findings for _ in range(2))
    assert once == again
    assert [finding.severity for finding in once] == sorted(
        (f.severity for f in once), key=["error", "warning", "note"].index
    )
