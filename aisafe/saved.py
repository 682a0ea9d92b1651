"""A plan that is kept in a file, approved, and applied later: only while the playbook, its variables and the hosts are the same.

What must not have moved is compared as digests and short words: every controller file that the run reads; the arguments of each
task as they came out of the variables; and of each host the live files that the forecast looked at, sockets and who holds them,
services, containers, images, packages and accounts. Whatever is compared is named when it differs.
"""

from __future__ import annotations

import getpass
import json
import os
import secrets
import socket
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aisafe import __version__
from aisafe.errors import AisafeError, StalePlan, UsageError
from aisafe.frozen import frozen
from aisafe.model import Forecast, HostState, TaskMark
from aisafe.model.codec import dump, load

SCHEMA = "aisafe-saved-plan/1"
MOST = 20
"""Lines that the message of a stale plan has; the rest is counted."""
_STEADY = ("enabled", "enabled-runtime", "disabled", "masked", "masked-runtime", "alias", "linked")
"""Unit file states (systemctl(1), is-enabled) of units that do not come and go by themselves."""
_APT = ("apt:", "apt-needs:")
"""Questions to a host that are asked like a file (effects/aptcache.py)."""
_OWN = "aisafe-"


@frozen
class HostMarks:
    """``tasks``: in their order. ``live``: what was seen there, name -> short words. ``files``: path -> digest."""

    tasks: tuple[TaskMark, ...] = ()
    live: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


@frozen
class SavedPlan:
    """``salt``: of the digests, so that they tell nothing about the same values elsewhere. ``files``: controller files,
    relative to the working directory where they are below it. ``document``: the plan as ``--aisafe-format=json`` shows it."""

    schema: str
    made_at: datetime
    made_by: str
    aisafe: str
    ansible_version: str
    salt: str
    files: Mapping[str, str]
    hosts: Mapping[str, HostMarks]
    document: Mapping[str, Any] = field(default_factory=dict)


def new_salt() -> str:
    return secrets.token_hex(16)


def saved(
    states: Mapping[str, HostState], forecast: Forecast, reads: Mapping[str, Mapping[str, str]], *,
    salt: str, cwd: Path, document: Mapping[str, Any] | None = None,
) -> SavedPlan:  # fmt: skip
    """The plan to keep. ``reads``: host -> live file that the forecast read -> digest of its content and mode."""
    return SavedPlan(
        schema=SCHEMA,
        made_at=datetime.now(UTC),
        made_by=f"{getpass.getuser()}@{socket.gethostname()}",
        aisafe=__version__,
        ansible_version=forecast.ansible_version,
        salt=salt,
        files={_relative(path, cwd): digest for path, digest in forecast.files.items()},
        hosts={
            host: HostMarks(tasks=foreseen.marks, live=live(states[host]) if host in states else {},
                            files=dict(reads.get(host, {})))
            for host, foreseen in forecast.hosts.items()
        },
        document=document or {},
    )  # fmt: skip


def live(state: HostState) -> dict[str, str]:
    """What of a host a plan rests on; process ids, counters and whatever changes by itself are left out."""
    marks = {f"socket {item.socket}": str(item.holder or item.process or "unknown") for item in state.listeners}
    for name, unit in state.units.items():
        if name.endswith((".service", ".socket")) and unit.unit_file_state in _STEADY and not name.startswith(_OWN):
            running = "running" if unit.active and unit.type != "oneshot" else "not running"
            marks[f"unit {name}"] = f"{running}, {unit.unit_file_state}"
    for name, box in state.containers.items():
        marks[f"container {name}"] = f"{box.state}, image {box.image}, configuration {box.config_hash[:12]}"
    for image in state.images:
        marks |= {f"image {tag}": image.id.removeprefix("sha256:")[:12] for tag in image.tags}
    marks |= {f"package {name}": version for name, version in state.packages.items()}
    for name, user in state.users.items():
        marks[f"user {name}"] = f"uid {user.uid}, gid {user.gid}, {user.shell}, groups {' '.join(sorted(user.groups))}"
    return marks


def moved(then: SavedPlan, now: SavedPlan) -> Iterator[str]:
    """One line for each thing that is not as it was when the plan was made."""
    if then.ansible_version != now.ansible_version:
        yield f"ansible-core is {now.ansible_version}, it was {then.ansible_version}"
    yield from _differences("file", then.files, now.files, words=False)
    for host in sorted({*then.hosts, *now.hosts}):
        if host not in now.hosts:
            yield f"{host} is not addressed any more"
        elif host not in then.hosts:
            yield f"{host} is new to the run"
        else:
            mine = [*_tasks(then.hosts[host], now.hosts[host]),
                    *_differences("file", then.hosts[host].files, now.hosts[host].files, words=False),
                    *_differences("", then.hosts[host].live, now.hosts[host].live, words=True)]  # fmt: skip
            yield from (f"{host}: {line}" for line in mine)


def _tasks(then: HostMarks, now: HostMarks) -> Iterator[str]:
    before, after = Counter(then.tasks), Counter(now.tasks)
    gone, new = before - after, after - before
    for mark in sorted({item.task for item in gone} | {item.task for item in new}):
        was, is_ = any(item.task == mark for item in gone), any(item.task == mark for item in new)
        words = "has other arguments" if was and is_ else "is new to the run" if is_ else "is not run any more"
        yield f"task {mark} {words}"
    if not gone and not new and then.tasks != now.tasks:
        yield "the tasks run in another order"


def _differences(kind: str, then: Mapping[str, str], now: Mapping[str, str], *, words: bool) -> Iterator[str]:
    for name in sorted({*then, *now}):
        what = f"what apt says of {name.partition(':')[2]}" if name.startswith(_APT) else f"{kind} {name}".strip()
        if name not in now:
            yield f"{what} is gone" + (f" (it was: {then[name]})" if words else "")
        elif name not in then:
            yield f"{what} is new" + (f" ({now[name]})" if words else "")
        elif then[name] != now[name]:
            yield f"{what} has changed" + (f" ({then[name]} -> {now[name]})" if words else "")


def check(then: SavedPlan, now: SavedPlan, *, path: Path) -> None:
    """Raises StalePlan, naming what moved."""
    lines = list(moved(then, now))
    if not lines:
        return
    shown = lines if len(lines) <= MOST else [*lines[:MOST], f"and {len(lines) - MOST} more"]
    raise StalePlan(
        f"The plan {path}, made {then.made_at:%Y-%m-%d %H:%M:%SZ} by {then.made_by}, does not hold any more:\n  "
        + "\n  ".join(shown),
        fix=f"Make a new one and have it approved: aisafe plan -o {path} with the same arguments.",
    )


def write(plan: SavedPlan, path: Path) -> None:
    """Atomically, readable by its owner only. Raises AisafeError."""
    try:
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
            json.dump(dump(plan), file, indent=1, ensure_ascii=False)
            file.write("\n")
        os.replace(file.name, path)
    except OSError as error:
        raise AisafeError(f"The plan {path} cannot be written: {error.strerror}.", fix="Name another place.") from None


def read(path: Path) -> SavedPlan:
    """Raises UsageError for a file that is none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise ValueError(f"it does not begin with schema {SCHEMA}")
        return load(SavedPlan, data)
    except OSError as error:
        raise UsageError(f"The plan {path} cannot be read: {error.strerror}.", fix="Correct --aisafe-plan.") from None
    except ValueError as error:
        raise UsageError(
            f"{path} is no plan that aisafe saved: {error}.", fix="Make one: aisafe plan -o FILE -i INVENTORY PLAYBOOK"
        ) from None


def _relative(path: str, cwd: Path) -> str:
    return os.path.relpath(path, cwd) if Path(path).is_relative_to(cwd) else path
