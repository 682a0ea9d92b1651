"""A two-way stream of bytes to a program: what a session needs of ssh or of a local process."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import time
from typing import Protocol


class Pipe(Protocol):
    """Output and error output come as one stream, in the order in which they were written."""

    def send(self, data: bytes) -> None:
        """Write all of it; raises OSError when nobody reads any more."""

    def receive(self, seconds: float) -> bytes:
        """What has come, at least one byte; b'' at the end. Raises TimeoutError when nothing comes in that time."""

    def close(self) -> None:
        """End the program; never raises."""


class ProcessPipe:
    """A process on this machine."""

    def __init__(self, argv: list[str]) -> None:
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )

    def send(self, data: bytes) -> None:
        if self._process.stdin is None:
            raise BrokenPipeError("the process has no input")
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def receive(self, seconds: float) -> bytes:
        output = self._process.stdout
        if output is None:
            return b""
        ready, _, _ = select.select([output], [], [], max(0.0, seconds))
        if not ready:
            raise TimeoutError
        return os.read(output.fileno(), 1 << 18)

    def close(self) -> None:
        """End of input ends the agent by itself; a process that stays is killed."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def remaining(end: float) -> float:
    """Seconds until ``end`` (monotonic clock), never below zero."""
    return max(0.0, end - time.monotonic())
