"""``python -m tests.undo``: the acceptance matrix on real hosts, and its table."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Lock

import yaml

from tests.testbed.pool import Pool
from tests.undo.case import Case, everything
from tests.undo.chance import plays, shrunk
from tests.undo.faults import Fault, faults
from tests.undo.runner import Done, run
from tests.undo.seat import Seat
from tests.undo.stand import Stand

_PRINTING = Lock()


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every case holds, 1 when not, 2 when there is nothing to run."""
    parser = argparse.ArgumentParser(prog="python -m tests.undo", description="What is rolled back is as it was.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="cases whose names begin so; all without one")
    parser.add_argument("--workers", type=int, default=2, help="hosts at a time (default 2)")
    parser.add_argument("--faults", action="store_true", help="faults at every moment instead of cases")
    parser.add_argument("--kills", type=int, default=50, help="moments at which the controller is killed (default 50)")
    parser.add_argument("--pairs", type=int, default=100, help="times that two controllers meet (default 100)")
    parser.add_argument("--random", type=int, default=0, metavar="N", help="N random plays instead of cases")
    parser.add_argument("--seed", type=int, default=1, help="the first random play's seed (default 1)")
    parser.add_argument("--shrink", action="store_true", help="shrink random plays that fail to the tasks that matter")
    parser.add_argument("--list", action="store_true", help="only list them")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep playbooks and outputs there")
    options = parser.parse_args(arguments)
    cases: list[Case | Fault]
    if options.random:
        cases = [*plays(options.random, options.seed)]
    elif options.faults:
        cases = [*faults(tuple(options.names), kills=options.kills, pairs=options.pairs)]
    else:
        cases = [*everything(options.names)]
    if not cases:
        print("no such case", file=sys.stderr)
        return 2
    if options.list:
        for case in cases:
            print(f"{case.name:<32} {case.what if isinstance(case, Case) else ''}")
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    ended: list[Done] = []
    print(f"{'case':<34} {'exit':>5} {'residue':>8} {'served again':>13}")
    try:
        with tempfile.TemporaryDirectory(prefix="aisafe-undo-") as scratch:
            _all(cases, options.keep or Path(scratch), ended, options.workers, options.shrink)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    return summary(ended, len(cases), time.monotonic() - began)


def _all(cases: Sequence[Case | Fault], directory: Path, ended: list[Done], workers: int, shrink: bool) -> None:
    """Append what came of each; what goes wrong with one is its own fault, and the others go on."""
    pool = Pool()
    waiting = list(cases)

    def work(number: int) -> None:
        with Seat(pool, f"u{number}") as seat, Stand(pool, f"b{number}", directory) as stand:
            while waiting:
                case = waiting.pop(0)
                if isinstance(case, Fault):
                    done = stand.do(case)
                    if shrink and done.faults and case.name.startswith("random-"):
                        seed = int(case.name.removeprefix("random-"))
                        blocks = shrunk(case, seed, lambda fault, stand=stand: bool(stand.do(fault).faults))
                        done = replace(done, faults=(*done.faults, f"shrunk to:\n{yaml.safe_dump(blocks)}"))
                else:
                    done = seat.do(case.name, lambda host, case=case: run(case, host, directory / case.name))  # type: ignore[misc]
                with _PRINTING:
                    ended.append(done)
                    row(done)

    threads = ThreadPoolExecutor(max_workers=workers)
    try:
        for future in [threads.submit(work, number) for number in range(workers)]:
            future.result()
    finally:
        waiting.clear()
        threads.shutdown(cancel_futures=True)
        for trouble in pool.close():
            print(trouble, file=sys.stderr)


def row(done: Done) -> None:
    """One line of the table, and what is wrong below it."""
    code = "killed" if done.code is None else done.code
    served = f"{done.served:.1f} s" if done.served is not None else "-"
    allowed = f" ({len(done.allowed)} allowed)" if done.allowed else ""
    mark = "ok" if not done.faults else "DIFFERS"
    print(
        f"{done.name:<34} {code!s:>5} {len(done.residue):>8} {served:>13}   {mark}{allowed} {done.seconds:.0f}s",
        flush=True,
    )
    for fault in done.faults:
        print("    " + fault.rstrip().replace("\n", "\n    "), flush=True)


def summary(ended: Sequence[Done], wanted: int, seconds: float) -> int:
    """The closing line; the exit code."""
    wrong = [done for done in ended if done.faults]
    served = sorted(done.served for done in ended if done.served is not None)
    middle = f"{served[len(served) // 2]:.1f} s" if served else "-"
    print(f"\n{len(ended)} of {wanted} cases: {len(ended) - len(wrong)} hold, {len(wrong)} do not; "
          f"{sum(len(done.residue) for done in ended)} differences left, {sum(len(done.allowed) for done in ended)} allowed; "
          f"{sum(done.code == 0 and bool(done.residue) for done in ended)} times exit code 0 with a wrong state; "
          f"served again after {middle} (median); {seconds:.0f} s")  # fmt: skip
    for done in wrong:
        print(f"does not hold: {done.name}")
    return 1 if wrong or len(ended) < wanted else 0


if __name__ == "__main__":
    sys.exit(main())
