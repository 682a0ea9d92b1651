"""GitHub's annotations: workflow commands on the output of a job (docs.github.com, Workflow commands for GitHub Actions)."""

from __future__ import annotations

from collections.abc import Mapping

from aisafe.model import Severity
from aisafe.reports import View, report
from aisafe.reports.rows import findings, place, words

_COMMANDS: Mapping[Severity, str] = {"error": "error", "warning": "warning", "note": "notice"}


@report("github")
def github(view: View) -> str:
    """One line a finding that is not accepted; one that says so when there is none."""
    lines = []
    for finding in findings(view):
        if finding.accepted or (finding.severity == "note" and not view.verbosity):
            continue
        path, line = place(finding, view)
        where = f"file={_value(path)},line={line}," if path else ""
        lines.append(f"::{_COMMANDS[finding.severity]} {where}title={_value(finding.rule)}::{_data(words(finding))}")
    return "\n".join(lines or ["aisafe: nothing to annotate."]) + "\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _value(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
