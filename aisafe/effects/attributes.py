"""Paths, modes and owners of files as modules with file arguments treat them (AnsibleModule, add_file_common_args)."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from aisafe.effects.api import Call, Result, model
from aisafe.effects.arguments import Arguments, BadArgument, UnknownArgument
from aisafe.effects.filetree import PredictedFile
from aisafe.effects.modes import UMASK, parse_mode
from aisafe.effects.predicted import HIDDEN, PredictedHost
from aisafe.frozen import frozen
from aisafe.model import Action, Effect, EffectKind, Unknown, is_unknown

Understood = Callable[[Call, PredictedHost, Arguments], Result]
_VARIABLE = re.compile(r"\$(\w+|\{\w+\})")


def understood(*names: str, kind: EffectKind, action: Action = "change") -> Callable[[Understood], Understood]:
    """Register a model that may raise BadArgument (the module refuses: failed) or UnknownArgument (cannot be told)."""

    def register(function: Understood) -> Understood:
        @wraps(function)
        def guarded(call: Call, host: PredictedHost) -> Result:
            try:
                return function(call, host, Arguments(call.args))
            except BadArgument as error:
                return Result(changed=False, failed=HIDDEN if call.no_log else str(error))
            except UnknownArgument as error:
                return cannot_tell(call, error, kind=kind, action=action)

        model(*names)(guarded)
        return function

    return register


def cannot_tell(call: Call, error: UnknownArgument, *, kind: EffectKind, action: Action) -> Result:
    """What the task touches is not known: one opaque effect of its kind, and the task counts as opaque."""
    why = HIDDEN if call.no_log else str(error)
    effect = Effect(
        kind=kind, action=action, name=HIDDEN if call.no_log else str(error.value), task=call.task, certainty="opaque",
        why=why, sockets_known=False,
    )  # fmt: skip
    return Result(effects=(effect,), changed=None, opaque=why)


def remote_path(text: str, *, call: Call, host: PredictedHost) -> str:
    """``text`` as an absolute path on the host, normalised; ``~`` and variables expanded (type path).

    Raises UnknownArgument where that depends on what only the run knows, such as the connection's working directory.
    """
    path = text
    if path.startswith("~"):
        name, _, rest = path[1:].partition("/")
        path = posixpath.join(home(name or call.become_user, host=host, text=text), rest)
    for variable in _VARIABLE.findall(path):
        name = variable.strip("{}")
        value = call.environment.get(name)
        if value is None and name == "HOME":
            value = home(call.become_user, host=host, text=text)
        if value is None or is_unknown(value):
            raise UnknownArgument(Unknown(f"the variable {name} of the host's environment", text), "the path")
        path = path.replace(f"${variable}", value)
    if not path.startswith("/"):
        raise UnknownArgument(Unknown("the working directory of the connection", text), "the path")
    return posixpath.normpath(path).replace("//", "/")


def home(name: str, *, host: PredictedHost, text: str) -> str:
    user = host.users.get(name)
    if user is not None and user.home:
        return user.home
    if name == "root":
        return "/root"
    raise UnknownArgument(Unknown(f"the home directory of {name}", text), "the path")


@frozen
class Attributes:
    """Mode, owner and group for one path; None leaves what is there. ``unsure``: which of them is not known."""

    mode: int | None = None
    owner: str | None = None
    group: str | None = None
    unsure: str = ""


def attributes(args: Arguments, *, host: PredictedHost, current: PredictedFile, mode: Any = None) -> Attributes:
    """What ``args`` make of the attributes of ``current``; ``mode`` replaces the argument of that name.

    Raises BadArgument for a mode that cannot be read, or for an owner or group that certainly does not exist: a package
    that the run has installed may have brought an account.
    """
    wanted = args.raw("mode") if mode is None else mode
    unsure = [name for name in ("mode", "owner", "group") if args.unknown(name) is not None]
    number: int | None = None
    if wanted is not None and not is_unknown(wanted) and wanted != "preserve":
        symbolic = isinstance(wanted, str) and not re.fullmatch(r"(0o)?[0-7]+", wanted.strip())
        if symbolic and current.mode is None:
            unsure.append("mode")
        else:
            try:
                number = parse_mode(wanted, current=current.mode or 0, directory=current.kind == "directory")
            except ValueError as error:
                raise BadArgument(str(error)) from None
    owner = None if "owner" in unsure else _account(args.text("owner"), host=host, group=False)
    group = None if "group" in unsure else _account(args.text("group"), host=host, group=True)
    return Attributes(mode=number, owner=owner, group=group, unsure=" and ".join(dict.fromkeys(unsure)))


def _account(name: str | None, *, host: PredictedHost, group: bool) -> str | None:
    if name is None or name == "":
        return None
    if name.isdigit():
        return (group_name if group else user_name)(int(name), host) or name
    table = host.groups if group else host.users
    if table and name not in table and local_accounts(host) and not host.unforeseen:
        raise BadArgument(
            f"{'chgrp' if group else 'chown'} failed: failed to look up {'group' if group else 'user'} {name}"
        )
    return name


def user_name(uid: int, host: PredictedHost) -> str | None:
    return next((user.name for user in host.users.values() if user.uid == uid), None)


def group_name(gid: int, host: PredictedHost) -> str | None:
    return next((name for name, number in host.groups.items() if number == gid), None)


def local_accounts(host: PredictedHost) -> bool:
    """Whether passwd(5) and group(5) are all the accounts (nsswitch.conf(5)); else one may be elsewhere."""
    text = host.file("/etc/nsswitch.conf", follow=True).text
    sources = {
        word
        for line in (text or "").splitlines()
        if line.split(":")[0].strip() in ("passwd", "group")
        for word in line.partition(":")[2].split()
        if not word.startswith("[")
    }
    return text is not None and sources <= {"files", "compat", "systemd"}


def fresh(call: Call, host: PredictedHost, *, directory: bool = False) -> Attributes:
    """The attributes of what the task's user creates: masked by umask, owned by the user and its group."""
    user = host.users.get(call.become_user)
    group = group_name(user.gid, host) if user else call.become_user if call.become_user == "root" else None
    return Attributes(mode=(0o777 if directory else 0o666) & ~UMASK, owner=call.become_user or None, group=group)


def write(
    call: Call,
    host: PredictedHost,
    args: Arguments,
    path: str,
    content: bytes | Unknown | None,
    *,
    mode: Any = None,
    detail: str = "",
    keep: bool = True,
    size: int | None = None,
    beside: bool = False,
) -> tuple[Effect, ...]:
    """A regular file with the attributes that ``args`` ask for; what they leave out is kept, or new as :func:`fresh`.

    ``keep`` False: a file whose content changes is a new one, with its owners (``keep_dest_attrs`` of AnsibleModule).
    ``size``, ``beside``: see :meth:`FileTree.put`.
    """
    before = host.file(path)
    new = before.kind != "file" or (not keep and before.content != content)
    given = fresh(call, host)
    base = PredictedFile(path=path, kind="file", mode=given.mode) if new else before
    asked = attributes(args, host=host, current=base, mode=mode)
    effects = host.put(
        call,
        path,
        content=b"" if new and content is None else content,
        mode=asked.mode if asked.mode is not None else given.mode if before.kind != "unseen" and new else None,
        owner=asked.owner or (given.owner if before.kind != "unseen" and new else None),
        group=asked.group or (given.group if before.kind != "unseen" and new else None),
        detail=detail,
        size=size,
        beside=beside,
    )
    return effects or unsure(call, path, asked)


def unsure(call: Call, path: str, asked: Attributes) -> tuple[Effect, ...]:
    """A possible change of attributes that are not known before the run."""
    if not asked.unsure:
        return ()
    why = f"the {asked.unsure} asked for is not known before the run"
    return (
        Effect(kind="file", action="change", name=path, task=call.task, certainty="possible", why=why, paths=(path,)),
    )


def backup(call: Call, path: str) -> tuple[Effect, ...]:
    """The copy that ``backup: true`` leaves beside ``path``; its name holds the time (AnsibleModule.backup_local)."""
    beside = posixpath.dirname(path)
    return (
        Effect(
            kind="file", action="create", name=f"{path}.*~", task=call.task, paths=(beside,),
            detail="backup; its name holds the process and the time",
        ),
    )  # fmt: skip


def path_info(host: PredictedHost, path: str, *, key: str = "path") -> dict[str, Any]:
    """What AnsibleModule adds to a result about ``path`` (add_path_info), as far as it is known."""
    found = host.file(path)
    if found.kind == "absent" and found.exists is False:
        return {key: path, "state": "absent"}
    if found.exists is not True:
        return {key: path}
    info: dict[str, Any] = {
        key: path,
        "state": found.kind if found.kind != "other" else "file",
        "owner": found.owner,
        "group": found.group,
        "mode": None if found.mode is None else f"0{found.mode:03o}",
        "size": found.size if found.kind == "file" else None,
        "uid": host.users[found.owner].uid if found.owner in host.users else None,
        "gid": host.groups.get(found.group) if found.group is not None else None,
    }
    return {name: value for name, value in info.items() if value is not None and value != -1}


def sha1(content: object) -> str | None:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest() if isinstance(content, bytes) else None
