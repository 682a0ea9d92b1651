"""Single files of the host, many in one answer."""

from __future__ import annotations

import base64
import grp
import os
import pwd
import stat
from typing import Any

LIMIT = 1 << 20
"""Bytes of a file that are read unless the question says otherwise."""


def look(path: str, limit: int = LIMIT) -> dict[str, Any]:
    """What is at ``path``, links not followed; ``content`` is base64. Unreadable is 'unseen', with the reason."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return {"path": path, "kind": "absent"}
    except (OSError, ValueError) as error:
        return _unseen(path, error)
    found: dict[str, Any] = {
        "path": path, "mode": stat.S_IMODE(status.st_mode), "owner": _user(status.st_uid),
        "group": _group(status.st_gid), "size": status.st_size, "mtime": status.st_mtime,
    }  # fmt: skip
    try:
        if stat.S_ISLNK(status.st_mode):
            return dict(found, kind="link", target=os.readlink(path))
        if stat.S_ISDIR(status.st_mode):
            return dict(found, kind="directory", entries=sorted(os.listdir(path)))
        if not stat.S_ISREG(status.st_mode):
            return dict(found, kind="other")
        if status.st_size > limit:
            return dict(found, kind="file", content=None,
                        reason="%d bytes are over the limit of %d" % (status.st_size, limit))  # fmt: skip
        with open(path, "rb") as file:
            return dict(found, kind="file", content=base64.b64encode(file.read(limit)).decode())
    except FileNotFoundError:
        return {"path": path, "kind": "absent"}
    except OSError as error:
        return _unseen(path, error)


def _unseen(path: str, error: Exception) -> dict[str, Any]:
    return {"path": path, "kind": "unseen", "reason": getattr(error, "strerror", None) or str(error)}


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
