"""What a rollback says of itself when it cannot look, and when the disk is full."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aisafe.agent import command, rollback
from aisafe.agent.rollback import Rollback
from aisafe.agent.scope import Scope
from aisafe.agent.store import Run, Store


@pytest.fixture
def run(tmp_path: Path) -> Run:
    store = Store(str(tmp_path / "lib"), str(tmp_path / "run"))
    store.prepare()
    run = store.run("r1")
    run.create(scope=Scope(named=(), wide=False).record(), boot_id="another")
    run.move("snapshotting", "rolling-back")
    store.set_pending(run)
    return run


@pytest.fixture
def blind(run: Run, monkeypatch: pytest.MonkeyPatch) -> Rollback:
    """Every look fails."""

    def fails(*_: Any, **__: Any) -> Any:
        raise command.CommandFailed(["systemctl"], 1, "Connection timed out")

    for module in (rollback.units, rollback.firewall, rollback.network, rollback.settings):
        monkeypatch.setattr(module, "units" if module is rollback.units else "snapshot", fails)
    monkeypatch.setattr(Rollback, "_now", fails)
    made = Rollback(run.store, run, "controller")
    made.goal = SimpleNamespace(manifest="", units={}, filter={}, network={}, settings={}, docker={}, lost=[])  # type: ignore[assignment]
    return made


def test_what_could_not_be_looked_at_is_not_as_before(blind: Rollback) -> None:
    lines = blind._verify()
    assert [line.split(" could not be compared with before: ")[0] for line in lines[:5]] == [
        "files", "units", "firewall", "network", "kernel settings",
    ]  # fmt: skip
    blind._end(lines)
    assert blind.run.state == "rollback-incomplete"


def test_a_path_that_could_not_be_looked_at_is_not_as_before_unless_it_never_was(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = SimpleNamespace(unseen={"/home/a/.gvfs": "Permission denied", "/srv/new": "Input/output error"})
    walk.write = lambda path: Path(path).write_text("")
    monkeypatch.setattr(rollback, "Walk", lambda scope, cache: walk)
    run.note(unseen=["/home/a/.gvfs"])
    (tmp_path / "goal").write_text("")
    made = Rollback(run.store, run, "controller")
    made.goal = SimpleNamespace(manifest=str(tmp_path / "goal"))  # type: ignore[assignment]
    assert made._files_left() == ["file /srv/new could not be looked at (Input/output error)"]


def test_a_full_disk_is_waited_for(blind: Rollback, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(rollback.time, "sleep", slept.append)
    for name in (
        "_programs",
        "_end_processes",
        "_targets",
        "_firewall",
        "_stop_units",
        "_files",
        "_units",
        "_units_again",
    ):
        monkeypatch.setattr(Rollback, name, lambda self: None)

    def full(self: Rollback) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Rollback, "_files", full)
    blind()
    assert slept == [rollback.SPACE_WAIT]
    assert blind.run.state == "rolling-back", "it begins again"
    blind.run.note(attempts=rollback.SPACE_TRIES)
    blind()
    assert blind.run.state == "rollback-incomplete", "not for ever"
