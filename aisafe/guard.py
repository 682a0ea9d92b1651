"""The controller's side of the guard: arm every host, keep them waiting while the run goes on, confirm or roll back.

All hosts or none: whatever goes wrong on one, all of them are brought back. Each host restores itself; the controller only
asks for it, and a host that hears nothing for ``deadline`` seconds does it unasked.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Protocol

from aisafe.effects.images import PRUNED
from aisafe.errors import AgentError, HostError, Locked, Unreachable
from aisafe.frozen import frozen
from aisafe.model import HostForecast, HostResult

PATIENCE = 900.0
"""Seconds that a restore may take before the controller stops waiting for it; the host goes on."""


class Session(Protocol):
    """One conversation with the agent of one host."""

    def call(
        self,
        op: str,
        args: Mapping[str, Any] | None = None,
        *,
        progress: Callable[[str], None] | None = None,
        timeout: float = ...,
    ) -> dict[str, Any]: ...


class Sessions(Protocol):
    """``session``: the open one; ``fresh``: over a connection made now, which also replaces the open one."""

    def session(self, host: str) -> Session: ...

    def fresh(self, host: str) -> Session: ...


@frozen
class Scope:
    """What is snapshotted on one host beside /etc and the like: ``wide`` takes in the package tree, /opt, homes and data.

    ``units``: those that the run starts; they may write into their directories of /var/lib. ``saved``: images that a
    prune takes whatever their tags.
    """

    paths: tuple[str, ...] = ()
    wide: bool = False
    images: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    saved: tuple[str, ...] = ()


def scope_of(forecast: HostForecast, *, extra: Iterable[str] = ()) -> Scope:
    """The snapshot's scope follows the forecast; what is not known, or changes packages, makes it wide."""
    wide = any(
        effect.kind == "package"
        or (effect.kind == "command" and not effect.paths and not effect.elsewhere)
        or effect.certainty == "opaque"
        for effect in forecast.effects
    )
    paths = {path for effect in forecast.effects for path in effect.paths if path.startswith("/") and "⟦" not in path}
    images = {effect.name for effect in forecast.effects if effect.kind == "image" and "⟦" not in effect.name}
    units = {
        effect.name for effect in forecast.effects
        if effect.kind == "unit" and effect.action not in ("stop", "disable") and "⟦" not in effect.name
    }  # fmt: skip
    saved = {effect.name for effect in forecast.effects if effect.kind == "image" and effect.detail == PRUNED}
    return Scope(
        paths=tuple(sorted(paths | set(extra))), wide=wide, images=tuple(sorted(images)), units=tuple(sorted(units)),
        saved=tuple(sorted(saved)),
    )  # fmt: skip


class Guard:
    """A context manager around the real run: inside, every host is armed; leaving it unconfirmed rolls all of them back.

    ``say`` gets one line for every step. After the block, ``results`` says for each host in which state it is.
    ``keep``: how many runs' snapshots a host keeps once this one has ended.
    """

    def __init__(
        self,
        sessions: Sessions,
        *,
        run: str,
        scopes: Mapping[str, Scope],
        deadline: float,
        holder: Mapping[str, str],
        say: Callable[[str], None],
        keep: int = 3,
    ) -> None:
        self._sessions, self._run, self._scopes = sessions, run, scopes
        self._deadline, self._holder, self._say, self._keep = deadline, dict(holder), say, keep
        self._beating = threading.Event()
        self._thread: threading.Thread | None = None
        self.lost = threading.Event()
        """Set when a host has rolled itself back while the run was going on."""
        self.reason = "the run ended without being confirmed"
        self.shells: dict[str, str] = {}
        self.not_covered: dict[str, tuple[str, ...]] = {}
        self.results: dict[str, HostResult] = {}

    def __enter__(self) -> Guard:
        problems: dict[str, HostError] = {}
        try:
            answers = self._each(self._scopes, self._arm, problems)
        except KeyboardInterrupt:
            self.reason = "interrupted before anything was applied"
            self._roll_back_all(tuple(self._scopes))
            raise
        for host, answer in answers.items():
            self.shells[host] = answer["shell"]
            self.not_covered[host] = tuple(answer.get("not_covered", ()))
        if problems:
            self._release(answers)
            raise _first(problems)
        self._thread = threading.Thread(target=self._beat, name="aisafe-beat", daemon=True)
        self._thread.start()
        return self

    def _arm(self, host: str) -> dict[str, Any]:
        scope = self._scopes[host]
        return self._sessions.session(host).call(
            "arm",
            {"run": self._run, "scope": list(scope.paths), "wide": scope.wide, "images": list(scope.images),
             "units": list(scope.units), "save_images": list(scope.saved), "deadline": self._deadline, "holder": self._holder,
             "keep": self._keep},
            progress=lambda text: self._say(f"{host}: {text}"),
            timeout=PATIENCE,
        )  # fmt: skip

    def _release(self, hosts: Iterable[str]) -> None:
        """Another host could not be armed; nothing has been applied yet."""
        self.reason = "another host of the run could not be guarded"
        self._roll_back_all(tuple(hosts))

    def _beat(self) -> None:
        """Tell the hosts that the controller lives, four times within the deadline, until the run is over."""
        with ThreadPoolExecutor(
            max_workers=max(1, min(16, len(self._scopes))), thread_name_prefix="aisafe-beat"
        ) as pool:
            while not self._beating.wait(self._deadline / 4):
                list(pool.map(self._beat_one, self._scopes))

    def _beat_one(self, host: str) -> None:
        for session in (self._sessions.session, self._sessions.fresh):
            try:
                session(host).call("beat", {"run": self._run}, timeout=max(2.0, self._deadline / 4))
                return
            except AgentError as error:
                if error.code == "not-armed":
                    self.reason = f"{host} had rolled itself back already ({error.message})"
                    self.lost.set()
                return
            except HostError:
                continue  # the second try is over a new connection; after that the host's own deadline decides

    def confirm(self) -> None:
        """Keep what was applied. Every host must answer over a fresh connection first; raises HostError otherwise."""
        self._say("confirming over fresh connections")
        problems: dict[str, HostError] = {}
        self._each(self._scopes, lambda host: self._sessions.fresh(host).call("beat", {"run": self._run}), problems)
        if not problems:
            self._each(self._scopes, self._confirm_one, problems)
        if problems:
            raise _first(problems)
        self._stop_beating()
        self.results = {host: HostResult(host=host, outcome="confirmed") for host in self._scopes}

    def _confirm_one(self, host: str) -> dict[str, Any]:
        return self._sessions.session(host).call("confirm", {"run": self._run}, timeout=PATIENCE)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._stop_beating()
        if self.results:
            return False
        if isinstance(error, HostError):
            self.reason = str(error.message)
        elif isinstance(error, KeyboardInterrupt):
            self.reason = "interrupted"
        self._roll_back_all(tuple(self._scopes))
        return isinstance(error, (HostError, KeyboardInterrupt))

    def _stop_beating(self) -> None:
        self._beating.set()
        if self._thread is not None:
            self._thread.join(timeout=self._deadline)

    def _roll_back_all(self, hosts: tuple[str, ...]) -> None:
        if hosts:
            self._say(f"rolling back {', '.join(hosts)}")
            with ThreadPoolExecutor(max_workers=min(16, len(hosts))) as pool:
                self.results |= dict(zip(hosts, pool.map(self._roll_back, hosts), strict=True))

    def _roll_back(self, host: str) -> HostResult:
        return roll_back(
            self._sessions, host, run=self._run, reason=self.reason, deadline=self._deadline, say=self._say
        )

    def _each(
        self, hosts: Iterable[str], work: Callable[[str], dict[str, Any]], problems: dict[str, HostError]
    ) -> dict[str, dict[str, Any]]:
        """Do ``work`` for all hosts at once; what fails is put into ``problems``."""
        answers: dict[str, dict[str, Any]] = {}

        def one(host: str) -> None:
            try:
                answers[host] = work(host)
            except HostError as error:
                problems[host] = error

        names = list(hosts)
        with ThreadPoolExecutor(max_workers=max(1, min(16, len(names)))) as pool:
            list(pool.map(one, names))
        return answers


def roll_back(
    sessions: Sessions,
    host: str,
    *,
    run: str,
    reason: str,
    deadline: float,
    say: Callable[[str], None],
    force: bool = False,
    guarded: bool = True,
) -> HostResult:
    """Ask one host to bring itself back to before ``run``, and wait until it has. Never raises for the host's sake.

    A host that cannot be reached does it by itself after ``deadline`` seconds; it is asked again and again until then, and
    for the time that a restore takes. ``guarded``: it was until now; what else keeps us out, Python or sudo, may then be what
    the run broke, and what the host mends by itself.
    """
    until, asked, step = time.monotonic() + deadline + PATIENCE, False, ""
    unreachable_until = time.monotonic() + deadline + 60
    connect: Callable[[str], Session] = sessions.session
    while time.monotonic() < until:
        try:
            session = connect(host)
            if not asked:
                session.call("rollback", {"run": run, "reason": reason, "force": force}, timeout=60)
                asked = True
            answer = session.call("status", {"run": run}, timeout=60).get("run") or {}
            result = _result(host, answer)
            if result is not None:
                return result
            if answer.get("step") and answer["step"] != step:
                step = answer["step"]
                say(f"{host}: {step}")
            time.sleep(0.3)
        except AgentError as error:
            if error.code in ("rolling-back", "rolled-back", "busy"):
                asked = True
                time.sleep(0.3)
                continue
            return HostResult(host=host, outcome="armed" if error.code == "bug" else "unknown", detail=str(error))
        except HostError as error:
            if not guarded and not isinstance(error, Unreachable):
                return HostResult(host=host, outcome="unknown", detail=str(error))
            if time.monotonic() > unreachable_until:
                detail = f"{error.message} The host rolls itself back {deadline:.0f} s after the last word from here."
                return HostResult(host=host, outcome="unknown", detail=detail)
            connect = sessions.fresh
            time.sleep(1)
    return HostResult(host=host, outcome="armed", detail=f"The restore was still going on after {PATIENCE:.0f} s.")


def _result(host: str, answer: Mapping[str, Any]) -> HostResult | None:
    if answer.get("state") not in ("rolled-back", "rollback-incomplete"):
        return None
    residue = tuple(str(line) for line in answer.get("residue") or ())
    return HostResult(
        host=host,
        outcome="rollback-incomplete" if residue or answer["state"] == "rollback-incomplete" else "rolled-back",
        detail=str(answer.get("detail") or ""),
        residue=residue,
        seconds=answer.get("seconds"),
    )


def _first(problems: Mapping[str, HostError]) -> HostError | Locked:
    locked = [error for error in problems.values() if isinstance(error, AgentError) and error.code == "locked"]
    if locked:
        return Locked(locked[0].message, state=locked[0].state, fix=locked[0].fix)
    _host, error = next(iter(sorted(problems.items())))
    if len(problems) > 1:
        error.message = f"{error.message} (And {len(problems) - 1} more of the run's hosts.)"
    return error
