"""The process through which the controller talks to this host, so that one which is cut off does not wait for hours."""

from __future__ import annotations

import contextlib
import os
import signal

from .store import Run, write

NAME = "talk"


def note(run: Run) -> None:
    """This is the process. Costs a write only when it was another one before. Raises OSError."""
    mark = "%d %s" % (os.getpid(), _started(os.getpid()))
    if _noted(run) != mark:
        write(run.file(NAME), mark)


def end(run: Run) -> None:
    """End it, if it is still the same process; never raises. For a rollback that no controller asked for."""
    mark = _noted(run)
    pid = mark.partition(" ")[0]
    if pid.isdigit() and mark == "%s %s" % (pid, _started(int(pid))):
        with contextlib.suppress(OSError):
            os.kill(int(pid), signal.SIGTERM)


def _noted(run: Run) -> str:
    try:
        with open(run.file(NAME), encoding="ascii") as file:
            return file.read()
    except (OSError, ValueError):
        return ""


def _started(pid: int) -> str:
    """When a process began, in ticks since the boot (proc(5), starttime), '' for none: a later one may have its number."""
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
