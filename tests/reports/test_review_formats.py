"""The formats for CI and reviewers: read back by what their consumers read them with."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import cmarkgfm
import pytest
from junitparser import JUnitXml
from sarif_pydantic import Sarif

from aisafe.config import Settings
from aisafe.judge import judge
from aisafe.model import Finding, Forecast, Party, Verdict
from aisafe.reports import View, find_report
from tests.cases import story, task

NASTY = "a <b> & `c` | d\x1b[31m, e: 100%\nnext *line* é"


def view(*findings: Finding, **given: Any) -> View:
    states, plan = story()
    verdict = Verdict(findings=findings) if findings else judge(states, plan, settings=Settings())
    return View(states=states, forecast=plan, verdict=verdict, exit_code=20, playbooks=("site.yml",), **given)


def finding(**given: Any) -> Finding:
    fields: dict[str, Any] = {"rule": "port-conflict", "severity": "error", "message": "It clashes.", "host": "web1",
                              "task": task("Run it", 23, "roles/my agent/tasks/main.yml")}  # fmt: skip
    return Finding(**{**fields, **given})


def sarif(of: View) -> dict[str, Any]:
    text = find_report("sarif")(of)
    Sarif.model_validate_json(text)
    return dict(json.loads(text))["runs"][0]


def test_sarif_is_valid_and_points_at_the_line() -> None:
    run = sarif(view(finding(), finding(rule="lint:risky", severity="warning", host=None)))
    first, second = run["results"]
    region = first["locations"][0]["physicalLocation"]
    assert region["artifactLocation"] == {"uri": "roles/my%20agent/tasks/main.yml", "uriBaseId": "%SRCROOT%"}
    assert region["region"] == {"startLine": 23}
    assert (first["level"], second["level"]) == ("error", "warning")
    known = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert {first["ruleId"], second["ruleId"]} == set(known)
    assert known["port-conflict"]["shortDescription"]["text"].endswith(".")


def test_sarif_tells_the_other_party_and_who_accepted() -> None:
    other = Party(kind="unit", name="x.service", live=False, task=task("Start x", 7))
    (result,) = sarif(view(finding(accepted="ann: meant so", parties=(other,))))["results"]
    assert result["suppressions"] == [{"kind": "external", "justification": "ann: meant so"}]
    assert result["relatedLocations"][0]["physicalLocation"]["region"]["startLine"] == 7


def test_a_fingerprint_outlives_lines_and_pids() -> None:
    def prints(of: Finding) -> str:
        (result,) = sarif(view(of))["results"]
        return str(result["partialFingerprints"]["aisafe/v1"])

    once = finding(message="unit x (pid 41) holds it.")
    moved = replace(once, message="unit x (pid 977) holds it.", task=replace(once.task, line=99))
    assert prints(once) == prints(moved)
    assert prints(once) != prints(replace(once, host="web2"))


def test_a_finding_without_a_task_stands_at_the_playbook() -> None:
    (result,) = sarif(view(finding(task=None)))["results"]
    location = result["locations"][0]["physicalLocation"]
    assert (location["artifactLocation"]["uri"], location["region"]["startLine"]) == ("site.yml", 1)


def test_junit_is_read_back() -> None:
    read = JUnitXml.fromstring(
        find_report("junit")(view(finding(message=NASTY), finding(rule="opaque-task", accepted="ann"))).encode()
    )
    suites = {suite.name: suite for suite in read}
    cases = {case.name: case for case in suites["web1"]}
    assert cases["port-conflict"].is_failure
    assert cases["port-conflict"].result[0].message.startswith("a <b> & `c` | d\ufffd[31m")
    assert cases["opaque-task"].is_skipped
    assert cases["ssh-lockout"].is_passed
    assert (suites["web1"].failures, suites["web1"].skipped) == (1, 1)
    assert read.failures == 1
    assert "not-listening" not in cases, "what is looked at after the run has not been judged yet"


def test_junit_after_the_run_has_the_proof() -> None:
    seen = view(finding(severity="warning"), proof=Verdict(findings=(finding(rule="not-listening"),)))
    (failed,) = [case for suite in JUnitXml.fromstring(find_report("junit")(seen).encode()) for case in suite
                 if case.is_failure]  # fmt: skip
    assert failed.name == "not-listening"


def test_github_commands_are_one_line_each_and_escaped() -> None:
    text = find_report("github")(view(finding(message=NASTY), finding(severity="note"), finding(accepted="ann")))
    (line,) = text.splitlines()
    command = re.fullmatch(r"::error file=([^,]*),line=(\d+),title=([^,:]*)::(.*)", line)
    assert command is not None
    assert (command[1], command[2], command[3]) == ("roles/my agent/tasks/main.yml", "23", "port-conflict")
    assert "100%25%0Anext" in command[4]


def test_gitlab_has_what_it_demands_of_each_issue() -> None:
    twice = finding()
    issues = json.loads(find_report("gitlab")(view(twice, twice, finding(host=None, task=None, severity="note"))))
    assert len(issues) == 2
    for issue in issues:
        assert set(issue) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert issue["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert not issue["location"]["path"].startswith("./")
        assert issue["location"]["lines"]["begin"] >= 1
    assert len({issue["fingerprint"] for issue in issues}) == 2


def test_markdown_tells_it_all_and_lets_nothing_become_markup() -> None:
    text = find_report("markdown")(view(finding(message=NASTY, fix="Stop it.", yaml="- name: Stop\n  x: '```'\n")))
    assert "blocked, nothing was changed" in text
    assert "roles/my agent/tasks/main.yml:23" in text
    assert "a \\<b\\> & \\`c\\` \\| d" in text
    assert "````yaml\n- name: Stop" in text
    assert "<b>" not in text.replace("\\<b\\>", "")


def test_markdown_is_what_github_renders() -> None:
    text = find_report("markdown")(view(finding(message=NASTY, fix="Stop it.", yaml="- name: Stop\n  x: 1\n")))
    page = cmarkgfm.github_flavored_markdown_to_html(text)
    assert "<p>a &lt;b&gt; &amp; `c` | d\ufffd[31m, e: 100% next *line* é</p>" in page
    assert '<pre lang="yaml"><code>- name: Stop' in page
    assert page.count("<table>") == 2, "what changes, and the sockets"


@pytest.mark.parametrize("name", ["sarif", "junit", "github", "gitlab", "markdown"])
def test_nothing_of_others_steers_a_terminal_or_turns_text_around(name: str) -> None:
    evil = "a\x1b[2Jb\u202ec"
    text = find_report(name)(view(finding(message=evil, fix=evil, host=evil, task=task(evil, 3, f"{evil}.yml"))))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "u001b" not in text


@pytest.mark.parametrize("name", ["sarif", "junit", "github", "gitlab", "markdown"])
def test_the_story_is_told_at_its_line(name: str) -> None:
    text = find_report(name)(view())
    assert "port-conflict" in text
    assert "14" in text
    assert "9100" in text


@pytest.mark.parametrize("name", ["sarif", "junit", "github", "gitlab", "markdown"])
def test_an_empty_run_is_a_valid_report(name: str) -> None:
    text = find_report(name)(View(forecast=Forecast(), verdict=Verdict(), exit_code=0))
    if name == "sarif":
        Sarif.model_validate_json(text)
    elif name == "junit":
        JUnitXml.fromstring(text.encode())
    elif name == "gitlab":
        assert json.loads(text) == []
