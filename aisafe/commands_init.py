"""``aisafe init``: a settings file in which everything that can be set stands, commented out."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from textwrap import wrap
from typing import Annotated

import typer

from aisafe.config import find_file
from aisafe.errors import AisafeError, UsageError
from aisafe.options import FILE_NAMES, OPTIONS, Option
from aisafe.rules import RULES

_SAMPLES = {
    "format": "terminal", "reports": "[sarif:aisafe.sarif, markdown]", "deadline": "60", "settle": "5", "lint": "auto",
    "model": "some-model@1.0", "trust": "[inventory/aws.py, filter_plugins]", "snapshot": "[/srv/shop]", "forks": "10",
    "lint_timeout": "180", "allow_untested_ansible": "true", "ansible_playbook": "/opt/ansible/bin/ansible-playbook",
    "state_dir": "~/.local/state/aisafe", "kubernetes_version": '"1.31"', "keep_runs": "200", "debug": "true",
    "keep_snapshots": "3", "waves": '"1, 25%, 100%"',
    "checks": '\n  - {name: shop answers, http: "http://localhost:8080/health"}\n  - {name: database, tcp: "localhost:5432"}\n'
    '  - {name: queue empty, command: /usr/local/bin/queue-empty, hosts: ["mail*"]}',
    "accept": "\n  - rule: service-twice\n    host: web1\n    reason: both run during the migration\n    owner: ann\n"
    "    until: 2030-01-31",
}  # fmt: skip
"""Key -> what could stand there. What belongs to a single run alone (plan, prompt, state) has no place in a file for all."""


def init(
    what: Annotated[
        str, typer.Argument(help="settings, or molecule for a Molecule scenario that runs guarded.")
    ] = "settings",
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    scenario: Annotated[str, typer.Option("--scenario", help="The Molecule scenario's name.")] = "default",
) -> None:
    """Write .aisafe.yml here: every setting with its default and what it does, commented out. Or a Molecule scenario.

    aisafe init; aisafe init molecule [--scenario NAME]
    """
    if what == "molecule":
        return molecule(Path.cwd(), scenario, force=force)
    if what != "settings":
        raise UsageError(f"There is nothing called {what!r} to write.", fix="Known: settings, molecule.")
    there = find_file(Path.cwd())
    if there is not None and not (force and there.parent == Path.cwd()):
        fix = "Edit it, or write over it: aisafe init --force." if there.parent == Path.cwd() else "Edit it."
        raise AisafeError(f"There is a settings file already: {there}.", fix=fix)
    path = there or Path(FILE_NAMES[0])
    path.write_text(settings_text(), encoding="utf-8")
    print(f"{path.name} is written; nothing in it counts until you take the # away.")
    return None


SHIM = """\
#!/bin/sh
# First in PATH under ansible's own name: whatever calls ansible-playbook runs guarded.
exec aisafe-playbook "$@"
"""
PATH_LINE = 'PATH: "${MOLECULE_PROJECT_DIRECTORY}/molecule/shim:${PATH}"'


def molecule(directory: Path, scenario: str, *, force: bool) -> None:
    """Write the scenario, or for one that is there the shim alone, and say which line it needs. Raises AisafeError."""
    shim, place = directory / "molecule" / "shim" / "ansible-playbook", directory / "molecule" / scenario
    shim.parent.mkdir(parents=True, exist_ok=True)
    shim.write_text(SHIM, encoding="utf-8")
    shim.chmod(0o755)
    if place.exists() and not force:
        print(
            f"molecule/{scenario} is there and stays as it is. In its molecule.yml, under ansible: env:\n  {PATH_LINE}"
        )
        return
    place.mkdir(exist_ok=True)
    for item in resources.files("aisafe").joinpath("templates/molecule").iterdir():
        (place / item.name).write_text(item.read_text(encoding="utf-8"), encoding="utf-8")
    (place / "converge.yml").write_text(converge(directory), encoding="utf-8")
    print(f"molecule/{scenario} is written. Name your image in molecule.yml, then: molecule test -s {scenario}")


def converge(directory: Path) -> str:
    """The play to test: the role that ``directory`` is, else its site.yml, else an example."""
    if (directory / "tasks" / "main.yml").is_file():
        role = "{{ lookup('ansible.builtin.env', 'MOLECULE_PROJECT_DIRECTORY') }}"
        body = f'  hosts: all\n  become: true\n  roles:\n    - role: "{role}"\n'
    elif (directory / "site.yml").is_file():
        body = "  ansible.builtin.import_playbook: ../../site.yml\n"
    else:
        body = (
            "  hosts: all\n  become: true\n  tasks:\n    - name: Put your own tasks or roles here\n"
            "      ansible.builtin.copy:\n        dest: /etc/motd\n"
            '        content: "written by Molecule\\n"\n        mode: "0644"\n'
        )
    return "---\n- name: Converge\n" + body


def settings_text() -> str:
    """The file. Without the ``#`` of every line but those where one blank and a word follow it, it is valid settings."""
    lines = [
        "# Settings of aisafe-playbook, for this directory and all below it; without its # a line counts. What stands",
        "# on the command line (--aisafe-...) or in the environment (AISAFE_...) goes before this file.",
    ]
    for option in OPTIONS:
        if option.key == "rules":
            lines += ["", *_comment(option), "#rules:"]
            width = max(len(name) for name, _ in RULES)
            for name, rule in RULES:
                level = "warn" if rule.severity == "warning" else rule.severity
                lines.append(f"#  {name}: {level}".ljust(width + 12) + f"# aisafe explain {name}")
        elif option.key in _SAMPLES:
            before, *rest = _SAMPLES[option.key].split("\n")
            lines += ["", *_comment(option), f"#{option.key}: {before}".rstrip(), *(f"#{line}" for line in rest)]
    return "\n".join(lines) + "\n"


def _comment(option: Option) -> Iterator[str]:
    default = f"{option.default} {option.unit}".strip()
    for line in wrap(f"{option.help} Default: {default}.", 110):
        yield f"# {line}"
