"""aisafe rollback: which hosts are asked, by the record or by name."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from aisafe import commands
from aisafe.commands import app
from aisafe.errors import UsageError
from aisafe.model import HostResult, Outcome

RUN = "20260101T000000Z-abcdef"


@pytest.fixture
def rollback(monkeypatch):
    """``rollback(recorded, *words)``: host -> outcome in the record, None for no record; -> what was done, and where."""

    def run(recorded, *words):
        asked = []
        hosts = {host: HostResult(host=host, outcome=ended) for host, ended in (recorded or {}).items()}
        outcome = Outcome(exit_code=21, word="rolled-back", hosts=hosts)
        record = None if recorded is None else SimpleNamespace(outcome=outcome, inputs={"deadline": 7})

        def back(_pool, host, *, run, deadline, **_more):
            asked.append((host, run, deadline))
            return HostResult(host=host, outcome="rolled-back")

        monkeypatch.setattr(commands, "NamedRun", lambda _name: SimpleNamespace(id=RUN, record=record))
        monkeypatch.setattr(commands, "connections_of", lambda _record, _rest: dict.fromkeys(("a", "b")))
        monkeypatch.setattr(commands, "SessionPool", lambda _connections: nullcontext())
        monkeypatch.setattr(commands, "roll_back", back)
        return CliRunner().invoke(app, ["rollback", *words]), sorted(asked)

    return run


def test_hosts_that_the_run_did_not_touch_are_left_alone(rollback):
    done, asked = rollback({"a": "confirmed", "b": "untouched"})
    assert done.exit_code == 0, done.output
    assert asked == [("a", RUN, 7.0)]
    done, asked = rollback({"a": "untouched", "b": "untouched"})
    assert isinstance(done.exception, UsageError)
    assert asked == []


def test_a_run_of_another_machine_is_ended_by_its_id(rollback):
    done, asked = rollback(None, RUN, "-i", "inventory", "all")
    assert done.exit_code == 0, done.output
    assert asked == [("a", RUN, 60.0), ("b", RUN, 60.0)]
