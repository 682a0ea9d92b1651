"""The guard is taken off a host: nothing of ours stays, nothing else is touched, an armed run forbids it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aisafe.agent import command, uninstall, watchdog
from aisafe.agent.failure import AgentFailure
from aisafe.agent.store import Store


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    made: list[list[str]] = []
    monkeypatch.setattr(command, "run", lambda words, **_: made.append(list(words)) or "")
    return made


@pytest.fixture
def units(tmp_path: Path) -> Path:
    made = tmp_path / "units"
    (made / "multi-user.target.wants").mkdir(parents=True)
    (made / "shop.service").write_text("[Service]\n")
    return made


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "lib/aisafe"), str(tmp_path / "run/aisafe"))


def test_nothing_stays_and_nothing_else_changes(store: Store, units: Path, calls: list[list[str]]) -> None:
    store.prepare()
    before = {
        path: os.stat(path).st_mtime_ns for path in (units, units / "multi-user.target.wants", units / "shop.service")
    }
    watchdog.install(store, str(units))
    removed = uninstall.remove(store, str(units))
    assert sorted(path.name for path in units.rglob("*")) == ["multi-user.target.wants", "shop.service"]
    assert {path: os.stat(path).st_mtime_ns for path in before} == before
    assert not os.path.exists(store.base)
    assert not os.path.exists(store.runtime)
    assert len(removed) == len(watchdog.UNITS) + 3
    assert ["systemctl", "daemon-reload"] in calls


def test_a_host_without_it_is_left_alone(store: Store, units: Path, calls: list[list[str]]) -> None:
    assert uninstall.remove(store, str(units)) == []
    assert calls == []


def test_an_armed_run_forbids_it(store: Store, units: Path, calls: list[list[str]]) -> None:
    store.prepare()
    run = store.run("r1")
    run.create(holder={})
    run.move("snapshotting", "armed")
    store.set_pending(run)
    with pytest.raises(AgentFailure, match="r1 still guards this host: it is armed") as caught:
        uninstall.remove(store, str(units))
    assert caught.value.fix == "Let it end, or end it: aisafe rollback r1"
    assert os.path.isdir(run.path)
