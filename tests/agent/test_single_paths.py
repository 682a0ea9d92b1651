"""Single paths back from a snapshot: what stood there is kept, nothing else is touched, and what cannot be is refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from aisafe.agent import single_paths
from aisafe.agent.failure import AgentFailure
from aisafe.agent.manifest import Walk
from aisafe.agent.single_paths import Restoring
from aisafe.agent.store import Run, Store
from tests.agent.confined import confined


def copy(store: Store, paths: Any, *, source: str, target: str, options: Any = ()) -> None:
    """As rsync copies, one path after the other: directories alone, times and modes with them."""
    for path in sorted(paths):
        old, new = Path(source.rstrip("/") + path), Path(target.rstrip("/") + path)
        if old.is_symlink():
            new.unlink(missing_ok=True)
            os.symlink(os.readlink(old), new)
        elif old.is_dir():
            new.mkdir(exist_ok=True, parents=source == "/")
            shutil.copystat(old, new)
        else:
            shutil.copy2(old, f"{new}.new")
            os.rename(f"{new}.new", new)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    top = tmp_path / "top"
    (top / "d" / "deep").mkdir(parents=True)
    (top / "a").write_text("one")
    (top / "d" / "x").write_text("two")
    (top / "d" / "deep" / "y").write_text("three")
    (top / "other").write_text("other")
    return top


@pytest.fixture
def run(top: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    run, scope = confined(top, tmp_path, monkeypatch)
    run.create(holder={}, scope=scope.record())
    run.move("snapshotting", "armed")
    run.move("armed", "confirmed")
    Walk(scope).write(run.file("before.jsonl"))
    os.makedirs(run.file("tree"))
    shutil.copytree(top, run.file("tree") + str(top), symlinks=True)
    monkeypatch.setattr(single_paths.rsync, "copy", copy)
    return run


def restored(run: Run, *paths: Path) -> dict[str, Any]:
    return Restoring(run, map(str, paths), lambda _text: None)("ann at ctl")


def test_one_file_comes_back_and_what_stood_there_is_kept(run: Run, top: Path) -> None:
    os.utime(top / "a", ns=(5, 7))
    (top / "a").write_text("changed")
    (top / "other").write_text("changed, too")
    found = restored(run, top / "a")
    assert (top / "a").read_text() == "one"
    assert (top / "other").read_text() == "changed, too", "nobody asked for that one"
    assert Path(found["replaced"] + str(top / "a")).read_text() == "changed"
    assert found["residue"] == []
    assert run.record["restored"][0]["holder"] == "ann at ctl"
    assert not os.path.exists(run.file("single.jsonl"))


def test_a_whole_directory_that_went_comes_back(run: Run, top: Path) -> None:
    times = (top / "d").stat().st_mtime_ns
    shutil.rmtree(top / "d")
    found = restored(run, top / "d" / "deep")
    assert (top / "d" / "deep" / "y").read_text() == "three", "with the directory above it"
    assert not (top / "d" / "x").exists()
    assert found["replaced"] == "", "nothing stood there"
    restored(run, top / "d")
    assert (top / "d" / "x").read_text() == "two"
    assert (top / "d").stat().st_mtime_ns == times


def test_what_is_new_in_a_directory_goes_and_is_kept(run: Run, top: Path) -> None:
    (top / "d" / "new").write_text("new")
    found = restored(run, top / "d")
    assert not (top / "d" / "new").exists()
    assert Path(found["replaced"] + str(top / "d" / "new")).read_text() == "new"


def test_a_path_that_was_not_there_goes(run: Run, top: Path) -> None:
    (top / "late").write_text("late")
    found = restored(run, top / "late")
    assert [one["op"] for one in found["changed"]] == ["+"]
    assert not (top / "late").exists()


def test_nothing_differs(run: Run, top: Path) -> None:
    assert restored(run, top / "a")["changed"] == []


def test_what_is_not_covered_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(AgentFailure, match="does not cover"):
        restored(run, tmp_path / "elsewhere")
    with pytest.raises(AgentFailure, match="no absolute path"):
        Restoring(run, ["a"], lambda _text: None)


def test_all_names_of_a_file_come_back_together(top: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    os.link(top / "a", top / "b")
    run: Run = request.getfixturevalue("run")
    (top / "a").unlink()
    (top / "a").write_text("apart")
    found = restored(run, top / "a")
    assert found["with"] == [str(top / "b")]
    assert (top / "a").read_text() == "one"


def test_nothing_is_touched_when_what_is_there_cannot_be_kept(
    run: Run, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (top / "a").write_text("changed")
    monkeypatch.setattr(single_paths.rsync, "copy", lambda *_, **__: None)
    with pytest.raises(AgentFailure) as caught:
        restored(run, top / "a")
    assert caught.value.code == "not-saved"
    assert (top / "a").read_text() == "changed"


def test_a_directory_with_what_is_not_covered_is_not_taken_away(
    run: Run, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (top / "a").unlink()
    (top / "a").mkdir()
    (top / "a" / "inner").write_text("mine")
    monkeypatch.setattr(single_paths, "real_changes", lambda found: [one for one in found if "inner" not in one.path])
    with pytest.raises(AgentFailure, match="does not cover"):
        restored(run, top / "a")
    assert (top / "a" / "inner").read_text() == "mine"
