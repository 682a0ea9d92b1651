"""The command line is split without loss and read as ansible-playbook reads it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from aisafe.errors import UsageError
from aisafe.playbook.commandline import FLAGS, TAKES_VALUE, parse

KNOWN = ("deadline", "accept", "debug")


def test_the_table_is_ansibles_own():
    script = (
        "from ansible.cli.playbook import PlaybookCLI as P\n"
        "c = P(['ansible-playbook', 'x']); c.init_parser()\n"
        "for a in c.parser._actions:\n"
        "    for o in a.option_strings: print(o, 0 if a.nargs == 0 else 1)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={**os.environ}
    )
    theirs = dict(line.split() for line in done.stdout.splitlines())
    assert {name for name, arity in theirs.items() if arity == "0"} == FLAGS
    assert {name for name, arity in theirs.items() if arity == "1"} == TAKES_VALUE


@pytest.mark.parametrize(
    ("argv", "theirs", "ours"),
    [
        (["site.yml"], ["site.yml"], {}),
        (["--aisafe-deadline=9", "site.yml", "-v"], ["site.yml", "-v"], {"deadline": ("9",)}),
        (
            ["a.yml", "--aisafe-accept=x", "-e", "a=1", "--aisafe-accept=y@h"],
            ["a.yml", "-e", "a=1"],
            {"accept": ("x", "y@h")},
        ),
        (["a.yml", "--aisafe-debug"], ["a.yml"], {"debug": ("",)}),
        (["--", "--aisafe-deadline=9"], ["--", "--aisafe-deadline=9"], {}),
        (["-e", "a=--aisafe-x", "a.yml"], ["-e", "a=--aisafe-x", "a.yml"], {}),
    ],
)
def test_splitting_is_lossless(argv, theirs, ours):
    line = parse(argv, known=KNOWN)
    assert list(line.arguments) == theirs
    assert dict(line.ours) == ours


@pytest.mark.parametrize(
    ("argv", "playbooks"),
    [
        (["-i", "hosts", "a.yml", "b.yml"], ("a.yml", "b.yml")),
        (["-ihosts", "a.yml"], ("a.yml",)),
        (["-vvvKb", "-f5", "a.yml"], ("a.yml",)),
        (["--inv", "hosts", "a.yml"], ("a.yml",)),
        (["--limit=web", "--", "-odd.yml"], ("-odd.yml",)),
    ],
)
def test_playbooks_are_told_from_values(argv, playbooks):
    assert parse(argv, known=KNOWN).playbooks == playbooks


@pytest.mark.parametrize(
    "argv", [["--version"], ["-h"], ["--syn", "a.yml"], ["a.yml", "--list-tasks"], ["--list-ho", "a.yml"]]
)
def test_questions_are_seen_even_abbreviated(argv):
    assert parse(argv, known=KNOWN).only_asks


@pytest.mark.parametrize("argv", [["a.yml", "-e", "--version"], ["-i", "--list-tasks", "a.yml"], ["a.yml", "-C"]])
def test_a_value_that_looks_like_a_question_is_none(argv):
    assert not parse(argv, known=KNOWN).only_asks


def test_check_and_verbosity():
    line = parse(["-vvC", "a.yml", "--verbose"], known=KNOWN)
    assert line.check
    assert line.verbosity == 3


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--aisafe-deadlin=3", "a.yml"], "Did you mean --aisafe-deadline?"),
        (["--frks", "3", "a.yml"], "Did you mean --forks?"),
        (["-Z", "a.yml"], "Unknown option -Z"),
        (["--list", "a.yml"], "ambiguous"),
        (["a.yml", "-i"], "needs a value"),
        (["--check=yes", "a.yml"], "takes no value"),
    ],
)
def test_what_is_not_understood_is_refused_with_words(argv, words):
    with pytest.raises(UsageError, match=r"Unknown|ambiguous|value") as caught:
        parse(argv, known=KNOWN)
    assert words in str(caught.value)
    assert caught.value.exit_code == 2
