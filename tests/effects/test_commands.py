"""Command lines are read, never run: what they do is told; what cannot be read is opaque, with the program named."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aisafe.effects.api import SourceFile
from aisafe.effects.shell import NotUnderstood, parse
from aisafe.model import Unit, Unknown
from tests.effects.scenes import predicted, run

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "data" / "commands.yml").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["run"][:60])
def test_command_line(case: dict[str, Any]) -> None:
    files = {path: content.encode() for path, content in case.get("files", {}).items()}
    units = {name: Unit(name=name, **fields) for name, fields in case.get("units", {}).items()}
    host = predicted(files, packages=case.get("packages", {}), units=units)
    args = {"_raw_params": case["run"], **{key: case[key] for key in ("creates", "removes", "chdir") if key in case}}
    result = run(host, case.get("module", "shell"), args)
    told = [
        f"{one.kind} {one.action} {one.name} {one.certainty}" for one in result.effects if one.certainty != "opaque"
    ]
    assert told == case.get("effects", [])
    assert case.get("opaque", "") in result.opaque
    assert bool(result.opaque) == ("opaque" in case)
    assert result.failed == case.get("failed", "")
    assert result.changed is case.get("changed", True)
    assert result.values.get("rc") == case.get("rc", result.values.get("rc"))
    if "out" in case:
        assert result.values["stdout"] == case["out"]
    for path, content in case.get("content", {}).items():
        assert host.file(path).text == content


def test_an_unknown_part_is_harmless_only_for_a_program_that_reads_and_without_a_shell() -> None:
    path = Unknown("the output of 'where'", "cat ⟦the output of 'where'⟧")
    assert run(predicted(), "command", {"_raw_params": path}).opaque == ""
    assert "cat" in run(predicted(), "shell", {"_raw_params": path}).opaque
    assert "rm" in run(predicted(), "command", {"_raw_params": Unknown("x", "rm -rf ⟦x⟧")}).opaque


def test_no_log_hides_the_command() -> None:
    result = run(predicted(), "shell", {"_raw_params": "unheard-of --password s3cret"}, no_log=True)
    assert result.opaque
    assert "s3cret" not in repr(result)
    assert "unheard-of" not in repr(result)


def test_script_for_the_shell_is_read_and_another_is_not() -> None:
    shell = (SourceFile(name="", content=b"#!/bin/bash\nset -e\ntouch /etc/x\n"),)
    result = run(predicted(), "script", {"_raw_params": "setup.sh"}, source=shell)
    assert [(one.action, one.name) for one in result.effects] == [("create", "/etc/x")]
    perl = (SourceFile(name="", content=b"#!/usr/bin/perl\nunlink '/etc/x';\n"),)
    assert "perl" in run(predicted(), "script", {"_raw_params": "setup.pl"}, source=perl).opaque


@given(st.text(alphabet="ab $'\"`\\|&;<>(){}[]*\n-/=#!~1", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(NotUnderstood):
        assert all(pipeline.commands for pipeline in parse(text))


@given(st.text(alphabet="rm cat > echo -f /etc/x && || ; | $a ' \" \n <<", max_size=40))
def test_no_command_line_makes_the_model_fail(text: str) -> None:
    result = run(predicted(), "shell", {"_raw_params": text})
    assert "the model of" not in result.opaque


def test_what_creates_names_may_come_even_after_another_unknown_command() -> None:
    host = predicted({})
    for path in ("/srv/key", "/srv/certificate"):
        result = run(host, "command", {"_raw_params": f"unknown-program {path}", "creates": path})
        assert [effect.name for effect in result.effects if effect.kind == "file"] == [path]


def test_pam_auth_update_writes_the_common_files() -> None:
    host = predicted({"/etc/pam.d/common-account": b"account required pam_unix.so\n"})
    result = run(host, "command", {"cmd": "pam-auth-update --package"})
    assert not result.opaque
    edit = {"path": "/etc/pam.d/common-account", "regexp": "pam_unix", "line": "account required pam_unix.so more"}
    assert [effect.certainty for effect in run(host, "lineinfile", edit).effects] == ["possible"]
