"""The real run's end."""

from __future__ import annotations

import pytest

from aisafe.model import TaskResult
from tests.cases import forecast, proven, ran, state, task


def result(status: str, host: str = "web1") -> TaskResult:
    return TaskResult(
        host=host, task="Do it", path="site.yml", line=10, status=status, message="exit 1.",  # type: ignore[arg-type]
    )  # fmt: skip


def test_the_failed_tasks_are_named() -> None:
    applied = ran(2, result("ok"), result("failed"), result("ignored"), result("unreachable", "web2"))
    (finding,) = proven("run-failed", state(), forecast(), state(), applied=applied)
    assert finding.message == (
        "ansible-playbook ended with exit code 2: web1: the task 'Do it' (site.yml:10) failed: exit 1."
    )
    assert finding.evidence == ("web2: the task 'Do it' (site.yml:10) did not reach the host: exit 1",)
    assert (finding.task, finding.host, finding.severity) == (task(), None, "error")


@pytest.mark.parametrize(("code", "words"), [(99, "it was interrupted"), (250, "unexpectedly"), (77, "its own output")])
def test_without_a_failed_task(code: int, words: str) -> None:
    (finding,) = proven("run-failed", state(), forecast(), state(), applied=ran(code))
    assert words in finding.message


def test_well() -> None:
    assert not proven("run-failed", state(), forecast(), state(), applied=ran(0, result("ignored"), result("rescued")))
