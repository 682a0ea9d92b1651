"""What the formats for reviewers share: the findings of a whole run, where each stands, and what tells it from others."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace

from aisafe.model import Finding
from aisafe.reports import View
from aisafe.reports.terminal import clean

_CHANGING = re.compile(r"\bpid \d+|\b[0-9a-f]{12,64}\b")


def findings(view: View) -> Iterator[Finding]:
    """Those of the judgement, then those of the look afterwards; what others wrote is without control characters."""
    for finding in (*view.verdict.findings, *(view.proof.findings if view.proof is not None else ())):
        task = finding.task
        yield replace(
            finding, message=clean(finding.message), fix=clean(finding.fix), accepted=clean(finding.accepted),
            evidence=tuple(map(clean, finding.evidence)), host=None if finding.host is None else clean(finding.host),
            task=replace(task, name=clean(task.name), path=clean(task.path)) if task is not None else None,
        )  # fmt: skip


def place(finding: Finding, view: View) -> tuple[str, int]:
    """File and line (from 1): the task's; else the top of the first playbook, since a reviewer's tool wants a line."""
    if finding.task is not None and finding.task.path:
        return finding.task.path, max(1, finding.task.line)
    return next(iter(view.playbooks), ""), 1


def words(finding: Finding) -> str:
    """The message, with the host before it and the way out behind it."""
    host = f"{finding.host}: " if finding.host else ""
    return f"{host}{finding.message}" + (f" {finding.fix}" if finding.fix else "")


def fingerprint(finding: Finding, view: View) -> str:
    """The same for the same finding of a later run: without line numbers, process ids and container ids."""
    path, _ = place(finding, view)
    name = finding.task.name if finding.task else ""
    parts = (finding.rule, finding.host or "", path, name, finding.when, _CHANGING.sub("", finding.message))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
