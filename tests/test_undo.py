"""The cases and random plays of the acceptance matrix as they are written; ``python -m tests.undo`` runs them for real."""

from __future__ import annotations

import pytest
import yaml

from tests.undo.case import Case, everything, read
from tests.undo.play import generate, playbook

CASES = everything()


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 70


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_written_makes_sense(case: Case) -> None:
    assert case.what.endswith(".")
    assert case.exit != 0, "a case ends as it began"
    assert case.fails or case.event or case.did, "nothing makes it end otherwise"
    assert all(item.reason.endswith(".") for item in case.residue)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"what": "x", "tasks": [], "foo": 1}, "unknown keys foo"),
        ({"what": "x", "tasks": [], "fails": "never"}, "fails never"),
        ({"what": "x", "tasks": [], "event": {"do": "pray", "when": "true"}}, "event pray"),
    ],
)
def test_a_case_that_is_wrong_is_named(data: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read("x", data)


def test_a_seed_gives_the_same_play_and_each_block_is_drawn() -> None:
    assert [generate(seed) for seed in range(20)] == [generate(seed) for seed in range(20)]
    modules = {next(iter(task)) for seed in range(200) for block in generate(seed) for task in block}
    assert len(modules) >= 15
    assert all(yaml.safe_load(playbook(generate(seed)))[0]["tasks"][-1]["name"] == "Fail" for seed in range(20))
