"""Do one case on a pristine host: look, run, wait until the host serves again, look once more."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.story import Workplace
from tests.testbed import Host
from tests.testbed.filetree import Known
from tests.testbed.listing import Listing, ObservationError, differences
from tests.testbed.listing import observe as observe_all
from tests.undo.case import Case, Event
from tests.undo.fate import befall

KNOWN: Known = {}
"""What was read of any host of this process: they are of one image."""
_FIRST = threading.Lock()
PATIENCE = 600.0
"""Seconds in which something has to come about."""
SETTLE = 3.0
"""Seconds that a service which has just been started may take until it looks as ever."""
ON_CALL, IDLE = ("systemd-hostnamed", "systemd-timedated", "systemd-localed"), 40.0
"""They start when somebody asks over D-Bus, and end by themselves after half a minute (systemd-hostnamed.service(8))."""
LOOKS = 3
AT_REST = "! test -L /var/lib/aisafe/pending && ! pgrep -f '[a]gent.pyz rollback' >/dev/null"
"""Asked so that a host which can start no program at this moment is not at rest."""
ARMED = "test -L /var/lib/aisafe/pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of one case. ``residue``: differences; those that the case allows stand in ``allowed``."""

    name: str
    code: int | None
    residue: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    served: float | None = None
    faults: tuple[str, ...] = ()
    seconds: float = 0.0


def observe(host: Host) -> Listing:
    """The whole host. A question that a busy host answers too late is asked again."""
    if not KNOWN:
        with _FIRST:  # one looks, and the others need not read the same again
            if not KNOWN:
                observe_all(host, deep=True, known=KNOWN)
    for attempt in range(LOOKS):
        try:
            return observe_all(host, deep=True, volumes=True, known=KNOWN)
        except (ObservationError, subprocess.TimeoutExpired):
            if attempt == LOOKS - 1:
                raise
    raise AssertionError("unreachable")


def compare(before: Listing, host: Host) -> list[str]:
    """Differences that are still there when what was just started has settled, and what D-Bus started has ended again."""
    found = differences(before, observe(host))
    if found:
        time.sleep(SETTLE)
        found = differences(before, observe(host))
    if found and all(any(name in line for name in ON_CALL) for line in found):
        time.sleep(IDLE)
        found = differences(before, observe(host))
    return found


def workplace(directory: Path, host: Host) -> Workplace:
    """With one host, and connections that notice within seconds that it is gone."""
    directory.mkdir(parents=True, exist_ok=True)
    alive = "-o IdentitiesOnly=yes -o ServerAliveInterval=3 -o ServerAliveCountMax=2 -o ConnectTimeout=5"
    place = Workplace(directory=directory)
    place.write("inventory.ini", host.inventory_line().replace("-o IdentitiesOnly=yes", alive) + "\n")
    return place


class Controller:
    """One aisafe-playbook under way; when it began to roll back is noted from outside."""

    def __init__(self, place: Workplace, *words: str) -> None:
        self.out = place.directory / "out.txt"
        self.rolling: float | None = None
        self.stderr = ""
        with self.out.open("w", encoding="utf-8") as out:
            self.process = subprocess.Popen(
                ["aisafe-playbook", "-i", "inventory.ini", *words], cwd=place.directory,
                env=place.environ(AISAFE_LINT="off", ANSIBLE_PIPELINING="1"), stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
            )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.stderr += line
            if "rolling back" in line and self.rolling is None:
                self.rolling = time.monotonic()

    @property
    def stdout(self) -> str:
        return self.out.read_text(encoding="utf-8", errors="replace")

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def wait(self, timeout: float = 1200.0) -> int:
        code = self.process.wait(timeout)
        self._reader.join(10)
        return code


def until(holds: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Raises AssertionError when it does not come true."""
    end = time.monotonic() + patience
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"never came: {what}")
        time.sleep(0.2)


def true(host: Host, line: str) -> bool:
    return host.run(line, check=False, timeout=60).returncode == 0


def run(case: Case, host: Host, directory: Path) -> Done:
    """All of it, on a pristine host, in an empty directory."""
    began = time.monotonic()
    place = workplace(directory, host)
    for name, text in case.files.items():
        (place.directory / name).parent.mkdir(parents=True, exist_ok=True)
        place.write(name, text)
    place.write("play.yml", yaml.safe_dump(case.plays, sort_keys=False, width=120))
    if case.prepare:
        host.run(["bash", "-euc", case.prepare], timeout=900)
        until(lambda: all(true(host, line) for line in case.holds), " and ".join(case.holds), 30)
    before = observe(host)
    controller = Controller(place, *case.words, "play.yml")
    try:
        code, since = _fate(case.event, controller, host)
        place.write("err.txt", controller.stderr)
        faults = _judged(case, code, controller)
        until(lambda: true(host, AT_REST), "the end of the roll-back")
        for line in case.holds:
            until(lambda line=line: true(host, line), line, 60)  # type: ignore[misc]
        served = time.monotonic() - since if since else None
        found = compare(before, host)
    finally:
        controller.kill()
    faults += [f"{value} stands in {where}" for value in case.nowhere for where in _holding(value, case, place, host)]
    left = [line for line in found if not any(item.line.search(line) for item in case.residue)]
    faults += [f"is left: {line}" for line in left]
    if left and code == 0:
        faults.append("exit code 0 with a wrong state")
    return Done(name=case.name, code=code, residue=tuple(left), allowed=tuple(set(found) - set(left)), served=served,
                faults=tuple(faults), seconds=time.monotonic() - began)  # fmt: skip


def _fate(event: Event | None, controller: Controller, host: Host) -> tuple[int | None, float | None]:
    """The exit code, None where the controller was killed; and since when the host did not serve."""
    if event is None:
        code = controller.wait()
        return code, controller.rolling
    until(lambda: true(host, event.when) or controller.process.poll() is not None, event.when)
    if controller.process.poll() is not None:
        raise AssertionError(f"the run ended too early ({controller.process.returncode}): {controller.stderr[-1500:]}")
    time.sleep(event.seconds)
    since = time.monotonic()
    if event.do == "kill controller":
        controller.kill()
        controller.wait()
        return None, since
    if event.do == "none":
        return controller.wait(), since
    if event.do == "interrupt":
        controller.kill(signal.SIGINT)
    else:
        befall(event.do, host)
    return controller.wait(), since


def _holding(value: str, case: Case, place: Workplace, host: Host) -> list[str]:
    """Where a secret stands beside the play itself and its files."""
    own = {"play.yml", *case.files}
    found = [str(path) for path in place.directory.rglob("*")
             if path.is_file() and path.name not in own and value in path.read_text(errors="replace")]  # fmt: skip
    return (
        found + host.run(f"grep -rlF {value} /var/lib/aisafe /var/log /run/log /tmp || true", check=True).stdout.split()
    )


def _judged(case: Case, code: int | None, controller: Controller) -> list[str]:
    faults = []
    if code is not None and code != case.exit:
        faults.append(f"exit code {code}, not {case.exit}:\n{controller.stdout[-1500:]}{controller.stderr[-2500:]}")
    recap = re.search(r"ok=(\d+) +changed=(\d+) .*failed=(\d+)", controller.stdout)
    if case.fails and code == case.exit:
        tasks = len(case.plays[0]["tasks"])
        if not recap or int(recap[1]) != tasks - 1 or int(recap[3]) != 1 or recap[2] == "0":
            faults.append(f"not all was done before the last task failed:\n{controller.stdout[-2500:]}")
    if case.did and not re.search(case.did, controller.stdout + controller.stderr):
        faults.append(f"does not say {case.did!r}:\n{controller.stdout[-1500:]}{controller.stderr[-1500:]}")
    if "Traceback" in controller.stderr:
        faults.append(f"a traceback: {controller.stderr[-2000:]}")
    return faults
