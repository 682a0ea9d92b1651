"""Take a snapshot of the host and arm its switch: one operation under one lock that, failing, leaves nothing."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import command, docker, firewall, firststage, layers, network, rsync, settings, sockets, talk, units, watchdog
from .copies import Copies, Progress, no_space
from .engine import Engine, EngineError
from .failure import AgentFailure
from .retention import KEEP_RUNS
from .scope import NEVER, Scope, live_data, within
from .store import Run, Store, boot_id, sync_filesystem, write_json

RESTORE_FILES = 4 << 20
"""Bytes that a restore writes beside its manifests: kept free for it, whatever the run fills the disk with."""

LOCK_TIME = 30.0
"""Seconds to wait for the end of what another operation does, such as taking a large old snapshot away."""


class Arming:
    """One arm operation: what is asked, and what it found."""

    def __init__(self, store: Store, args: dict[str, Any], progress: Progress) -> None:
        self.store, self.progress = store, progress
        self.run = store.run(str(args.get("run", "")))
        self.named = [str(path) for path in args.get("scope") or ()]
        self.wide = bool(args.get("wide"))
        self.starts = [str(unit) for unit in args.get("units") or ()]
        self.images = [str(image) for image in args.get("images") or ()]
        self.save_images = [str(image) for image in args.get("save_images") or ()]
        self.deadline = float(args.get("deadline") or 60)
        self.keep = int(args.get("keep") or KEEP_RUNS)
        self.holder = dict(args.get("holder") or {})
        self.gaps: list[str] = []
        self.steps: dict[str, float] = {}

    def __call__(self, archive: str) -> dict[str, Any]:
        """Do all of it. Raises AgentFailure; the host is as before then."""
        started = time.monotonic()
        self.preflight()
        self.store.prepare()
        with self.store.lock(
            "run %s is being armed for %s" % (self.run.ident, holder_text(self.holder)), wait=LOCK_TIME
        ):
            self._refuse_pending()
            self._sweep()
            if self.run.state:
                raise AgentFailure("bad-run", "There was a run %s on this host already." % self.run.ident)
            try:
                entries, size = self._arm(archive)
            except BaseException as error:
                abandon(self.store, self.run)
                raise _told(error) from error
        return {
            "entries": entries, "bytes": size, "seconds": round(time.monotonic() - started, 3), "boot_id": boot_id(),
            "shell": os.path.join(self.store.bin, "sh"), "not_covered": self.gaps, "steps": self.steps,
        }  # fmt: skip

    def preflight(self) -> None:
        if os.geteuid() != 0:
            raise AgentFailure("no-root", "The guard needs root on this host to copy and restore its files.",
                               fix="Let the play become root (become: true), or log in as root.")  # fmt: skip
        if not os.path.isdir("/run/systemd/system"):
            raise AgentFailure("no-systemd", "This host is not run by systemd, which has to restore it.",
                               fix="Run it without the guard, or on a host with systemd.")  # fmt: skip
        if command.find("rsync") is None:
            raise AgentFailure("no-rsync", "rsync is not installed on this host, so no snapshot can be taken.",
                               fix="Install it there: apt-get install rsync, or dnf install rsync.")  # fmt: skip

    def _refuse_pending(self) -> None:
        pending = self.store.pending_run()
        if pending is not None and pending.state in ("armed", "rolling-back"):
            record = pending.record
            raise AgentFailure(
                "locked", "Run %s of %s holds this host since %s (%s)."
                % (pending.ident, holder_text(record.get("holder") or {}), record.get("since"), pending.state),
                "This run changed nothing on the host.", "Wait until it has ended; its host rolls it back by itself "
                "when its controller is gone.",
            )  # fmt: skip
        if pending is not None:
            os.unlink(self.store.pending)

    def _sweep(self) -> None:
        """Take away what a killed operation left."""
        for run in self.store.all_runs():
            if run.state in ("", "snapshotting"):
                abandon(self.store, run)
        if Engine.there():
            docker.wake(self.store, Engine())

    def _timed(self, name: str, since: float) -> float:
        self.steps[name] = round(time.monotonic() - since, 3)
        return time.monotonic()

    def _arm(self, archive: str) -> tuple[int, int]:
        run, clock = self.run, time.monotonic()
        run.create(holder=self.holder, deadline=self.deadline, keep=self.keep, boot_id=boot_id())
        talk.note(run)
        watchdog.pin(run, archive, sys.executable or "/usr/bin/python3")
        self.store.set_unfinished(run)
        rsync.install(self.store)
        firststage.install(self.store)
        watchdog.install(self.store)
        clock = self._timed("install", clock)
        with ThreadPoolExecutor(max_workers=2) as pool:
            state = pool.submit(self._machine)
            engine = pool.submit(self._docker)
            entries, size = self._files()
            clock = self._timed("files", clock)
            self.progress("waiting for units, sockets, firewall and Docker")
            groups = state.result()
            engine.result()
        clock = self._timed("state, beyond files", clock)
        run.keep_reserve(RESTORE_FILES + 4 * os.path.getsize(run.file("before.jsonl")))
        run.note(gaps=self.gaps, groups=groups)
        sync_filesystem(self.store.base)
        clock = self._timed("sync", clock)
        self.progress("arming the host's own switch")
        watchdog.push(run, self.deadline)
        watchdog.let_in(self.store, groups)
        self.store.set_pending(run)
        run.move("snapshotting", "armed")
        self.store.clear_unfinished(run)
        watchdog.start(run)
        watchdog.push(run, self.deadline)
        self._timed("arm", clock)
        return entries, size

    def _machine(self) -> list[str]:
        """Units, sockets and firewall; returns the files by which processes join the run's control group."""
        started = time.monotonic()
        write_json(self.run.file("units.json"), units.units())
        write_json(self.run.file("sockets.json"), sockets.listening())
        write_json(self.run.file("firewall.json"), firewall.snapshot())
        write_json(self.run.file("settings.json"), settings.snapshot())
        write_json(self.run.file("network.json"), network.snapshot())
        groups = watchdog.open_apply(self.run)
        self._timed("units, sockets, firewall", started)
        return groups

    def _docker(self) -> None:
        if not Engine.there():
            return
        started = time.monotonic()
        try:
            self.gaps += docker.snapshot(
                self.store, self.run, Engine(timeout=120), images=self.images, save=self.save_images
            )
        except EngineError as error:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.run.file("docker.json"))
            self.gaps.append("containers, images, networks and volumes: %s" % error)
        self._timed("docker", started)

    def _scope(self) -> Scope:
        live = {}
        owned = [] if self.wide else [
            path for path in units.state_directories(self.starts) if not any(within(path, never) for never in NEVER)
        ]  # fmt: skip
        if self.wide or self.named or owned:
            covered = [path for path in (*self.named, *owned) if os.path.isdir(path)] if not self.wide else None
            live = live_data(covered) if covered is not None else live_data()
        owned = [path for path in owned if not any(within(path, place) or within(place, path) for place in live)]
        scope = Scope(named=[*self.named, *owned], wide=self.wide, live=live)
        for path in scope.refused:
            self.gaps.append("%s: what the run changes there is not undone" % path)
        for path, process in sorted(live.items()):
            if path not in scope.roots:
                self.gaps.append("%s: data that %s writes at this time is left as it is" % (path, process))
        return scope

    def _files(self) -> tuple[int, int]:
        """The manifest and the copy that proves it; returns entries and bytes."""
        scope = self._scope()
        copies = Copies(self.store, self.run, scope, named=self.named, progress=self.progress, timed=self._timed)
        found = copies()
        self.gaps += copies.gaps
        self.run.note(scope=scope.record(), unseen=sorted(copies.walk.unseen))
        return found


def abandon(store: Store, run: Run) -> None:
    """Nothing stays of a run that was not armed: no link, no group, no tags, no directory. Call it with the lock held.

    Its state and the link that says it is unfinished come first and last: a host that goes down in the midst goes on with
    it at the boot, and the next run does so anyway.
    """
    for step in (
        lambda: run.move("armed", "snapshotting"),
        lambda: store.set_unfinished(run),
        lambda: store.clear_pending(run),
    ):
        with contextlib.suppress(OSError):
            step()
    with contextlib.suppress(command.CommandFailed):
        watchdog.kill_apply(store, run)
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(store.runtime, "closed"))
    if Engine.there() and os.path.exists(run.file("docker.json")):
        with contextlib.suppress(EngineError):
            docker.wake(store, Engine())
            docker.drop_kept(run, Engine())
    layers.remove(run)
    with contextlib.suppress(OSError):
        store.clear_unfinished(run)


def holder_text(holder: dict[str, Any]) -> str:
    who = "%s at %s" % (holder.get("user") or "somebody", holder.get("controller") or "an unknown controller")
    return who + (" (%s)" % holder["command"] if holder.get("command") else "")


def _told(error: BaseException) -> BaseException:
    """Errors of the host's tools as failures that the controller understands."""
    text = str(error)
    if isinstance(error, AgentFailure):
        return error
    if "No space left" in text or (isinstance(error, OSError) and error.errno == 28):
        return no_space("the disk is full", "/var/lib/aisafe")
    if isinstance(error, (command.CommandFailed, OSError)):
        return AgentFailure("snapshot-failed", "The snapshot could not be taken: %s" % text)
    return error
