"""A run that this host still guards, or brought to an end by itself while nobody listened."""

from __future__ import annotations

import json
import os
from typing import Any

from .store import boot_id
from .watchdog import boottime

BASE = "/var/lib/aisafe"
ENDED = ("rolled-back", "rollback-incomplete")
HEARD = "acknowledged"
"""A file in a run's directory: a controller has been told how the run ended."""


def unfinished(blind: list[dict[str, Any]], base: str = BASE) -> dict[str, Any] | None:
    """The armed run, else the newest one that was rolled back and of which no controller has heard; None without one.

    Only root may look; for others that it cannot be seen is added to ``blind``.
    """
    runs = os.path.join(base, "runs")
    try:
        names = sorted(os.listdir(runs), key=lambda name: os.stat(os.path.join(runs, name)).st_mtime, reverse=True)
        pending = os.path.basename(os.readlink(os.path.join(base, "pending")))
    except FileNotFoundError:
        pending = ""
        if not os.path.isdir(runs):
            return None
    except PermissionError:
        reason = "whether an earlier run still guards this host cannot be seen without root"
        blind.append({"kind": "file", "reason": reason, "fix": "Let the run become root there.", "blocks": False})
        return None
    for name in [pending] if pending else names:
        path = os.path.join(runs, name)
        state = next((entry[3:] for entry in sorted(_entries(path)) if entry.startswith("is-")), "")
        if pending or (state in ENDED and not os.path.exists(os.path.join(path, HEARD))):
            return dict(
                _story(path), run=name, state=state or "unknown", **(_silence(path) if state == "armed" else {})
            )
        if state in ENDED or state == "confirmed":
            return None  # the newest run that ended, and it was heard of
    return None


def _entries(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def _silence(path: str) -> dict[str, float]:
    """``silent`` and ``deadline`` in seconds; nothing where the deadline was set before the last boot, or is not there."""
    try:
        with open(os.path.join(path, "deadline.json"), encoding="utf-8") as file:
            deadline = json.load(file)
        if deadline["boot_id"] != boot_id():
            return {}
        full = float(deadline["seconds"])
        return {"silent": round(max(0.0, full - (float(deadline["at"]) - boottime())), 1), "deadline": full}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _story(path: str) -> dict[str, Any]:
    record: dict[str, Any] = {}
    try:
        with open(os.path.join(path, "state.json"), encoding="utf-8", errors="surrogateescape") as file:
            record = dict(json.load(file))
    except (OSError, ValueError, TypeError):
        pass  # a damaged record must not hide the run
    holder = record.get("holder") or ""
    if isinstance(holder, dict):
        holder = ", ".join("%s %s" % pair for pair in sorted(holder.items()))
    return {"since": str(record.get("since") or "1970-01-01T00:00:00+00:00"), "holder": str(holder)}
