"""What a host is compared with depends on how the run ended there; what is not known is said."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from aisafe.agent import aspects, verify
from aisafe.agent.aspects import Aspect
from aisafe.agent.manifest import Walk
from aisafe.agent.scope import Scope
from aisafe.agent.store import Run, boot_id
from tests.agent.confined import confined


@pytest.fixture
def top(tmp_path: Path) -> Path:
    top = tmp_path / "top"
    top.mkdir()
    (top / "a").write_text("before")
    return top


@pytest.fixture
def run(top: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    run, scope = confined(top, tmp_path, monkeypatch)
    monkeypatch.setattr(verify, "named_run", lambda _args: run)
    monkeypatch.setattr(
        aspects, "ASPECTS",
        {name: Aspect(name, lambda: 1, lambda old, new: [] if old == new else ["differs"])
         for name in ("units", "sockets", "network")},
    )  # fmt: skip
    run.create(holder={}, scope=scope.record(), boot_id=boot_id())
    Walk(scope).write(run.file("before.jsonl"))
    aspects.keep(run, "", {"units": 1, "sockets": 1, "network": 1})
    return run


def ended(run: Run, *states: str) -> dict[str, Any]:
    for old, new in zip(("snapshotting", *states), states):
        assert run.move(old, new)
    return verify.verify({"run": "r1"}, lambda _text: None)


def test_after_a_roll_back_it_is_as_before(run: Run, top: Path) -> None:
    found = ended(run, "armed", "rolling-back", "rolled-back")
    assert (found["files"], found["other"], found["unseen"]) == ([], [], [])
    assert found["paths"] >= 2
    (top / "a").write_text("drifted")
    (top / "new").touch()
    found = verify.verify({"run": "r1"}, lambda _text: None)
    assert [(one["op"], Path(one["path"]).name) for one in found["files"]] == [("~", "top"), ("~", "a"), ("+", "new")]


def test_what_cannot_be_looked_at_is_told(run: Run, top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.lstat

    def broken(path: str) -> os.stat_result:
        if path == str(top / "new"):
            raise OSError(5, "Input/output error")
        return real(path)

    (top / "new").touch()
    os.utime(top, ns=(0, top.stat().st_mtime_ns))
    monkeypatch.setattr(os, "lstat", broken)
    found = ended(run, "armed", "rolling-back", "rolled-back")
    assert found["unseen"] == [f"{top}/new: it could not be looked at (Input/output error)"]


def test_after_a_confirmation_it_is_as_confirmed(run: Run, top: Path) -> None:
    (top / "a").write_text("by the run")
    Walk(Scope.load({})).write(run.file("after.jsonl"))
    aspects.keep(run, ".after", {"units": 1, "sockets": 2, "network": 1})
    found = ended(run, "armed", "confirmed")
    assert (found["files"], found["other"], found["unseen"]) == ([], ["differs"], [])
    assert found["what"] == "when it was confirmed"


def test_a_confirmed_run_without_its_manifest_is_not_known_to_be_well(run: Run) -> None:
    found = ended(run, "armed", "confirmed")
    assert found["files"] == []
    assert found["unseen"][0] == "files: how they should be was not recorded"
    assert len(found["unseen"]) == 4


def test_rolled_back_later_is_compared_with_what_that_was_to_leave(run: Run, top: Path) -> None:
    shutil.copy(run.file("before.jsonl"), run.file("target.jsonl"))
    run.note(confirmed_at="2026-01-01T00:00:00+00:00")
    aspects.keep(run, ".goal", {"units": 1})
    found = ended(run, "armed", "confirmed", "rolling-back", "rolled-back")
    assert (found["files"], found["other"], found["unseen"]) == ([], [], [])
    assert "network was left" in found["notes"][0]


@pytest.mark.parametrize("state", ["armed", "rolling-back"])
def test_a_run_under_way_is_not_judged(run: Run, state: str) -> None:
    found = ended(run, *(("armed",) if state == "armed" else ("armed", "rolling-back")))
    assert found["unseen"]


def test_a_boot_gives_the_network_anew(run: Run) -> None:
    run.note(boot_id="another", gaps=["/srv/db: data"])
    aspects.keep(run, "", {"network": 9})
    found = ended(run, "armed", "rolling-back", "rolled-back")
    assert (found["other"], found["unseen"]) == ([], [])
    assert "booted since" in found["notes"][0]
    assert found["notes"][1] == "not covered: /srv/db: data"
