"""Pristine hosts for one test process: the next test's are booted while the present one runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from . import fleet
from .errors import TestbedError
from .host import Host

WORKERS = 2
"""Hosts that boot or go in the background at once; more would slow the test that runs meanwhile."""


class Pool:
    """Hands out hosts that nobody has used, and removes them after use.

    Each gets a container of its own, named after this process, so that several processes never meet. What a process
    leaves behind when it is killed is removed by the next pool; `unswept` says why something of it remains.
    """

    def __init__(self) -> None:
        self._owner = f"p{os.getpid()}x{_started(os.getpid())}"
        self._made = 0
        self._ready: dict[str, Future[Host]] = {}
        self._going: list[Future[bool]] = []
        self._background = ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="testbed")
        self.unswept = ""
        try:
            fleet.remove_owned(_abandoned)
        except TestbedError as error:  # somebody else's leftover is in nobody's way
            self.unswept = str(error)

    def prepare(self, names: Sequence[str]) -> None:
        """Boot hosts in the background, unless they are ready already."""
        for name in names:
            if name not in self._ready:
                self._made += 1
                self._ready[name] = self._background.submit(fleet.fresh, name, owner=f"{self._owner}-{self._made}")

    def take(self, names: Sequence[str]) -> list[Host]:
        """Pristine hosts of these names, ready.

        Raises:
            TestbedError: one did not become ready.
        """
        self.prepare(names)
        return [self._ready.pop(name).result() for name in names]

    def release(self, hosts: Sequence[Host]) -> None:
        """Remove used hosts, in the background."""
        for host in hosts:
            self._going.append(self._background.submit(fleet.remove_container, host.container))

    def close(self) -> list[str]:
        """Remove all that this process has made and wait for it; returns what went wrong, in words."""
        for future in self._ready.values():
            future.cancel()
        self._background.shutdown(wait=True)
        troubles = [str(future.exception()) for future in self._going if future.exception()]
        try:
            fleet.remove_owned(lambda owner: owner.startswith(f"{self._owner}-"))
        except TestbedError as error:
            troubles.append(str(error))
        return troubles


def _started(pid: int) -> str:
    """When a process began, in clock ticks since boot (proc(5), /proc/pid/stat field 22), or "" if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _abandoned(owner: str) -> bool:
    """Whether an owner's process has ended."""
    pid, _, started = owner.partition("-")[0].removeprefix("p").partition("x")
    return pid.isdecimal() and _started(int(pid)) != started
