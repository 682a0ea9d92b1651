"""aisafe snapshots: what is asked of the hosts, what is said of their answers, and the exit codes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from aisafe import addressed
from aisafe.commands import app
from aisafe.errors import AgentError, UsageError

RUN = "20260101T000000Z-abcdef"


@pytest.fixture
def hosts(monkeypatch, tmp_path):
    """Two hosts in place of an inventory; ``asked`` is what they were asked, ``answers`` what they say."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    found = SimpleNamespace(asked=("", {}), given=[], answers={})

    def connections(_record, arguments):
        found.given = list(arguments)
        return dict.fromkeys(("a", "b"))

    def answers_of(_connections, operation, arguments):
        found.asked = (operation, dict(arguments))
        return found.answers

    monkeypatch.setattr(addressed, "connections_of", connections)
    monkeypatch.setattr(addressed, "answers_of", answers_of)
    return found


def aisafe(*words):
    return CliRunner().invoke(app, ["snapshots", *words])


def test_run_paths_and_ansibles_own_words_are_told_apart(hosts):
    hosts.answers = {"a": {"changed": [], "with": [], "loose": [], "replaced": "", "residue": []}}
    done = aisafe("restore", "-i", "/inv/hosts", RUN, "/etc/motd", "web:&eu", "/etc/shop", "-K")
    assert done.exit_code == 0, done.output
    assert hosts.asked[0] == "snapshot_restore"
    assert hosts.asked[1]["run"] == RUN
    assert hosts.asked[1]["paths"] == ["/etc/motd", "/etc/shop"]
    assert hosts.given == ["-i", "/inv/hosts", "web:&eu", "-K"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("show",), "No run is named"),
        (("show", "nosuch"), "No run is recorded"),
        (("restore", RUN), "No path is named"),
        (("prune", "all"), "What is to go is not said"),
        (("prune", "all", "--older-than", "soon"), "is no time"),
        (("prune", "all", "--space", "much"), "is no size"),
    ],
)
def test_what_is_not_said_is_not_guessed(hosts, words, says):
    done = aisafe(*words)
    assert isinstance(done.exception, UsageError), done.output
    assert says in str(done.exception)
    assert hosts.asked == ("", {})


def test_units_of_time_and_size(hosts):
    hosts.answers = {"a": {"gone": [], "left": [], "bytes": 0, "held": 0, "kept": {}}}
    aisafe("prune", "all", "--older-than", "30d", "--space", "1.5G", "--keep", "0", "-n")
    assert hosts.asked[1] == {"keep": 0, "older": 2592000.0, "space": 3 << 29, "last": False, "dry": True}


def test_a_host_that_does_not_answer_is_not_well(hosts):
    hosts.answers = {"a": {"runs": [], "bytes": 0, "free": None},
                     "b": AgentError("b", "Only root may see that.", code="no-root")}  # fmt: skip
    done = aisafe("list", "all")
    assert done.exit_code == 1
    assert "a: none" in done.output
    assert "b: Only root may see that." in done.output


def test_what_could_not_be_compared_is_no_sameness(hosts):
    hosts.answers = {"a": {"files": [], "other": [], "unseen": ["containers: no answer"], "notes": []}}
    done = aisafe("diff", RUN, "all")
    assert done.exit_code == 1
    assert "not compared: containers: no answer" in done.output
    hosts.answers = {"a": {"files": [{"op": "~", "path": "/etc/x", "text": "/etc/x: mode differs"}],
                           "other": [], "unseen": [], "notes": ["apart"]}}  # fmt: skip
    done = aisafe("diff", RUN, "all")
    assert done.exit_code == 0
    assert "~ /etc/x: mode differs" in done.output


def test_what_did_not_come_back_is_22(hosts):
    hosts.answers = {"a": {"changed": [{"op": "~", "path": "/etc/x"}], "with": [], "loose": [], "replaced": "/p",
                           "residue": ["file /etc/x: content differs"]}}  # fmt: skip
    done = aisafe("restore", RUN, "/etc/x", "all")
    assert done.exit_code == 22
    assert "did not come back: file /etc/x: content differs" in done.output
    assert "as it was then" not in done.output


def test_a_word_that_needs_no_run_has_another_instead():
    assert addressed.taken_apart(["-K"], otherwise="last") == ("last", [], ["-K"])
    assert addressed.taken_apart(["r1", "-i", "inv", "web"], otherwise="last") == ("r1", [], ["-i", "inv", "web"])
