"""A run of aisafe-playbook before the one that a scenario is about, or beside it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.scenarios.scenario import Other
from tests.story import Workplace
from tests.testbed import Host

DEADLINE = 15
"""Seconds after which a host whose controller is lost goes back by itself. The others have the default, for busy machines."""
PATIENCE = 600.0
ARMED = "test -L /var/lib/aisafe/pending"


@contextmanager
def besides(other: Other | None, host: Host, place: Workplace) -> Iterator[Callable[[], None]]:
    """As far as it is to be when the forecast is made; yields what waits for its end, if it is still under way then.

    Raises AssertionError when it does not come that far.
    """
    if other is None:
        yield lambda: None
        return
    with open(place.directory / "other.txt", "w", encoding="utf-8") as output:
        words = ["aisafe-playbook", "-i", "inventory.ini", "other.yml"]
        words += [f"--aisafe-deadline={DEADLINE}"] if other.ends == "lost" else []
        process = subprocess.Popen(
            words, cwd=place.directory, env=place.environ(AISAFE_LINT="off"), stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            if other.ends == "confirmed":
                assert process.wait(PATIENCE) == 0, place.directory / "other.txt"
            else:
                _until(lambda: host.run(other.until, check=False).returncode == 0, f"{other.until} of the other run")
            if other.ends == "lost":
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(PATIENCE)
                _until(lambda: host.run(ARMED, check=False).returncode != 0, "the host's own way back")
            yield lambda: _ended(process)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(PATIENCE)


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.wait(PATIENCE)


def _until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"never came: {what}")
        time.sleep(0.3)
