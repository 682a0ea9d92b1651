from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from aisafe.agent import snapshot, watchdog
from aisafe.agent.failure import AgentFailure
from aisafe.agent.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(str(tmp_path / "lib"), str(tmp_path / "run"))
    store.prepare()
    return store


def test_only_the_way_to_the_shell_is_open_to_others(store: Store) -> None:
    modes = {name: stat.S_IMODE(os.stat(os.path.join(store.base, name)).st_mode) for name in ("", "bin", "lib", "runs")}
    assert modes == {"": 0o711, "bin": 0o755, "lib": 0o700, "runs": 0o700}


def test_one_rename_decides(store: Store) -> None:
    run = store.run("r1")
    run.create(holder={})
    assert run.move("snapshotting", "armed")
    won: list[str] = []

    def claim(state: str) -> None:
        if run.move("armed", state):
            won.append(state)

    claims = [threading.Thread(target=claim, args=(state,)) for state in ("confirmed", "rolling-back") * 4]
    for thread in claims:
        thread.start()
    for thread in claims:
        thread.join()
    assert won == [run.state]


def test_the_lock_tells_who_holds_it(store: Store) -> None:
    with store.lock("run a is being armed for ann"), pytest.raises(AgentFailure) as caught, store.lock("b"):
        pass
    assert caught.value.code == "locked"
    assert "run a is being armed for ann since" in caught.value.message
    with store.lock("c"):
        pass


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", ".hidden", "a\n", "x" * 200])
def test_names_that_lead_elsewhere_are_refused(store: Store, name: str) -> None:
    with pytest.raises(AgentFailure) as caught:
        store.run(name)
    assert caught.value.code == "bad-run"


def test_pending_is_cleared_by_its_own_run_only(store: Store) -> None:
    one, two = store.run("one"), store.run("two")
    store.set_pending(one)
    store.clear_pending(two)
    assert store.pending_run() is not None
    store.clear_pending(one)
    assert store.pending_run() is None


def test_the_deadline_is_of_this_boot_only(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = store.run("r1")
    run.create()
    assert watchdog.left(run) is None
    watchdog.push(run, 20)
    left = watchdog.left(run)
    assert left is not None
    assert 19 < left <= 20
    monkeypatch.setattr(watchdog, "boot_id", lambda: "another")
    assert watchdog.left(run) is None


def test_the_watch_rolls_back_once_its_time_is_over(store: Store) -> None:
    run = store.run("r1")
    run.create(deadline=0.1)
    run.move("snapshotting", "armed")
    watchdog.push(run, 0.2)
    assert watchdog.watch(run, lambda: run.move("armed", "rolled-back")) == 0
    assert (run.state, run.record["source"]) == ("rolled-back", "watchdog")


def test_the_watch_ends_with_a_confirmation(store: Store) -> None:
    run = store.run("r1")
    run.create(deadline=60)
    run.move("snapshotting", "armed")
    watchdog.push(run, 60)
    threading.Timer(0.2, lambda: run.move("armed", "confirmed")).start()
    watchdog.watch(run, lambda: pytest.fail("it was confirmed"))
    assert run.state == "confirmed"


def test_permanent_units_stay_as_they_are_and_move_no_time(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(watchdog.command, "run", lambda words, **_: asked.append(words) or "")
    place = tmp_path / "units"
    (place / "multi-user.target.wants").mkdir(parents=True)
    os.utime(place, ns=(5, 5))
    watchdog.install(store, str(place))
    watchdog.install(store, str(place))
    assert place.stat().st_mtime_ns == 5
    assert sorted(path.name for path in place.iterdir() if path.is_file()) == sorted(watchdog.UNITS)
    assert f"ExecStart=/bin/sh {store.base}/pending/agent.sh watch" in (place / "aisafe-watchdog.service").read_text()
    assert len(asked) == 1


def test_a_run_that_is_given_up_is_finished_at_the_next_boot_wherever_that_was_cut(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Armed, and the host goes down while that is taken back: no run stays that says it is armed, and the boot knows it."""
    run = store.run("r1")
    run.create()
    run.move("snapshotting", "armed")
    store.set_pending(run)

    def cut(*given: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(snapshot.watchdog, "kill_apply", cut)
    with pytest.raises(KeyboardInterrupt):
        snapshot.abandon(store, run)
    assert (run.state, store.pending_run(), os.path.exists(store.unfinished)) == ("snapshotting", None, True)
    monkeypatch.setattr(snapshot.watchdog, "kill_apply", lambda *given: [])
    snapshot.abandon(store, run)
    assert (os.path.exists(run.path), os.path.lexists(store.unfinished)) == (False, False)
