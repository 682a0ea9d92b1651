"""Reports read by their consumers' own tools: Microsoft's SARIF validator, and what GitHub's toolkit writes in our place."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from aisafe.reports import find_report
from tests.reports.test_review_formats import NASTY, finding, view

TOOLS = ("@microsoft/sarif-multitool@5", "@actions/core@3")
WRITE = """
import * as core from '@actions/core';
import fs from 'fs';
for (const one of JSON.parse(fs.readFileSync(0, 'utf8')))
  core[one.level](one.message, {file: one.file, startLine: one.line, title: one.title});
"""
STRANGE = view(
    finding(message=NASTY), finding(rule="lint:risky,odd", severity="warning", host=None), finding(accepted="ann: so")
)


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the consumers' programs."""
    if shutil.which("npm") is None:
        pytest.skip("npm is missing: the consumers' own tools come from its registry")
    place = tmp_path_factory.mktemp("tools")
    words = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *TOOLS]
    subprocess.run(words, cwd=place, check=True, capture_output=True, text=True, timeout=600)
    return place


@pytest.mark.parametrize("of", [view(), STRANGE], ids=["story", "strange"])
def test_sarif_is_what_its_validator_accepts(tools: Path, tmp_path: Path, of) -> None:
    program = tools / "node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool"
    program.chmod(0o755)
    (tmp_path / "report.sarif").write_text(find_report("sarif")(of))
    subprocess.run(
        [program, "validate", "report.sarif", "--output", "found.sarif", "--log", "ForceOverwrite"], cwd=tmp_path, check=False,
        capture_output=True, timeout=300, env={**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"},
    )  # fmt: skip
    (run,) = json.loads((tmp_path / "found.sarif").read_text(encoding="utf-8-sig"))["runs"]
    assert run["invocations"][0]["executionSuccessful"]
    assert [result for result in run["results"] if result.get("level", "warning") == "error"] == []


def test_github_commands_are_what_its_toolkit_writes(tools: Path) -> None:
    (tools / "write.mjs").write_text(WRITE)
    asked = [
        {"level": {"error": "error", "warning": "warning"}[one.severity], "file": one.task.path, "line": one.task.line,
         "title": one.rule, "message": (f"{one.host}: " if one.host else "") + one.message.replace("\x1b", "\ufffd")}
        for one in STRANGE.verdict.findings if one.task is not None and not one.accepted
    ]  # fmt: skip
    words = ["node", "write.mjs"]
    theirs = subprocess.run(
        words, cwd=tools, input=json.dumps(asked), capture_output=True, text=True, check=True
    ).stdout
    assert _told(find_report("github")(STRANGE)) == _told(theirs)


def _told(text: str) -> list[tuple[str, list[str], str]]:
    """Level, properties in no order, message of each command."""
    found = []
    for line in text.splitlines():
        head, _, message = line.removeprefix("::").partition("::")
        level, _, properties = head.partition(" ")
        found.append((level, sorted(properties.split(",")), message))
    return found
