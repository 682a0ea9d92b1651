"""GitLab's code quality report (docs.gitlab.com, Code Quality, "Code Quality report format")."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping

from aisafe.model import Severity
from aisafe.reports import View, report
from aisafe.reports.rows import findings, fingerprint, place, words

_SEVERITIES: Mapping[Severity, str] = {"error": "critical", "warning": "minor", "note": "info"}


@report("gitlab")
def gitlab(view: View) -> str:
    """A list of issues, those that were accepted left out; each fingerprint once, as GitLab wants it."""
    issues = {}
    for finding in findings(view):
        if finding.accepted:
            continue
        path, line = place(finding, view)
        key = fingerprint(finding, view)
        issues[key] = {
            "description": words(finding),
            "check_name": finding.rule,
            "fingerprint": key,
            "severity": _SEVERITIES[finding.severity],
            "location": {"path": posixpath.normpath(path or "playbook"), "lines": {"begin": line}},
        }
    return json.dumps(list(issues.values()), indent=2, ensure_ascii=False) + "\n"
