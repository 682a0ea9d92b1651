"""All that reaches out of this process, behind one protocol (aisafe.pipeline.Site): ansible, the hosts, the clock."""

from __future__ import annotations

import getpass
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from copy import copy
from dataclasses import replace
from importlib import import_module
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from aisafe.config import Settings
from aisafe.effects.api import LiveFile
from aisafe.errors import HostError
from aisafe.marks import mark_file
from aisafe.model import Applied, CheckResult, Finding, Forecast, HostForecast, HostState, Target
from aisafe.playbook.commandline import CommandLine
from aisafe.playbook.lint import LintJob
from aisafe.playbook.passwords import Handover, Passwords
from aisafe.recorded import RecordedStates
from aisafe.simulation.client import Simulation
from aisafe.waves import limited

if TYPE_CHECKING:  # what asks and guards hosts is imported when there is one to ask
    from aisafe.guard import Guard
    from aisafe.transport.pool import SessionPool

CHECK_KINDS = ("tcp", "http", "command")
"""The order in which the agent answers a host's checks."""


def _warm() -> None:
    """What asking the hosts will need, while the child still reads the playbook (0.4 s). What fails here fails again there."""
    with suppress(Exception):
        from aisafe.playbook.facts_payload import facts_payload  # noqa: PLC0415
        from aisafe.transport.payload import agent  # noqa: PLC0415

        import_module("paramiko")
        agent()
        facts_payload()


class RealSite:
    """The site of a real run; ``simulation`` and ``lint`` are started already. Leaving the context ends the connections.

    ``recorded``: what is taken for the hosts' state instead of asking them.
    ``reads``: host -> live file that the forecast looked at -> its digest, when there is a ``salt`` for them.
    """

    def __init__(
        self,
        line: CommandLine,
        *,
        settings: Settings,
        passwords: Passwords,
        program: Path,
        simulation: Simulation,
        lint: LintJob,
        recorded: RecordedStates | None = None,
        salt: str = "",
        environ: Mapping[str, str],
        say: Callable[[str], None],
    ) -> None:
        self._line, self._settings, self._passwords = line, settings, passwords
        self._program, self._simulation, self._environ, self._say = program, simulation, environ, say
        self._lint = lint
        self._stack = ExitStack()
        self._target: Target | None = None
        self._facts: Mapping[str, Mapping[str, object]] = {}
        self._pool: SessionPool | None = None
        self._seen: frozenset[str] = frozenset()
        self._salt = salt
        self._recorded = recorded
        self._limit: tuple[str, ...] = ()
        self.reads: dict[str, dict[str, str]] = {}

    def __enter__(self) -> RealSite:
        if self._recorded is None:
            threading.Thread(target=_warm, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def start_lint(self) -> Callable[[], tuple[Finding, ...]]:
        return self._lint.result

    def target(self) -> Target:
        self._target = self._simulation.target()
        self._lint.loaded(self._simulation.loaded)
        if self._recorded is None:
            from aisafe.transport.pool import SessionPool  # noqa: PLC0415

            self._pool = self._stack.enter_context(SessionPool(self._target.connections))
        return self._target

    @property
    def pool(self) -> SessionPool:
        if self._pool is None:
            raise RuntimeError("there are no hosts to ask before target(), or with recorded states")
        return self._pool

    def collect(self, *, fresh: bool = False) -> Mapping[str, HostState]:
        assert self._target is not None
        if self._recorded is not None:
            found = self._recorded.collect(self._target.connections)
            self._facts = found.facts
            return found.states
        from aisafe.collect import collect  # noqa: PLC0415
        from aisafe.playbook.facts_payload import facts_payload  # noqa: PLC0415

        first = not self._facts
        payload = facts_payload() if first and self._target.needs_facts else None
        collected = collect(
            self._target.connections, facts=payload, sessions=self.pool, fresh=fresh, forks=self._settings.forks
        )
        if first:
            self._facts = collected.facts
        return collected.states

    def forecast(self, states: Mapping[str, HostState]) -> Forecast:
        self._seen = frozenset(
            host for host, state in states.items() if not any(spot.kind == "host" for spot in state.blind_spots)
        )
        unread = self._recorded.unread if self._recorded is not None and not self._salt else ""
        return self._simulation.forecast(states=states, facts=self._facts, read=self._read, unread=unread)

    def _read(self, host: str, paths: Sequence[str]) -> Mapping[str, LiveFile]:
        found = (self._recorded or self.pool).read(host, paths)
        if self._salt:
            self.reads.setdefault(host, {}).update((path, mark_file(file, self._salt)) for path, file in found.items())
        return found

    def guard(self, forecast: Forecast, *, run: str) -> Guard:
        """A guard for every host that could be seen; one that could not has been accepted as it is by the user."""
        from aisafe.guard import Guard, scope_of  # noqa: PLC0415

        scopes = {
            host: scope_of(forecast.hosts.get(host) or HostForecast(host=host), extra=self._settings.snapshot)
            for host in sorted(self._seen)
        }
        holder = {
            "user": getpass.getuser(),
            "controller": socket.gethostname(),
            "pid": str(os.getpid()),
            "command": "aisafe-playbook " + " ".join(self._line.playbooks),
        }
        return Guard(
            self.pool, run=run, scopes=scopes, deadline=self._settings.deadline, holder=holder, say=self._say,
            keep=self._settings.keep_snapshots,
        )  # fmt: skip

    def apply(self, *, shells: Mapping[str, str], results: Path, stop: threading.Event) -> Applied:
        from aisafe.playbook.apply import apply  # noqa: PLC0415

        with Handover(self._line, self._passwords) as handover:
            return apply(
                self._program,
                self._limited(handover.arguments, results),
                environ={**self._environ, **handover.environ},
                results=results,
                shells=shells,
                stop=stop,
            )

    def _limited(self, arguments: Sequence[str], results: Path) -> Sequence[str]:
        return limited(arguments, self._limit, results.with_suffix(".limit")) if self._limit else arguments

    def checks(self) -> tuple[CheckResult, ...]:
        """The user's own checks, made by each guarded host itself."""
        if not self._settings.checks:
            return ()
        with ThreadPoolExecutor(max_workers=self._settings.forks) as pool:
            return tuple(chain.from_iterable(pool.map(self._checks_on, sorted(self._seen))))

    def _checks_on(self, host: str) -> list[CheckResult]:
        checks = sorted(
            (c for c in self._settings.checks if c.applies_to(host)), key=lambda c: CHECK_KINDS.index(c.kind)
        )
        wanted = {
            kind: [{"target": check.target, "timeout": check.timeout} for check in checks if check.kind == kind]
            for kind in CHECK_KINDS
        }
        try:
            answers = self.pool.session(host).call("checks", wanted, timeout=120)["checks"]
        except HostError as error:
            return [CheckResult(host=host, name=check.name, passed=False, detail=error.message) for check in checks]
        return [
            CheckResult(host=host, name=check.name, passed=bool(answer["ok"]), detail=str(answer["why"]))
            for check, answer in zip(checks, answers, strict=True)
        ]

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    def only(self, hosts: Iterable[str]) -> RealSite:
        """The same site for these hosts alone: what is asked, guarded, applied and checked through it is theirs."""
        assert self._target is not None
        few = copy(self)
        few._limit = tuple(hosts)
        few._target = replace(self._target, connections={host: self._target.connections[host] for host in few._limit})
        few._seen = self._seen & {*few._limit}
        return few
