"""What befalls a host from outside: reboot, power cut, a network that is cut both ways, and a clock that is set."""

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


OTHER_CLOCK = r"""
apt-get install -y -q gcc libc6-dev >/dev/null
cat >/root/clock.c <<END
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long ahead(void) {
    char text[32] = {0};
    int file = open("/run/clock", O_RDONLY | O_CLOEXEC);
    if (file < 0 || read(file, text, sizeof text - 1) < 0) abort();
    close(file);
    return atol(text);
}
int clock_gettime(clockid_t clock, struct timespec *now) {
    long failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && clock == CLOCK_REALTIME) now->tv_sec += ahead();
    return failed;
}
int gettimeofday(struct timeval *now, void *zone) {
    struct timespec fine;
    clock_gettime(CLOCK_REALTIME, &fine);
    now->tv_sec = fine.tv_sec;
    now->tv_usec = fine.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *now) {
    struct timespec fine;
    clock_gettime(CLOCK_REALTIME, &fine);
    return now ? *now = fine.tv_sec : fine.tv_sec;
}
END
gcc -shared -fPIC -o /usr/local/lib/clock.so /root/clock.c
mkdir -p /etc/systemd/system/aisafe-.service.d
printf '[Service]\nEnvironment=LD_PRELOAD=/usr/local/lib/clock.so\n' >/etc/systemd/system/aisafe-.service.d/clock.conf
echo LD_PRELOAD=/usr/local/lib/clock.so >>/etc/environment; echo 0 >/run/clock; systemctl daemon-reload
"""
"""A script for bash: all that a login or a unit of ours starts asks `set_clock` what time it is, since hosts in containers
have no clock of their own. What goes on counting while a clock is set (CLOCK_MONOTONIC, CLOCK_BOOTTIME) is as it was."""


def set_clock(host: Host, hours: int) -> None:
    """To the true time and some hours, in processes that run as well. Raises AssertionError: a login does not see it."""
    host.run(f"echo {hours * 3600} >/run/clock.new; mv /run/clock.new /run/clock")
    seen = int(host.ssh("date +%s").stdout) - time.time()
    assert abs(seen - hours * 3600) < 60, f"the clock is {seen:.0f} s ahead, not {hours} h"


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
