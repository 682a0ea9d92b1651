"""Which snapshots stay, and what is really free when others go."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

import pytest

from aisafe.agent import layers, retention
from aisafe.agent.store import Run, Store

BLOCK = 1 << 16


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(str(tmp_path / "lib"), str(tmp_path / "run"))
    store.prepare()
    return store


def ended(store: Store, name: str, state: str, day: int) -> Run:
    run = store.run(name)
    run.create(holder={})
    run.note(since=f"2026-01-{day:02}T00:00:00+00:00", ended_at=f"2026-01-{day:02}T00:01:00+00:00")
    run.move("snapshotting", "armed")
    if state != "armed":
        run.move("armed", state)
    return run


def names(runs: list[Run]) -> list[str]:
    return [run.ident for run in runs]


def fill(run: Run, name: str, *, like: Run | None = None) -> None:
    if like is None:
        Path(run.file(name)).write_bytes(os.urandom(BLOCK))
    else:
        os.link(like.file(name), run.file(name))


def test_the_armed_and_the_last_confirmed_one_stay(store: Store) -> None:
    for number, state in enumerate(("confirmed", "confirmed", "rolled-back", "rolled-back", "armed"), 1):
        run = ended(store, f"r{number}", state, number)
    store.set_pending(run)
    assert names(retention.chosen(store, keep=0)) == ["r1", "r3", "r4"]
    assert names(retention.chosen(store, keep=0, last=True)) == ["r1", "r2", "r3", "r4"]
    assert names(retention.chosen(store, keep=2)) == ["r1"]
    assert set(retention.protected(store)) == {"r2", "r5"}
    retention.retain(store, 1, spare=store.run("r1"))
    assert names(store.all_runs()) == ["r1", "r2", "r4", "r5"], (
        "r1 ended just now, and its controller is yet to ask how"
    )


def test_a_run_that_still_guards_its_host_stays_whatever_its_name_says(store: Store) -> None:
    run = ended(store, "r1", "confirmed", 1)
    store.set_pending(run)
    assert retention.chosen(store, keep=0, last=True) == []


def test_by_age(store: Store) -> None:
    for number in (1, 2, 3):
        ended(store, f"r{number}", "rolled-back", number)
    limit = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)
    assert names(retention.chosen(store, before=limit)) == ["r1", "r2"]


def test_by_space_the_oldest_go_until_the_rest_is_small_enough(store: Store) -> None:
    runs = [ended(store, f"r{number}", "rolled-back", number) for number in (1, 2, 3)]
    for run in runs:
        fill(run, "own")
    whole = retention.held(retention.room(run.path) for run in runs)
    assert retention.chosen(store, space=whole) == []
    assert names(retention.chosen(store, space=whole - 1)) == ["r1"]
    assert names(retention.chosen(store, space=0)) == ["r1", "r2", "r3"]


def test_what_is_shared_is_freed_only_with_the_last_that_has_it(store: Store) -> None:
    first, second = (ended(store, f"r{number}", "rolled-back", number) for number in (1, 2))
    fill(first, "shared")
    fill(second, "shared", like=first)
    fill(second, "own")
    rooms = {run.ident: retention.room(run.path) for run in (first, second)}
    free_before = retention.held(rooms.values())
    assert free_before < sum(retention.held([room]) for room in rooms.values())
    alone = retention.freed({"r1": rooms["r1"]}, store)
    assert alone < BLOCK <= retention.held([rooms["r1"]])
    assert retention.freed(rooms, store) == free_before
    assert retention.drop(first)
    assert free_before - retention.held([retention.room(second.path)]) == alone


def test_links_to_files_outside_are_not_freed(store: Store, tmp_path: Path) -> None:
    run = ended(store, "r1", "rolled-back", 1)
    outside = tmp_path / "outside"
    outside.write_bytes(os.urandom(BLOCK))
    os.link(outside, run.file("linked"))
    assert retention.freed({"r1": retention.room(run.path)}, store) < BLOCK


def test_one_that_was_begun_to_be_taken_away_is_no_run_any_more(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = ended(store, "r1", "confirmed", 1)
    monkeypatch.setattr(layers.shutil, "rmtree", lambda *_, **__: None)
    assert not retention.drop(run)
    assert run.state == ""
