"""Users and groups, as the host's own name service knows them (nsswitch.conf(5))."""

from __future__ import annotations

import grp
import pwd
from typing import Any


def accounts() -> tuple[dict[str, Any], dict[str, int]]:
    """Users by name with their supplementary groups, and group name -> gid."""
    members: dict[str, list[str]] = {}
    groups = {}
    for group in grp.getgrall():
        groups[group.gr_name] = group.gr_gid
        for member in group.gr_mem:
            members.setdefault(member, []).append(group.gr_name)
    users = {
        user.pw_name: {"name": user.pw_name, "uid": user.pw_uid, "gid": user.pw_gid, "home": user.pw_dir,
                       "shell": user.pw_shell, "groups": sorted(set(members.get(user.pw_name, ())))}
        for user in pwd.getpwall()
    }  # fmt: skip
    return users, groups
