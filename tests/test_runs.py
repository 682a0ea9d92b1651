"""The record of runs: complete, private, and readable after a crash."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aisafe.config import Accept, Settings
from aisafe.errors import AisafeError, Unreachable, UsageError
from aisafe.judge import judge
from aisafe.model import HostResult, Outcome
from aisafe.playbook.commandline import parse
from aisafe.runs import RunLog, RunStore
from tests.cases import state, story, unit

DONE = Outcome(exit_code=0, word="confirmed", hosts={"web1": HostResult(host="web1", outcome="confirmed")})


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "state" / "runs")


def begin(store: RunStore, tmp_path: Path, *argv: str, **settings: Any) -> RunLog:
    (tmp_path / "site.yml").write_text("- hosts: all\n", encoding="utf-8")
    words = [*argv, "site.yml"]
    return store.open(argv=words, line=parse(words, known=()), settings=Settings(**settings), cwd=tmp_path)


def test_a_whole_run(store: RunStore, tmp_path: Path) -> None:
    states, plan = story()
    verdict = judge(states, plan, settings=Settings())
    with begin(store, tmp_path, "-i", "h,") as log:
        assert log.keep("before", states) is states
        log.keep("forecast", plan)
        log.keep("verdict", verdict)
        log.event("asking web1")
        assert log.close(DONE) is DONE
    record = store.load("last")
    assert record.id == log.id
    assert (record.word, record.outcome, record.damaged) == ("confirmed", DONE, "")
    assert (record.states(), record.forecast(), record.verdict()) == (states, plan, verdict)
    assert record.verdict("proof") is None
    assert "asking web1" in [event["event"] for event in record.events]
    assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{6}", record.id)


def test_inputs(store: RunStore, tmp_path: Path) -> None:
    prompt = tmp_path / "asked.txt"
    prompt.write_text("containerise the exporter", encoding="utf-8")
    accept = (Accept(rule="ssh-lockout", host="web1", reason="command line"),)
    with begin(store, tmp_path, "-e", "db_password=s3cret", prompt=prompt, model="m@1", accept=accept) as log:
        log.close(DONE)
    given = store.load("last").inputs
    assert given["argv"] == ["-e", "db_password=***", "site.yml"]
    assert given["accepted"] == ["ssh-lockout@web1: command line"]
    assert (given["model"], given["cwd"], given["command"]) == ("m@1", str(tmp_path), "run")
    assert given["prompt"]["sha256"] == hashlib.sha256(b"containerise the exporter").hexdigest()
    assert (log.directory / "prompt").read_text(encoding="utf-8") == "containerise the exporter"
    assert len(given["playbooks"]["site.yml"]) == 64
    assert set(given["versions"]) == {"aisafe", "python", "ansible-core", "ansible-lint"}


def test_only_the_owner_can_read_it(store: RunStore, tmp_path: Path) -> None:
    prompt = tmp_path / "asked.txt"
    prompt.write_text("x", encoding="utf-8")
    prompt.chmod(0o644)
    with begin(store, tmp_path, prompt=prompt) as log:
        log.close(DONE)
    for path in (store.root, log.directory, *log.directory.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_secrets_of_units_are_not_kept(store: RunStore, tmp_path: Path) -> None:
    app = unit("app.service", environment={"DB_PASSWORD": "s3cret"}, commands=(("/app", "--token=s3cret"),))
    with begin(store, tmp_path) as log:
        log.keep("before", {"web1": state(units=[app])})
        log.close(DONE)
    assert not any(b"s3cret" in path.read_bytes() for path in log.directory.iterdir())
    assert store.load("last").states()["web1"].units["app.service"].environment == {"DB_PASSWORD": "***"}


def test_an_error_ends_the_record_with_its_words(store: RunStore, tmp_path: Path) -> None:
    with pytest.raises(Unreachable), begin(store, tmp_path):
        raise Unreachable("web1", "web1 does not answer.")
    outcome = store.load("last").outcome
    assert outcome is not None
    assert (outcome.word, outcome.exit_code) == ("failed", 1)
    assert "web1 does not answer." in outcome.message


def test_a_bug_ends_the_record_without_its_text(store: RunStore, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="s3cret"), begin(store, tmp_path):
        raise ValueError("s3cret")
    outcome = store.load("last").outcome
    assert outcome is not None
    assert outcome.message == "ValueError"


CRASH = """
import os, signal, sys
from pathlib import Path
from aisafe.config import Settings
from aisafe.playbook.commandline import parse
from aisafe.runs import RunStore
line = parse(["x.yml"], known=())
log = RunStore(Path(sys.argv[1])).open(argv=["x.yml"], line=line, settings=Settings(), cwd=Path("/"))
log.keep("target", {"a": 1})
print(log.id, flush=True)
signal.pause()
"""


def test_running_and_killed(store: RunStore) -> None:
    with subprocess.Popen([sys.executable, "-c", CRASH, str(store.root)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        id = child.stdout.readline().strip()
        assert store.load(id).word == "running"
        os.kill(child.pid, signal.SIGKILL)
    record = store.load(id)
    assert (record.word, record.stage("target")) == ("interrupted", {"a": 1})
    assert "target" in record.stages


def test_a_stage_is_written_whole_or_not_at_all(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begin(store, tmp_path) as log:
        log.keep("target", {"a": 1})

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(OSError, match="No space"):
                log.keep("target", {"a": 2})
        log.close(DONE)
    assert store.load("last").stage("target") == {"a": 1}


def test_list_is_newest_first_and_damage_is_told(store: RunStore, tmp_path: Path) -> None:
    for name in ("20260101T000000Z-aaaaaa", "20260102T000000Z-bbbbbb"):
        (store.root / name).mkdir(parents=True)
    (store.root / "20260101T000000Z-aaaaaa" / "inputs.json").write_text("{", encoding="utf-8")
    (store.root / "20260102T000000Z-bbbbbb" / "outcome.json").write_text('{"word": "odd"}', encoding="utf-8")
    newest, oldest = store.list()
    assert newest.id.endswith("bbbbbb")
    assert newest.started_at is not None
    assert "inputs.json is missing; outcome.json: " in newest.damaged
    assert oldest.damaged.startswith("inputs.json: ")
    assert oldest.word == "interrupted"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("last", "20260102T000000Z-abcccc"),
        ("20260101T000000Z-abbbbb", "20260101T000000Z-abbbbb"),
        ("20260101", "20260101T000000Z-abbbbb"),
        ("abc", "20260102T000000Z-abcccc"),
        ("ab", "'ab' fits 2 runs: "),
        ("zz", "There is no run 'zz'"),
        ("", "There is no run ''"),
    ],
)
def test_load_by_name(store: RunStore, name: str, expected: str) -> None:
    for run in ("20260101T000000Z-abbbbb", "20260102T000000Z-abcccc"):
        (store.root / run).mkdir(parents=True)
    if expected.startswith("2026"):
        assert store.load(name).id == expected
    else:
        with pytest.raises(UsageError, match=re.escape(expected)):
            store.load(name)


def test_no_run_at_all(store: RunStore) -> None:
    assert store.list() == ()
    with pytest.raises(UsageError, match="No run is recorded"):
        store.load("last")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(AisafeError, match="can't be recorded") as caught:
        begin(RunStore(tmp_path / "file" / "runs"), tmp_path)
    assert "AISAFE_STATE_DIR" in caught.value.fix


def test_events_survive_a_torn_line(store: RunStore, tmp_path: Path) -> None:
    with begin(store, tmp_path) as log:
        log.event("one")
    with (log.directory / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"at": "2026')
    assert [event["event"] for event in store.load("last").events][-2:] == ["one", '{"at": "2026']
    assert json.loads((log.directory / "events.jsonl").read_text(encoding="utf-8").splitlines()[0])["event"]


def test_only_the_newest_are_kept_and_never_one_that_goes_on(store: RunStore, tmp_path: Path) -> None:
    going = begin(store, tmp_path, keep_runs=3)
    going.directory.rename(going.directory.with_name("20200101T000000Z-000000"))  # the oldest of all
    for number in range(5):
        with begin(store, tmp_path, keep_runs=3) as log:
            log.close(DONE)
        log.directory.rename(log.directory.with_name(f"2021010{number + 1}T000000Z-000000"))
    names = sorted(path.name for path in store.root.iterdir())
    assert names[0] == "20200101T000000Z-000000"
    assert names[-1] == "20210105T000000Z-000000"
    assert len(names) in (3, 4)
