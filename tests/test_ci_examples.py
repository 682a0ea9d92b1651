"""The pipelines of docs/examples: valid by the schemas of GitHub and GitLab, and their plans do what they say."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from junitparser import JUnitXml

from tests.story import BIN, ROOT, Workplace, workplace

EXAMPLES = ROOT / "docs" / "examples"
CLASH = """\
- hosts: monitored
  gather_facts: false
  tasks:
    - community.docker.docker_container: {name: one, image: "busybox:1.36", ports: ["8080:80"]}
    - community.docker.docker_container: {name: two, image: "busybox:1.36", ports: ["8080:80"]}
"""


@pytest.mark.parametrize(
    ("name", "schema"), [("github-workflow.yml", "github-workflows"), ("gitlab-ci.yml", "gitlab-ci")]
)
def test_it_is_valid(name: str, schema: str) -> None:
    words = [BIN / "check-jsonschema", "--builtin-schema", f"vendor.{schema}", EXAMPLES / name]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    made = workplace(tmp_path / "work", ["web1"])
    made.write("site.yml", CLASH)
    return made


def commands(name: str, job: str) -> list[list[str]]:
    data = yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))
    found = (
        [step["run"] for step in data["jobs"][job]["steps"] if "run" in step] if "jobs" in data else data[job]["script"]
    )
    return [words for text in found if (words := shlex.split(text))[0].startswith("aisafe")]


def test_the_plan_of_the_github_workflow(place: Workplace) -> None:
    (words,) = commands("github-workflow.yml", "plan")
    summary = place.directory / "summary.md"
    done = place.run(*words, AISAFE_LINT="off", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 20, done.stderr
    assert "::error file=site.yml,line=5" in done.stdout + done.stderr
    assert "port-conflict-in-run" in summary.read_text(encoding="utf-8")
    results = json.loads((place.directory / "aisafe.sarif").read_text(encoding="utf-8"))["runs"][0]["results"]
    assert "port-conflict-in-run" in {item["ruleId"] for item in results}


def test_the_plan_of_the_gitlab_pipeline(place: Workplace) -> None:
    (words,) = commands("gitlab-ci.yml", "plan")
    assert place.run(*words, AISAFE_LINT="off").returncode == 20
    issues = json.loads((place.directory / "gl-code-quality.json").read_text(encoding="utf-8"))
    assert ("site.yml", 5) in {(item["location"]["path"], item["location"]["lines"]["begin"]) for item in issues}
    assert JUnitXml.fromfile(str(place.directory / "junit.xml")).failures >= 1
    assert "port-conflict-in-run" in (place.directory / "plan.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["github-workflow.yml", "gitlab-ci.yml"])
def test_what_it_applies_is_read(name: str, place: Workplace) -> None:
    (words,) = commands(name, "apply")
    done = place.run(*words, "--list-tasks")
    assert done.returncode == 0, done.stderr
