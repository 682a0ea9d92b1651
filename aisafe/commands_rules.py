"""The words about rules: ``aisafe rules``, ``aisafe explain``, and ``aisafe fix``, which takes ansible-playbook's arguments."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from aisafe.errors import AisafeError, ExitCode, UsageError
from aisafe.model import Finding, Forecast, HostState, Verdict
from aisafe.patching import Patch, patches
from aisafe.reports.terminal import clean
from aisafe.rules import RULES, Rule
from aisafe.view import console

WHEN: Mapping[str, str] = {"forecast": "the forecast", "proof": "the host afterwards", "both": "both"}
LEVEL: Mapping[str, str] = {"error": "blocks", "warning": "warns", "note": "note"}


def rules(
    format: Annotated[str, typer.Option("--format", help="terminal or json.")] = "terminal",
) -> None:
    """Every rule: what it looks at, whether it blocks, what it finds."""
    if format == "json":
        print(json.dumps([
            {"rule": name, "severity": rule.severity, "stage": rule.stage, "finds": summary(rule)} for name, rule in RULES
        ], indent=2))  # fmt: skip
        return
    if format != "terminal":
        raise UsageError(f"There is no format {format!r} here.", fix="Known: terminal, json.")
    table = Table.grid(padding=(0, 2, 0, 0))
    for name in ("rule", "looks at", "by default", "what it finds"):
        table.add_column(name)
    for name, rule in RULES:
        table.add_row(name, WHEN[rule.stage], LEVEL[rule.severity], Text(summary(rule)))
    console(stderr=False).print(table)


def explain(rule: Annotated[str, typer.Argument(help="A rule's name, as findings show it.")]) -> None:
    """One rule in full: why, a wrong example, the right one, and how it is set."""
    found = RULES.get(rule)
    if found is None:
        if rule.startswith("lint:"):
            name = rule.removeprefix("lint:").partition("[")[0]
            raise UsageError(f"{rule} is a rule of ansible-lint.", fix=f"See ansible-lint's documentation of {name}.")
        close = get_close_matches(rule, [name for name, _ in RULES], n=1)
        raise UsageError(
            f"There is no rule {rule!r}.", fix=f"Did you mean {close[0]}?" if close else "See aisafe rules."
        )
    print(f"{rule}: looks at {WHEN[found.stage]}, {LEVEL[found.severity]} by default\n\n{found.help}\n")
    print(f"Set it in .aisafe.yml (rules: {{{rule}: error, warn, note or off}}), or accept it for one run:")
    print(f"--aisafe-accept={rule}@HOST; with an end, an owner and a reason under accept: in .aisafe.yml.")


def summary(rule: Rule) -> str:
    """The first sentence of its documentation."""
    return " ".join(rule.help.split("\n\n")[0].split())


class Findings:
    """Keeps the verdict of a plan for :func:`mend` (see aisafe.pipeline.Ask, ``judged``)."""

    def __init__(self) -> None:
        self.found: tuple[Finding, ...] = ()

    def judged(self, states: Mapping[str, HostState], forecast: Forecast, verdict: Verdict, exit_code: int) -> None:
        self.found = verdict.findings


def mend(found: tuple[Finding, ...], *, write: bool, cwd: Path) -> int:
    """Show the ways out as a diff of the user's files on standard output, or apply them.

    Returns 0 when nothing that blocks is left, else 20. Raises AisafeError when a file cannot be written.
    """
    out = console()
    made = patches(found, lambda path: _own(path, cwd))
    for patch in made.patches:
        if write:
            _write(cwd / patch.path, patch)
        else:
            sys.stdout.write(patch.diff())
        done = "changed" if write else "would change"
        out.print(Text(clean(f"{patch.path}: {done}, for {', '.join(patch.rules)}")), soft_wrap=True)
    for finding, reason in made.left:
        where = f" ({finding.task.path}:{finding.task.line})" if finding.task else ""
        out.print(Text(clean(f"left: {finding.rule} {finding.host or ''}{where}: {reason}")), soft_wrap=True)
    if not made.patches and not made.left:
        out.print("There is nothing to mend.")
    elif made.patches:
        out.print(
            "Look once more: aisafe plan." if write else "To apply it: aisafe fix --write with the same arguments."
        )
    return int(ExitCode.BLOCKED if any(finding.blocks for finding, _ in made.left) else ExitCode.OK)


def _own(path: str, cwd: Path) -> str | None:
    """The text of a file below the working directory; what a role or collection elsewhere holds is not the user's to mend."""
    full = cwd / path
    if not full.resolve().is_relative_to(cwd.resolve()) or not full.is_file():
        return None
    try:
        return full.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _write(path: Path, patch: Patch) -> None:
    try:
        if path.read_bytes().decode("utf-8") != patch.before:
            raise AisafeError(f"{path} was changed meanwhile, so it was left as it is.", fix="Try again.")
        mode = path.stat().st_mode & 0o7777
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, delete=False) as file:
            file.write(patch.after.encode())
        os.chmod(file.name, mode)
        os.replace(file.name, path)
    except OSError as error:
        raise AisafeError(f"{path} cannot be written: {error.strerror}.") from None
