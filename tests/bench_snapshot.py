"""``python -m tests.bench_snapshot``: what a snapshot and its restore cost, against plain rsync and ``cp -a`` of the same trees.

On one test host, caches warm, in pairs. Trees, copies and snapshots lie on a file system of their
own, ext4 with a journal as hosts have it: without one, whoever makes files is slowed down by those that were deleted in the
last minutes. ``--files`` says how many files lie in the tree, ``--million`` also arms over 1,000,000 small files and tells
the agent's memory.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import statistics
import sys
from typing import Any

from aisafe.agent.scope import NARROW
from aisafe.transport import payload
from tests.testbed import Host, down, up

AGENT = "/var/lib/aisafe/bin/agent-bench.pyz"
TREE = "/srv/tree"
MAKE = """
import os, sys
count, size = int(sys.argv[1]), int(sys.argv[2])
block = os.urandom(1 << 20)
for number in range(count):
    place = "%s/%03d" % (sys.argv[3], number // 1000)
    if number % 1000 == 0:
        os.makedirs(place, exist_ok=True)
    with open("%s/f%06d" % (place, number), "wb") as file:
        length = (number * 7919) % (2 * size + 1)
        file.write(block[number % 1000 : number % 1000 + length])
"""
CHANGE = "import glob\nfor path in sorted(glob.glob('/srv/tree/000/*'))[:100]: open(path, 'ab').write(b'x')"
CLOCK = """
import subprocess, sys, time
began = time.monotonic()
subprocess.run(sys.argv[1:], check=True)
print(time.monotonic() - began)
"""
ASK = """
import re, subprocess, sys, threading, time
words = [sys.executable, "-I", "-B", sys.argv[1], "serve"]
agent = subprocess.Popen(words, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
highest, over = [0], threading.Event()
def watch():
    while not over.wait(0.05):
        found = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/%d/status" % agent.pid).read())
        highest[0] = max(highest[0], int(found[1]) if found else 0)
watching = threading.Thread(target=watch)
watching.start()
agent.stdin.write(sys.argv[2] + "\\n")
agent.stdin.flush()
answer = next(line for line in agent.stdout if '"ok"' in line or '"error"' in line)
over.set()
watching.join()
agent.communicate()
print(answer, end="")
print(highest[0])
"""


DISK = """
set -e
for i in $(seq 0 63); do [ -e /dev/loop$i ] || mknod /dev/loop$i b 7 $i; done
[ -e /dev/loop-control ] || mknod /dev/loop-control c 10 237
truncate -s 60G /bench.img
mkfs.ext4 -q -N 6000000 -E lazy_itable_init=1,nodiscard /bench.img
mount "$(losetup --find --show /bench.img)" /srv
loop=$(findmnt -no SOURCE /srv)
losetup --direct-io=on $loop || echo "the image cannot be written directly: each byte costs the processor twice"
losetup --detach $loop
mkdir -p -m 711 /srv/aisafe /var/lib/aisafe
mount --bind /srv/aisafe /var/lib/aisafe
"""
"""The loop device goes with the host that has it mounted. It does not copy what is written into a page cache of its own, as
a disk does not."""


class Bench:
    """The agent on one host, asked without a connection's cost."""

    def __init__(self, host: Host, files: int) -> None:
        self.host, self.number, self.memory = host, 0, 0
        print(host.run(["bash", "-c", DISK], timeout=600).stdout, end="")
        host.run("mkdir -p -m 755 /var/lib/aisafe/bin")
        host.run(f"base64 -d >{AGENT}", input=base64.b64encode(payload.agent().data).decode())
        host.run(["python3", "-c", MAKE, str(files), "16384", TREE], timeout=1800)
        there = "for path; do [ ! -d $path ] || realpath $path; done | sort -u"
        self.trees = host.run(["sh", "-c", there, "sh", *NARROW, TREE]).stdout.split()

    def ask(self, op: str, **args: Any) -> dict[str, Any]:
        """Raises AssertionError with the agent's own reason; ``memory`` is then its largest resident set so far, in KiB."""
        line = json.dumps({"id": 1, "op": op, "args": args})
        said = self.host.run(["python3", "-c", ASK, AGENT, line], timeout=3600).stdout.splitlines()
        answer = json.loads(said[0])
        assert "ok" in answer, answer
        self.memory = max(self.memory, int(said[1]))
        return dict(answer["ok"])

    def arm(self) -> float:
        """Seconds of one armed snapshot, which is then confirmed. What was written before is on the disk by then."""
        self.host.run("sync", timeout=600)
        self.number += 1
        run = f"b{self.number}"
        seconds = float(self.ask("arm", run=run, scope=[TREE], deadline=3600, holder={})["seconds"])
        self.ask("confirm", run=run)
        return seconds

    def forget(self) -> None:
        """The next snapshot is a first one."""
        self.host.run(f"mkdir -p /srv/old{self.number}; mv /srv/aisafe/runs/b* /srv/old{self.number}")

    def timed(self, *words: str) -> float:
        """Seconds of a command on the host. What was written before is on the disk by then."""
        self.host.run("sync", timeout=600)
        return self.clocked(*words)

    def clocked(self, *words: str) -> float:
        """Seconds of a command on the host, whatever is still to be written."""
        return float(self.host.run(["python3", "-c", CLOCK, *words], timeout=3600).stdout.splitlines()[-1])

    def rsync(self, target: str, *more: str) -> float:
        self.host.run(["mkdir", "-p", target])
        return self.timed("rsync", "-aHAXR", "--numeric-ids", "--modify-window=-1", *more, *self.trees, target)

    def restored(self) -> float:
        """Seconds of a rollback of 100 changed files, as the host itself counts them."""
        self.number += 1
        run = f"b{self.number}"
        self.ask("arm", run=run, scope=[TREE], deadline=3600, holder={})
        self.host.run(["python3", "-c", CHANGE])
        self.host.run("sync", timeout=600)
        self.ask("rollback", run=run, reason="bench")
        while True:
            story = self.ask("status", run=run)["run"]
            if story["state"] in ("rolled-back", "rollback-incomplete"):
                assert story["residue"] == [], story
                return float(story["seconds"])

    def copied_back(self, copy: str) -> float:
        """The file copy alone: the same change taken back by rsync from a plain copy of the trees."""
        self.host.run(["python3", "-c", CHANGE])
        return self.timed(
            "rsync", "-aHAX", "--delete", "--numeric-ids", "--modify-window=-1", f"{copy}{TREE}/", f"{TREE}/"
        )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench_snapshot", description=__doc__)
    parser.add_argument("--files", type=int, default=60_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--million", action="store_true")
    options = parser.parse_args()
    os.environ.setdefault("AISAFE_TESTBED_NS", "cost")
    try:
        (host,) = up(["cost"])
        bench = Bench(host, options.files)
        bench.arm()  # installs what stays
        first, plain, kept, copy, again, relinked, back, alone = ([] for _ in range(8))  # type: ignore[var-annotated]
        for number in range(options.runs):
            bench.forget()
            first.append(bench.arm())
            plain.append(bench.rsync(f"/srv/{number}/copy"))
            kept.append(plain[-1] + bench.clocked("sync", "-f", "/srv"))
        told("first snapshot / rsync", first, plain)
        told("first snapshot / rsync, on the disk as it is", first, kept)
        for number in range(options.runs):
            again.append(bench.arm())
            relinked.append(bench.rsync(f"/srv/{number}/again", f"--link-dest=/srv/{number}/copy"))
        told("unchanged repeat / rsync --link-dest", again, relinked)
        for number in range(options.runs):
            back.append(bench.restored())
            alone.append(bench.copied_back(f"/srv/{number}/copy"))
        told("restore of 100 files / rsync back", back, alone)
        for number in range(options.runs):
            host.run(["mkdir", "-p", f"/srv/{number}/cp"])
            copy.append(bench.timed("cp", "-a", "--parents", *bench.trees, f"/srv/{number}/cp"))
        told("first snapshot / cp -a", first, copy)
        print(f"{'memory of the agent':<44} {bench.memory / 1024:7.0f} MiB at {options.files} files")
        if options.million:
            million(host, bench)
    finally:
        down(["cost"])
    return 0


def told(what: str, ours: list[float], theirs: list[float]) -> None:
    """Medians, and the median of the pairs' ratios: a disk that slows down when much was written does so for both."""
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    a, b = statistics.median(ours), statistics.median(theirs)
    spread = f"({min(ratios):.2f} to {max(ratios):.2f})"
    print(f"{what:<44} {a:7.2f} s / {b:7.2f} s = {statistics.median(ratios):5.2f} {spread}", flush=True)


def million(host: Host, bench: Bench) -> None:
    bench.forget()
    host.run(["mv", TREE, "/srv/before"])
    host.run(["python3", "-c", MAKE, "1000000", "0", TREE], timeout=3600)
    for name in ("first", "repeated"):
        bench.memory = 0
        seconds = bench.arm()
        print(f"{'1,000,000 files, ' + name:<44} {seconds:7.0f} s, {bench.memory / 1024:.0f} MiB", flush=True)


if __name__ == "__main__":
    sys.exit(main())
