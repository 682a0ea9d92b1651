"""``aisafe snapshots``: what hosts keep of runs, what differs from it, single paths back, and room made."""

from __future__ import annotations

import getpass
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from aisafe.addressed import NamedRun, asked_of, end, taken_apart, told
from aisafe.errors import ExitCode, UsageError
from aisafe.formats.sizes import size_of
from aisafe.formats.sizes import words as in_words
from aisafe.reports.terminal import clean
from aisafe.view import console

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help="The snapshots that hosts keep: list, show, compare, bring single paths back, make room.",
)  # fmt: skip
like_ansible = {"allow_extra_args": True, "ignore_unknown_options": True}

NOW = "now"
SHOWN_UNITS = 12
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@app.command("list", context_settings=like_ansible)
def list_(context: typer.Context) -> None:
    """Which there are: aisafe snapshots list -i inventory PATTERN [-K …]

    Of each: when, how many paths, what room it takes and what would be free without it (snapshots share files), its
    state, and whose run it was.
    """
    answers = asked_of(context.args, "snapshots", {})
    rows = [("host", "run", "taken", "state", "paths", "size", "free without it", "whose")]
    for host, answer in told(answers):
        for found in answer["runs"]:
            left = found["deadline_left"]
            state = found["state"].replace("-", " ") + (f", {left:.0f} s left" if left is not None else "")
            sizes = (in_words(found["bytes"]), in_words(found["alone"]))
            rows.append(
                (host, found["run"], _time(found["since"]), state, str(found["paths"]), *sizes, found["holder"])
            )
    out = console(stderr=False)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows if len(rows) > 1 else []):
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        out.print(Text(clean(line), style="" if number else "dim"), soft_wrap=True)
    for host, answer in told(answers, say=False):
        free = "" if answer["free"] is None else f", {in_words(answer['free'])} are free beside them"
        count = len(answer["runs"])
        said = f"{count} snapshot{'s'[: count != 1]}, {in_words(answer['bytes'])} together{free}" if count else "none"
        out.print(Text(clean(f"{host}: {said}")))
    end(answers)


@app.command(context_settings=like_ansible)
def show(context: typer.Context) -> None:
    """What one covers, and what it does not: aisafe snapshots show RUN [-i inventory PATTERN]

    Without hosts, on those of the run as this machine recorded it.
    """
    name, _, rest = taken_apart(context.args)
    run = NamedRun(name)
    answers = asked_of(rest, "snapshot", {"run": run.id}, record=run.record)
    out = console(stderr=False)
    for host, found in told(answers):
        out.print(Text(clean(f"{host}: run {found['run']}, {found['state'].replace('-', ' ')}, taken "
                             f"{_time(found['since'])} for {found['holder']}"), style="bold"), soft_wrap=True)  # fmt: skip
        for line in _shown(found):
            out.print(Text(clean(f"  {line}")), soft_wrap=True)
    end(answers)


def _shown(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"{found['paths']} paths below {', '.join(found['trees'])}" if found["files"] else "no copies of files"
    if found["named"]:
        yield f"and what the run touches: {', '.join(found['named'])}"
    units = found.get("units")
    yield "units: not kept" if units is None else f"{len(units)} units that were up: {_some(units)}"
    if found.get("containers") is None:
        yield "containers: not kept"
    else:
        rest = ", ".join(f"{kind}: {found[kind]}" for kind in ("images", "networks", "volumes"))
        yield f"containers: {_some(found['containers']) or 'none'}; {rest}"
    for gap in found["not_covered"]:
        yield f"not covered: {gap}"
    for place in found["replaced"]:
        yield f"kept when paths were brought back: {place}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN_UNITS} more" if len(names) > SHOWN_UNITS else ""
    return ", ".join(names[:SHOWN_UNITS]) + more


@app.command(context_settings=like_ansible)
def diff(
    context: typer.Context,
    against: Annotated[str, typer.Option("--against", help="Another run's snapshot, or now.")] = NOW,
) -> None:
    """What differs from one to another, or to the present: aisafe snapshots diff RUN [--against RUN2] [-i inventory PATTERN]

    Files path by path with the kind of difference (+ new, - gone, ~ changed), units, containers, sockets, firewall,
    network and kernel settings. What could not be compared is said, and then the exit code is 1.
    """
    name, _, rest = taken_apart(context.args)
    run = NamedRun(name)
    other = "" if against == NOW else NamedRun(against).id
    answers = asked_of(rest, "snapshot_diff", {"run": run.id, "other": other}, record=run.record)
    out, blind = console(stderr=False), False
    for host, found in told(answers):
        lines = [f"{one['op']} {one['text']}" for one in found["files"]] + [f"~ {line}" for line in found["other"]]
        out.print(
            Text(clean(f"{host}: {len(lines)} differences" if lines else f"{host}: no differences"), style="bold")
        )
        for line in lines:
            out.print(Text(clean(f"  {line}")), soft_wrap=True)
        for line in found["unseen"]:
            blind = True
            out.print(Text(clean(f"  not compared: {line}"), style="yellow"), soft_wrap=True)
        for line in found["notes"]:
            out.print(Text(clean(f"  {line}"), style="dim"), soft_wrap=True)
    end(answers, worst=ExitCode.ERROR if blind else ExitCode.OK)


@app.command(context_settings=like_ansible)
def restore(context: typer.Context) -> None:
    """Bring single paths back: aisafe snapshots restore RUN /PATH… [-i inventory PATTERN]

    A directory comes back with all that was in it, and what is new in it goes. What stood there is kept beside the run's
    record on the host, and its place is said. Services are not restarted. Exits 22 when not everything came back.
    """
    name, paths, rest = taken_apart(context.args)
    if not paths:
        raise UsageError("No path is named.", fix="Write: aisafe snapshots restore RUN /PATH… [-i INVENTORY PATTERN]")
    run, who = NamedRun(name), f"{getpass.getuser()} at {socket.gethostname()}"
    answers = asked_of(rest, "snapshot_restore", {"run": run.id, "paths": paths, "holder": who}, record=run.record)
    out, failed = console(stderr=False), False
    for host, found in told(answers):
        failed = failed or bool(found["residue"])
        for line in _restored(found, paths):
            out.print(Text(clean(f"{host}: {line}")), soft_wrap=True)
    end(answers, worst=ExitCode.ROLLBACK_FAILED if failed else ExitCode.OK)


def _restored(found: Mapping[str, Any], asked: Sequence[str]) -> Iterator[str]:
    for one in found["changed"]:
        beginnings = (f"file {one['path']} ", f"file {one['path']}:")
        if not any(line.startswith(beginnings) for line in found["residue"]):
            yield f"{one['path']} is {'gone again: it was not there then' if one['op'] == '+' else 'as it was then'}"
    if not found["changed"]:
        yield f"nothing differs from the snapshot at {', '.join(asked)}"
    for name in found["with"]:
        yield f"{name} came with it: it is another name of the same file (a hard link)"
    for path in found["loose"]:
        yield f"{path} is a log or cache: of these only what is missing, the owner and the mode come back"
    if found["replaced"]:
        yield f"what stood there is in {found['replaced']}, until that snapshot goes"
    for line in found["residue"]:
        yield f"did not come back: {line}"


@app.command(context_settings=like_ansible)
def prune(
    context: typer.Context,
    keep: Annotated[int | None, typer.Option("--keep", min=0, help="All but the newest N.")] = None,
    older_than: Annotated[str, typer.Option("--older-than", help="Those that ended longer ago: 12h, 30d, 4w.")] = "",
    space: Annotated[str, typer.Option("--space", help="The oldest, until the rest takes no more: 500M, 2G.")] = "",
    last: Annotated[bool, typer.Option("--last", help="The last confirmed one may go, too.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only say what would go.")] = False,
) -> None:
    """Make room: aisafe snapshots prune --keep 2 -i inventory PATTERN

    Never one that guards its host, and the last confirmed one only with --last: without it a roll-back of that run is not
    possible any more. Says what is really freed. What each host keeps by itself is the setting keep_snapshots.
    """
    wanted = {"keep": keep, "older": _seconds(older_than), "space": _bytes(space), "last": last, "dry": dry_run}
    if all(wanted[name] is None for name in ("keep", "older", "space")):
        raise UsageError("What is to go is not said.", fix="Give one of --keep N, --older-than 30d, --space 2G.")
    answers = asked_of(context.args, "snapshot_prune", wanted)
    out, left = console(stderr=False), False
    for host, found in told(answers):
        for one in found["gone"]:
            word = "would go" if dry_run else "is gone"
            out.print(
                Text(clean(f"{host}: {one['run']} ({one['state'].replace('-', ' ')}, {_time(one['since'])}) {word}"))
            )
        for place in found["left"]:
            left = True
            out.print(Text(clean(f"{host}: {place} could not be taken away wholly"), style="red"))
        verb = "would be freed" if dry_run else "are freed"
        out.print(Text(clean(f"{host}: {in_words(found['bytes'])} {verb}, {in_words(found['held'])} stay")))
        for run, why in found["kept"].items():
            out.print(Text(clean(f"{host}: {run} stays: {why}"), style="dim"))
    end(answers, worst=ExitCode.ERROR if left else ExitCode.OK)


def _seconds(text: str) -> float | None:
    if not text:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text)
    if found is None:
        raise UsageError(f"--older-than {text} is no time.", fix="Write a number and s, m, h, d or w: --older-than 30d")
    return float(found[1]) * SECONDS[found[2]]


def _bytes(text: str) -> int | None:
    if not text or text == "0":
        return 0 if text else None
    size = size_of(text)
    if size is None:
        raise UsageError(f"--space {text} is no size.", fix="Write a number and K, M, G or T: --space 2G")
    return size


def _time(text: str | None) -> str:
    return str(text or "?").replace("T", " ").replace("+00:00", "Z")
