"""Undo a run on its host, in the order in which things must be undone. Each step is recorded and may be done again."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from typing import Any, Callable

from . import (
    command,
    docker,
    docker_networks,
    docker_restore,
    firewall,
    firststage,
    merge,
    network,
    restore,
    rsync,
    settings,
    sockets,
    talk,
    units,
    watchdog,
)
from .differences import Difference
from .engine import Engine, EngineError
from .lines import lines_of, read
from .manifest import Walk
from .retention import KEEP_RUNS, retain
from .scope import Scope
from .store import Run, Store, boot_id, now, read_json, write_json
from .targets import Targets

PACKAGE_LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/rpm/.rpm.lock")
PACKAGE_TIME = 60.0
"""Seconds that another package manager may go on until its files are restored under it."""

SETTLE_TIME = 10.0
"""Seconds that services may take until they listen again."""

DOCKER_TIME = 30.0
"""Seconds that a daemon which was started may take to answer."""

SPACE_TRIES, SPACE_WAIT = 20, 15.0
"""How often a rollback that lacks space on the disk begins again, and the seconds before it does."""

LOCK_TIME = 600.0
CONFLICT_FILE = 16 << 20
"""Bytes: larger files of somebody else are not kept as conflicts."""


TROUBLE = (command.CommandFailed, EngineError, OSError, ValueError, KeyError, AttributeError)
"""What one step may fail with and cost no other; AttributeError: what an earlier one should have found."""


def perform(store: Store, source: str) -> str:
    """Roll the pending run back; returns its state afterwards, '' when there is none. Raises AgentFailure (locked)."""
    with store.lock("a rollback is under way", wait=LOCK_TIME):
        run = store.pending_run()
        if run is None:
            return ""
        if run.state == "armed":
            run.move("armed", "rolling-back")
        if run.state != "rolling-back":  # confirmed in time, or never armed: nothing to undo
            store.clear_pending(run)
            return run.state
        Rollback(store, run, run.record.get("source") or source)()
        return run.state


class Rollback:
    """One rollback of one run, the lock held."""

    def __init__(self, store: Store, run: Run, source: str) -> None:
        self.store, self.run = store, run
        run.use_reserve()
        record = run.record
        self.started = time.monotonic()
        self.unseen: dict[str, str] = {}
        self.rebooted = record.get("boot_id") != boot_id()
        self.confirmed = bool(record.get("confirmed_at"))
        self.scope = Scope.load(record["scope"])
        self.engine = Engine(timeout=120) if os.path.exists(run.file("docker.json")) else None
        self.changed: set[str] = set(self._kept("changed.json", list))
        self.problems: list[str] = []
        self.conflicts: list[str] = []
        run.note(
            source=source, rolling_since=record.get("rolling_since") or now(), attempts=record.get("attempts", 0) + 1
        )

    def __call__(self) -> None:
        steps: list[tuple[str, Callable[[], None]]] = [
            ("programs", self._programs),
            ("ending the run's processes", self._end_processes),
            ("targets", self._targets),
            ("firewall", self._firewall),
            ("new units", self._stop_units),
            ("new containers", self._remove_containers),
            ("files", self._files),
            ("units", self._units),
            ("containers", self._containers),
            ("units again", self._units_again),
        ]
        for name, step in steps:
            self.run.note(step=name)
            _say("rollback of %s: %s" % (self.run.ident, name))
            self._bounded(name, step)
        self.run.note(step="verification")
        residue = self._verify()
        if residue and self.run.record.get("attempts", 0) < SPACE_TRIES and _no_space([*residue, *self.problems]):
            _say("there is no space left to restore what is missing; it is tried again")
            time.sleep(SPACE_WAIT)
            return  # the state stays, and with it the units that begin again
        self._end(residue)

    def _bounded(self, name: str, step: Callable[[], None]) -> None:
        """One step that fails must not keep the others from being done."""
        try:
            step()
        except TROUBLE as error:
            self.problems.append("%s: %s" % (name, error))

    def _kept(self, name: str, empty: Callable[[], Any]) -> Any:
        try:
            return read_json(self.run.file(name))
        except (OSError, ValueError):
            return empty()

    def _programs(self) -> None:
        """Without a C library nothing that follows can be done."""
        firststage.mend(self.store, self.run)

    def _end_processes(self) -> None:
        if self.run.record.get("source") != "controller":
            talk.end(self.run)
        self.problems += watchdog.kill_apply(self.store, self.run)
        if self.scope.wide:
            _wait_for_packages()

    def _targets(self) -> None:
        self.goal = Targets(self.run, engine=self.engine, rebooted=self.rebooted, confirmed=self.confirmed)
        self.conflicts += self.goal.conflicts

    def _firewall(self) -> None:
        self.problems += firewall.restore(self.goal.filter)
        self.problems += network.restore(self.goal.network)
        self.problems += settings.restore(self.goal.settings)

    def _stop_units(self) -> None:
        self.problems += units.act("stop", units.to_stop(self.goal.units, self.goal.present))

    def _remove_containers(self) -> None:
        if self.engine is not None:
            with contextlib.suppress(EngineError):  # dead now; it is started with the units, and asked again then
                self.problems += docker_restore.remove_new(self.run, self.engine, self.goal.docker)

    def _now(self, name: str) -> str:
        path = self.run.file(name)
        cache = next(
            (p for p in map(self.run.file, ("now.jsonl", "after.jsonl", "before.jsonl")) if os.path.exists(p)), ""
        )
        walk = Walk(self.scope, cache=lines_of(cache) if cache else ())
        walk.write(path)
        before = self.run.record.get("unseen") or ()
        self.unseen = {name: why for name, why in walk.unseen.items() if name not in before}
        return path

    def _files(self) -> None:
        present = self._now("now.jsonl")
        if self.confirmed and not os.path.exists(self.goal.manifest):
            found: list[str] = []
            sides = (read(path) for path in (self.run.file("before.jsonl"), self.run.file("after.jsonl"), present))
            merge.write(merge.manifests(*sides, conflict=found.append), self.goal.manifest)
            self._keep_conflicts(found)
        self._restore(restore.differing(self.goal.manifest, present))

    def _restore(self, differences: list[Difference]) -> None:
        if self.rebooted:  # what was in /run went with the boot
            differences = [d for d in differences if not d.path.startswith("/run/")]
        self.changed.update(difference.path for difference in differences)
        write_json(self.run.file("changed.json"), sorted(self.changed))
        self.problems += restore.restore(self.run, differences, target=self.goal.manifest)

    def _keep_conflicts(self, paths: list[str]) -> None:
        """Present versions of files that the run and somebody else changed."""
        place = self.run.file("conflicts")
        os.makedirs(place, mode=0o700, exist_ok=True)
        small = [path for path in paths if not os.path.isfile(path) or os.path.getsize(path) <= CONFLICT_FILE]
        rsync.copy(self.store, sorted(small), source="/", target=place, options=["--sparse"])
        for path in paths:
            kept = (
                "its present version is in %s" % (place + path)
                if path in small
                else "its present version was too large to keep"
            )
            self.conflicts.append("file %s was changed since the run: it is as before the run now, %s" % (path, kept))

    def _units(self) -> None:
        if any(
            path.startswith(("/usr/lib/systemd/systemd", "/lib/systemd/systemd", "/usr/lib/systemd/libsystemd"))
            for path in self.changed
        ):
            with contextlib.suppress(command.CommandFailed):
                command.run(["systemctl", "daemon-reexec"], timeout=120)
        self.problems += units.reload()
        present = units.units()
        failed = [
            name for name, unit in present.items() if unit.get("ActiveState") == "failed" and not units.ours(name)
        ]
        units.act(
            "reset-failed",
            [name for name in failed if (self.goal.units.get(name) or {}).get("ActiveState") != "failed"],
        )
        reasons = units.to_restart(
            self.goal.units, self.goal.left, present, changed=self.changed, rebooted=self.rebooted
        )
        self.run.note(restarted=reasons)
        # What listens or triggers goes first: its service is started with it, or by it.
        for kind in ((".mount", ".swap", ".automount"), (".socket", ".timer", ".path"), (".service",)):
            self._restart([name for name in reasons if name.endswith(kind)])

    def _restart(self, names: list[str]) -> None:
        if names:
            units.act("reset-failed", names)
            units.act("restart", names)  # what does not come up is told by the verification

    def _containers(self) -> None:
        if self.engine is None:
            return
        end = time.monotonic() + DOCKER_TIME
        while True:
            try:
                self.engine.get("/info")
                break
            except EngineError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)
        docker_networks.bridge(self.engine, self.goal.docker)
        self.problems += docker_restore.restore(
            self.run, self.engine, self.goal.docker, changed=self.changed, rebooted=self.rebooted
        )

    def _units_again(self) -> None:
        """Units whose port or file was still taken at the first try, and what they did to the firewall."""
        present = units.units()
        down = [name for name, unit in self.goal.units.items()
                if units.up(unit) and not units.up(present.get(name)) and not units.restless(name, unit)]  # fmt: skip
        if down:
            self._restart(down)
            present = units.units()
        units.act("stop", units.to_stop(self.goal.units, present))
        self.problems += firewall.restore(self.goal.filter)
        if firewall.docker_lost(self.goal.filter, firewall.snapshot()) and units.up(
            self.goal.units.get("docker.service")
        ):
            self._restart(["docker.service"])
            self._containers()  # those that are not restarted with the daemon
        self.problems += network.restore(self.goal.network)
        self.problems += settings.restore(self.goal.settings)
        if not self.confirmed:
            wanted = set(read_json(self.run.file("sockets.json")))
            end = time.monotonic() + SETTLE_TIME
            while wanted != set(sockets.listening()) and time.monotonic() < end:
                time.sleep(0.1)

    def _verify(self) -> list[str]:
        """What is not as it was."""
        lines: list[str] = [*self.goal.lost]
        checks: list[tuple[str, Callable[[], list[str]]]] = [
            ("files", self._files_left),
            ("units", lambda: units.differences(self.goal.units, units.units())),
            ("firewall", lambda: firewall.differences(self.goal.filter, firewall.snapshot())),
            ("network", lambda: network.differences(self.goal.network, network.snapshot())),
            ("kernel settings", lambda: settings.differences(self.goal.settings, settings.snapshot())),
        ]
        if not self.confirmed:
            checks.append(
                ("sockets", lambda: sockets.differences(read_json(self.run.file("sockets.json")), sockets.listening()))
            )
        if self.engine is not None:
            engine = self.engine
            checks.append(("containers", lambda: docker.differences(self.goal.docker, docker.state(engine))))
        for name, check in checks:
            try:
                lines += check()
            except TROUBLE as error:  # what could not be looked at is not known to be as it was
                lines.append("%s could not be compared with before: %s" % (name, error))
        return lines

    def _files_left(self) -> list[str]:
        """After a second pass over what still differs: services that stopped may have written once more."""
        left = self._apart()
        if left:
            self.problems = [line for line in self.problems if not line.startswith(("file ", "files:"))]
            self._bounded("files", lambda: self._restore(left))
            left = self._apart()
        lines = [str(d) for d in left if not (self.rebooted and d.path.startswith("/run/"))]
        return lines + ["file %s could not be looked at (%s)" % item for item in sorted(self.unseen.items())]

    def _apart(self) -> list[Difference]:
        return restore.differing(self.goal.manifest, self._now("verify.jsonl"))

    def _end(self, residue: list[str]) -> None:
        # A step's complaint counts only when something is different in the end.
        residue = sorted(set(residue)) + sorted(set(self.problems)) if residue else []
        state = "rollback-incomplete" if residue else "rolled-back"
        self.run.note(residue=residue, problems=sorted(set(self.problems)), conflicts=self.conflicts, ended_at=now(),
                      step="", seconds=round(time.monotonic() - self.started, 3))  # fmt: skip
        self.run.move("rolling-back", state)
        self.store.clear_pending(self.run)
        if self.engine is not None:
            docker.drop_kept(self.run, self.engine)
        retain(self.store, int(self.run.record.get("keep") or KEEP_RUNS), spare=self.run)
        _say("run %s is %s" % (self.run.ident, state))
        for line in residue:
            _say(line)


def _say(text: str) -> None:
    """For the journal, which may be what the run broke."""
    with contextlib.suppress(OSError, ValueError):
        print("aisafe: " + text, flush=True)


def _no_space(lines: list[str]) -> bool:
    return any(word in line for line in lines for word in (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT)))


def _wait_for_packages() -> None:
    """Until no package manager holds its lock, as far as time allows (dpkg(1): fcntl locks)."""
    end = time.monotonic() + PACKAGE_TIME
    for path in PACKAGE_LOCKS:
        while time.monotonic() < end:
            try:
                with open(path, "r+") as file:
                    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.2)
            except OSError:
                break
