"""A check of the user's own failed."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Finding
from aisafe.rules import Case, rule


@rule("check-failed", severity="error", stage="proof")
def check_failed(case: Case) -> Iterator[Finding]:
    """One of the checks of .aisafe.yml says that the host does not do what it is for.

    Wrong:

        checks:
          - name: the shop answers
            http: http://127.0.0.1:8080/    # 500 since the run

    Right:

        checks:
          - name: the shop answers
            http: http://127.0.0.1:8080/    # 200
    """
    for check in case.checks:
        if not check.passed:
            detail = f": {check.detail.rstrip('.')}" if check.detail else ""
            yield case.find(
                f"The check {check.name!r} failed{detail}.",
                fix="Correct what the play brings, or the check in .aisafe.yml if it asks for the wrong thing.",
            )
