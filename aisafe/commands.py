"""The ``aisafe`` command's words beside ``plan``, which takes ansible-playbook's arguments and is read elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from aisafe import __version__
from aisafe.addressed import NamedRun, addressed, chosen_settings, connections_of, taken_apart
from aisafe.commands_init import init
from aisafe.commands_rules import explain, rules
from aisafe.commands_snapshots import app as snapshots
from aisafe.commands_snapshots import like_ansible
from aisafe.commands_static import static
from aisafe.commands_verify import verify
from aisafe.completion import completion
from aisafe.errors import AisafeError, ExitCode, HostError, UsageError
from aisafe.guard import roll_back
from aisafe.model import HostResult, HostState, Unfinished
from aisafe.playbook.program import find_ansible_playbook
from aisafe.reports import View as RunView
from aisafe.reports.terminal import clean, render
from aisafe.runs import RunStore
from aisafe.transport.pool import SessionPool
from aisafe.view import console

app = typer.Typer(
    no_args_is_help=True,
    help="Know what an Ansible run will do, refuse what would break, undo what failed.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,  # aisafe completion knows aisafe-playbook's options, too, and starts no Python
)

Run = Annotated[str, typer.Argument(help="A run's id, the beginning of one, or 'last'.")]


def _store() -> RunStore:
    return RunStore(chosen_settings().state_dir / "runs")


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False) -> None:
    if version:
        print(f"aisafe {__version__}")
        raise typer.Exit


@app.command(context_settings=like_ansible)
def plan() -> None:
    """What a run would do and what would break: takes ansible-playbook's arguments, changes nothing.

    aisafe plan -i inventory site.yml [--aisafe-format=json]

    Exits 0, 20 (it would break something) or 23 (too blind to judge).
    """


@app.command(context_settings=like_ansible)
def fix() -> None:
    """The ways out as changes of your own files: takes ansible-playbook's arguments; shows a diff, or applies it.

    aisafe fix -i inventory site.yml [--write]

    Exits 0 when nothing that blocks is left, else 20.
    """


app.command()(rules)
app.command()(explain)
app.command()(init)
app.command()(static)
app.command()(completion)


@app.command()
def runs(count: Annotated[int, typer.Option("--count", "-n", help="How many, the newest first.")] = 20) -> None:
    """What was run, and how it ended."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for name in ("run", "started", "how it ended", "playbooks"):
        table.add_column(name)
    for record in _store().list()[:count]:
        started = f"{record.started_at:%Y-%m-%d %H:%M:%SZ}" if record.started_at else "?"
        kind = "plan: " if record.inputs.get("command") == "plan" else ""
        table.add_row(record.id, started, kind + record.word, Text(clean(" ".join(record.inputs.get("playbooks", ())))))
    if not table.row_count:
        console(stderr=False).print("No run is recorded yet.")
    console(stderr=False).print(table)


@app.command()
def show(
    run: Run = "last", verbose: Annotated[bool, typer.Option("--verbose", "-v", help="All of it.")] = False
) -> None:
    """One run, stage by stage."""
    record = _store().load(run)
    out = console(stderr=False)
    given = record.inputs
    out.print(Text(f"run {record.id}: {record.word}", style="bold"))
    for name in ("started_at", "user", "controller", "cwd", "model", "prompt", "accepted", "versions"):
        if given.get(name):
            out.print(Text(clean(f"  {name.replace('_', ' ')}: {_words(given[name])}")))
    if applied := record.stage("applies"):
        out.print(Text(clean(f"  applied with: ansible-core {applied['core'] or '?'}, {applied['program']}")))
    out.print(Text(clean(f"  command: {' '.join(given.get('argv', ()))}")))
    if verbose:
        for event in record.events:
            out.print(Text(clean(f"  {event.get('at')} {event.get('event')}"), style="dim"))
    if record.damaged:
        out.print(Text(clean(f"  of the record could not be read: {record.damaged}"), style="red"))
    forecast, verdict = record.forecast(), record.verdict()
    if forecast is not None and verdict is not None:
        proof = record.verdict("proof")
        view = RunView(
            states=record.states(), forecast=forecast, verdict=verdict, proof=None, outcome=None,
            exit_code=record.outcome.exit_code if record.outcome else 0, verbosity=int(verbose),
        )  # fmt: skip
        out.print()
        out.print(*render(view), sep="\n")
        if record.outcome is not None and proof is not None:
            end = RunView(
                states={}, forecast=forecast, verdict=verdict, proof=proof, outcome=record.outcome,
                exit_code=record.outcome.exit_code, verbosity=int(verbose),
            )  # fmt: skip
            out.print()
            out.print(*render(end), sep="\n")
    elif record.outcome is not None and record.outcome.message:
        out.print(Text(clean(f"  {record.outcome.message}")))
    out.print(Text(f"  record: {record.directory}", style="dim"))


def _words(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


@app.command(context_settings=like_ansible)
def rollback(
    context: typer.Context,
    force: Annotated[bool, typer.Option("--force", help="Even when a newer run changed the host since.")] = False,
) -> None:
    """Bring a run's hosts back to what they were before it: aisafe rollback [RUN] [-i inventory PATTERN] [-k] [-K]

    What others changed since is kept. Without RUN the last one; without hosts all that it touched, as this machine recorded
    it. With hosts it may be a run of another machine: its id is what aisafe doctor says of the host.
    """
    name, _, rest = taken_apart(context.args, otherwise="last")
    run = NamedRun(name)
    ended = run.record.outcome.hosts if run.record is not None and run.record.outcome is not None else {}
    connections = {
        host: connection for host, connection in connections_of(run.record, rest).items()
        if host not in ended or ended[host].outcome != "untouched"
    }  # fmt: skip
    if not connections:
        raise UsageError(f"Run {run.id} touched none of these hosts, so there is nothing to bring back.")
    out = console(stderr=True)
    with SessionPool(connections) as pool, ThreadPoolExecutor(max_workers=16) as workers:
        deadline = float(run.record.inputs.get("deadline", 60)) if run.record is not None else 60.0

        def one(host: str) -> HostResult:
            return roll_back(
                pool, host, run=run.id, reason="asked for by aisafe rollback", deadline=deadline, force=force,
                guarded=False,
                say=lambda text: out.print(Text(clean(text), style="dim")),
            )  # fmt: skip

        results = list(workers.map(one, connections))
    for result in results:
        took = f" in {result.seconds:.1f} s" if result.seconds is not None else ""
        out.print(Text(clean(f"{result.host}: {result.outcome.replace('-', ' ')}{took} {result.detail}".rstrip())))
        for line in result.residue:
            out.print(Text(clean(f"  left behind: {line}"), style="red"))
    if any(result.outcome != "rolled-back" for result in results):
        raise typer.Exit(int(ExitCode.ROLLBACK_FAILED))


@app.command(context_settings=like_ansible)
def doctor(context: typer.Context) -> None:
    """What is missing on the controller and on hosts, and how to get it: aisafe doctor -i inventory PATTERN [-K …]."""
    from aisafe.collect import collect  # noqa: PLC0415  only this word needs it

    out = console(stderr=False)
    chosen = chosen_settings()
    program = find_ansible_playbook(os.environ, str(chosen.ansible_playbook or ""))
    out.print(f"controller: Python {sys.version.split()[0]}, aisafe {__version__}, applies with {program}")
    target = addressed(context.args)
    if target is None:
        out.print("Name hosts to have them examined too: aisafe doctor -i inventory PATTERN")
        return
    with SessionPool(target.connections) as pool:
        states = collect(target.connections, sessions=pool).states
    problems = sum([_examine(state) for state in states.values()])
    if problems:
        raise typer.Exit(int(ExitCode.ERROR))


@app.command(context_settings=like_ansible)
def uninstall(context: typer.Context) -> None:
    """Take everything of aisafe off hosts, snapshots included: aisafe uninstall -i inventory PATTERN [-K …]."""
    target = addressed(context.args)
    if target is None:
        raise UsageError("No hosts are named.", fix="Write: aisafe uninstall -i INVENTORY PATTERN")
    out = console(stderr=True)
    left = 0
    with SessionPool(target.connections) as pool, ThreadPoolExecutor(max_workers=16) as workers:

        def one(host: str) -> str:
            try:
                removed = pool.session(host).call("uninstall")["removed"]
            except HostError as error:
                return str(error)
            return "" if removed is not None else "the agent gave no answer"

        for host, problem in zip(target.connections, workers.map(one, target.connections), strict=True):
            left += bool(problem)
            out.print(Text(clean(f"{host}: {problem or 'nothing of aisafe is left'}")))
    if left:
        raise typer.Exit(int(ExitCode.ERROR))


app.add_typer(snapshots, name="snapshots")
app.command(context_settings=like_ansible)(verify)
state_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Record hosts, to judge where they cannot be reached."
)
app.add_typer(state_app, name="state")


@state_app.command(context_settings=like_ansible)
def save(
    context: typer.Context,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path("state.json"),
) -> None:
    """Ask hosts and write what they are to a file: aisafe state save -i inventory PATTERN -o state.json [-K …]."""
    from aisafe.collect import collect  # noqa: PLC0415  only this word and doctor need it
    from aisafe.playbook.facts_payload import facts_payload  # noqa: PLC0415
    from aisafe.recorded import save as write  # noqa: PLC0415

    target = addressed(context.args)
    if target is None:
        raise UsageError("No hosts are named.", fix="Write: aisafe state save -i INVENTORY PATTERN -o FILE")
    with SessionPool(target.connections) as pool:
        collected = collect(target.connections, facts=facts_payload(), sessions=pool)
    out = console(stderr=True)
    blind = [(host, spot) for host, state in collected.states.items() for spot in state.blind_spots if spot.blocks]
    for host, spot in blind:
        out.print(Text(clean(f"{host}: cannot be seen: {spot.reason} {spot.fix}".rstrip())))
    if blind:
        raise AisafeError(
            "Not every host could be seen, so nothing was recorded.", fix="Mend that, or name other hosts."
        )
    write(collected, output)
    out.print(
        Text(
            clean(
                f"{len(collected.states)} hosts recorded in {output}; use it with aisafe plan --aisafe-state={output}"
            )
        )
    )


def _examine(state: HostState) -> int:
    """Say how one host fares; returns the number of problems that stand in the way of a guarded run."""
    out = console(stderr=False)
    missing = [text for text in state.agent_checks.values() if text]
    blocking = [spot for spot in state.blind_spots if spot.blocks]
    fine = not missing and not blocking
    system = state.os.get("PRETTY_NAME") or state.os.get("pretty_name") or state.os.get("id", "")
    out.print(Text(f"{state.host}: {'ready' if fine else 'not ready'} ({system})" if system else f"{state.host}: not ready",
                   style="green" if fine else "red"))  # fmt: skip
    for text in missing:
        out.print(Text(clean(f"  missing: {text}")))
    for spot in state.blind_spots:
        out.print(Text(clean(f"  {'cannot be seen' if spot.blocks else 'note'}: {spot.reason} {spot.fix}".rstrip())))
    if (left := state.unfinished) is not None:
        since = f"{left.since:%Y-%m-%d %H:%M:%SZ}"
        out.print(
            Text(clean(f"  run {left.run} is {left.state} since {since} ({left.holder}){_silence(left)}: "
                       f"aisafe rollback {left.run} -i INVENTORY {state.host}"))
        )  # fmt: skip
    return len(missing) + len(blocking)


def _silence(left: Unfinished) -> str:
    """How long its controller has been silent, and when the host goes back by itself for it."""
    if left.silent is None or left.deadline is None:
        return ""
    rest = max(0.0, left.deadline - left.silent)
    return f", its controller spoke {left.silent:.0f} s ago and the host goes back by itself {rest:.0f} s from now"
