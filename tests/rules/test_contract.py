"""What every rule promises."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from aisafe.rules import RULES, Rule

ALL = list(RULES)


@pytest.mark.parametrize(("name", "rule"), ALL, ids=[name for name, _ in ALL])
def test_a_rule_shows_wrong_and_right_and_says_why(name: str, rule: Rule) -> None:
    why, _, rest = rule.help.partition("Wrong:\n")
    wrong, _, right = rest.partition("Right:\n")
    assert len(why.split()) > 15
    for example in (wrong, right):
        assert yaml.safe_load(dedent(example)), f"{name}: no YAML in {example!r}"
    assert yaml.safe_load(dedent(wrong)) is not None
    assert dedent(wrong).strip() != dedent(right).strip()


@pytest.mark.parametrize(("name", "rule"), ALL, ids=[name for name, _ in ALL])
def test_a_rule_is_one_file_of_its_name_with_its_tests(name: str, rule: Rule) -> None:
    module = rule.check.__module__.rpartition(".")[2]
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
    assert module == name.replace("-", "_")
    assert (Path(__file__).parent / f"test_{module}.py").is_file()
