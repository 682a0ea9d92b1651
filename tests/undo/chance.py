"""Random plays, applied for real and undone; one that leaves something is shrunk to the tasks that matter."""

from __future__ import annotations

import re

import yaml

from aisafe.rules import RULES
from tests.undo.bench import Bench
from tests.undo.faults import Ended, Fault
from tests.undo.play import PREPARE, Block, generate, playbook
from tests.undo.runner import Controller

SERVES = ("systemctl is-active nginx shop-a docker", "docker exec db test -e /written", "docker exec web ls /data")
NEEDED = ("guard-impossible", "rule-failed", "run-failed")
"""Rules that stay as they are: without the guard nothing could be undone, and the failed run is to be."""


def plays(number: int, seed: int) -> list[Fault]:
    """One for each of ``number`` seeds from ``seed`` on."""
    return [of_blocks(f"random-{each}", generate(each)) for each in range(seed, seed + number)]


def of_blocks(name: str, blocks: list[Block]) -> Fault:
    return Fault(name=name, codes=(21,), do=lambda bench: _apply(bench, name, blocks), prepare=PREPARE, serves=SERVES)


def _apply(bench: Bench, name: str, blocks: list[Block]) -> Ended:
    """It is applied, whatever is foreseen."""
    place = bench.place
    place.write("t.j2", "{{ value }} on {{ inventory_hostname }}\n")
    place.write(".aisafe.yml", yaml.safe_dump({"rules": {rule: "warn" for rule, _ in RULES if rule not in NEEDED}}))
    place.write(f"{name}.yml", playbook(blocks))
    controller = Controller(place, f"{name}.yml")
    code = controller.wait()
    place.write(f"{name}.txt", controller.stdout + controller.stderr)
    assert code == 21, f"exit code {code}:\n{controller.stdout[-1000:]}{controller.stderr[-2500:]}"
    recap = re.search(r"changed=(\d+) .*failed=(\d+)", controller.stdout)
    assert recap, f"nothing was applied:\n{controller.stdout[-1000:]}"
    assert recap[2] == "1", f"nothing was applied:\n{controller.stdout[-1000:]}"
    return code, controller.rolling


def shrunk(fault: Fault, seed: int, fails: object) -> list[Block]:
    """The fewest blocks of a seed's play that still fail; ``fails`` tells of a fault whether it does."""
    blocks = generate(seed)
    assert callable(fails)
    for block in list(blocks):
        fewer = [other for other in blocks if other is not block]
        if fewer and fails(of_blocks(fault.name, fewer)):
            blocks = fewer
    return blocks
