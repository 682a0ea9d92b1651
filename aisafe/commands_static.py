"""``aisafe static``: changed files judged without any host, for pre-commit: fast, no SSH, no ansible-lint."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.text import Text

from aisafe.errors import ExitCode
from aisafe.model import Forecast, HostState, Verdict
from aisafe.playbook.configuration import setting
from aisafe.reports.terminal import clean
from aisafe.view import console

WITHOUT_INVENTORY = ("predicted-failure", "incomplete-forecast")
"""What may rest on variables that only the inventory has."""
_NAMES = re.compile(r"^([!&]?)([A-Za-z0-9_][\w.-]*)$")


def static(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Changed YAML files; those that are playbooks are judged.")
    ] = None,
    playbook: Annotated[
        list[Path] | None, typer.Option("--playbook", help="Judge this one whenever any file is given: site.yml, say.")
    ] = None,
    inventory: Annotated[
        list[str] | None, typer.Option("--inventory", "-i", help="As for ansible-playbook; without one, ansible.cfg's.")
    ] = None,
) -> None:
    """Judge playbooks with nothing known of the hosts: what clashes within the run, and what cannot work anywhere.

    aisafe static site.yml roles/web/tasks/main.yml [--playbook site.yml] [-i inventory]

    It asks no host and runs no ansible-lint. Exits 0, or 20 when something blocks.
    """
    out = console()
    broken = False
    found: list[Path] = []
    for path in files or ():
        try:
            if is_playbook(documents(path)):
                found.append(path)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f":{mark.line + 1}" if mark else ""
            out.print(Text(clean(f"{path}{line} is not valid YAML: {getattr(error, 'problem', None) or error}")))
            broken = True
    found += [path for path in playbook or () if path not in found and files]
    code = judge(found, inventory or []) if found else ExitCode.OK
    raise typer.Exit(int(ExitCode.BLOCKED if broken and code == ExitCode.OK else code))


def judge(playbooks: Sequence[Path], inventories: Sequence[str]) -> int:
    """The exit code of a plan of all of them at once, with unknown hosts. Its record is not kept."""
    from aisafe.launch import playbook as plan  # noqa: PLC0415  the other commands do without it

    configured = setting(os.environ, Path.cwd(), variable="ANSIBLE_INVENTORY", section="defaults", key="inventory")
    words = ["--aisafe-state=none", "--aisafe-lint=off"]
    with tempfile.TemporaryDirectory(prefix="aisafe-") as scratch:
        if inventories or configured:
            words += [word for name in inventories for word in ("-i", name)]
        else:
            made = Path(scratch, "hosts")
            made.write_text(inventory_text(playbooks), encoding="utf-8")
            words += ["-i", str(made), *(f"--aisafe-accept={rule}" for rule in WITHOUT_INVENTORY)]
        os.environ["AISAFE_STATE_DIR"] = scratch  # a hook must not push the records of real runs out
        return plan([*words, *map(str, playbooks)], plan_only=True, judged=show, quiet=True)


def show(states: Mapping[str, HostState], forecast: Forecast, verdict: Verdict, exit_code: int) -> None:
    """A line for each finding, and its way out; that the hosts were not asked is known to whoever runs this."""
    out = console()
    for found in verdict.findings:
        if found.accepted or found.severity == "note" or found.rule == "blind-spot":
            continue
        where = f"{found.task.path}:{found.task.line}: " if found.task else ""
        out.print(
            Text(clean(f"{where}{found.severity} {found.rule}: {found.message} {found.fix}".rstrip())), soft_wrap=True
        )


class _Tolerant(yaml.SafeLoader):
    """A SafeLoader to which a tag that it does not know (``!vault``) is no value."""


_Tolerant.add_constructor(None, lambda _loader, _node: None)


def documents(path: Path) -> list[Any]:
    """What the file holds; nothing where it can't be read or is encrypted. Raises yaml.YAMLError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    return [] if text.startswith("$ANSIBLE_VAULT") else list(yaml.load_all(text, Loader=_Tolerant))


def is_playbook(found: Sequence[Any]) -> bool:
    """A list of plays and imports of playbooks, and nothing else."""
    plays = found[0] if len(found) == 1 and isinstance(found[0], list) else []
    return bool(plays) and all(
        isinstance(play, dict) and ("hosts" in play or any(str(key).endswith("import_playbook") for key in play))
        for play in plays
    )


def inventory_text(playbooks: Iterable[Path]) -> str:
    """An inventory in which every play addresses something: a group and a host of its own for each name.

    Two names are two hosts, since what one group runs does not clash with what another does. Of ``web:&prod`` web's host is in
    prod, too.
    """
    groups: dict[str, set[str]] = {}
    for pattern in patterns(playbooks):
        parts = [match for word in re.split("[:,]", pattern) if (match := _NAMES.match(word.strip()))]
        plain = [match[2] for match in parts if not match[1]]
        for name in plain:
            groups.setdefault(name, set()).add(name)
        for match in parts:
            if match[1] == "&":
                groups.setdefault(match[2], {match[2]}).update(plain)
    lines = ["any"]
    for name, members in sorted(groups.items()):
        if name not in ("all", "localhost", "ungrouped"):
            lines += [f"[{name}]", *(f"a-host-of-{member}" for member in sorted(members))]
    return "\n".join(lines) + "\n"


def patterns(playbooks: Iterable[Path]) -> Iterator[str]:
    """What the plays have as ``hosts``."""
    for path in playbooks:
        for document in documents(path):
            for play in document if isinstance(document, list) else ():
                hosts = play.get("hosts") if isinstance(play, dict) else None
                yield from map(str, hosts if isinstance(hosts, list) else [hosts or ""])
