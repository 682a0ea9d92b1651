"""The kernel's settings at runtime (sysctl(8), proc_sys(5)): no files, so what a run set stays until somebody sets it back.

Only settings that are there before and after are compared: those of interfaces come and go with them.
"""

from __future__ import annotations

import os
import re
import stat
from typing import Dict

ROOT = "/proc/sys"
Settings = Dict[str, str]

RESTLESS = re.compile(
    r"kernel/(random/.*|ns_last_pid|cad_pid|tainted|perf_event_max_sample_rate|sched_domain/.*)"
    r"|fs/binfmt_misc/.*|vm/(drop_caches|compact_memory|stat_refresh)|net/ipv[46]/route/flush|net/ipv6/conf/[^/]+/mtu"
)
"""What the kernel changes by itself, and what is a command and no setting."""

ROUNDS = 3
"""Setting one moves others: ``conf/all/forwarding`` those of every interface."""


def snapshot(root: str = ROOT) -> Settings:
    """Path below ``root`` -> value, for all that root can both read and write."""
    found: Settings = {}
    for directory, _, files in os.walk(root):
        for name in files:
            path = os.path.join(directory, name)
            key = os.path.relpath(path, root)
            if RESTLESS.fullmatch(key):
                continue
            value = _value(path)
            if value is not None:
                found[key] = value
    return found


def _value(path: str) -> str | None:
    try:
        mode = os.stat(path).st_mode
        if not mode & stat.S_IRUSR or not mode & stat.S_IWUSR:
            return None
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return " ".join(file.read().split())
    except OSError:  # a value that was never set cannot be read (stable_secret), nor one of a module that is going
        return None


def restore(before: Settings, root: str = ROOT) -> list[str]:
    """Set back what differs; what failed, as readable lines."""
    problems: dict[str, str] = {}
    for _ in range(ROUNDS):
        changed = _changed(before, snapshot(root))
        if not changed:
            break
        for key in sorted(changed, key=lambda key: ("/all/" not in key, "/default/" not in key, key)):
            try:
                with open(os.path.join(root, key), "w", encoding="utf-8", errors="surrogateescape") as file:
                    file.write(before[key] + "\n")
                problems.pop(key, None)
            except OSError as error:
                problems[key] = "kernel setting %s cannot be set back: %s" % (_dotted(key), error.strerror)
    return sorted(problems.values())


def differences(before: Settings, now: Settings) -> list[str]:
    return [
        "kernel setting %s is %r and was %r" % (_dotted(key), now[key], before[key])
        for key in sorted(_changed(before, now))
    ]


def _changed(before: Settings, now: Settings) -> list[str]:
    return [key for key, value in before.items() if key in now and now[key] != value]


def _dotted(key: str) -> str:
    """As sysctl(8) writes it: dots within a name, as in an interface's, become slashes."""
    return key.translate(str.maketrans("/.", "./"))
