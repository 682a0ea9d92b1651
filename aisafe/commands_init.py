"""``aisafe init``: a settings file in which everything that can be set stands, commented out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap
from typing import Annotated

import typer

from aisafe.config import FILE_NAMES, OPTIONS, Option, find_file
from aisafe.errors import AisafeError
from aisafe.rules import RULES

_SAMPLES = {
    "format": "terminal", "reports": "[sarif:aisafe.sarif, markdown]", "deadline": "60", "settle": "5", "lint": "auto",
    "model": "some-model@1.0", "trust": "[inventory/aws.py, filter_plugins]", "scope": "[/srv/shop]", "forks": "10",
    "lint_timeout": "180", "allow_untested_ansible": "true", "ansible_playbook": "/opt/ansible/bin/ansible-playbook",
    "state_dir": "~/.local/state/aisafe", "kubernetes_version": '"1.31"', "keep_runs": "200", "debug": "true",
    "checks": '\n  - {name: shop answers, http: "http://localhost:8080/health"}\n  - {name: database, tcp: "localhost:5432"}\n'
    '  - {name: queue empty, command: /usr/local/bin/queue-empty, hosts: ["mail*"]}',
    "accept": "\n  - rule: service-twice\n    host: web1\n    reason: both run during the migration\n    owner: ann\n"
    "    until: 2030-01-31",
}  # fmt: skip
"""Key -> what could stand there. What belongs to a single run alone (plan, prompt, state) has no place in a file for all."""


def init(force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False) -> None:
    """Write .aisafe.yml here: every setting with its default and what it does, commented out."""
    there = find_file(Path.cwd())
    if there is not None and not (force and there.parent == Path.cwd()):
        fix = "Edit it, or write over it: aisafe init --force." if there.parent == Path.cwd() else "Edit it."
        raise AisafeError(f"There is a settings file already: {there}.", fix=fix)
    path = there or Path(FILE_NAMES[0])
    path.write_text(settings_text(), encoding="utf-8")
    print(f"{path.name} is written; nothing in it counts until you take the # away.")


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
