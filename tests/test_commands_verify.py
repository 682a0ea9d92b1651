"""aisafe verify: 0 only where everything was looked at and nothing differs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from aisafe import commands_verify
from aisafe.commands import app
from aisafe.errors import AgentError, Unreachable, UsageError
from aisafe.model import HostResult, Outcome

GOOD = {"state": "rolled-back", "at": "2026-01-01T00:00:00+00:00", "what": "before the run", "paths": 7, "files": [],
        "other": [], "unseen": [], "notes": []}  # fmt: skip


@pytest.fixture
def verify(monkeypatch):
    """``verify(answers, recorded)``: host -> answer, host -> outcome in the record."""

    def run(answers, recorded=None, word="rolled-back"):
        hosts = {host: HostResult(host=host, outcome=ended) for host, ended in (recorded or {}).items()}
        outcome = Outcome(exit_code=21, word=word, hosts=hosts) if recorded is not None else None
        known = SimpleNamespace(id="r1", record=SimpleNamespace(outcome=outcome))
        monkeypatch.setattr(commands_verify, "NamedRun", lambda _name: known)
        monkeypatch.setattr(commands_verify, "asked_of", lambda *_, **__: dict(answers))
        return CliRunner().invoke(app, ["verify", "r1", "-i", "inv", "all"])

    return run


def test_nothing_differs(verify):
    done = verify({"a": GOOD}, {"a": "rolled-back"})
    assert done.exit_code == 0, done.output
    assert "a: as it was before the run (rolled back 2026-01-01 00:00:00Z); 7 paths compared" in done.output


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"files": [{"op": "~", "path": "/etc/x", "text": "/etc/x: mode differs"}]}, "~ /etc/x: mode differs"),
        ({"other": ["unit x is inactive"]}, "unit x is inactive"),
        ({"unseen": ["files: not recorded"]}, "not compared: files: not recorded"),
    ],
)
def test_what_differs_or_could_not_be_compared_is_22(verify, more, says):
    done = verify({"a": {**GOOD, **more}}, {"a": "rolled-back"})
    assert done.exit_code == 22
    assert says in done.output


def test_a_host_that_cannot_be_asked_is_22(verify):
    done = verify({"a": GOOD, "b": Unreachable("b", "no route")}, {"a": "rolled-back", "b": "rolled-back"})
    assert done.exit_code == 22
    assert "b: no route" in done.output


def test_a_host_that_says_otherwise_than_the_record_is_22(verify):
    done = verify({"a": {**GOOD, "state": "confirmed"}}, {"a": "rolled-back"})
    assert done.exit_code == 22
    assert "the host says confirmed" in done.output


def test_hosts_that_the_run_left_alone_have_nothing_to_compare(verify):
    done = verify({"a": GOOD, "b": Unreachable("b", "gone")}, {"a": "rolled-back", "b": "untouched"})
    assert done.exit_code == 0
    assert "b: untouched by this run" in done.output
    done = verify({"a": GOOD, "b": AgentError("b", "There is no snapshot.", code="no-snapshot")},
                  {"a": "rolled-back", "b": "unguarded"})  # fmt: skip
    assert done.exit_code == 22, "it was changed, and nobody knows how"
    done = verify({"a": GOOD}, {"a": "untouched"}, word="blocked")
    assert isinstance(done.exception, UsageError)
    assert "touched no host" in str(done.exception)


def test_a_note_is_no_difference(verify):
    done = verify({"a": {**GOOD, "notes": ["not covered: /srv/db"]}}, {"a": "confirmed"})
    assert done.exit_code == 0
    assert "it was confirmed, and is rolled back since" in done.output
