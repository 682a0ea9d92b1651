"""What a forecast costs as the hosts grow: the second half of ``make bench``; ``python -m tests.bench_scale`` alone.

The play is tests/scale: 60 tasks, 10 templates, five roles. CPU is user and system time of the command and all its
processes; memory the peak of what they hold together (proportional set size, sampled). One real host answers under every
name of the inventory, so that connections are real up to AISAFE_BENCH_SSH names (default 10). Beyond, and always for the
forecast by itself, states are recorded ones of that host (``aisafe state save``), with facts that differ from host to host.

AISAFE_BENCH_HOSTS: how many hosts (default 1,10,100,500). AISAFE_BENCH_CHECK: for how many ansible's own check runs
(default 1,10; it takes minutes). AISAFE_BENCH_RUNS: runs of each, the median counts (default 3; one from 100 hosts on).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

from tests.story import ROOT, Workplace
from tests.testbed import down, up

NAME = "scale1"


def numbers(variable: str, default: str) -> list[int]:
    return [int(word) for word in os.environ.get(variable, default).split(",") if word]


HOSTS = numbers("AISAFE_BENCH_HOSTS", "1,10,100,500")
CHECKED = numbers("AISAFE_BENCH_CHECK", "1,10")
CONNECTED = int(os.environ.get("AISAFE_BENCH_SSH", "10"))
RUNS = int(os.environ.get("AISAFE_BENCH_RUNS", "3"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds, and MiB."""

    cpu: float
    wall: float
    memory: float


def main() -> int:
    os.environ.setdefault("AISAFE_TESTBED_NS", "bench")
    try:
        (host,) = up([NAME])
        _, _, variables = host.inventory_line().partition(" ")
        with tempfile.TemporaryDirectory(prefix="aisafe-bench-") as directory:
            first = place_for(Path(directory) / "first", 1, variables)
            measured(first, ["aisafe", "state", "save", "-i", "inventory.ini", "all", "-o", "state.json"], 1)
            recorded = json.loads((first.directory / "state.json").read_text(encoding="utf-8"))
            print(f"{'hosts':>5}  {'command':<46} {'CPU s':>7} {'wall s':>7} {'MiB':>5}  CPU against --list-tasks")
            for count in HOSTS:
                compare(place_for(Path(directory) / str(count), count, variables), count, recorded)
    finally:
        down([NAME])
    return 0


def compare(place: Workplace, count: int, recorded: dict[str, Any]) -> None:
    (place.directory / "state.json").write_text(json.dumps(multiplied(recorded, count)), encoding="utf-8")
    play = ["-i", "inventory.ini", "site.yml"]
    runs = RUNS if count < 100 else 1
    base = measured(place, ["ansible-playbook", "--list-tasks", *play], runs)
    rows = [("ansible-playbook --list-tasks", base)]
    plan = ["aisafe", "plan", *play]
    rows.append(("aisafe plan, recorded states", measured(place, [*plan, "--aisafe-state=state.json"], runs)))
    if count <= CONNECTED:
        rows.append(("aisafe plan, asking the hosts", measured(place, plan, runs)))
    if count in CHECKED:
        rows.append(("ansible-playbook --check", measured(place, ["ansible-playbook", "--check", *play], 1)))
    for name, cost in rows:
        ratio = cost.cpu / base.cpu
        print(f"{count:>5}  {name:<46} {cost.cpu:>7.2f} {cost.wall:>7.1f} {cost.memory:>5.0f}  {ratio:.2f}", flush=True)


def place_for(directory: Path, count: int, variables: str) -> Workplace:
    shutil.copytree(ROOT / "tests" / "scale", directory)
    lines = [f"h{number} {variables}" for number in range(1, count + 1)]
    half = (count + 1) // 2
    text = "\n".join(["[app]", *lines[:half], "[edge]", *lines[half:], ""])
    (directory / "inventory.ini").write_text(text, encoding="utf-8")
    return Workplace(directory=directory)


def multiplied(recorded: dict[str, Any], count: int) -> dict[str, Any]:
    """The one recorded host under ``count`` names, with facts of their own."""
    (state,), (facts,) = recorded["states"].values(), recorded["facts"].values()
    names = {f"h{number}": number for number in range(1, count + 1)}
    own = {
        name: {
            "ansible_hostname": name, "ansible_nodename": name, "ansible_fqdn": f"{name}.example.org",
            "ansible_machine_id": f"{number:032x}", "ansible_memtotal_mb": 2048 * (1 + number % 4),
            "ansible_memfree_mb": 512 + number, "ansible_uptime_seconds": 100_000 + number,
            "ansible_default_ipv4": {**facts["ansible_default_ipv4"], "address": f"10.0.{number // 250}.{number % 250}"},
        }
        for name, number in names.items()
    }  # fmt: skip
    return {
        **recorded,
        "states": {name: {**state, "host": name, "hostname": name} for name in names},
        "facts": {name: {**facts, **own[name]} for name in names},
    }


def measured(place: Workplace, words: Sequence[str], runs: int) -> Cost:
    """The median of ``runs`` runs, by CPU time."""
    costs = sorted((once(place, words) for _ in range(runs)), key=lambda cost: cost.cpu)
    return costs[(len(costs) - 1) // 2]


def once(place: Workplace, words: Sequence[str]) -> Cost:
    with (place.directory / "output").open("wb") as output:
        started = time.monotonic()
        process = subprocess.Popen(
            words, cwd=place.directory, env=place.environ(AISAFE_LINT="off"), stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        held: list[float] = [0.0]
        ended = Event()
        sampler = Thread(target=sample, args=(process.pid, held, ended))
        sampler.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        ended.set()
        sampler.join()
    if process.returncode not in (0, 2, 20):
        text = (place.directory / "output").read_text(encoding="utf-8", errors="replace")
        sys.exit(f"{' '.join(words)} ended with {process.returncode}:\n{text[-3000:]}")
    return Cost(cpu=usage.ru_utime + usage.ru_stime, wall=wall, memory=max(held))


def sample(root: int, held: list[float], ended: Event) -> None:
    while not ended.wait(0.1):
        held.append(sum(map(resident, [root, *descendants(root)])))


def descendants(root: int) -> list[int]:
    """Processes below ``root``, now."""
    found = []
    for path in Path(f"/proc/{root}/task").glob("*/children"):
        try:
            children = [int(word) for word in path.read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *descendants(child)]
    return found


def resident(pid: int) -> float:
    """MiB that a process holds, what it shares counted in parts (proc_pid_smaps(5))."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:  # it is gone
        return 0.0
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024


if __name__ == "__main__":
    sys.exit(main())
