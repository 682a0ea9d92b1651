"""A predicted host for the tests of the models: its files in a table, or those of the machine itself."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from aisafe.effects.api import Call, LiveFile, Result, predict
from aisafe.effects.predicted import PredictedHost
from aisafe.model import HostState, TaskRef, User

INSTALLED = tuple(int(part) for part in version("ansible-core").split(".")[:2])
TASK = TaskRef(name="the task", path="play.yml", line=7)
ROOT = User(name="root", uid=0, gid=0, home="/root", shell="/bin/bash")
NSSWITCH = b"passwd: files systemd\ngroup: files systemd\n"


def directory(path: str, *entries: str) -> LiveFile:
    return LiveFile(path=path, kind="directory", mode=0o755, owner="root", group="root", entries=entries)


def regular(path: str, content: bytes, mode: int = 0o644, owner: str = "root") -> LiveFile:
    return LiveFile(
        path=path, kind="file", content=content, mode=mode, owner=owner, group=owner, size=len(content), mtime=1.0
    )


def predicted(
    files: Mapping[str, bytes | LiveFile] | None = None,
    *,
    directories: Sequence[str] = ("/etc", "/srv", "/tmp", "/root", "/home", "/usr/local/bin"),
    **state: Any,
) -> PredictedHost:
    """A Debian host that has ``files`` (the directories above them come along) and nothing else."""
    table: dict[str, LiveFile] = {}
    given = {"/etc/nsswitch.conf": NSSWITCH, **(files or {})}
    for path, content in given.items():
        table[path] = regular(path, content) if isinstance(content, bytes) else content
    folders: dict[str, set[str]] = {"/": set()}
    for path in [*table, *(f"{path}/" for path in directories)]:
        above = path
        while above != "/":
            above, name = os.path.split(above.rstrip("/")) if not above.endswith("/") else (above.rstrip("/"), "")
            folders.setdefault(above or "/", set())
            if name:
                folders[above or "/"].add(name)
    for path, names in folders.items():
        table.setdefault(path, directory(path, *sorted(names)))

    def read(paths: Sequence[str]) -> dict[str, LiveFile]:
        return {path: table.get(path, LiveFile(path=path, kind="absent")) for path in paths}

    given_state: dict[str, Any] = {
        "host": "web1",
        "taken_at": datetime(2026, 1, 1, tzinfo=UTC),
        "hostname": "web1",
        "os": {"id": "debian"},
        "root": True,
        "users": {"root": ROOT},
        "groups": {"root": 0},
        **state,
    }
    return PredictedHost(HostState(**given_state), facts={}, read=read)


def this_machine() -> PredictedHost:
    """The machine that runs the tests, read as the agent would read it."""
    users = {
        entry.pw_name: User(
            name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid, home=entry.pw_dir, shell=entry.pw_shell
        )
        for entry in pwd.getpwall()
    }
    groups = {entry.gr_name: entry.gr_gid for entry in grp.getgrall()}
    state = HostState(host="here", taken_at=datetime.now(UTC), users=users, groups=groups, root=os.getuid() == 0)
    return PredictedHost(state, facts={}, read=lambda paths: {path: live(path) for path in paths})


def live(path: str) -> LiveFile:
    try:
        found = os.lstat(path)
    except OSError:
        return LiveFile(path=path, kind="absent")
    common: dict[str, Any] = {
        "path": path, "mode": stat.S_IMODE(found.st_mode), "owner": pwd.getpwuid(found.st_uid).pw_name,
        "group": grp.getgrgid(found.st_gid).gr_name, "size": found.st_size, "mtime": found.st_mtime,
    }  # fmt: skip
    if stat.S_ISLNK(found.st_mode):
        return LiveFile(kind="link", target=os.readlink(path), **common)
    if stat.S_ISDIR(found.st_mode):
        return LiveFile(kind="directory", entries=tuple(sorted(os.listdir(path))), **common)
    with open(path, "rb") as file:
        return LiveFile(kind="file", content=file.read(), **common)


def run(host: PredictedHost, module: str, args: Mapping[str, Any], **more: Any) -> Result:
    name = module if "." in module else f"ansible.builtin.{module}"
    return predict(Call(module=name, args=args, task=TASK, **{"ansible": INSTALLED, **more}), host)
