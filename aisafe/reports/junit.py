"""JUnit XML, as CI services read it: a suite a host, a case a rule; what blocks is a failure, what was accepted is skipped."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree as ET

from aisafe.model import Finding
from aisafe.reports import View, report
from aisafe.reports.rows import findings, place
from aisafe.rules import RULES

WHOLE_RUN = "the whole run"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML 1.0 document may hold (section 2.2, Char)."""


@report("junit")
def junit(view: View) -> str:
    """The document, with a newline at the end."""
    top = ET.Element("testsuites", name="aisafe")
    found = list(findings(view))
    hosts = sorted({*view.states, *view.forecast.hosts})
    for host in (None, *hosts):
        _suite(top, host, [finding for finding in found if finding.host == host], view)
    for name in ("tests", "failures", "skipped"):
        top.set(name, str(sum(int(suite.get(name, "0")) for suite in top)))
    ET.indent(top)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(top, encoding="unicode") + "\n"


def _suite(top: ET.Element, host: str | None, found: list[Finding], view: View) -> None:
    stages = ("forecast", "both") if view.proof is None else ("forecast", "both", "proof")
    silent = [name for name, rule in RULES if rule.stage in stages and all(item.rule != name for item in found)]
    suite = ET.SubElement(top, "testsuite", name=_text(host or WHOLE_RUN))
    for name in sorted({*silent, *(item.rule for item in found)}):
        mine = [item for item in found if item.rule == name]
        _case(suite, host or WHOLE_RUN, name, mine, view)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("./testcase/failure"))))
    suite.set("errors", "0")
    suite.set("skipped", str(len(suite.findall("./testcase/skipped"))))


def _case(suite: ET.Element, host: str, name: str, found: Iterable[Finding], view: View) -> None:
    case = ET.SubElement(suite, "testcase", classname=_text(f"aisafe.{host}"), name=_text(name))
    items = list(found)
    blocking = [item for item in items if item.blocks]
    if blocking:
        failure = ET.SubElement(case, "failure", type=_text(name), message=_text(blocking[0].message))
        failure.text = _text("\n\n".join(_words(item, view) for item in blocking))
    elif items and all(item.accepted for item in items):
        ET.SubElement(case, "skipped", message=_text("accepted: " + "; ".join(item.accepted for item in items)))
    others = [item for item in items if not item.blocks]
    if others:
        ET.SubElement(case, "system-out").text = _text("\n\n".join(_words(item, view) for item in others))


def _words(finding: Finding, view: View) -> str:
    path, line = place(finding, view)
    parts = [f"{path}:{line}", f"{finding.severity}: {finding.message}", *finding.evidence, finding.fix, finding.yaml]
    return "\n".join(part for part in parts if part)


def _text(text: str) -> str:
    return _NOT_XML.sub("�", text)
