"""``make bench``: whole commands, side by side with what a user would run instead, as ratios of medians.

Each pair runs alternately (A B A B …) on the same hosts in the same state, after one uncounted run of each. AISAFE_BENCH_RUNS
sets how many are counted (default 5).
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.story import BIN, Workplace, workplace
from tests.testbed import down, up

RUNS = int(os.environ.get("AISAFE_BENCH_RUNS", "5"))
NAMES = ["bench1", "bench2", "bench3", "bench4"]


def main() -> int:
    os.environ.setdefault("AISAFE_TESTBED_NS", "bench")
    try:
        made = up(NAMES)
        with tempfile.TemporaryDirectory(prefix="aisafe-bench-") as directory:
            for count in (1, 4):
                place = workplace(Path(directory) / str(count), [host.inventory_line() for host in made[:count]])
                require(place, ["ansible-playbook", "-i", "inventory.ini", "agent_unit.yml"])
                compare_forecast(place, count)
                compare_lint(place, count)
            compare_apply(place, len(made))
    finally:
        down(NAMES)
    return 0


def compare_forecast(place: Workplace, count: int) -> None:
    """From the command to the verdict, against the check that a user has today."""
    check = ["ansible-playbook", "--check", "-i", "inventory.ini", "agent_container.yml"]
    plan = ["aisafe", "plan", "-i", "inventory.ini", "agent_container.yml"]
    report(
        f"aisafe plan / ansible-playbook --check, {hosts(count)}",
        pairs(lambda: timed(place, plan, AISAFE_LINT="off"), lambda: timed(place, check)),
    )


def compare_lint(place: Workplace, count: int) -> None:
    """With ansible-lint beside it, on a play that it has not seen before, against ansible-lint alone."""
    cache = place.directory.with_name("cache")

    def cold() -> float:
        for kept in (cache / "aisafe" / "lint").glob("*.json"):
            kept.unlink()
        return timed(place, ["aisafe", "plan", "-i", "inventory.ini", "agent_container.yml"], XDG_CACHE_HOME=str(cache))

    lint = [str(BIN / "ansible-lint"), "--offline", "-q", "-f", "json", "agent_container.yml"]
    report(
        f"aisafe plan with lint, a play new to it, {hosts(count)} / ansible-lint alone",
        pairs(cold, lambda: timed(place, lint)),
    )
    warm = ["aisafe", "plan", "-i", "inventory.ini", "agent_container.yml"]
    report(
        f"aisafe plan with lint, the play linted before, {hosts(count)} / ansible-lint alone",
        pairs(lambda: timed(place, warm, XDG_CACHE_HOME=str(cache)), lambda: timed(place, lint)),
    )


def compare_apply(place: Workplace, count: int) -> None:
    """A whole guarded run that has nothing left to change, against the plain one: what the guard adds."""
    words = ["-i", "inventory.ini", "agent_container_fixed.yml"]
    require(place, ["ansible-playbook", *words])
    report(
        f"aisafe-playbook / ansible-playbook, a whole apply, {hosts(count)}",
        pairs(
            lambda: timed(place, ["aisafe-playbook", *words], AISAFE_LINT="off"),
            lambda: timed(place, ["ansible-playbook", *words]),
        ),
    )


def hosts(count: int) -> str:
    return f"{count} host{'s' if count > 1 else ''}"


def pairs(ours: Callable[[], float], theirs: Callable[[], float]) -> list[tuple[float, float]]:
    ours(), theirs()
    return [(ours(), theirs()) for _ in range(RUNS)]


def timed(place: Workplace, words: list[str], **environ: str) -> float:
    """Wall seconds of one whole command; its exit code must be one that tells of a verdict or a run."""
    environ.setdefault("XDG_STATE_HOME", str(place.directory.with_name("state")))
    started = time.monotonic()
    done = place.run(*words, **environ)
    taken = time.monotonic() - started
    if done.returncode not in (0, 2, 20):
        sys.exit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return taken


def require(place: Workplace, words: list[str]) -> None:
    done = place.run(*words)
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, words, done.stdout, done.stderr)


def report(title: str, measured: list[tuple[float, float]]) -> None:
    ratios = sorted(ours / theirs for ours, theirs in measured)
    ours, theirs = (statistics.median(column) for column in zip(*measured, strict=True))
    print(f"{title}: {statistics.median(ratios):.2f} (min {ratios[0]:.2f}, max {ratios[-1]:.2f}; {len(ratios)} pairs; "
          f"medians {ours:.2f} s and {theirs:.2f} s)", flush=True)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
