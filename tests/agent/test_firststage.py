"""The first stage: a private shell, mv and rsync bring programs back where the host's own do not run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from aisafe.agent import firststage, layers, rsync
from aisafe.agent.store import Run, Store

pytestmark = pytest.mark.skipif(not shutil.which("ldd"), reason="needs ldd")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(str(tmp_path / "lib"), str(tmp_path / "run"))
    store.prepare()
    firststage.install(store)
    return store


@pytest.fixture
def run(store: Store) -> Run:
    run = store.run("r1")
    run.create(holder={})
    run.move("snapshotting", "armed")
    return run


def started(store: Store, script: str, *words: str) -> subprocess.CompletedProcess[str]:
    """By the private shell, with no program of the host in its PATH."""
    command = [*firststage.shell(store).split(), script, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": "/nowhere"})


def python(place: Path, *, works: bool) -> str:
    path = place / "python"
    path.write_text(f'#!/bin/sh\n[ "$4" = ready ] && exit {0 if works else 1}\necho ran "$4" $5\n')
    path.chmod(0o755)
    return str(path)


def test_the_private_shell_needs_nothing_of_the_host(store: Store) -> None:
    assert firststage.shell(store) != "/bin/sh"
    done = subprocess.run([*firststage.shell(store).split(), "-c", "echo $((1 + 1))"], capture_output=True, text=True,
                          check=True, env={})  # fmt: skip
    assert done.stdout == "2\n"


def test_an_agent_that_runs_is_run_at_once(store: Store, run: Run, tmp_path: Path) -> None:
    script = run.file("agent.sh")
    Path(script).write_text(firststage.script(store, run, python(tmp_path, works=True)))
    done = started(store, script, "rollback", "--source")
    assert (done.stdout, run.state) == ("ran rollback --source\n", "armed")


needs_rsync = pytest.mark.skipif(
    not shutil.which("rsync"), reason="needs rsync; the cases self-python of tests.undo show it on real hosts"
)


def keep(run: Run, **programs: str) -> None:
    """Copies of programs in a run's own layer."""
    os.makedirs(run.file("tree/usr/bin"))
    for name, text in programs.items():
        Path(run.file("tree/usr/bin", name)).write_text(text)


def brought_back(store: Store, run: Run, place: Path) -> Path:
    """Where the programs came back that a boot found not to run."""
    rsync.install(store)
    root = place / "root"
    root.mkdir()
    script = run.file("agent.sh")
    text = firststage.script(store, run, python(place, works=False)).replace('"./$part" /', f'"./$part" {root}/')
    Path(script).write_text(text)
    done = started(store, script, "boot")
    assert done.stdout.endswith("ran boot\n"), done.stderr
    return root / "usr/bin"


@needs_rsync
def test_programs_come_back_first_and_the_run_can_be_confirmed_no_more(store: Store, run: Run, tmp_path: Path) -> None:
    keep(run, tool="whole")
    assert (brought_back(store, run, tmp_path) / "tool").read_text() == "whole"
    assert run.state == "rolling-back"


@needs_rsync
def test_the_newest_layer_counts(store: Store, run: Run, tmp_path: Path) -> None:
    older = store.run("r0")
    keep(older, tool="old", other="lent")
    keep(run, tool="new")
    layers.stand_on(run, older)
    programs = brought_back(store, run, tmp_path)
    assert (programs / "tool").read_text() == "new"
    assert (programs / "other").read_text() == "lent"


def test_the_first_watch_is_not_held_up(store: Store, run: Run, tmp_path: Path) -> None:
    script = run.file("agent.sh")
    Path(script).write_text(firststage.script(store, run, python(tmp_path, works=False)))
    assert started(store, script, "watch").stdout == "ran watch\n"
    assert run.state == "armed"


def test_the_reserve_is_given_back(run: Run) -> None:
    run.keep_reserve(1 << 20)
    assert os.stat(run.file("reserve")).st_blocks * 512 >= 1 << 20
    run.use_reserve()
    run.use_reserve()
    assert not os.path.exists(run.file("reserve"))
