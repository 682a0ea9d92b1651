"""`python -m tests.fidelity [PLAY…]`: run plays, keep what came of them in a file, print the table over all that it holds."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fidelity.run import ROOT, Outcome, Play, catalogue, missing, run
from tests.fidelity.table import table
from tests.testbed import Host
from tests.testbed.pool import Pool

RESULTS = ROOT / ".fidelity" / "results.json"


class Shared(Pool):
    """A pool that several threads may ask: each gets hosts of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._one = threading.Lock()

    def take(self, names: Sequence[str]) -> list[Host]:
        with self._one:
            return super().take(names)


def main(arguments: list[str] | None = None) -> int:
    """0 when every play could be compared and nothing certain failed to happen, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.fidelity", description=__doc__)
    parser.add_argument("plays", nargs="*", help="names of catalogue.yml; all of them without one")
    parser.add_argument("--results", type=Path, default=RESULTS, help=f"default: {RESULTS}")
    parser.add_argument("--jobs", type=int, default=2, help="plays at a time, each with a host or two (default 2)")
    parser.add_argument("--once", action="store_true", help="without the second run")
    parser.add_argument("--missing", action="store_true", help="only plays that the results lack")
    parser.add_argument("--table", action="store_true", help="only print the table of the results that are there")
    parser.add_argument("--keep", type=Path, help="directory for forecasts and logs of the plays (default: none kept)")
    options = parser.parse_args(arguments)
    plays = {play.name: play for play in catalogue()}
    if unknown := set(options.plays) - set(plays):
        parser.error(f"no such play: {', '.join(sorted(unknown))}")
    results = _load(options.results)
    absent = {name: reason for name, play in plays.items() if (reason := missing(play))}
    if not options.table:
        chosen = [plays[name] for name in options.plays or plays if name not in absent]
        chosen = [play for play in chosen if not (options.missing and play.name in results)]
        _all(chosen, options, results)
    known = {name: Outcome.load(results[name]) for name in plays if name in results}
    text, fine = table(list(plays.values()), known, absent)
    print(text)
    return 0 if fine else 1


def _all(chosen: list[Play], options: argparse.Namespace, results: dict[str, dict[str, object]]) -> None:
    lock, pool = threading.Lock(), Shared()

    def one(play: Play) -> None:
        with tempfile.TemporaryDirectory(prefix="aisafe-fidelity-") as scratch:
            directory = options.keep / play.name if options.keep else Path(scratch)
            try:
                outcome = run(play, pool, directory, twice=not options.once)
            except Exception as error:  # one play's trouble must not end the others
                traceback.print_exc()
                outcome = Outcome(play.name, trouble=f"{type(error).__name__}: {error}")
        with lock:
            results[play.name] = outcome.dump()
            options.results.parent.mkdir(parents=True, exist_ok=True)
            fresh = {**_load(options.results), play.name: outcome.dump()}
            options.results.write_text(json.dumps(fresh, indent=1), encoding="utf-8")
            print(f"{play.name}: {outcome.seconds:.0f} s {outcome.trouble}", file=sys.stderr, flush=True)

    try:
        with ThreadPoolExecutor(max_workers=options.jobs) as workers:
            list(workers.map(one, chosen))
    finally:
        for trouble in pool.close():
            print(f"left behind: {trouble}", file=sys.stderr)


def _load(path: Path) -> dict[str, dict[str, object]]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


if __name__ == "__main__":
    sys.exit(main())
