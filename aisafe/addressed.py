"""The hosts that a word of aisafe is about: by ansible's own patterns and options, or those of a recorded run."""

from __future__ import annotations

import getpass
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aisafe.config import Settings, settings
from aisafe.errors import HostError, UsageError
from aisafe.model import Connection, Target
from aisafe.playbook.commandline import parse
from aisafe.playbook.passwords import Passwords, ask_all
from aisafe.runs import RunRecord
from aisafe.transport.pool import SessionPool

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


@contextmanager
def conversation(connections: Mapping[str, Connection]) -> Iterator[Callable[[str, Mapping[str, Any]], Answers]]:
    """Ask all of the hosts one thing after the other, each time all at once: (operation, arguments) -> answers."""
    with SessionPool(connections) as pool, ThreadPoolExecutor(max_workers=16) as workers:

        def ask(operation: str, arguments: Mapping[str, Any]) -> Answers:
            def one(host: str) -> dict[str, Any] | HostError:
                try:
                    return pool.session(host).call(operation, arguments, timeout=PATIENCE)
                except HostError as error:
                    return error

            return dict(zip(connections, workers.map(one, connections), strict=True))

        yield ask


Answers = dict[str, dict[str, Any] | HostError]
"""By host: what it answered, or why it did not."""
