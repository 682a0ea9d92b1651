"""Layers of copies: each snapshot finds all of its files, whatever lies in which layer, and whichever layer goes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from aisafe.agent import layers, retention
from aisafe.agent.differences import compare
from aisafe.agent.layers import Layer
from aisafe.agent.lines import NOT_OF_COPIES, read
from aisafe.agent.manifest import Walk
from aisafe.agent.scope import Scope
from aisafe.agent.store import Run, Store


class Host:
    """A directory that is the host, and a store of snapshots of it."""

    def __init__(self, place: Path) -> None:
        self.top = place / "top"
        self.top.mkdir()
        self.store = Store(str(place / "lib"), str(place / "run"))
        self.store.prepare()
        self.scope = Scope(named=[str(self.top)])
        self.scope.roots = frozenset([str(self.top)])
        self.scope.ways = frozenset(map(str, self.top.parents))
        self.scope.shells -= {"/tmp", "/var/tmp", "/run"}
        self.was: dict[str, dict[str, Any]] = {}
        self.copied: dict[str, list[str]] = {}

    def write(self, name: str, text: str) -> None:
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def snapshot(self, name: str) -> Run:
        """Of the host as it is; its copies are made here as rsync makes them."""
        below = layers.below(self.store)
        run = self.store.run(name)
        run.create(holder={})
        run.note(since=f"2026-01-0{name[-1]}T00:00:00+00:00")
        layers.stand_on(run, below)
        os.makedirs(run.file("tree"))
        self.copied[name] = []
        with open(run.file("copied"), "w") as listed:
            layer = Layer(listed, below)
            chosen = lambda path, line: self.copied[name].extend(layer.chosen(path, line))  # noqa: E731
            Walk(self.scope).write(run.file("before.jsonl"), chosen)
        for path in self.copied[name]:
            target = run.file("tree") + path
            if not os.path.isdir(path) or os.path.islink(path):
                shutil.copy2(path, target, follow_symlinks=False)
            elif path != "/":
                os.mkdir(target)
        for path in reversed(self.copied[name]):
            if os.path.isdir(path):
                shutil.copystat(path, run.file("tree") + path)
        run.move("snapshotting", "armed")
        run.move("armed", "confirmed")
        self.was[name] = {entry["p"]: self.seen(path=entry["p"]) for entry in read(run.file("before.jsonl"))}
        return run

    def seen(self, path: str, tree: str = "") -> Any:
        info = os.lstat(tree + path)
        if os.path.islink(tree + path):
            return os.readlink(tree + path)
        if os.path.isdir(tree + path):
            return info.st_mode
        return info.st_mode, info.st_mtime_ns, Path(tree + path).read_text()

    def found(self, run: Run) -> dict[str, Any]:
        """What the run's layers hold, as a restore would take it from them."""
        held = {}
        for entry in read(run.file("before.jsonl")):
            tree = layers.place(layers.trees(run), entry["p"])
            assert tree is not None, entry["p"]
            held[entry["p"]] = self.seen(entry["p"], tree)
        return held

    def names(self, run: str) -> list[str]:
        """What was copied for a run, below the top."""
        return [path[len(str(self.top)) + 1 :] for path in self.copied[run] if path.startswith(f"{self.top}/")]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    host = Host(tmp_path)
    for name in ("a", "d/x", "d/deep/y", "d/deep/z", "e/only", "gone/one", "turns/into"):
        host.write(name, name)
    os.symlink("a", host.top / "link")
    return host


def changed(host: Host) -> None:
    host.write("d/x", "another")
    host.write("new/n", "new")
    shutil.rmtree(host.top / "gone")
    shutil.rmtree(host.top / "turns")
    host.write("turns", "a file now")
    (host.top / "a").chmod(0o600)
    (host.top / "link").unlink()
    (host.top / "link").mkdir()
    (host.top / "d").chmod(0o700)
    os.utime(host.top / "d", ns=(5, 7))


def test_what_did_not_change_is_not_copied_again(host: Host) -> None:
    first = host.snapshot("r1")
    assert len(host.names("r1")) == 13
    second = host.snapshot("r2")
    assert host.copied["r2"] == ["/"]
    host.write("d/deep/y", "changed")
    third = host.snapshot("r3")
    assert host.names("r3") == ["d", "d/deep", "d/deep/y"], "with the directories above it, and nothing beside it"
    for run in (first, second, third):
        assert layers.whole(run)
        assert host.found(run) == host.was[run.ident]


def test_of_a_file_with_several_names_all_are_copied(host: Host) -> None:
    os.link(host.top / "a", host.top / "e" / "also")
    host.snapshot("r1")
    host.snapshot("r2")
    assert host.names("r2") == ["a", "e", "e/also"]


def test_every_layer_may_go_in_any_order(host: Host) -> None:
    for order in ((1, 2), (2, 1), (1, 3), (2, 3), (3, 2)):
        place = host.top.parent / "-".join(map(str, order))
        place.mkdir()
        one = Host(place)
        for name in ("a", "d/x", "d/deep/y", "gone/one", "turns/into", "e/only"):
            one.write(name, name)
        os.symlink("a", one.top / "link")
        one.snapshot("r1")
        changed(one)
        one.snapshot("r2")
        one.write("gone/one", "back")
        one.write("d/x", "a third")
        one.snapshot("r3")
        for number in order:
            assert retention.drop(one.store.run(f"r{number}"))
            for run in one.store.all_runs():
                assert layers.whole(run)
                assert one.found(run) == one.was[run.ident], f"{run.ident} after {number} of {order}"


def test_what_goes_over_is_complete_and_nothing_more(host: Host) -> None:
    host.snapshot("r1")
    changed(host)
    run = host.snapshot("r2")
    assert retention.drop(host.store.run("r1"))
    assert layers.base(run) is None
    assert sorted(os.listdir(host.store.runs)) == ["r2"]
    own = Walk(host.scope, root=run.file("tree"))
    assert [str(one) for one in compare(read(run.file("before.jsonl")), own, ignore=NOT_OF_COPIES)] == []


@pytest.mark.parametrize("name", ["rename", "mkdir", "chown", "unlink", "utime", "symlink"])
def test_cut_off_anywhere_it_goes_on(host: Host, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    host.snapshot("r1")
    changed(host)
    host.snapshot("r2")
    host.write("gone/one", "back")
    host.write("new/n", "another")
    run = host.snapshot("r3")
    real, calls = getattr(os, name), [0]

    def cut(*words: Any, **more: Any) -> Any:
        calls[0] += 1
        if calls[0] >= cut_at:
            raise OSError(5, "cut")
        return real(*words, **more)

    cut_at = 1
    monkeypatch.setattr(os, name, cut)
    while not layers.remove(host.store.run("r2")):
        monkeypatch.setattr(os, name, real)
        if layers.whole(run):
            assert host.found(run) == host.was["r3"], f"cut at {name} number {cut_at}"
        cut_at += 1
        calls[0] = 0
        monkeypatch.setattr(os, name, cut)
    monkeypatch.setattr(os, name, real)
    assert cut_at > 1, "it was cut at least once"
    for kept in host.store.all_runs():
        assert host.found(kept) == host.was[kept.ident]
    assert sorted(name for name in os.listdir(run.path) if not name.startswith(("is-", "state"))) == [
        "base", "before.jsonl", "copied", "tree"
    ]  # fmt: skip


def test_a_layer_of_which_it_is_not_known_what_stands_on_it_stays(host: Host) -> None:
    first = host.snapshot("r1")
    second = host.snapshot("r2")
    os.unlink(second.file("base"))
    Path(second.file("base")).write_text("no link")
    assert not layers.remove(first)
    assert host.found(first) == host.was["r1"]
    with pytest.raises(OSError, match="Invalid argument"):
        layers.below(host.store)


def test_logs_are_of_their_own_time(host: Host) -> None:
    loose = str(host.top / "log")
    host.write("log/app", "early")
    host.scope.closeness = lambda path, parent: (  # type: ignore[method-assign]
        "loose" if path.startswith(loose) else Scope.closeness(host.scope, path, parent)
    )
    first = host.snapshot("r1")
    host.write("log/app", "x" * (layers.LOOSE_FILE + 1))
    second = host.snapshot("r2")
    app = f"{loose}/app"
    assert layers.place(layers.trees(first), app, loose=True) is not None
    assert layers.place(layers.trees(second), app, loose=True) is None
    assert retention.drop(first)
    assert layers.place(layers.trees(second), app, loose=True) is None, "the early log is no copy of the later one"


def test_nothing_stands_on_a_layer_twice_or_on_one_that_is_not_whole(host: Host) -> None:
    first = host.snapshot("r1")
    second = host.snapshot("r2")
    found = layers.base(second)
    assert found is not None
    assert found.ident == "r1"
    second.note(since="2020-01-01T00:00:00+00:00")  # somebody set the clock
    assert getattr(layers.below(host.store), "ident", "") == "r2", "the newest by the clock carries another already"
    shutil.rmtree(first.file("tree"))
    assert not layers.whole(second)
    assert layers.below(host.store) is None


def test_what_is_lent_is_not_freed(host: Host) -> None:
    host.write("large", "x" * (1 << 18))
    host.write("goes", "y" * (1 << 17))
    first = host.snapshot("r1")
    (host.top / "goes").unlink()
    host.snapshot("r2")
    rooms = {run.ident: retention.room(run.path) for run in host.store.all_runs()}
    total = retention.held(rooms.values())
    told = retention.freed({"r1": rooms["r1"]}, host.store)
    assert 1 << 17 <= told < 1 << 18
    assert retention.freed(rooms, host.store) == total
    assert retention.drop(first)
    rest = total - retention.held(retention.room(run.path) for run in host.store.all_runs())
    assert abs(rest - told) <= 65536, "directories and records are counted as they are"


def test_the_layers_of_an_armed_run_stay(host: Host) -> None:
    for name in ("r1", "r2", "r3"):
        run = host.snapshot(name)
    os.rename(run.file("is-confirmed"), run.file("is-armed"))
    kept = retention.protected(host.store, last=True)
    assert set(kept) == {"r1", "r2", "r3"}
    assert kept["r1"] == "run r3, which is armed, has files in it"
