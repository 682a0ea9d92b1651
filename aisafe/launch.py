"""ansible-playbook's arguments taken apart, and the processes of a run started: before anything else is imported."""

from __future__ import annotations

import contextlib
import getpass
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aisafe import __version__
from aisafe.config import Settings, settings
from aisafe.errors import ExitCode, UsageError
from aisafe.options import OPTIONS
from aisafe.playbook.commandline import CommandLine, parse
from aisafe.playbook.program import find_ansible_playbook, run_as_is

if TYPE_CHECKING:
    from aisafe.keeping import Keeping
    from aisafe.pipeline import Judged
    from aisafe.playbook.lint import LintJob
    from aisafe.recorded import RecordedStates


def read_command_line(argv: Sequence[str]) -> tuple[CommandLine, Settings]:
    """Split and understand ``argv``, and the settings that come of it. Raises UsageError."""
    names = {option.name.removeprefix("aisafe-"): option for option in OPTIONS if option.name}
    line = parse(argv, known=[*names, "help"])
    for name, values in line.ours.items():
        if name != "help" and names[name].takes_value and "" in values:
            raise UsageError(f"--aisafe-{name} needs a value.", fix=f"Write {names[name]}.")
    given = {f"aisafe-{k}": v for k, v in line.ours.items() if k != "help"}
    return line, settings(Path.cwd(), os.environ, given, extra=_extra(line))


def _extra(line: CommandLine) -> dict[str, tuple[str, ...]]:
    if not any("aisafe_" in text or text.startswith("@") for text in line.values("-e", "--extra-vars")):
        return {}
    from aisafe.playbook.extravars import extra_settings  # noqa: PLC0415  yaml takes 20 ms

    return extra_settings(line, Path.cwd(), known=[option for option in OPTIONS if option.key])


def playbook(argv: Sequence[str], *, plan_only: bool, judged: Judged | None = None, quiet: bool = False) -> int:
    """One run, or one plan. Returns the exit code; raises AisafeError. ``judged``: see aisafe.pipeline.Ask.

    ``quiet``: show progress and errors, but not the plan.
    """
    output, rest = _output(argv) if plan_only else (None, argv)
    line, chosen = read_command_line(rest)
    if "help" in line.ours:
        print(_help())
        return ExitCode.OK
    program = find_ansible_playbook(os.environ, str(chosen.ansible_playbook or ""))
    if (line.only_asks or not line.playbooks) and not plan_only:
        return run_as_is(program, line.arguments, os.environ)
    plan_only = plan_only or chosen.plan_only
    if not line.playbooks:
        raise UsageError("There is no playbook on the command line.", fix="Write: aisafe plan -i INVENTORY PLAYBOOK")
    from aisafe.playbook.passwords import ask_all  # noqa: PLC0415  what only asks stays fast
    from aisafe.playbook.release import Asked  # noqa: PLC0415
    from aisafe.simulation.client import Simulation  # noqa: PLC0415

    keeping = _keeping(chosen, output)
    known = _recorded(chosen, plan_only=plan_only)
    passwords = ask_all(line, os.environ, Path.cwd(), _ask)
    with (
        contextlib.closing(Asked(program, os.environ)) as applies,
        _lint(line, chosen, program) as lint,
        Simulation(
            argv=line.arguments,
            cwd=Path.cwd(),
            environ=os.environ,
            trust=chosen.trust,
            base=chosen.base,
            allow_untested=chosen.allow_untested_ansible,
            connection_password=passwords.connection,
            become_password=passwords.become,
            vault_passwords=passwords.vault,
            salt=keeping.salt if keeping else "",
        ) as simulation,
    ):  # their processes begin while we import the rest; the lint first, which takes longest
        from aisafe.running import Start, run  # noqa: PLC0415

        return run(
            Start(
                argv=argv,
                line=line,
                settings=chosen,
                program=program,
                passwords=passwords,
                simulation=simulation,
                lint=lint,
                applies=applies,
                keeping=keeping,
                recorded=known,
                plan_only=plan_only,
                judged=judged,
                quiet=quiet,
            )
        )


def _output(argv: Sequence[str]) -> tuple[Path | None, list[str]]:
    """``aisafe plan``'s own -o FILE (--output FILE, --output=FILE), which ansible-playbook does not have, and the rest."""
    rest, found, place = list(argv), None, 0
    while place < len(rest) and rest[place] != "--":
        name, equals, value = rest[place].partition("=")
        if name not in ("-o", "--output"):
            place += 1
            continue
        if not equals:
            value = rest[place + 1] if place + 1 < len(rest) else ""
        if not value:
            raise UsageError(
                f"{name} needs the name of a file.", fix="Write: aisafe plan -o FILE -i INVENTORY PLAYBOOK"
            )
        found = Path.cwd() / Path(value).expanduser()
        del rest[place : place + (1 if equals else 2)]
    return found, rest


def _keeping(chosen: Settings, output: Path | None) -> Keeping | None:
    if not output and not chosen.plan:
        return None
    from aisafe.keeping import Keeping  # noqa: PLC0415

    return Keeping.of(output=output, approved=chosen.plan)


def _recorded(chosen: Settings, *, plan_only: bool) -> RecordedStates | None:
    if chosen.state == "live":
        return None
    if not plan_only:
        raise UsageError(
            f"A run needs the hosts themselves, and --aisafe-state={chosen.state} does not ask them.",
            fix="Judge with it: aisafe plan; or run with --aisafe-state=live.",
        )
    from aisafe.recorded import recorded  # noqa: PLC0415

    return recorded(chosen.state)


def _lint(line: CommandLine, chosen: Settings, program: Path) -> LintJob:
    from aisafe.playbook.lint import LintJob, start_lint  # noqa: PLC0415

    if chosen.lint == "off":
        return LintJob(())
    return start_lint(
        line.playbooks,
        cwd=Path.cwd(),
        environ=os.environ,
        ansible_playbook=program,
        timeout=chosen.lint_timeout,
        required=chosen.lint == "on",
        loads_too=True,
    )


def _ask(text: str) -> str:
    """getpass without its warning that names a line of Python where there is no terminal (input from a pipe)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", getpass.GetPassWarning)
        try:
            return getpass.getpass(text)
        except EOFError:
            print(file=sys.stderr)
            raise


def _help() -> str:
    rows = [f"  {option!s:<36} {option.help} Default: {option.default}." for option in OPTIONS if option.name]
    return "\n".join(
        [
            f"aisafe-playbook {__version__}: takes every option of ansible-playbook, and its own, anywhere before `--`:",
            *rows,
            "Each has its variable (AISAFE_DEADLINE) and its key in .aisafe.yml (deadline). See also: aisafe --help.",
        ]
    )
