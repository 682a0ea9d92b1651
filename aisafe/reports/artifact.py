"""What AWX keeps of a run and hands to the next node of a workflow: the verdict in short, and the plan as Markdown."""

from __future__ import annotations

from collections import Counter
from typing import Any

from aisafe.reports import View
from aisafe.reports.markdown import markdown
from aisafe.reports.rows import findings, place

_MOST_FINDINGS = 50
_MOST_TEXT = 60_000
"""Characters of the plan: artifacts go into variables of later jobs."""


def artifact(view: View) -> dict[str, Any]:
    """Plain data. Findings that are accepted or notes are left out, and those beyond the first 50 are only counted."""
    counted = [item for item in findings(view) if not item.accepted]
    shown = sorted((item for item in counted if item.severity != "note"), key=lambda item: item.severity)
    counts = Counter(item.severity for item in counted)
    plan = markdown(view)
    return {
        "verdict": view.verdict.word,
        "exit_code": int(view.exit_code),
        "run": view.run,
        "errors": counts["error"],
        "warnings": counts["warning"],
        "changes": {name: len(host.effects) for name, host in sorted(view.forecast.hosts.items())},
        "findings": [
            {
                "rule": item.rule, "severity": item.severity, "host": item.host, "message": item.message, "fix": item.fix,
                "path": place(item, view)[0], "line": place(item, view)[1],
            }
            for item in shown[:_MOST_FINDINGS]
        ],
        "plan": plan if len(plan) <= _MOST_TEXT else plan[:_MOST_TEXT] + "\n\n… (cut: too long)\n",
    }  # fmt: skip
