"""A copy's own manifest is the same by one process and by two, and none at all when one of them could not read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aisafe.agent import proof
from aisafe.agent.manifest import Walk
from aisafe.agent.scope import Scope


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    place = tmp_path / "tree" / "usr" / "local"
    for number in range(60):
        (place / f"d{number % 7}").mkdir(parents=True, exist_ok=True)
        (place / f"d{number % 7}" / f"f{number}").write_text(f"{number}" * number)
    os.link(place / "d0" / "f0", place / "d6" / "name")
    return tmp_path / "tree"


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "LARGE", 100)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})


def test_two_see_what_one_sees(copies: Path, tmp_path: Path, two: None) -> None:
    scope, one, both = Scope(), tmp_path / "one", tmp_path / "both"
    Walk(scope, root=str(copies)).write(str(one))
    proof.look(scope, str(copies), str(both))
    assert both.read_text() == one.read_text()
    assert one.read_text().count('"h":') == 61
    assert sorted(os.listdir(tmp_path)) == ["both", "one", "tree"]


def test_a_half_that_cannot_be_read_is_no_proof(
    copies: Path, tmp_path: Path, two: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, complete = os.getpid(), Walk.complete

    def only_here(walk: Walk, path: str, seen: object = lambda entry: None) -> None:
        if os.getpid() != mine:
            raise OSError(5, "Input/output error")
        complete(walk, path)

    monkeypatch.setattr(Walk, "complete", only_here)
    with pytest.raises(OSError, match="could not be read: Input/output error"):
        proof.look(Scope(), str(copies), str(tmp_path / "both"))


def test_a_half_that_crashed_is_told(copies: Path, tmp_path: Path, two: None, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, complete = os.getpid(), Walk.complete

    def only_here(walk: Walk, path: str, seen: object = lambda entry: None) -> None:
        if os.getpid() != mine:
            raise ValueError("a mistake of ours")
        complete(walk, path)

    monkeypatch.setattr(Walk, "complete", only_here)
    with pytest.raises(OSError, match="could not be read: the process that read it crashed"):
        proof.look(Scope(), str(copies), str(tmp_path / "both"))


def test_a_process_that_fails_waits_for_the_other(
    copies: Path, tmp_path: Path, two: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, complete = os.getpid(), Walk.complete

    def full(walk: Walk, path: str, seen: object = lambda entry: None) -> None:
        if os.getpid() == mine:
            raise OSError(28, "No space left on device")
        complete(walk, path)

    monkeypatch.setattr(Walk, "complete", full)
    with pytest.raises(OSError, match="No space left"):
        proof.look(Scope(), str(copies), str(tmp_path / "both"))
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
