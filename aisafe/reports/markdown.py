"""Markdown for a job's summary or a comment on a merge request: the verdict, what changes on each host, what is found."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from aisafe.model import Finding, HostForecast
from aisafe.reports import View, report
from aisafe.reports.rows import findings, place
from aisafe.reports.terminal import clean

_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~])")
_MOST = 30
"""Effects of one host that are listed; the rest is counted, since a comment has a largest size."""


@report("markdown")
def markdown(view: View) -> str:
    """The text, with a newline at the end. What comes from a playbook or a host cannot become markup."""
    return "\n".join(_parts(view)) + "\n"


def _parts(view: View) -> Iterator[str]:
    shown = [item for item in findings(view) if not item.accepted and (item.severity != "note" or view.verbosity)]
    yield f"## aisafe: {_headline(view)}"
    yield ""
    if view.outcome is not None and view.outcome.message:
        yield f"{_plain(view.outcome.message)}\n"
    counts = Counter(item.severity for item in shown)
    yield f"{_count(counts['error'], 'error')}, {_count(counts['warning'], 'warning')}. Exit code {view.exit_code}.\n"
    for finding in shown:
        yield from _finding(finding, view)
    for name in sorted(view.forecast.hosts):
        yield from _host(view.forecast.hosts[name])
    accepted = [item for item in findings(view) if item.accepted]
    if accepted:
        yield "### Accepted\n"
        yield from (f"- `{_code(item.rule)}` {_plain(item.message)} ({_plain(item.accepted)})" for item in accepted)


def _headline(view: View) -> str:
    if view.outcome is not None and view.outcome.word not in ("planned", "blocked"):
        return view.outcome.word.replace("-", " ")
    return {"blocked": "blocked, nothing was changed", "warn": "can go on, with warnings", "clean": "clean"}[
        view.verdict.word
    ]


def _finding(finding: Finding, view: View) -> Iterator[str]:
    path, line = place(finding, view)
    mark = {"error": "🛑", "warning": "⚠️", "note": "ℹ️"}[finding.severity]
    host = f" on **{_plain(finding.host)}**" if finding.host else ""
    yield f"### {mark} `{_code(finding.rule)}`{host}, `{_code(path)}:{line}`\n"
    yield f"{_plain(finding.message)}\n"
    yield from (f"- {_plain(text)}" for text in finding.evidence)
    if finding.fix:
        yield f"\n{_plain(finding.fix)}\n"
    if finding.yaml:
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", finding.yaml)), default=0))
        yield f"{fence}yaml\n{finding.yaml.rstrip()}\n{fence}\n"


def _host(host: HostForecast) -> Iterator[str]:
    cover = host.coverage
    opaque = f", {cover.opaque} opaque" if cover.opaque else ""
    changes = _count(len(host.effects), "change")
    foreseen = f"{cover.modelled} of {_count(cover.tasks, 'task')} foreseen{opaque}"
    yield f"<details><summary>{_html(host.host)}: {changes}, {foreseen}</summary>\n"
    if host.effects:
        yield "| change | what | how sure | task |\n| --- | --- | --- | --- |"
        for effect in host.effects[:_MOST]:
            yield (f"| {effect.action} {effect.kind} | `{_code(effect.name)}` | {effect.certainty} "
                   f"| {_plain(effect.task.name)} (`{_code(effect.task.path)}:{effect.task.line}`) |")  # fmt: skip
        if len(host.effects) > _MOST:
            yield f"\nAnd {len(host.effects) - _MOST} more."
    if host.claims:
        yield "\n| socket | held by | how sure |\n| --- | --- | --- |"
        for claim in host.claims:
            yield f"| `{claim.socket}` | {_plain(str(claim.holder))} | {claim.certainty} |"
    yield "\n</details>\n"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _plain(text: str | None) -> str:
    return _MARKS.sub(r"\\\1", " ".join(clean(text or "").split()))


def _html(text: str) -> str:
    return clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _code(text: str) -> str:
    """Inside a code span of a table: no backtick, no pipe, one line."""
    return " ".join(clean(text).replace("`", "'").replace("|", "¦").split())
