"""Digests of what a task is given: the same for the same, another for any difference, nothing of what is secret."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aisafe.effects.api import Call, LiveFile, SourceFile
from aisafe.marks import mark, mark_file
from aisafe.model import Unknown
from tests.cases import task

CALL = Call(
    module="ansible.builtin.copy", args={"dest": "/etc/x", "mode": "0644", "list": [1, {"a": True}]}, task=task(),
    source=(SourceFile(name="", content=b"text"),), environment={"A": "1"},
)  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [
        {"module": "ansible.builtin.template"},
        {"args": {**CALL.args, "mode": "0600"}},
        {"args": {**CALL.args, "mode": Unknown("the result of X")}},
        {"args": {**CALL.args, "list": [1, {"a": False}]}},
        {"source": (SourceFile(name="", content=b"other"),)},
        {"source": None},
        {"environment": {"A": "2"}},
        {"certainty": "possible"},
        {"become_user": "shop"},
    ],
)
def test_any_difference_tells(other: dict[str, Any]) -> None:
    assert mark(replace(CALL, **other), "salt").digest != mark(CALL, "salt").digest


def test_equal_calls_have_equal_marks_whatever_the_order() -> None:
    turned = replace(CALL, args=dict(reversed(list(CALL.args.items()))))
    assert mark(turned, "salt") == mark(CALL, "salt")
    assert mark(CALL, "salt").digest != mark(CALL, "other salt").digest


def test_of_a_task_with_no_log_nothing_but_its_module_counts() -> None:
    quiet = replace(CALL, no_log=True)
    assert mark(quiet, "salt") == mark(replace(quiet, args={"dest": "/etc/y"}, source=None), "salt")


@pytest.mark.parametrize("other", [{"content": b"y"}, {"mode": 0o600}, {"owner": "shop"}, {"kind": "absent"}])
def test_a_live_file(other: dict[str, Any]) -> None:
    file = LiveFile(path="/etc/x", kind="file", content=b"x", mode=0o644, owner="root", group="root", size=1)
    assert mark_file(replace(file, **other), "s") != mark_file(file, "s")
    assert mark_file(replace(file, mtime=7.0), "s") == mark_file(file, "s")
