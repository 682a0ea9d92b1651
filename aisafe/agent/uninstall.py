"""Take the guard off a host again: units, snapshots, the agent itself. What the host had of its own is left alone."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import Any, Callable

from . import command, watchdog
from .failure import AgentFailure
from .store import Store


def uninstall(args: dict[str, Any], progress: Callable[[str], None]) -> dict[str, Any]:
    """``removed``: what was there and is gone. Raises AgentFailure: no root, or a run that still guards the host."""
    if os.geteuid() != 0:
        raise AgentFailure("no-root", "Only root can take the guard off this host.")
    return {"removed": remove(Store(), watchdog.UNIT_DIRECTORY)}


def remove(store: Store, units: str) -> list[str]:
    """See :func:`uninstall`. Directories that are not ours keep their times."""
    if not os.path.isdir(store.base):
        return []
    with store.lock("the guard is being taken off"):
        pending = store.pending_run()
        if pending is not None and pending.state:
            raise AgentFailure(
                "locked", "Run %s still guards this host: it is %s." % (pending.ident, pending.state),
                fix="Let it end, or end it: aisafe rollback %s" % pending.ident,
            )  # fmt: skip
        removed = _remove_units(units)
        for path in (store.runtime, store.base):
            if os.path.isdir(path):
                with watchdog.same_times(os.path.dirname(path)):
                    shutil.rmtree(path)
                removed.append(path)
    return removed


def _remove_units(directory: str) -> list[str]:
    """The group of a confirmed run is closed; what it runs goes on (KillMode=process)."""
    wants = os.path.join(directory, "multi-user.target.wants")
    paths = [os.path.join(wants, "aisafe-boot.service"), *(os.path.join(directory, name) for name in watchdog.UNITS)]
    there = [path for path in paths if os.path.lexists(path)]
    command.run(["systemctl", "kill", "--kill-who=main", "aisafe-apply@*.service"], check=False, timeout=60)
    for path in there:
        with watchdog.same_times(os.path.dirname(path)), contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    if there:
        command.run(["systemctl", "daemon-reload"], timeout=120)
        command.run(["systemctl", "reset-failed", "aisafe-*"], check=False, timeout=60)
    return there
