"""A run: what was asked, where it goes, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Literal

from aisafe.frozen import frozen


@frozen
class Connection:
    """How to reach one host and become root there, as ansible would (ssh connection plugin, become plugins).

    Secrets have no repr. ``connection``: ssh, local or another plugin's name. ``become_method`` '' means: not asked for by
    the inventory or the play. ``timeout`` in seconds.
    """

    host: str
    connection: str = "ssh"
    address: str = ""
    port: int | None = None
    user: str | None = None
    private_key_file: str | None = None
    password: str | None = field(default=None, repr=False)
    common_args: str = ""
    extra_args: str = ""
    host_key_checking: bool = True
    timeout: int = 10
    python: str | None = None
    become_method: str = ""
    become_user: str = "root"
    become_password: str | None = field(default=None, repr=False)
    become_exe: str | None = None
    become_flags: str | None = None


@frozen
class Target:
    """What the command line and the inventory resolve to, before anything is contacted.

    ``connections``: every host that a play of the run addresses, by inventory name. ``implicit_localhost``: a play (or a
    delegation) addresses the controller without its being in the inventory; it is not guarded. ``needs_facts``: a play
    gathers facts or a task runs setup. ``check``: ``--check`` was given.
    """

    connections: Mapping[str, Connection] = field(default_factory=dict)
    implicit_localhost: bool = False
    needs_facts: bool = True
    check: bool = False
    playbooks: tuple[str, ...] = ()
    ansible_version: str = ""


@frozen
class TaskResult:
    """One result of the real run, as the callback saw it: no values, so no secrets."""

    host: str
    task: str
    path: str
    line: int
    status: Literal["ok", "changed", "failed", "ignored", "skipped", "unreachable", "rescued"]
    message: str = ""


@frozen
class Applied:
    """The real ansible-playbook: exit code, and what each host's tasks came to."""

    exit_code: int
    started_at: datetime
    ended_at: datetime
    results: tuple[TaskResult, ...] = ()


@frozen
class CheckResult:
    """One of the user's own checks on one host after the run. ``detail``: what was seen (exit code, status, error)."""

    host: str
    name: str
    passed: bool
    detail: str = ""


HostOutcome = Literal[
    "untouched", "checked", "confirmed", "unguarded", "rolled-back", "rollback-incomplete", "armed", "unknown"
]


@frozen
class HostResult:
    """In which state one host is at the end. ``residue``: differences that the rollback could not undo."""

    host: str
    outcome: HostOutcome
    detail: str = ""
    residue: tuple[str, ...] = ()
    seconds: float | None = None


@frozen
class Outcome:
    """How a run ended, for the exit code and the last words."""

    exit_code: int
    word: Literal[
        "planned",
        "clean",
        "warn",
        "blocked",
        "checked",
        "confirmed",
        "rolled-back",
        "rollback-failed",
        "failed",
        "passed-through",
    ]
    hosts: Mapping[str, HostResult] = field(default_factory=dict)
    message: str = ""
