"""Mounted file systems that keep data, and their free space."""

from __future__ import annotations

import os
import re
from typing import Any

DEVICELESS = ("overlay", "zfs", "btrfs")
READ_ONLY = ("squashfs", "iso9660")


def spaces(table: str = "/proc/self/mounts") -> list[dict[str, Any]]:
    """Each file system once, at the first place where it is mounted (fstab(5), statvfs(3)); bytes.

    Network file systems are left out: asking a dead server would never end. Raises OSError.
    """
    with open(table, encoding="utf-8", errors="surrogateescape") as file:
        rows = [line.split(" ") for line in file]
    found, seen = [], set()
    for device, escaped, kind, *_ in rows:
        path = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), escaped)
        if not (device.startswith("/") or kind in DEVICELESS) or kind in READ_ONLY:
            continue
        if kind == "overlay" and path != "/":
            continue  # a container's, on a file system that is listed itself
        try:
            if not os.path.isdir(path) or os.stat(path).st_dev in seen:
                continue
            seen.add(os.stat(path).st_dev)
            status = os.statvfs(path)
        except OSError:
            continue  # unmounted meanwhile, or another user's
        found.append({"path": path, "type": kind, "total": status.f_blocks * status.f_frsize,
                      "free": status.f_bfree * status.f_frsize})  # fmt: skip
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
