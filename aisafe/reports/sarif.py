"""SARIF 2.1.0 (OASIS, sarif-v2.1.0), for code scanning: one result a finding, at the line of its task."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from aisafe import __version__
from aisafe.model import Finding, Severity, TaskRef
from aisafe.reports import View, report
from aisafe.reports.rows import findings, fingerprint, place, words
from aisafe.rules import RULES

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: Mapping[Severity, str] = {"error": "error", "warning": "warning", "note": "note"}


@report("sarif")
def sarif(view: View) -> str:
    """The log, with a newline at the end. An accepted finding is suppressed, with who accepted it."""
    found = list(findings(view))
    run = {
        "tool": {"driver": {
            "name": "aisafe", "version": __version__, "semanticVersion": __version__, "rules": _rules(found),
        }},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "Where the command was run."}}},
        "invocations": [{"executionSuccessful": view.exit_code in (0, 20, 21), "exitCode": view.exit_code}],
        "results": [_result(finding, view) for finding in found],
    }  # fmt: skip
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _rules(found: Iterable[Finding]) -> list[dict[str, Any]]:
    """Descriptors of the rules that found something, in the order of their names (section 3.49)."""
    first: dict[str, Finding] = {}
    for finding in found:
        first.setdefault(finding.rule, finding)
    return [_rule(name, finding) for name, finding in sorted(first.items())]


def _rule(name: str, finding: Finding) -> dict[str, Any]:
    known = RULES.get(name)
    if known is None:
        return {"id": name, "defaultConfiguration": {"level": _LEVELS[finding.severity]}}
    summary = " ".join(known.help.split("\n\n")[0].split())
    return {
        "id": name,
        "shortDescription": {"text": summary.partition(". ")[0].rstrip(".") + "."},
        "fullDescription": {"text": summary},
        "help": {"text": known.help},
        "defaultConfiguration": {"level": _LEVELS[known.severity]},
    }


def _result(finding: Finding, view: View) -> dict[str, Any]:
    path, line = place(finding, view)
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": words(finding)},
        "partialFingerprints": {"aisafe/v1": fingerprint(finding, view)},
        "properties": {"host": finding.host or "", "when": finding.when, "evidence": list(finding.evidence)},
    }
    if path:
        result["locations"] = [_location(path, line)]
    related = [party.task for party in finding.parties if party.task is not None and party.task != finding.task]
    if related:
        result["relatedLocations"] = [_related(task, number) for number, task in enumerate(related, 1)]
    if finding.accepted:
        result["suppressions"] = [{"kind": "external", "justification": finding.accepted}]
    return result


def _location(path: str, line: int) -> dict[str, Any]:
    artifact = {"uri": quote(path)} if path.startswith("/") else {"uri": quote(path), "uriBaseId": "%SRCROOT%"}
    return {"physicalLocation": {"artifactLocation": artifact, "region": {"startLine": line}}}


def _related(task: TaskRef, number: int) -> dict[str, Any]:
    return {"id": number, "message": {"text": task.name}, **_location(task.path, max(1, task.line))}
