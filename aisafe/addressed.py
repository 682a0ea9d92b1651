"""The hosts that a word of aisafe is about: by ansible's own patterns and options, or those of a recorded run."""

from __future__ import annotations

import getpass
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

from aisafe.config import Settings, settings
from aisafe.errors import ExitCode, HostError, UsageError
from aisafe.model import Connection, Target
from aisafe.playbook.commandline import parse
from aisafe.playbook.passwords import Passwords, ask_all
from aisafe.reports.terminal import clean
from aisafe.runs import RunRecord, RunStore
from aisafe.transport.pool import SessionPool
from aisafe.view import console

RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")
PATIENCE = 900.0
"""Seconds that a host may take to look through what it keeps."""


def chosen_settings() -> Settings:
    """Those of the working directory and the environment."""
    return settings(Path.cwd(), os.environ, {})


def addressed(arguments: Sequence[str], *, otherwise: Sequence[str] = ()) -> Target | None:
    """The hosts that the patterns among ansible's options name, None without a pattern.

    ``otherwise``: the patterns where the arguments have none. Raises UsageError for no host.
    """
    from aisafe.simulation.client import Simulation  # noqa: PLC0415

    line = parse(arguments, known=())
    patterns = [word.value for word in line.words if word.name == "" and word.value] or list(otherwise)
    if not patterns:
        return None
    options = [item for word in line.words if word.name for item in line.arguments[word.start : word.end]]
    passwords, chosen = ask_all(line, os.environ, Path.cwd(), getpass.getpass), chosen_settings()
    with tempfile.TemporaryDirectory(prefix="aisafe-") as directory:
        playbook = Path(directory, "hosts.yml")
        playbook.write_text(f"- hosts: {':'.join(patterns)!r}\n", encoding="utf-8")
        with Simulation(
            argv=[*options, str(playbook)], cwd=Path.cwd(), environ=os.environ, connection_password=passwords.connection,
            become_password=passwords.become, vault_passwords=passwords.vault, trust=chosen.trust, base=chosen.base,
            allow_untested=chosen.allow_untested_ansible,
        ) as simulation:  # fmt: skip
            target = simulation.target()
    if not target.connections:
        raise UsageError(
            f"No host of the inventory fits {' '.join(patterns)}.", fix="Name others: -i INVENTORY PATTERN"
        )
    return target


def recorded_connections(record: RunRecord, given: Passwords) -> dict[str, Connection]:
    """How ``record``'s run reached its hosts; no password is in a record, so they come from ``given``."""
    hosts = (record.stage("target") or {}).get("hosts", {})
    return {
        host: Connection(
            host=host, **entry, password=given.connection, become_password=given.become or given.connection
        )
        for host, entry in hosts.items()
    }


def connections_of(record: RunRecord | None, arguments: Sequence[str]) -> Mapping[str, Connection]:
    """The hosts that ``arguments`` name; without a pattern those of ``record``, through an inventory if one is named.

    Raises UsageError where neither names any.
    """
    line = parse(arguments, known=())
    known = (record.stage("target") or {}).get("hosts", {}) if record is not None else {}
    if line.playbooks or line.has("-i", "--inventory", "--inventory-file"):
        target = addressed(arguments, otherwise=list(known))
        if target is not None:
            return target.connections
    given = ask_all(line, os.environ, Path.cwd(), getpass.getpass)
    found = recorded_connections(record, given) if record is not None else {}
    if not found:
        raise UsageError("No hosts are named.", fix="Name them as for ansible: -i INVENTORY PATTERN")
    return found


Answers = dict[str, dict[str, Any] | HostError]
"""By host: what it answered, or why it did not."""


def answers_of(connections: Mapping[str, Connection], operation: str, asked: Mapping[str, Any]) -> Answers:
    """Ask all of these hosts one thing, all at once."""
    with SessionPool(connections) as pool, ThreadPoolExecutor(max_workers=16) as workers:

        def one(host: str) -> dict[str, Any] | HostError:
            try:
                return pool.session(host).call(operation, asked, timeout=PATIENCE)
            except HostError as error:
                return error

        return dict(zip(connections, workers.map(one, connections), strict=True))


class NamedRun:
    """The run that is meant: as recorded on this machine, else an id as hosts know it. Raises UsageError."""

    def __init__(self, name: str) -> None:
        self.record: RunRecord | None = None
        try:
            self.record = RunStore(chosen_settings().state_dir / "runs").load(name)
        except UsageError:
            if not RUN_ID.fullmatch(name):
                raise
        self.id = self.record.id if self.record is not None else name


def taken_apart(arguments: Sequence[str], *, otherwise: str = "") -> tuple[str, list[str], list[str]]:
    """RUN (or ``otherwise``), paths, and the arguments without RUN and paths. Raises UsageError without any RUN."""
    line = parse(arguments, known=())
    plain = [word for word in line.words if word.name == ""]
    if not plain and otherwise:
        return otherwise, [], list(line.arguments)
    if not plain:
        raise UsageError("No run is named.", fix="Give its id, the beginning of one, or 'last'; see aisafe runs.")
    paths = [word for word in plain[1:] if (word.value or "").startswith("/")]
    taken = {word.start for word in (plain[0], *paths)}
    rest = [item for place, item in enumerate(line.arguments) if place not in taken]
    return plain[0].value or "", [word.value or "" for word in paths], rest


def asked_of(
    arguments: Sequence[str], operation: str, asked: Mapping[str, Any], *, record: RunRecord | None = None
) -> Answers:
    """Ask the hosts that ``arguments`` name, else those of ``record``. Raises UsageError where neither names any."""
    return answers_of(connections_of(record, arguments), operation, asked)


def told(answers: Answers, *, say: bool = True) -> Iterator[tuple[str, dict[str, Any]]]:
    """What hosts answered; of those that did not, why."""
    for host, answer in answers.items():
        if isinstance(answer, HostError):
            if say:
                named = str(answer) if str(answer).startswith(f"{host}: ") else f"{host}: {answer}"
                console(stderr=True).print(Text(clean(named), style="red"), soft_wrap=True)
        else:
            yield host, answer


def end(answers: Answers, *, worst: ExitCode = ExitCode.OK) -> None:
    """Leave with ``worst``; a host that could not be asked is never well. Raises typer.Exit."""
    failed = any(isinstance(answer, HostError) for answer in answers.values())
    code = worst or (ExitCode.ERROR if failed else ExitCode.OK)
    if code:
        raise typer.Exit(int(code))
