"""Where faults happen: a prepared host that serves one after the other for as long as nothing is left of them."""

from __future__ import annotations

import time
import traceback
from pathlib import Path
from types import TracebackType

from tests.testbed import Host
from tests.testbed.pool import Pool
from tests.undo.bench import Bench
from tests.undo.faults import STORE, Fault
from tests.undo.runner import Done
from tests.undo.seat import TROUBLE


class Stand:
    """``do`` makes a fault happen on a host that is as it was prepared."""

    def __init__(self, pool: Pool, name: str, directory: Path) -> None:
        self._pool, self._name, self._directory = pool, name, directory
        self._host: Host | None = None
        self._bench: Bench | None = None
        self._wants: tuple[object, ...] = ()
        self._made = 0

    def __enter__(self) -> Stand:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def do(self, fault: Fault) -> Done:
        """All of it; the next fault's run shows that this one left nothing in its way."""
        began = time.monotonic()
        served: float | None = None
        code: int | None = None
        left: list[str] = []
        faults: list[str] = []
        try:
            bench = self._prepared(fault)
            code, since = fault.do(bench)
            bench.settled()
            bench.serves()
            served = time.monotonic() - since if since else None
            left = bench.left()
            faults += [f"is left: {line}" for line in left]
            if code not in fault.codes:
                faults.append(f"exit code {code}, not one of {fault.codes}")
        except TROUBLE:
            faults.append(traceback.format_exc(limit=4))
        if faults:
            self._leave()
        return Done(name=fault.name, code=code, residue=tuple(left), served=served, faults=tuple(faults),
                    seconds=time.monotonic() - began)  # fmt: skip

    def _prepared(self, fault: Fault) -> Bench:
        wants = (fault.store, fault.prepare, fault.serves)
        if self._bench is None or self._wants != wants:
            self._leave()
            self._made += 1
            self._host = self._pool.take([self._name])[0]
            if fault.store:
                self._host.run(f"mkdir -p /var/lib/aisafe; {STORE}")
            place = self._directory / f"{self._name}-{self._made}"
            self._bench = Bench(self._host, place, prepare=fault.prepare, serves=fault.serves)
            self._wants = wants
        return self._bench

    def _leave(self) -> None:
        if self._host is not None:
            self._pool.release([self._host])
        self._host = self._bench = None
