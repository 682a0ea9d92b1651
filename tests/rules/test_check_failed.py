"""The user's own checks."""

from __future__ import annotations

from aisafe.model import CheckResult
from tests.cases import forecast, proven, state


def test_failed_and_passed() -> None:
    checks = [
        CheckResult(host="web1", name="shop", passed=False, detail="the answer's status is 500"),
        CheckResult(host="web1", name="queue", passed=True),
        CheckResult(host="db", name="shop", passed=False),
    ]
    (finding,) = proven("check-failed", state(), forecast(), state(), checks=checks)
    assert finding.message == "The check 'shop' failed: the answer's status is 500."
    assert (finding.severity, finding.when, finding.host) == ("error", "after", "web1")
