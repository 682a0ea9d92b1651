"""Answers that are repeated to ansible-lint: only to the same question, only while nothing they depend on has changed."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from aisafe.playbook.lint_answers import KEPT, LOADED, QUESTIONS, SYNTAX_CHECK, answering, told


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Programs that count how often they are asked, one of which fails when ``fail`` is there."""
    for name in (*QUESTIONS, SYNTAX_CHECK):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(
            f"#!/bin/sh\necho {name} >>{tmp_path}/asked\n[ -e {tmp_path}/fail ] && {{ echo no; exit 3; }}\n"
            f'echo "{name} says $*"\n', encoding="utf-8",
        )  # fmt: skip
        program.chmod(0o755)
    return tmp_path


def environ(place: Path, **more: str) -> dict[str, str]:
    given = {"PATH": f"{place / 'bin'}:{os.environ['PATH']}", "HOME": str(place), **more}
    return answering(given, cwd=place, cache=place / "cache")


def ask(place: Path, line: str, **more: str) -> tuple[int, str]:
    done = subprocess.run(
        line.split(), env=environ(place, **more), capture_output=True, text=True, check=False, cwd=place, timeout=10
    )
    return done.returncode, done.stdout.strip()


def asked(place: Path) -> int:
    path = place / "asked"
    return len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0


@pytest.mark.parametrize(("name", "question"), QUESTIONS.items())
def test_the_same_question_is_asked_once(place: Path, name: str, question: str) -> None:
    said = {ask(place, f"{name} {question}") for _ in range(3)}
    assert said == {(0, f"{name} says {question}")}
    assert asked(place) == 1


def test_another_question_goes_to_the_real_program_each_time(place: Path) -> None:
    assert ask(place, "ansible-config view") == (0, "ansible-config says view")
    assert ask(place, "ansible-config view") == (0, "ansible-config says view")
    assert asked(place) == 2


def test_a_failure_is_passed_on_and_not_remembered(place: Path) -> None:
    (place / "fail").touch()
    assert ask(place, "ansible --version") == (3, "no")
    (place / "fail").unlink()
    assert ask(place, "ansible --version") == (0, "ansible says --version")


def test_a_change_of_what_it_depends_on_asks_again(place: Path) -> None:
    for change in (
        lambda: None,
        lambda: (place / "ansible.cfg").write_text("[defaults]\nforks = 7\n", encoding="utf-8"),
        lambda: (place / ".ansible/collections/ansible_collections/new").mkdir(parents=True),
        lambda: (place / "bin/ansible").write_text("#!/bin/sh\necho other\n", encoding="utf-8"),
    ):
        change()
        ask(place, "ansible-config dump")
    ask(place, "ansible-config dump", ANSIBLE_FORKS="9")
    assert asked(place) == 5


def test_an_old_answer_is_forgotten(place: Path) -> None:
    ask(place, "ansible --version")
    for directory in (place / "cache").iterdir():
        os.utime(directory, (0, time.time() - KEPT - 60))
    ask(place, "ansible --version")
    assert asked(place) == 2


def test_without_a_place_to_keep_them_nothing_changes(place: Path) -> None:
    (place / "cache").write_text("a file", encoding="utf-8")
    assert environ(place)["PATH"].startswith(str(place / "bin"))


def check(place: Path, playbook: str, **more: str) -> tuple[int, str]:
    return ask(place, f"ansible-playbook --syntax-check -vv {playbook}", **more)


def test_a_playbook_that_was_loaded_is_not_loaded_again(place: Path) -> None:
    for name in ("site.yml", "other.yml"):
        (place / name).touch()
    word = {LOADED: str(place / "loaded")}
    told([str(place / "site.yml")], environ=word)
    assert check(place, "site.yml", **word) == (0, "")
    assert check(place, "./site.yml", **word) == (0, "")
    assert asked(place) == 0
    assert check(place, "other.yml", **word) == (0, "ansible-playbook says --syntax-check -vv other.yml")
    assert ask(place, "ansible-playbook site.yml", **word) == (0, "ansible-playbook says site.yml")
    assert asked(place) == 2


def test_nothing_loaded_or_nobody_to_say_so_is_the_real_check(place: Path) -> None:
    (place / "site.yml").touch()
    (place / "fail").touch()
    assert check(place, "site.yml") == (3, "no")
    word = {LOADED: str(place / "loaded")}
    told([], environ=word)
    assert check(place, "site.yml", **word) == (3, "no")
    assert asked(place) == 2


def test_it_waits_for_the_word(place: Path) -> None:
    (place / "site.yml").touch()
    word = {LOADED: str(place / "loaded")}
    waiting = subprocess.Popen(
        ["ansible-playbook", "--syntax-check", "-vv", "site.yml"], env=environ(place, **word), cwd=place
    )
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(0.3)
    told([str(place / "site.yml")], environ=word)
    assert waiting.wait(10) == 0
    assert asked(place) == 0
