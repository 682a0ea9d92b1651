"""The words about rules, as they are typed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from aisafe.rules import RULES


def aisafe(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", "from aisafe.entry import main; main()", *words], text=True,
                          capture_output=True, check=False, timeout=60)  # fmt: skip


def test_rules_lists_them_all() -> None:
    done = aisafe("rules", "--format", "json")
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)
    assert [item["rule"] for item in listed] == [name for name, _ in RULES]
    assert all(item["finds"].endswith((".", "?")) for item in listed)
    assert "port-conflict" in aisafe("rules").stdout


@pytest.mark.parametrize("name", ["port-conflict", "ssh-lockout"])
def test_explain_shows_wrong_and_right(name: str) -> None:
    done = aisafe("explain", name)
    assert done.returncode == 0, done.stderr
    for word in ("Wrong:", "Right:", f"--aisafe-accept={name}@HOST"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("explain", "port-confl"), "Did you mean port-conflict?"),
        (("explain", "zzz"), "See aisafe rules"),
        (("explain", "lint:name[casing]"), "rule of ansible-lint"),
        (("rules", "--format", "xml"), "no format 'xml'"),
        (("fix",), "no playbook on the command line"),
    ],
)
def test_mistakes_are_told(words: tuple[str, ...], says: str) -> None:
    done = aisafe(*words)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
