"""``python -m tests.scenarios``: the whole suite for real, and its table."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

from aisafe.rules import RULES
from tests.scenarios.needs import lacking
from tests.scenarios.runner import Run, run
from tests.scenarios.scenario import Scenario, everything
from tests.testbed import Host, TestbedError
from tests.testbed.pool import Pool

_PRINTING = Lock()


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when expectation, forecast and truth agree everywhere, 1 when not, 2 when there is nothing to run."""
    parser = argparse.ArgumentParser(prog="python -m tests.scenarios", description="Findings against the truth.")
    parser.add_argument("names", nargs="*", metavar="RULE/NAME", help="those whose names begin so; all without one")
    parser.add_argument("--workers", type=int, default=2, help="hosts at a time (default 2)")
    parser.add_argument("--plan", action="store_true", help="only forecast; apply nothing")
    parser.add_argument("--list", action="store_true", help="only list them")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep playbooks, plans and outputs there")
    options = parser.parse_args(arguments)
    every = everything(options.names)
    lacks = {scenario.name: lacking(scenario.needs) for scenario in every if scenario.needs}
    scenarios = [scenario for scenario in every if not lacks.get(scenario.name)]
    if not every:
        print("no such scenario", file=sys.stderr)
        return 2
    if options.list:
        for scenario in every:
            print(f"{scenario.name:<44} {scenario.what}")
        return 0
    began = time.monotonic()
    runs: list[Run] = []
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="aisafe-scenarios-") as scratch:
            _all(scenarios, options.keep or Path(scratch), runs, workers=options.workers, plan_only=options.plan)
    except KeyboardInterrupt:
        print(f"interrupted: {len(scenarios) - len(runs)} were not run", file=sys.stderr)
    _summary(runs, time.monotonic() - began, plan_only=options.plan)
    for name, why in lacks.items():
        if why:
            print(f"NOT RUN: {name}: {why}")
    return 1 if len(runs) < len(scenarios) or any(done.faults for done in runs) else 0


def _all(scenarios: Sequence[Scenario], directory: Path, runs: list[Run], *, workers: int, plan_only: bool) -> None:
    """Append what came of each to ``runs``; what goes wrong with one is its own fault, and the others go on."""
    pool = Pool()
    print(f"{'scenario':<42} {'expected':<32} {'forecast':<32} truth")

    def one(scenario: Scenario) -> None:
        hosts: list[Host] = []
        try:
            hosts = pool.take([f"s{scenarios.index(scenario) % 90}"])
            done = run(scenario, hosts[0], directory / scenario.name, plan_only=plan_only)
        except (TestbedError, AssertionError, OSError, ValueError, subprocess.SubprocessError):
            done = Run(scenario=scenario, forecast=frozenset(), truth={}, faults=(traceback.format_exc(limit=3),))
        finally:
            pool.release(hosts)
        with _PRINTING:
            runs.append(done)
            _row(done)

    threads = ThreadPoolExecutor(max_workers=workers)
    try:
        for future in [threads.submit(one, scenario) for scenario in scenarios]:
            future.result()
    finally:
        threads.shutdown(cancel_futures=True)
        for trouble in pool.close():
            print(trouble, file=sys.stderr)


def _row(done: Run) -> None:
    scenario = done.scenario

    def words(items: object) -> str:
        return ", ".join(str(item).removeprefix(scenario.rule + " ") for item in sorted(items)) or "-"  # type: ignore[call-overload]

    truth = "; ".join(f"{check[:40]} {'yes' if works else 'NO'}" for check, works in done.truth.items())
    mark = "ok" if not done.faults else "DIFFERS"
    print(f"{scenario.name:<42} {words(scenario.expect):<32} {words(done.forecast):<32} {truth}  {mark} "
          f"{done.seconds:.0f}s", flush=True)  # fmt: skip
    for fault in done.faults:
        print("    " + fault.replace("\n", "\n    "), flush=True)


def _summary(runs: Sequence[Run], seconds: float, *, plan_only: bool) -> None:
    wrong = [done for done in runs if done.faults]
    firing = sum(1 for done in runs if not done.scenario.silent)
    asked = [done for done in runs if done.again is not None]
    boots = sum(1 for done in runs if done.scenario.boot is not None)
    print(f"\n{len(runs)} scenarios ({firing} that must be found, {len(runs) - firing} near misses that must stay silent), "
          f"{len({done.scenario.rule for done in runs})} of {len(list(RULES))} rules: {len(runs) - len(wrong)} hold, "
          f"{len(wrong)} differ; {seconds:.0f} s{', forecasts alone' if plan_only else ''}")  # fmt: skip
    if not plan_only:
        print(f"{sum(len(done.truth) for done in runs)} checks of what is true, {boots} reboots; "
              f"{sum(1 for done in asked if done.again)} of {len(asked)} second runs are not blocked")  # fmt: skip
    for done in wrong:
        print(f"differs: {done.scenario.name}")


if __name__ == "__main__":
    sys.exit(main())
