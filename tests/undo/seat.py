"""A host that serves one case after the other for as long as it is again what it was at first."""

from __future__ import annotations

import subprocess
import time
import traceback
from collections.abc import Callable
from types import TracebackType

from tests.testbed import Host, TestbedError
from tests.testbed.listing import Listing, ObservationError, differences
from tests.testbed.pool import Pool
from tests.undo.clean import cleaned
from tests.undo.runner import Done, observe

TROUBLE = (TestbedError, ObservationError, AssertionError, OSError, ValueError, KeyError, subprocess.SubprocessError)


class Seat:
    """``do`` gives its work a host that equals a new one."""

    def __init__(self, pool: Pool, name: str) -> None:
        self._pool, self._name = pool, name
        self._host: Host | None = None
        self._pristine: Listing = {}

    def __enter__(self) -> Seat:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def do(self, name: str, work: Callable[[Host], Done]) -> Done:
        """What ``work`` says of it; an error is a fault of that case. Only a host without residue is used again."""
        began = time.monotonic()
        try:
            done = work(self._seated())
        except TROUBLE:
            done = Done(name=name, code=None, faults=(traceback.format_exc(limit=4),), seconds=time.monotonic() - began)
        if done.faults or done.allowed or not self._as_at_first():
            self._leave()
        return done

    def _seated(self) -> Host:
        if self._host is None:
            self._host = self._pool.take([self._name])[0]
            self._pristine = observe(self._host)
        return self._host

    def _as_at_first(self) -> bool:
        if self._host is None:
            return True
        try:
            if not cleaned(self._host, self._pristine, observe(self._host)):
                return False
            return not differences(self._pristine, observe(self._host))
        except TROUBLE:
            return False

    def _leave(self) -> None:
        if self._host is not None:
            self._pool.release([self._host])
            self._host = None
