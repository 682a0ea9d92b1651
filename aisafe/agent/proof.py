"""A copy's own manifest: all of the copy is read, by two processes where it is large and there are two processors."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import signal

from .manifest import Walk
from .scope import Scope

LARGE = 4 << 20
"""Bytes of a manifest, some twenty thousand entries: to read so many files takes longer than to begin a process."""

PR_SET_PDEATHSIG = 1
CRASHED = 255
"""No number of an error (errno(3))."""


def look(scope: Scope, tree: str, path: str) -> None:
    """Write the manifest of what lies in a tree of copies. Raises OSError."""
    walk = Walk(scope, root=tree)
    walk.write(path, contents=False)
    if os.path.getsize(path) < LARGE or processors() < 2:
        walk.complete(path)
        return
    rest = path + ".rest"
    _cut(path, rest)
    other = _in_a_process_of_its_own(walk, rest)
    try:
        walk.complete(path)
    finally:
        _, status = os.waitpid(other, 0)
    if status != 0:
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else CRASHED
        why = "the process that read it crashed, or was killed" if code == CRASHED else os.strerror(code)
        raise OSError(code, "half of %s could not be read: %s" % (tree, why))
    with open(rest, "rb") as tail, open(path, "ab") as whole:
        shutil.copyfileobj(tail, whole)
    os.unlink(rest)


def processors() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0))


def _cut(path: str, rest: str) -> None:
    """Move the lines of a file's second half to another one."""
    with open(path, "rb+") as whole, open(rest, "wb") as tail:
        os.fchmod(tail.fileno(), 0o600)
        whole.seek(os.path.getsize(path) // 2)
        whole.readline()
        middle = whole.tell()
        shutil.copyfileobj(whole, tail)
        whole.truncate(middle)


def _in_a_process_of_its_own(walk: Walk, path: str) -> int:
    """Complete a manifest there, and return the process's id; its exit code is 0 when that was done, else errno's
    or CRASHED."""
    parent = os.getpid()
    child = os.fork()
    if child != 0:
        return child
    status = CRASHED
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # nobody reads a snapshot that nobody takes
        if os.getppid() == parent:
            walk.complete(path)
            status = 0
    except OSError as error:
        status = error.errno or errno.EIO
    finally:
        os._exit(status)
