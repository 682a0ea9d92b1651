"""Where the guard keeps its things on the host: paths, the lock, atomic writes, and the state of each run.

/var/lib/aisafe            0711  others may pass through to bin/, nothing more: runs/ holds copies of /etc/shadow
├── bin/                   0755  the agents, the shell wrapper, a private rsync
├── lib/                   0700  what the private rsync needs
├── lock                   0600  one flock for every operation that changes something; its text says who holds it
├── pending -> runs/ID           an armed run, or one whose rollback has not ended
├── unfinished -> runs/ID        one whose snapshot is being taken
└── runs/ID/               0700  is-STATE (the decision), state.json (its story), manifests, tree/, docker/ …
/run/aisafe                0755  gone after a boot: the control groups that the run's processes join
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import re
import time
from datetime import datetime, timezone
from typing import Any, Iterator, TextIO

from .failure import AgentFailure

BASE = "/var/lib/aisafe"
RUNTIME = "/run/aisafe"
STATES = ("snapshotting", "armed", "rolling-back", "rolled-back", "rollback-incomplete", "confirmed")
ENDED = ("rolled-back", "rollback-incomplete", "confirmed")


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def boot_id() -> str:
    """Another after every boot. PID 1's start (proc(5), field 22) is part of it: containers share their kernel's boot_id."""
    with open("/proc/sys/kernel/random/boot_id") as text, open("/proc/1/stat") as first:
        return "%s/%s" % (text.read().strip(), first.read().rpartition(")")[2].split()[19])


def sync_directory(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_filesystem(path: str) -> None:
    """Everything written below ``path`` is on the disk afterwards (syncfs(2))."""
    handle = os.open(path, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(handle) != 0:
            raise OSError(ctypes.get_errno(), "syncfs: " + os.strerror(ctypes.get_errno()))
    except AttributeError:  # a C library without it
        os.sync()
    finally:
        os.close(handle)


def write(path: str, text: str, *, mode: int = 0o600) -> None:
    """Write a file so that at any moment the old or the new text is there, a power cut included."""
    scratch = "%s.%d.new" % (path, os.getpid())
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.rename(scratch, path)
    sync_directory(os.path.dirname(path))


def write_json(path: str, value: Any) -> None:
    write(path, json.dumps(value, indent=1, sort_keys=True))


def read_json(path: str) -> Any:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return json.load(file)


class Run:
    """One run's directory. The name of its ``is-STATE`` file is its state: a rename(2) of it is what decides."""

    def __init__(self, store: Store, ident: str) -> None:
        self.store, self.ident = store, ident
        self.path = os.path.join(store.runs, ident)

    def file(self, *parts: str) -> str:
        return os.path.join(self.path, *parts)

    @property
    def state(self) -> str:
        """One of STATES; '' when there is no such run (any more)."""
        for state in STATES:
            if os.path.exists(self.file("is-" + state)):
                return state
        return ""

    @property
    def record(self) -> dict[str, Any]:
        try:
            record: dict[str, Any] = read_json(self.file("state.json"))
        except (OSError, ValueError):
            return {}
        return record

    def note(self, **fields: Any) -> None:
        """Add to the run's story."""
        record = self.record
        record.update(fields)
        write_json(self.file("state.json"), record)

    def keep_reserve(self, size: int) -> None:
        """Take room on the disk that the rollback gets back. Raises OSError when there is none."""
        handle = os.open(self.file("reserve"), os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(handle, 0, size)
        finally:
            os.close(handle)

    def use_reserve(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self.file("reserve"))

    def create(self, **fields: Any) -> None:
        os.mkdir(self.path, 0o700)
        write_json(self.file("state.json"), dict(fields, run=self.ident, since=now()))
        write(self.file("is-snapshotting"), "")

    def move(self, old: str, new: str) -> bool:
        """Go from one state to another; False when the run is not in the old one."""
        try:
            os.rename(self.file("is-" + old), self.file("is-" + new))
        except FileNotFoundError:
            return False
        sync_directory(self.path)
        return True


class Store:
    """The guard's directories; other ones are given in tests."""

    def __init__(self, base: str = BASE, runtime: str = RUNTIME) -> None:
        self.base, self.runtime = base, runtime
        self.runs, self.bin, self.lib = (os.path.join(base, name) for name in ("runs", "bin", "lib"))
        self.pending, self.unfinished = os.path.join(base, "pending"), os.path.join(base, "unfinished")

    def prepare(self) -> None:
        modes = {self.base: 0o711, self.bin: 0o755, self.lib: 0o700, self.runs: 0o700, self.runtime: 0o755}
        for path, mode in modes.items():
            os.makedirs(path, mode=mode, exist_ok=True)
            if os.stat(path).st_mode & 0o7777 != mode:
                os.chmod(path, mode)

    def run(self, ident: str) -> Run:
        """Raises AgentFailure (bad-run): no name for a directory."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", ident or ""):
            raise AgentFailure("bad-run", "%r is no name of a run." % ident)
        return Run(self, ident)

    def all_runs(self) -> list[Run]:
        """Oldest first."""
        try:
            names = os.listdir(self.runs)
        except FileNotFoundError:
            return []
        runs = [Run(self, name) for name in names if os.path.isdir(os.path.join(self.runs, name))]
        return sorted(runs, key=lambda run: (str(run.record.get("since", "")), os.stat(run.path).st_mtime))

    def pending_run(self) -> Run | None:
        try:
            return Run(self, os.path.basename(os.readlink(self.pending)))
        except OSError:
            return None

    def set_pending(self, run: Run) -> None:
        self._point(self.pending, run)

    def clear_pending(self, run: Run) -> None:
        self._clear(self.pending, run)

    def set_unfinished(self, run: Run) -> None:
        """Its snapshot begins: a boot in the midst of it clears it away."""
        self._point(self.unfinished, run)

    def clear_unfinished(self, run: Run) -> None:
        self._clear(self.unfinished, run)

    def _point(self, link: str, run: Run) -> None:
        scratch = link + ".new"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(scratch)
        os.symlink(run.path, scratch)
        os.rename(scratch, link)
        sync_directory(self.base)

    def _clear(self, link: str, run: Run) -> None:
        try:
            there = os.path.basename(os.readlink(link)) == run.ident
        except OSError:
            return
        if there:
            os.unlink(link)
            sync_directory(self.base)

    @contextlib.contextmanager
    def lock(self, what: str, *, wait: float = 0.0) -> Iterator[None]:
        """Hold the guard's one lock; ``wait``: seconds to wait for it.

        Raises:
            AgentFailure: ``locked``, with what the other operation said of itself.
        """
        with open(os.path.join(self.base, "lock"), "a+", opener=_private) as file:
            _flock(file, wait)
            file.truncate(0)
            file.write("%s since %s (process %d)" % (what, now(), os.getpid()))
            file.flush()
            yield


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _flock(file: TextIO, wait: float) -> None:
    end = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                file.seek(0)
                raise AgentFailure(
                    "locked", "The host's guard is busy: %s." % (file.read() or "another operation"),
                    "This call changed nothing on the host.", "Try again when that has ended.",
                ) from None  # fmt: skip
            time.sleep(0.05)
        else:
            return
