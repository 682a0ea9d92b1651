"""The view for people: what changes on each host, which sockets, what stands against it, and what to do next."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from aisafe.model import Action, Claim, Effect, Finding, HostForecast, HostResult, HostState, Severity
from aisafe.occupancy import live_entries
from aisafe.reports import View, report

SHOWN_EFFECTS = 8
"""Effects of a host that are shown without ``-v``."""

_STYLES: dict[str, str] = {
    "error": "bold red", "warning": "bold yellow", "note": "bold blue", "accepted": "bold magenta",
    "clean": "bold green", "warn": "bold yellow", "blocked": "bold red",
}  # fmt: skip
_MARKS: dict[Action, tuple[str, str]] = {
    "create": ("+", "green"), "install": ("+", "green"), "pull": ("+", "green"), "start": ("+", "green"),
    "enable": ("+", "green"), "remove": ("-", "red"), "stop": ("-", "red"), "disable": ("-", "red"),
    "mask": ("-", "red"),
}  # fmt: skip
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # ECMA-48's control characters; tab and line feed stay
    "\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # UAX #9: what turns text around, or is not seen
    "\ud800-\udfff\U000e0000-\U000e007f]"  # bytes of file names that are no text; tags
)
_MOLECULE = re.compile(r"changed=(?=\d)")


@report("terminal")
def terminal_report(view: View) -> str:
    """The view as plain text, 100 columns wide, without colour."""
    out = StringIO()
    console = Console(file=out, width=100, color_system=None, force_terminal=False, legacy_windows=False, emoji=False)
    console.print(*render(view), sep="\n")
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def render(view: View, *, boxes: bool = False) -> list[RenderableType]:
    """What to print to a rich console, top to bottom. ``boxes``: frames around what blocks; for real terminals only."""
    parts: list[RenderableType] = []
    if view.outcome is None or view.proof is None:
        parts += _hosts(view)
        parts += _findings(view.verdict.findings, view, boxes=boxes)
    else:
        parts += _findings(view.proof.findings, view, boxes=boxes)
    if view.outcome is not None and view.outcome.hosts:
        parts.append(_outcomes(view.outcome.hosts.values()))
    return [*parts, _closing(view)]


def clean(text: str) -> str:
    """Text of others without control characters, and without what Molecule's idempotence check looks for."""
    return _MOLECULE.sub("changed: ", _CONTROL.sub("�", text))


def _text(text: str, style: str = "") -> Text:
    return Text(clean(text), style=style)


def _hosts(view: View) -> Iterator[RenderableType]:
    """One block for each host; hosts to which the very same happens share one."""
    blocks: dict[str, list[str]] = {}
    views: dict[str, tuple[HostForecast, HostState | None]] = {}
    for name in sorted({*view.states, *view.forecast.hosts}):
        forecast = view.forecast.hosts.get(name, HostForecast(host=name))
        state = view.states.get(name)
        held = [_held_now(claim, state) for claim in forecast.claims]
        key = repr((forecast.coverage, forecast.effects, forecast.claims, forecast.blind_spots, held))
        blocks.setdefault(key, []).append(name)
        views[key] = (forecast, state)
    for key, names in blocks.items():
        yield _host(names, *views[key], view=view)


def _host(names: list[str], forecast: HostForecast, state: HostState | None, *, view: View) -> RenderableType:
    cover, effects = forecast.coverage, forecast.effects
    head = Text.assemble((", ".join(map(clean, names)), "bold cyan"))
    if len(names) > 1:
        head.append(f" ({len(names)} hosts, the same on each)", "dim")
    head.append(f"  {_plural(cover.tasks, 'task')}")
    gaps = [
        f"{count} {word}" for count, word in ((cover.opaque, "opaque"), (cover.not_reached, "not reached")) if count
    ]
    head.append(f": {cover.modelled} foreseen" + "".join(f", {gap}" for gap in gaps), "yellow" if gaps else "")
    if not effects:
        head.append(", changes nothing" if not gaps else "", "green")
    parts: list[RenderableType] = [head]
    if effects:
        listed = _effects(effects, view.verbosity, unseen=_unseen(state))
        parts += [Padding(_counts(effects), (0, 0, 0, 2)), Padding(listed, (0, 0, 0, 4))]
    if forecast.claims:
        parts += [Padding(Text("sockets it holds at the end", style="bold"), (0, 0, 0, 2))]
        parts += [Padding(_claims(forecast.claims, state), (0, 0, 0, 4))]
    return Group(*parts, "")


def _unseen(state: HostState | None) -> bool:
    return state is not None and any(spot.kind == "host" for spot in state.blind_spots)


def _counts(effects: tuple[Effect, ...]) -> Text:
    counts = Counter(effect.kind for effect in effects if effect.certainty != "opaque")
    opaque = sum(effect.certainty == "opaque" for effect in effects)
    words = [_plural(count, kind) for kind, count in counts.items()]
    words += [f"{_plural(opaque, 'effect')} that cannot be foreseen"] * bool(opaque)
    return Text.assemble(("changes ", "bold"), ", ".join(words))


def _effects(effects: tuple[Effect, ...], verbosity: int, *, unseen: bool) -> RenderableType:
    """``unseen``: the whole host could not be seen; why stands in its finding, and not once more at each effect."""
    shared = posixpath.commonpath([f"./{posixpath.dirname(effect.task.path)}" for effect in effects])
    shown = effects if verbosity or len(effects) <= SHOWN_EFFECTS + 1 else effects[:SHOWN_EFFECTS]
    table = Table.grid(padding=(0, 2, 0, 0))
    for column in ("mark", "kind", "action"):
        table.add_column(column, no_wrap=True)
    table.add_column("name", overflow="fold", ratio=3)
    table.add_column("task", overflow="fold", ratio=2, style="dim")
    for effect in shown:
        mark, style = _MARKS.get(effect.action, ("~", "yellow"))
        name = _text(effect.name)
        if effect.certainty != "certain":
            mark, style = "?", "yellow"
            why = f": {effect.why}" if effect.why and not unseen else ""
            name.append(f" ({clean(effect.certainty + why)})", "yellow")
        if not effect.reversible:
            name.append(" (cannot be undone)", "red")
        path = posixpath.relpath(f"./{effect.task.path}", shared) if effect.task.path else ""
        where = _text(f"{path}:{effect.task.line}")
        table.add_row(Text(mark, style), effect.kind, Text(effect.action, style), name, where)
    if len(shown) == len(effects):
        return table
    return Group(table, Text(f"… {len(effects) - len(shown)} more (-v shows all)", style="dim"))


def _claims(claims: tuple[Claim, ...], state: HostState | None) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column("socket", no_wrap=True)
    table.add_column("holder", overflow="fold")
    table.add_column("now", overflow="fold")
    for claim in sorted(claims, key=lambda item: (item.socket.port, item.socket.protocol, str(item.socket.address))):
        holder = _text(str(claim.holder))
        if claim.certainty != "certain":
            holder.append(" (possible)", "yellow")
        table.add_row(Text(str(claim.socket), "bold"), holder, _held_now(claim, state))
    return table


def _held_now(claim: Claim, state: HostState | None) -> Text:
    if state is None or any(spot.kind in ("host", "listener") for spot in state.blind_spots):
        return Text("not known who holds it now", "yellow")
    for entry in live_entries(state):
        if entry.socket.overlaps(claim.socket):
            if entry.holder == claim.holder:
                return Text("as now", "green")
            pid = f" (pid {entry.live.pid})" if entry.live and entry.live.pid else ""
            return _text(f"held now by {entry.holder or 'a process that could not be seen'}{pid}", "yellow")
    return Text("free now", "green")


def _findings(findings: Iterable[Finding], view: View, *, boxes: bool) -> Iterator[RenderableType]:
    groups: dict[Finding, list[str | None]] = {}
    for finding in findings:
        same = next((known for known in groups if _alike(known, finding)), finding)
        groups.setdefault(same, []).append(finding.host)
    notes, shown = 0, set[str]()
    for finding, hosts in groups.items():
        if finding.severity == "note" and not view.verbosity:
            notes += len(hosts)
            continue
        title = _title(finding, [host for host in hosts if host])
        body = _body(finding, again=finding.yaml in shown)
        shown.add(finding.yaml)
        if boxes and finding.blocks:
            yield Panel(body, title=title, title_align="left", border_style="red", padding=(0, 1))
            yield ""
        else:
            yield Group(title, Padding(body, (0, 0, 0, 2)), "")
    if notes:
        yield Text(f"{_plural(notes, 'note')} more (-v shows them)\n", style="dim")


def _alike(one: Finding, other: Finding) -> bool:
    return all(
        getattr(one, name) == getattr(other, name)
        for name in ("rule", "severity", "message", "when", "task", "fix", "yaml", "evidence", "accepted")
    )


def _title(finding: Finding, hosts: list[str]) -> Text:
    word: Severity | str = "accepted" if finding.accepted else finding.severity
    title = Text.assemble((word.upper(), _STYLES[word]), " ", (clean(finding.rule), "bold"))
    if hosts:
        title.append(f"  {clean(', '.join(hosts))}", "cyan")
    if finding.task:
        title.append(f"  {clean(finding.task.path)}:{finding.task.line}", "dim")
    return title


def _body(finding: Finding, *, again: bool) -> RenderableType:
    parts: list[RenderableType] = [_text(finding.message)]
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column("what", no_wrap=True, style="dim")
    table.add_column("text", overflow="fold")
    for index, party in enumerate(finding.parties):
        table.add_row("between" if not index else "and", _text(str(party), "bold"))
    for index, line in enumerate(finding.evidence):
        table.add_row("seen" if not index else "", _text(line))
    if finding.accepted:
        table.add_row("accepted", _text(finding.accepted, "magenta"))
    if finding.fix and not finding.accepted:
        table.add_row("way out", _text(finding.fix, "green"))
    if table.row_count:
        parts.append(table)
    if finding.accepted:
        return Group(*parts)
    if finding.yaml and again:
        parts.append(Text("    (the same YAML as above)", style="dim"))
    elif finding.yaml:
        from rich.syntax import Syntax  # noqa: PLC0415  the colours of YAML come with a library of their own

        code = clean(finding.yaml).rstrip()
        shown = Syntax(code, "yaml", theme="ansi_dark", background_color="default", word_wrap=True)
        parts.append(Padding(shown, (0, 0, 0, 4)))
    return Group(*parts)


def _outcomes(results: Iterable[HostResult]) -> RenderableType:
    good = ("confirmed", "checked", "untouched", "rolled-back")
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column("host", style="bold cyan", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("detail", overflow="fold")
    for result in sorted(results, key=lambda item: item.host):
        took = f" in {result.seconds:.1f} s" if result.seconds is not None else ""
        style = "green" if result.outcome in good else "red"
        table.add_row(_text(result.host), Text(result.outcome.replace("-", " ") + took, style), _text(result.detail))
        for line in result.residue:
            table.add_row("", "", _text(f"left behind: {line}", "red"))
    return Group(table, "")


def _closing(view: View) -> RenderableType:
    verdict = view.proof if view.proof is not None and view.outcome is not None else view.verdict
    open_findings = [finding for finding in verdict.findings if not finding.accepted]
    counts = Counter(finding.severity for finding in open_findings)
    accepted = len(verdict.findings) - len(open_findings)
    words = [_plural(counts[level], level) for level in ("error", "warning", "note") if counts[level]]
    words += [f"{accepted} accepted"] * bool(accepted)
    said = ", ".join(words) or "no findings"
    cover = [host.coverage for host in view.forecast.hosts.values()]
    effects = [effect for host in view.forecast.hosts.values() for effect in host.effects]
    tasks, modelled = sum(item.tasks for item in cover), sum(item.modelled for item in cover)
    line = Text()
    if tasks:
        line.append(f"Foreseen: {modelled} of {_plural(tasks, 'task')} ({100 * modelled // tasks} %). ")
    if missing := sorted({module for item in cover for module in item.no_model}):
        line.append(f"Modules without a model: {clean(', '.join(missing))}. ", "yellow")
    if effects:
        undone = sum(effect.reversible for effect in effects)
        share = 100 * undone // len(effects)
        line.append(f"Can be undone: {undone} of {_plural(len(effects), 'effect')} ({share} %). ")
    if not view.forecast.complete:
        line.append("The forecast ends before the play does.", "red")
    code = f" (exit code {view.exit_code})" if view.outcome is not None or view.exit_code else ""
    parts: list[RenderableType] = [Text.assemble(_headline(view), f"  {said}{code}")]
    parts += [line] if line else []
    parts += [_text(text) for text in _next(view) if text]
    return Group(*parts)


def _headline(view: View) -> tuple[str, str]:
    if view.outcome is None:
        return {
            "blocked": ("BLOCKED", _STYLES["blocked"]), "warn": ("GO, with warnings", _STYLES["warn"]),
            "clean": ("GO", _STYLES["clean"]),
        }[view.verdict.word]  # fmt: skip
    good = view.outcome.word in ("planned", "clean", "checked", "confirmed", "passed-through")
    return view.outcome.word.replace("-", " ").upper(), "bold green" if good else "bold red"


def _next(view: View) -> Iterator[str]:
    if view.outcome is not None:
        yield view.outcome.message
    elif view.verdict.blocks:
        yield "Nothing was changed on any host."
        if any(finding.yaml for finding in view.verdict.findings if finding.blocks):
            yield "Next: put the suggested tasks into the play, or accept a finding: --aisafe-accept=RULE@HOST."
        else:
            yield "Next: solve what blocks, or accept a finding: --aisafe-accept=RULE@HOST."
    if view.run:
        yield f"Everything about this run: aisafe show {view.run}"


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
