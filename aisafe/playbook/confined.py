"""What starts ansible-lint: it loads rules, plugins and settings of the project, which is only being judged yet.

A child process that gives up the network and writing anywhere but below one directory, for itself and all that it starts, and
then becomes the program. Exits with UNABLE where the kernel cannot refuse that, unless it ``may`` go on all the same.
"""

from __future__ import annotations

import gc
import os
import resource
import runpy
import sys
from pathlib import Path
from typing import NoReturn

from aisafe.kernel import confine

UNABLE = 97
MEMORY = 4 * 1024**3
"""Bytes of address space for each process."""
SHARED = "/dev/shm"  # noqa: S108  semaphores of Python's multiprocessing (sem_overview(7))
_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); from aisafe.playbook.confined import become; become(*sys.argv[2:])"
)
_GARBAGE = 50_000
"""Objects made until the next search for cycles: with Python's 700, a tenth of a lint was such searches."""


def launcher(scratch: str, *, must: bool) -> list[str]:
    """The words that stand before the program. ``must``: rather do nothing than go on unconfined."""
    root = str(Path(__file__).resolve().parents[2])
    return [sys.executable, "-P", "-c", _START, root, scratch, "must" if must else "may"]


def become(scratch: str, duty: str, program: str, *arguments: str) -> NoReturn:
    """Exits with UNABLE, or as the program does."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    if "landlock" not in confine(writable=(scratch, SHARED), programs=True) and duty == "must":
        sys.exit(UNABLE)
    if not _runs_here(program):
        os.execv(program, [program, *arguments])  # noqa: S606  what was asked for, without a shell
    del sys.path[0]
    sys.argv[:] = [program, *arguments]
    gc.set_threshold(_GARBAGE)
    runpy.run_path(program, run_name="__main__")
    sys.exit(0)


def _runs_here(program: str) -> bool:
    """Whether it is a script for this very Python, which need not be started once more then."""
    with open(program, "rb") as file:
        return file.readline(4096).strip() == b"#!" + os.fsencode(sys.executable)
