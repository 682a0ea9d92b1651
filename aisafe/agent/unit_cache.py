"""What systemd said about units that are installed but not loaded, kept as long as no unit file changes.

For such a unit systemd reads its files anew for each question and forgets it again: milliseconds of PID 1 for each, and
a signal to everybody who listens. What it says depends on the files in its search path alone (systemd.unit(5)).
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any, Iterable

FORM = "2"  # of what is kept of a unit
TRANSIENT = "/run/systemd/transient"  # changes with every login; its units are always loaded


def fingerprint(directories: Iterable[str]) -> str:
    """Changes with every unit file, drop-in and link in these directories."""
    rows = [FORM]
    for directory in directories:
        if directory != TRANSIENT:
            _walk(directory, rows, 0)
    return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogateescape")).hexdigest()


def _walk(directory: str, rows: list[str], depth: int) -> None:
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError:
        return  # systemd itself skips what is not there
    for entry in entries:
        status = entry.stat(follow_symlinks=False)
        target = os.readlink(entry.path) if entry.is_symlink() else ""
        rows.append("%s %d %d %d %s" % (entry.path, status.st_mtime_ns, status.st_ino, status.st_size, target))
        if depth < 1 and entry.is_dir():
            _walk(entry.path, rows, depth + 1)
        elif target:  # a unit file elsewhere (systemctl link) changes without its link
            try:
                status = os.stat(entry.path)
                rows.append("%d %d" % (status.st_mtime_ns, status.st_size))
            except OSError:
                rows.append("dangling")


def load(path: str, key: str) -> dict[str, dict[str, Any]]:
    """The units by name, {} when there are none for this fingerprint."""
    try:
        with open(path, encoding="utf-8") as file:
            kept = json.load(file)
        return dict(kept["units"]) if kept["key"] == key else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def save(path: str, key: str, units: dict[str, dict[str, Any]]) -> None:
    """Readable by the owner alone: Environment= may hold secrets. Unwritable, systemd is asked again."""
    scratch = "%s.%d" % (path, os.getpid())
    try:
        handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"key": key, "units": units}, file)
        os.rename(scratch, path)
    except (OSError, ValueError):
        if os.path.exists(scratch):
            os.unlink(scratch)
