"""Mounted file systems that keep files, and their free space."""

from __future__ import annotations

import os
import re
from typing import Any

DEVICELESS = ("overlay", "zfs", "btrfs", "tmpfs")
READ_ONLY = ("squashfs", "iso9660")
KERNELS = (
    "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs", "fusectl",
    "hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "ramfs", "rpc_pipefs", "securityfs", "selinuxfs", "sysfs", "tracefs",
)  # fmt: skip
"""Where nobody keeps files; ramfs is what systemd gives a unit's credentials."""
ENGINES = re.compile(
    r"/var/(lib|run)/(docker|containers|containerd|kubelet|lxc|lxd)/|/run/(docker|containerd|netns|credentials)/"
)
"""What container engines and systemd mount for what they run."""


def spaces(table: str = "/proc/self/mounts") -> list[dict[str, Any]]:
    """Each file system once, at the first place where it is mounted (fstab(5), statvfs(3)), with the others; bytes.

    Network file systems are told without sizes: asking a dead server would never end. So is what has no limit. Raises
    OSError.
    """
    with open(table, encoding="utf-8", errors="surrogateescape") as file:
        rows = [line.split(" ") for line in file]
    last = {}
    for device, escaped, kind, *_ in rows:
        path = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), escaped)
        engines = not device.startswith("/") and ENGINES.match(path)
        if kind not in (*KERNELS, *READ_ONLY) and not engines:
            last[path] = (device, kind)  # what is mounted last hides the others
    found: list[dict[str, Any]] = []
    seen: dict[int, dict[str, Any]] = {}
    for path, (device, kind) in last.items():
        entry: dict[str, Any] = {"path": path, "type": kind, "total": None, "free": None, "also": []}
        if not (device.startswith("/") or kind in DEVICELESS):
            found.append(entry)
            continue
        try:
            if not os.path.isdir(path):
                continue
            number = os.stat(path).st_dev
            if number in seen:
                seen[number]["also"].append(path)
                continue
            status = os.statvfs(path)
        except OSError:
            continue  # unmounted meanwhile, or another user's
        if status.f_blocks:
            entry.update(total=status.f_blocks * status.f_frsize, free=status.f_bfree * status.f_frsize)
        seen[number] = entry
        found.append(entry)
    return found


def memory() -> dict[str, int]:
    """``memory_total`` and ``swap_total`` in bytes (proc_meminfo(5)); what cannot be read is left out, and told as not
    seen by the rule that needs it."""
    names = {"MemTotal": "memory_total", "SwapTotal": "swap_total"}
    found = {}
    try:
        with open("/proc/meminfo") as text:
            for line in text:
                name, _, rest = line.partition(":")
                if name in names and rest.split():
                    found[names[name]] = int(rest.split()[0]) * 1024
    except (OSError, ValueError):
        pass
    return found
