"""What befalls a host from outside: reboot, power cut, and a network that is cut both ways."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.testbed import Host
from tests.testbed.engine import docker

CUT = 45.0
"""Seconds that a network stays cut: longer than the deadlines of the cases."""


def befall(what: str, host: Host) -> None:
    """Do it, and wait until the host is there again."""
    if what == "reboot":
        host.reboot(wait=False)
    elif what == "power":
        host.kill()
        host.start(wait=False)
    elif what == "cut":
        with cut(host):
            time.sleep(CUT)
    else:
        raise ValueError(what)
    booted(host)


def booted(host: Host, patience: float = 120.0) -> None:
    """Until systemd has started what it can, and sshd greets."""
    end = time.monotonic() + patience
    ask = "systemctl is-system-running --wait || true"
    while time.monotonic() < end:
        done = host.run(ask, check=False, timeout=patience)
        if done.stdout.strip() in ("running", "degraded") and host._greets():
            return
        time.sleep(0.2)
    raise AssertionError(f"{host.name} does not come up again: {done.stdout}{done.stderr}")


@contextlib.contextmanager
def cut(host: Host) -> Iterator[None]:
    """Pull the plug of the host's network on this machine's side: nothing passes in either direction."""
    link = plug(host)
    subprocess.run(["ip", "link", "set", "dev", link, "down"], check=True)
    try:
        yield
    finally:
        subprocess.run(["ip", "link", "set", "dev", link, "up"], check=True)


def plug(host: Host) -> str:
    """The name of this machine's end of the host's network."""
    pid = docker("inspect", "--format={{.State.Pid}}", host.container).stdout.strip()
    number = host.run("cat /sys/class/net/eth0/iflink", check=True).stdout.strip()
    for path in Path("/sys/class/net").iterdir():
        if (path / "ifindex").read_text().strip() == number and path.name.startswith("veth"):
            return path.name
    raise AssertionError(f"{host.name} (pid {pid}): no interface {number} on this machine")
