"""The view for people, as it is printed: golden texts at 100 columns, and what must hold at any width."""

from __future__ import annotations

import re
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from aisafe.config import Accept, Settings
from aisafe.judge import exit_code, judge, prove
from aisafe.model import Coverage, Finding, HostResult, Outcome, TaskResult, Verdict
from aisafe.reports import View
from aisafe.reports.terminal import SHOWN_EFFECTS, clean, render, terminal_report
from tests.cases import container, effect, forecast, ran, state, story, task

GOLDEN = Path(__file__).parent / "golden"


def view(settings: Settings | None = None, **given: object) -> View:
    states, plan = story()
    verdict = judge(states, plan, settings=settings or Settings())
    seen = View(
        states=states, forecast=plan, verdict=verdict, exit_code=exit_code(verdict), run="20260301T120000Z-ab12cd"
    )
    return replace(seen, **given)  # type: ignore[arg-type]


def blocked() -> View:
    return view()


def accepted() -> View:
    return view(
        Settings(accept=tuple(Accept(rule=rule, reason="command line") for rule in ("port-conflict", "service-twice")))
    )


def clean_run() -> View:
    plan = forecast(coverage=Coverage(tasks=3, modelled=3))
    return View(states={"web1": state()}, forecast=plan, verdict=Verdict(), exit_code=0)


def confirmed() -> View:
    results = {"web1": HostResult(host="web1", outcome="confirmed", detail="3 effects, 1 socket", seconds=6.25)}
    return view(exit_code=0, proof=Verdict(), outcome=Outcome(exit_code=0, word="confirmed", hosts=results))


def rolled_back() -> View:
    states, plan = story()
    crashing = container("node-exporter", "tcp 0.0.0.0:9100", state="restarting", restart_count=3, exit_code=127)
    after = state(*states["web1"].listeners, units=states["web1"].units.values(), containers=[crashing])
    failed = TaskResult(host="web2", task="Last", path="site.yml", line=30, status="failed", message="rc=1 changed=1")
    proof = prove(states, plan, {"web1": [after]}, ran(0, failed), settings=Settings())
    results = {
        "web1": HostResult(host="web1", outcome="rolled-back", seconds=4.0),
        "web2": HostResult(host="web2", outcome="rollback-incomplete", residue=("/etc/motd: content differs",)),
    }
    outcome = Outcome(exit_code=22, word="rollback-failed", hosts=results, message="web2 is not as it was before.")
    return view(exit_code=22, proof=proof, outcome=outcome)


VIEWS = [blocked, accepted, clean_run, confirmed, rolled_back]


@pytest.mark.parametrize("make", VIEWS)
def test_golden(make: object) -> None:
    path = GOLDEN / f"{make.__name__}.txt"  # type: ignore[attr-defined]
    assert terminal_report(make()) == path.read_text(encoding="utf-8")  # type: ignore[operator]


def printed(seen: View, *, width: int, boxes: bool, terminal: bool) -> str:
    out = StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, color_system="standard" if terminal else None)
    console.print(*render(seen, boxes=boxes), sep="\n")
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 80, 100, 120])
@pytest.mark.parametrize("make", VIEWS)
def test_no_line_is_wider_and_plain_text_has_no_frames_or_colour(make: object, width: int) -> None:
    text = printed(make(), width=width, boxes=False, terminal=False)  # type: ignore[operator]
    assert max(map(len, text.splitlines())) <= width
    assert not re.search(r"[\x1b│╭╰━─]", text)


def test_a_real_terminal_gets_colour_and_frames() -> None:
    text = printed(blocked(), width=80, boxes=True, terminal=True)
    assert "\x1b[" in text
    assert "╭─" in text


@pytest.mark.parametrize("make", VIEWS)
def test_molecule_sees_no_change(make: object) -> None:
    assert not re.search(r"changed=\d", terminal_report(make()))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a\x1b[31mb", "a\ufffd[31mb"),
        ("ok=1 changed=3", "ok=1 changed: 3"),
        ("changed=x", "changed=x"),
        ("a\nb\tc", "a\nb\tc"),
    ],
)
def test_text_of_others_is_cleaned(given: str, expected: str) -> None:
    assert clean(given) == expected


def test_markup_in_names_is_text() -> None:
    plan = forecast(effect("create", "container [red]x[/red]"))
    text = terminal_report(View(forecast=plan, verdict=Verdict(), exit_code=0))
    assert "[red]x[/red]" in text


@pytest.mark.parametrize(("number", "verbosity", "shown", "more"), [
    (SHOWN_EFFECTS, 0, SHOWN_EFFECTS, ""),
    (SHOWN_EFFECTS + 1, 0, SHOWN_EFFECTS + 1, ""),
    (30, 0, SHOWN_EFFECTS, "… 22 more (-v shows all)"),
    (30, 1, 30, ""),
])  # fmt: skip
def test_long_lists_are_cut(number: int, verbosity: int, shown: int, more: str) -> None:
    plan = forecast(*(effect("start", f"unit u{index}.service") for index in range(number)))
    text = terminal_report(View(forecast=plan, verdict=Verdict(), exit_code=0, verbosity=verbosity))
    assert len(re.findall(r"u\d+\.service", text)) == shown
    assert ("more (-v" in text) == bool(more)
    assert more in text


def test_hosts_to_which_the_same_happens_share_a_block() -> None:
    one = forecast(effect("start", "unit a.service")).hosts["web1"]
    other = replace(one, effects=(effect("stop", "unit a.service"),))
    plan = replace(forecast(), hosts={"a1": one, "a2": one, "a3": one, "b1": other})
    text = terminal_report(View(forecast=plan, verdict=Verdict(), exit_code=0))
    assert "a1, a2, a3 (3 hosts, the same on each)" in text
    assert text.count("a.service") == 2


def test_findings_that_several_hosts_share_are_told_once() -> None:
    findings = tuple(Finding(rule="x-y", severity="error", host=host, message="the same") for host in ("a1", "a2"))
    text = terminal_report(View(forecast=forecast(), verdict=Verdict(findings=findings), exit_code=20))
    assert text.count("the same") == 1
    assert "ERROR x-y  a1, a2" in text


@pytest.mark.parametrize(("verbosity", "shown"), [(0, False), (1, True)])
def test_notes_are_shown_with_v(verbosity: int, shown: bool) -> None:
    verdict = Verdict(findings=(Finding(rule="lint:yaml", severity="note", message="too long"),))
    text = terminal_report(View(forecast=forecast(), verdict=verdict, exit_code=0, verbosity=verbosity))
    assert ("too long" in text) is shown
    assert ("1 note more (-v shows them)" in text) is not shown


@pytest.mark.parametrize(
    ("paths", "shown"),
    [
        (["plays/site.yml", "plays/site.yml"], ["site.yml:1", "site.yml:1"]),
        (["plays/site.yml", "plays/roles/a/tasks/main.yml"], ["site.yml:1", "roles/a/tasks/main.yml:1"]),
        (["/srv/site.yml", "plays/site.yml"], ["srv/site.yml:1", "plays/site.yml:1"]),
        (["", "site.yml"], [":1", "site.yml:1"]),
    ],
)
def test_task_paths_lose_what_they_share(paths: list[str], shown: list[str]) -> None:
    effects = [replace(effect("start", "unit a.service"), task=task("x", 1, path)) for path in paths]
    text = terminal_report(View(forecast=forecast(*effects), verdict=Verdict(), exit_code=0))
    lines = [line.split()[-1] for line in text.splitlines() if "a.service" in line]
    assert lines == shown


def test_modules_without_a_model_are_named() -> None:
    plan = forecast(coverage=Coverage(tasks=3, modelled=1, opaque=2, no_model=("a.b.c", "d.e.f\x1b")))
    text = terminal_report(View(states={"web1": state()}, forecast=plan, verdict=Verdict(), exit_code=0))
    assert "Modules without a model: a.b.c, d.e.f�." in text
