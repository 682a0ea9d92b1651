"""Whatever dies, and whenever: controller, restore, host, network, disk, clock. Each fault, then a look from outside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.undo.bench import DEADLINE, PREPARE, SERVES, Bench
from tests.undo.fate import OTHER_CLOCK, befall, booted, cut, set_clock
from tests.undo.runner import ARMED, Controller, true, until, workplace

STEPS = (
    "programs", "ending the run's processes", "targets", "firewall", "new units", "new containers", "files", "units",
    "containers", "units again", "verification",
)  # fmt: skip
"""Of a restore, as aisafe/agent/rollback.py records them."""
SNAPSHOT_FILES = (
    "state.json",
    "docker.json",
    "before.jsonl.new",
    "units.json",
    "copied.jsonl",
    "tree/etc/passwd",
    "tree/usr/bin/dpkg",
    "copied.jsonl.new",
    "agent.pyz",
)
"""Of a run's directory on the host, in the order in which they come."""
RUNS = "/var/lib/aisafe/runs"
STORE = "mount -t tmpfs -o size=1300m none /var/lib/aisafe"
FILL = "for i in 1M 4k 512; do dd if=/dev/zero of=/var/lib/aisafe/filler$i bs=$i 2>/dev/null; done"
EMPTY = "rm -f /var/lib/aisafe/filler*"

Ended = tuple[int | None, float | None]
"""The exit code, None for a controller that was killed; and since when the host did not serve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """``do`` returns when the controller is gone. ``codes``: those that are right. ``store``: the store is in memory.
    ``prepare``, ``serves``: what is on the host, and lines for sh that are true before and after."""

    name: str
    do: Callable[[Bench], Ended]
    codes: tuple[int | None, ...]
    store: bool = False
    prepare: str = PREPARE
    serves: tuple[str, ...] = SERVES


def faults(kinds: tuple[str, ...], *, kills: int, pairs: int) -> list[Fault]:
    """All of these kinds (their names begin so), or of every kind."""
    every = [*_kills(kills), *_restores(), *_boots(), *_cuts(), *_full(), *_clocks(), *_pairs(pairs)]
    return [fault for fault in every if not kinds or fault.name.startswith(kinds)]


def _kills(number: int) -> Iterator[Fault]:
    """A moment is a share of the time that a whole run takes on the same host just before."""
    for index in range(number):
        share = index / max(1, number - 1)
        yield Fault(
            name=f"kill-controller-{index:02}", codes=(None,), do=lambda bench, share=share: _kill(bench, share)
        )


def _kill(bench: Bench, share: float) -> Ended:
    whole = lasting(bench)
    controller = bench.start()
    began = time.monotonic()
    while time.monotonic() < began + share * whole and controller.process.poll() is None:
        time.sleep(0.05)
    controller.kill()
    controller.wait()
    time.sleep(1.5)  # what the host has just been told may only begin now
    return None, time.monotonic()


_LASTING: dict[str, float] = {}


def lasting(bench: Bench) -> float:
    """Seconds that a whole run takes on this host: the first one says so."""
    name = bench.host.container
    if name not in _LASTING:
        began = time.monotonic()
        code = bench.start().wait()
        assert code == 21, f"a whole run ends with {code}"
        _LASTING[name] = time.monotonic() - began
    return _LASTING[name]


def _restores() -> Iterator[Fault]:
    for step in STEPS:
        yield Fault(
            name=f"kill-restore-{step.replace(' ', '-')}",
            codes=(21,),
            do=lambda bench, step=step: _kill_restore(bench, step),
        )


def _kill_restore(bench: Bench, step: str) -> Ended:
    watching = bench.in_background(
        f"{bench.step_is(step)}; pkill -9 -f 'agent.pyz (rollback|watch)'; touch /run/killed-restore"
    )
    controller = bench.start()
    code = controller.wait()
    watching.wait(60)
    assert true(bench.host, "rm /run/killed-restore"), (
        f"the restore was not killed at {step}:\n{controller.stderr[-1500:]}"
    )
    return code, controller.rolling


MOMENTS = {
    "snapshot": f"ls -d {RUNS}/*/tree",
    "armed": ARMED,
    "in-the-middle": "test -e /etc/shop/new",
    "at-the-end": "test -e /run/last",
    "restore": "grep -qs rolling_since /var/lib/aisafe/pending/state.json",
}
"""Lines for sh that say how far a run has come."""


def _boots() -> Iterator[Fault]:
    for what in ("reboot", "power"):
        for moment, line in MOMENTS.items():
            yield Fault(
                name=f"{what}-{moment}",
                codes=(1, 21, 22, 23),
                do=lambda bench, what=what, line=line: _boot(bench, what, line),
            )


def _boot(bench: Bench, what: str, line: str) -> Ended:
    controller = bench.start()
    _reached(bench, controller, line)
    since = time.monotonic()
    befall(what, bench.host)
    code = controller.wait()
    bench.settled()
    if line == MOMENTS["snapshot"]:  # nothing was armed yet, and a boot takes what is in the kernel alone
        bench.host.run("iptables -C INPUT -p tcp --dport 9999 -j DROP || iptables -A INPUT -p tcp --dport 9999 -j DROP")
    return code, since


def _reached(bench: Bench, controller: Controller, line: str) -> None:
    until(lambda: true(bench.host, line) or controller.process.poll() is not None, line)
    assert controller.process.poll() is None, f"over before {line}: {controller.stderr[-1500:]}"


def _cuts() -> Iterator[Fault]:
    for moment, line in MOMENTS.items():
        yield Fault(name=f"network-{moment}", codes=(1, 21, 22, 23), do=lambda bench, line=line: _cut(bench, line))


def _cut(bench: Bench, line: str) -> Ended:
    controller = bench.start()
    _reached(bench, controller, line)
    since = time.monotonic()
    with cut(bench.host):
        time.sleep(40)
    booted(bench.host)
    return controller.wait(), since


def _full() -> Iterator[Fault]:
    for file in SNAPSHOT_FILES:
        moment = f"until ls -d {RUNS}/*/{file}; do sleep 0.005; done"
        yield Fault(name=f"disk-full-at-{file.replace('/', '-')}", codes=(1, 21), store=True,
                    do=lambda bench, moment=moment: _full_at(bench, moment, 0))  # fmt: skip
    for step in STEPS:
        yield Fault(name=f"disk-full-in-{step.replace(' ', '-')}", codes=(21,), store=True,
                    do=lambda bench, step=step: _full_at(bench, bench.step_is(step), 8))  # fmt: skip


def _full_at(bench: Bench, moment: str, seconds: int) -> Ended:
    """The disk of the store is full from this moment on: for some seconds, or until the run is over."""
    gone = f"sleep {seconds}; {EMPTY}" if seconds else "true"
    filling = bench.in_background(f"{moment}; touch /run/filling; {FILL}; {gone}")
    controller = bench.start()
    code = controller.wait()
    if not true(bench.host, "rm /run/filling"):
        filling.kill()
        raise AssertionError(f"the moment never came: {moment}")
    filling.wait(120)
    bench.host.run(EMPTY)
    if code == 1:
        assert "was not changed" in controller.stderr, controller.stderr[-1500:]
    return code, controller.rolling


def _clocks() -> Iterator[Fault]:
    for hours, name in ((-1, "back"), (1, "forth")):
        for killed in (False, True):
            yield Fault(
                name=f"clock-{name}-{'controller-killed' if killed else 'healthy'}", codes=(None if killed else 21,),
                prepare=PREPARE + OTHER_CLOCK, do=lambda bench, hours=hours, killed=killed: _clock(bench, hours, killed),
            )  # fmt: skip
        yield Fault(name=f"clock-{name}-restore", codes=(21,), prepare=PREPARE + OTHER_CLOCK,
                    do=lambda bench, hours=hours: _clock_in_restore(bench, hours))  # fmt: skip


def _clock(bench: Bench, hours: int, killed: bool) -> Ended:
    """An armed host's clock is set, and set again: a healthy run goes its way, the deadline of a dead controller holds."""
    controller = bench.start()
    _reached(bench, controller, ARMED)
    set_clock(bench.host, hours)
    if not killed:
        _reached(bench, controller, MOMENTS["at-the-end"])
        set_clock(bench.host, -hours)
        code = controller.wait()
        set_clock(bench.host, 0)
        return code, controller.rolling
    since = time.monotonic()
    controller.kill()
    controller.wait()
    bench.settled()
    took = time.monotonic() - since
    set_clock(bench.host, 0)
    assert DEADLINE - 8 < took < DEADLINE + 60, f"the host was back {took:.0f} s after its controller was killed"
    return None, since


def _clock_in_restore(bench: Bench, hours: int) -> Ended:
    controller = bench.start()
    _reached(bench, controller, MOMENTS["restore"])
    set_clock(bench.host, hours)
    code = controller.wait()
    set_clock(bench.host, 0)
    return code, controller.rolling


def _pairs(number: int) -> Iterator[Fault]:
    for index in range(number):
        yield Fault(name=f"two-controllers-{index:03}", codes=(21,), do=_pair)


ONE_FILE = """
- hosts: all
  gather_facts: false
  tasks:
    - copy: {dest: /etc/motd, content: "changed\\n"}
    - wait_for: {host: 127.0.0.1, port: 9, timeout: 1}
"""
REFUSED = (20, 24)
"""What the other one may end with: it saw the first at work, or came too late to the lock."""


def _pair(bench: Bench) -> Ended:
    """Two at once: each is refused, or runs to its end and is undone; never do both hold the host."""
    places = [workplace(bench.place.directory / name, bench.host) for name in ("one", "two")]
    for place in places:
        place.write("play.yml", ONE_FILE)
    both = [bench.start(place=place) for place in places]
    codes = [controller.wait() for controller in both]
    assert 21 in codes, f"nobody was let in: {codes}\n{both[0].stderr[-800:]}\n{both[1].stderr[-800:]}"
    other = codes[1 - codes.index(21)]
    assert other in (21, *REFUSED), f"{codes}: {both[1 - codes.index(21)].stderr[-1500:]}"
    return 21, None
