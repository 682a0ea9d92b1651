"""Take a snapshot of the host and arm its switch: one operation under one lock that, failing, leaves nothing."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

from . import command, docker, firewall, firststage, layers, network, rsync, settings, sockets, talk, units, watchdog
from .engine import Engine, EngineError
from .failure import AgentFailure
from .layers import Layer
from .manifest import Entry, Walk, compare_files, read
from .retention import KEEP_RUNS
from .scope import NARROW, NEVER, Scope, live_data, within
from .store import Run, Store, boot_id, sync_filesystem, write_json

Progress = Callable[[str], None]

RESERVE = 64 << 20
"""Bytes that must stay free beside the snapshot, for the restore's own files."""

RESTORE_FILES = 4 << 20
"""Bytes that a restore writes beside its manifests: kept free for it, whatever the run fills the disk with."""

ROUNDS = 3
"""How often paths are copied that change while they are."""

LINKED = 20
"""Directories at most that rsync looks into for a file that is there already (rsync(1), --link-dest)."""

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
        run, scope, previous = self.run, self._scope(), layers.below(self.store)
        manifest, tree = run.file("before.jsonl"), run.file("tree")
        known = _newest_manifest(previous)
        clock = time.monotonic()
        self.progress("reading the files of the host")
        walk = Walk(scope, cache=read(known) if known else ())
        os.mkdir(tree, 0o700)
        layers.stand_on(run, previous)
        with self._copying() as copying:  # rsync looks at each file while we do; it copies when all are known
            layer = self._choose(lambda seen: walk.write(manifest, seen), previous, copying)
            clock = self._timed("manifest", clock)
            self._check_space(layer)
            self.progress("copying %d of %d entries, %.1f MiB" % (layer.entries, walk.entries, layer.need / (1 << 20)))
            copying.finish()
        layers.dress(tree, next(read(run.file("copied.jsonl"))))
        clock = self._timed("copy", clock)
        scope.shells.update(walk.mounts)
        self.progress("comparing the copy with the host")
        Walk(scope, root=tree).write(run.file("tree.jsonl"))
        self._settle(scope, manifest, tree, previous)
        self._timed("proof", clock)
        for name in ("tree.jsonl", "copied.jsonl"):
            os.unlink(run.file(name))
        for path in walk.mounts:
            self.gaps.append("%s: another file system is mounted there, and the run names nothing in it" % path)
        run.note(scope=scope.record())
        return walk.entries, walk.bytes

    def _copying(self) -> contextlib.closing[rsync.Copy]:
        tree, *older = layers.trees(self.run)
        links = ["--link-dest=" + place for place in older[:LINKED]]
        return contextlib.closing(rsync.Copy(self.store, source="/", target=tree, options=["--sparse", *links]))

    def _choose(
        self, feed: Callable[[Callable[[Entry], None]], None], previous: Run | None, copying: rsync.Copy | None
    ) -> Layer:
        """Go through the entries of a manifest, list what is to be copied of them, and tell it to the copy under way."""
        with open(self.run.file("copied.jsonl"), "w", encoding="utf-8") as listed:
            os.fchmod(listed.fileno(), 0o600)
            layer = Layer(listed, previous)

            def seen(entry: Entry) -> None:
                for path in layer.chosen(entry):
                    if copying is not None:
                        copying.add(path)

            feed(seen)
        return layer

    def _settle(self, scope: Scope, manifest: str, tree: str, previous: Run | None) -> None:
        """Copy again what changed while it was copied, until the copy equals the manifest.

        What never holds still is left out where nobody named it; elsewhere it stops the run (``racing``).
        """
        copied = self.run.file("copied.jsonl")
        for number in range(ROUNDS + 1):
            racing = [
                d.path for d in compare_files(copied, self.run.file("tree.jsonl"))
                if (d.before or d.now).get("k") != "loose" or (d.before or d.now)["t"] == "d"
            ]  # fmt: skip
            if not racing:
                return
            if number == ROUNDS:
                break
            if number == ROUNDS - 1:
                restless = [path for path in racing if not self._named(path)]
                scope.volatile.update(restless)
                self.gaps += ["%s: it changed while it was copied, and is left as it is" % path for path in restless]
            self._again(scope, manifest, tree, racing, previous)
        shown = ", ".join(racing[:5]) + (" and %d more" % (len(racing) - 5) if len(racing) > 5 else "")
        raise AgentFailure("racing", "Files change while the snapshot is taken: %s." % shown,
                           fix="Stop what writes there (another run, an editor, a service); run again.")  # fmt: skip

    def _again(self, scope: Scope, manifest: str, tree: str, racing: list[str], previous: Run | None) -> None:
        for path in sorted(racing, key=len, reverse=True):
            place = tree + path
            with contextlib.suppress(OSError):
                if os.path.isdir(place) and not os.path.islink(place):
                    os.rmdir(place)
                else:
                    os.unlink(place)
        walk = Walk(scope, cache=read(manifest))
        self._choose(lambda seen: walk.write(manifest, seen), previous, None)
        wanted = set(racing) | {os.path.dirname(path) for path in racing}
        paths = [entry["p"] for entry in read(self.run.file("copied.jsonl")) if entry["p"] in wanted]
        rsync.copy(self.store, paths, source="/", target=tree, options=["--sparse", "--ignore-times"])
        layers.dress(tree, next(read(self.run.file("copied.jsonl"))))
        Walk(scope, root=tree).write(self.run.file("tree.jsonl"))

    def _named(self, path: str) -> bool:
        return path in self.named or any(within(path, root) for root in NARROW)

    def _check_space(self, layer: Layer) -> None:
        """Before anything is copied."""
        need, entries = RESERVE + layer.need, layer.entries + 1000
        room = os.statvfs(self.store.base)
        free = room.f_bavail * room.f_frsize
        if free < need:
            raise _no_space("it needs %d MiB, and %d MiB are free" % (_mib(need), free >> 20), self.store.base)
        if room.f_files and room.f_favail < entries:
            raise _no_space("it needs %d inodes, and %d are free" % (entries, room.f_favail), self.store.base)


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


def _newest_manifest(run: Run | None) -> str:
    if run is not None:
        for name in ("after.jsonl", "verify.jsonl", "before.jsonl"):
            if os.path.exists(run.file(name)):
                return run.file(name)
    return ""


def _mib(size: int) -> int:
    return -(-size >> 20)


def _no_space(why: str, base: str) -> AgentFailure:
    return AgentFailure("no-space", "There is not enough space for the snapshot in %s: %s." % (base, why),
                        fix="Free some space on that file system, or drop old snapshots: aisafe snapshots prune.")  # fmt: skip


def _told(error: BaseException) -> BaseException:
    """Errors of the host's tools as failures that the controller understands."""
    text = str(error)
    if isinstance(error, AgentFailure):
        return error
    if "No space left" in text or (isinstance(error, OSError) and error.errno == 28):
        return _no_space("the disk is full", "/var/lib/aisafe")
    if isinstance(error, (command.CommandFailed, OSError)):
        return AgentFailure("snapshot-failed", "The snapshot could not be taken: %s" % text)
    return error
