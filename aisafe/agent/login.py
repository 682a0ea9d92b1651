"""From where and to which address of this host our own SSH login came (sshd(8), ENVIRONMENT: SSH_CONNECTION)."""

from __future__ import annotations

import os
from typing import Any


def login() -> dict[str, Any]:
    """``client``, ``address`` and ``port``; {} when we did not come by ssh.

    sudo drops the variable: the processes above us still have it.
    """
    found = os.environ.get("SSH_CONNECTION", "")
    pid = os.getpid()
    while not found and pid > 1:
        pid = _parent(pid)
        try:
            with open("/proc/%d/environ" % pid, "rb") as file:
                entries = file.read().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
        found = next((entry[15:] for entry in entries if entry.startswith("SSH_CONNECTION=")), "")
    words = found.split()
    if len(words) != 4 or not words[3].isdigit():
        return {}
    return {"client": words[0].partition("%")[0], "address": words[2].partition("%")[0], "port": int(words[3])}


def _parent(pid: int) -> int:
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0
