"""Limits and reservations against what the host has."""

from __future__ import annotations

from typing import Any

import pytest

from aisafe.model import Asked
from tests.cases import forecast, found, holder, state, task

GIB = 1024**3


def asked(name: str, **given: Any) -> Asked:
    return Asked(who=holder(f"container {name}"), task=task(), **given)


@pytest.mark.parametrize(
    ("items", "says"),
    [
        ([asked("a", memory_limit=3 * GIB)], "may use 3.0 GiB of memory, and the host has 2.0 GiB"),
        ([asked("a", memory_reserved=GIB), asked("b", memory_reserved=GIB + 1)], "reserve 2.0 GiB of memory"),
        ([asked("a", memory_limit=2 * GIB)], ""),
        ([asked("a", memory_reserved=GIB), asked("b", memory_reserved=GIB)], ""),
        ([asked("a", memory_limit=GIB), asked("b", memory_limit=2 * GIB)], ""),
        ([asked("a")], ""),
    ],
)
def test_cases(items: list[Asked], says: str) -> None:
    findings = found("memory", state(memory_total=2 * GIB), forecast(asked=tuple(items)))
    assert len(findings) == bool(says)
    assert all(says in item.message and item.severity == "warning" for item in findings)


def test_a_host_whose_memory_was_not_seen() -> None:
    (finding,) = found("memory", state(), forecast(asked=(asked("a", memory_limit=10**15), asked("b"))))
    assert (finding.severity, finding.evidence) == ("warning", ("container a",))
    assert "could not be seen" in finding.message
    assert found("memory", state(), forecast(asked=(asked("b"),))) == []
