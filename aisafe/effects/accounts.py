"""user, group and ansible.posix.authorized_key: accounts, and who may log in to them."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from typing import Any

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, BadArgument
from aisafe.effects.attributes import group_name, home, remote_path, understood
from aisafe.effects.authorized import Keys, with_keys
from aisafe.effects.obstacles import bar
from aisafe.effects.predicted import PredictedHost
from aisafe.effects.predicted import changed as changed_by
from aisafe.model import Action, Effect, Unknown, User

_FILES = ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/subuid", "/etc/subgid")
SKELETON = "/etc/skel"
_NOT_KNOWN = 2**32 - 1  # uid and gid of an account that the run creates, until the host gives it one


def _effect(
    call: Call, kind: str, action: Action, name: str, *, why: str = "", detail: str = "", paths: tuple[str, ...] = ()
) -> Effect:
    return Effect(
        kind="group" if kind == "group" else "user", action=action, name=name, task=call.task,
        certainty="possible" if why else "certain", why=why, detail=detail, paths=(*_FILES, *paths),
    )  # fmt: skip


def _blind(host: PredictedHost) -> str:
    return next((spot.reason for spot in host.state.blind_spots if spot.kind == "user"), "")


@understood("ansible.builtin.group", kind="group")
def group(call: Call, host: PredictedHost, args: Arguments) -> Result:
    name = args.need("name")
    gid = args.number("gid")
    there, blind = name in host.groups, _blind(host)
    effects: tuple[Effect, ...] = ()
    if args.word("state", default="present") == "absent":
        if there or blind:
            effects = (_effect(call, "group", "remove", name, why="" if there else blind),)
        host.groups.pop(name, None)
        return Result(effects=effects, changed=changed_by(effects), values={"name": name, "state": "absent"})
    package = "" if there else _package_with(host, name)
    if not there:
        why = blind or (f"whether the package {package} made it" if package else "")
        effects = (_effect(call, "group", "create", name, why=why),)
        host.groups[name] = -1 if gid is None else gid
    elif gid is not None and host.groups[name] != gid:
        unsure = "its number is not known" if host.groups[name] == -1 else ""
        effects = (_effect(call, "group", "change", name, why=unsure, detail=f"gid {gid}"),)
        host.groups[name] = gid
    values: dict[str, Any] = {"name": name, "state": "present", "system": args.flag("system")}
    if host.groups[name] != -1:
        values["gid"] = host.groups[name]
    return Result(effects=effects, changed=changed_by(effects), values=values)


@understood("ansible.builtin.user", kind="user")
def user(call: Call, host: PredictedHost, args: Arguments) -> Result:
    name = args.need("name", "user")
    there, blind = host.users.get(name), _blind(host)
    if args.word("state", default="present") == "absent":
        return _gone(call, host, args, name, blind=blind)
    made = there is None
    if made and (package := _package_with(host, name)):
        return _brought(call, host, args, name, package)
    effects = _created(call, host, args, name, blind=blind) if made else _modified(call, host, args, host.users[name])
    now = host.users[name]
    expires = args.raw("expires")
    bar(call, host, name, locked=args.flag("password_lock") if args.given("password_lock") else None,
        expires=float(expires) if isinstance(expires, int | float) else None)  # fmt: skip
    values: dict[str, Any] = {"name": name, "state": "present", "home": now.home, "shell": now.shell}
    values |= {"uid": now.uid} if now.uid != _NOT_KNOWN else {}
    values |= {"group": now.gid} if now.gid != _NOT_KNOWN else {}
    if args.given("groups"):
        values["groups"] = ",".join(args.words("groups"))
    return Result(effects=effects, changed=changed_by(effects), values=values)


def _package_with(host: PredictedHost, name: str) -> str:
    """A package that came in this run and has the account's name, as daemons' packages do whose scripts make an account."""
    came = (package for package in host.packages if package not in host.state.packages)
    return next((package for package in came if name in (package, package.partition("-")[0])), "")


def _brought(call: Call, host: PredictedHost, args: Arguments, name: str, package: str) -> Result:
    """The package most likely made the account, with a home of its own; what of it differs from ``args`` is not known."""
    why = f"which account the package {package} made"
    group = args.text("group") or name
    host.groups.setdefault(group, _NOT_KNOWN)
    host.users[name] = User(
        name=name, uid=_NOT_KNOWN, gid=_NOT_KNOWN, home=args.text("home") or "", groups=args.words("groups")
    )
    effects = (_effect(call, "user", "change", name, why=why),)
    return Result(effects=effects, changed=None, values={"name": name, "state": "present"})


def _gone(call: Call, host: PredictedHost, args: Arguments, name: str, *, blind: str) -> Result:
    there = host.users.pop(name, None)
    effects: tuple[Effect, ...] = ()
    if there is not None:
        effects = (_effect(call, "user", "remove", name),)
        others = any(user.gid == there.gid or name in user.groups for user in host.users.values())
        if name in host.groups and host.groups[name] in (there.gid, -1) and not others and _own_groups(host):
            del host.groups[name]
            effects += (_effect(call, "group", "remove", name, detail="the group of its own"),)
        if args.flag("remove") and there.home:
            effects += host.remove(call, there.home)
    elif blind:
        effects = (_effect(call, "user", "remove", name, why=blind),)
    return Result(effects=effects, changed=changed_by(effects), values={"name": name, "state": "absent"})


def _created(call: Call, host: PredictedHost, args: Arguments, name: str, *, blind: str) -> tuple[Effect, ...]:
    uid, primary = args.number("uid"), args.text("group")
    if primary is None and name in host.groups and not args.flag("local"):
        primary = name  # useradd fails on a group of the same name unless it is given: the module passes -g then
    unknown = primary is not None and not primary.isdigit() and host.groups and primary not in host.groups
    if unknown and not blind and not host.unforeseen:
        raise BadArgument(f"Group {primary} does not exist")
    place = args.text("home") or f"/home/{name}"
    own: tuple[Effect, ...] = ()
    gid = _NOT_KNOWN
    if primary is not None:
        number = int(primary) if primary.isdigit() else host.groups.get(primary, -1)
        gid = number if number >= 0 else _NOT_KNOWN
    elif _own_groups(host):
        host.groups[name] = -1 if uid is None else uid
        own = (_effect(call, "group", "create", name, why=blind, detail="the group of its own"),)
    host.users[name] = User(
        name=name, uid=_NOT_KNOWN if uid is None else uid, gid=gid, home=place,
        shell=args.text("shell") or "", groups=args.words("groups"),
    )  # fmt: skip
    effects: tuple[Effect, ...] = (_effect(call, "user", "create", name, why=blind), *own)
    if args.flag("create_home", "createhome", default=True) and host.file(place).exists is False:
        effects += host.make_directory(call, place, mode=0o755, owner=name, group=primary or name)
        effects += _skeleton(call, host, args.text("skeleton") or SKELETON, place, owner=name, group=primary or name)
    if args.flag("generate_ssh_key"):
        effects += _key(call, host, args, place)
    return effects


def _own_groups(host: PredictedHost) -> bool:
    """Whether useradd(8) and userdel(8) make and remove a group of the account's name (login.defs(5), USERGROUPS_ENAB)."""
    text = host.file("/etc/login.defs", follow=True).text or ""
    words = [line.split() for line in text.splitlines() if line.startswith("USERGROUPS_ENAB")]
    return bool(words) and words[-1][1:2] == ["yes"]


def _skeleton(
    call: Call, host: PredictedHost, source: str, place: str, *, owner: str, group: str
) -> tuple[Effect, ...]:
    """What useradd(8) copies into a new home directory, with its modes."""
    names = [name for name in host.files.entries(source) if name not in (".", "..")]
    host.prefetch(posixpath.join(source, name) for name in names)
    effects: tuple[Effect, ...] = ()
    for name in names:
        found, target = host.file(posixpath.join(source, name)), posixpath.join(place, name)
        if found.kind == "file":
            effects += host.put(call, target, content=found.content, mode=found.mode, owner=owner, group=group)
        elif found.kind == "directory":
            effects += host.make_directory(call, target, mode=found.mode, owner=owner, group=group)
            effects += _skeleton(call, host, found.path, target, owner=owner, group=group)
        elif found.kind == "link":
            effects += host.link(call, target, found.target, owner=owner, group=group)
        elif found.kind != "absent":
            effects += host.files.disturb(call, target, f"a copy of {found.path}")
    return effects


def _modified(call: Call, host: PredictedHost, args: Arguments, there: User) -> tuple[Effect, ...]:
    now = there
    details: list[str] = []
    uid, shell, place = args.number("uid"), args.text("shell"), args.text("home")
    primary = args.text("group")
    if uid is not None and uid != there.uid:
        now, details = replace(now, uid=uid), [*details, f"uid {uid}"]
    if shell is not None and shell != there.shell:
        now, details = replace(now, shell=shell), [*details, f"shell {shell}"]
    if place is not None and place != there.home:
        now, details = replace(now, home=place), [*details, f"home {place}"]
    if primary is not None and primary not in (str(there.gid), group_name(there.gid, host)):
        number = int(primary) if primary.isdigit() else host.groups.get(primary, -1)
        now = replace(now, gid=number if number >= 0 else _NOT_KNOWN)
        details.append(f"group {primary}")
    if args.given("groups"):
        wanted, had = set(args.words("groups")), set(there.groups)
        if (wanted - had) or (not args.flag("append") and had - wanted - {group_name(now.gid, host)}):
            now = replace(now, groups=tuple(sorted(wanted | had if args.flag("append") else wanted)))
            details.append("groups " + ",".join(now.groups))
    host.users[there.name] = now
    effects: tuple[Effect, ...] = ()
    if details:
        effects = (_effect(call, "user", "change", there.name, detail=", ".join(details)),)
    if args.flag("move_home") and now.home != there.home:
        effects += host.files.disturb(call, now.home, "the files moved from the old home")
    elif args.flag("create_home", "createhome", default=True) and now.home and host.file(now.home).exists is False:
        owner = there.name
        effects += host.make_directory(call, now.home, mode=0o755, owner=owner, group=group_name(now.gid, host))
    differing, unseen = _records(host, args, there.name)
    if differing and not details:
        effects += (_effect(call, "user", "change", there.name, detail=", ".join(differing)),)
        details = differing
    if unseen and not details:
        why = f"whether {' and '.join(unseen)} differ{'s' if len(unseen) == 1 else ''}"
        effects += (_effect(call, "user", "change", there.name, why=why),)
    if args.flag("generate_ssh_key"):
        effects += _key(call, host, args, now.home)
    return effects


def _records(host: PredictedHost, args: Arguments, name: str) -> tuple[list[str], list[str]]:
    """What differs from passwd(5) and shadow(5), and what cannot be told: names only, never a value."""
    asked = [key for key in ("comment", "password", "expires", "password_lock", "password_expire_max", "password_expire_min",
                             "password_expire_warn", "role", "login_class") if args.given(key)]  # fmt: skip
    if "password" in asked and args.text("update_password") == "on_create":
        asked.remove("password")
    if not asked:
        return [], []
    passwd, shadow = (_record(host, path, name) for path in ("/etc/passwd", "/etc/shadow"))
    known: dict[str, tuple[str | None, str | None]] = {"comment": (args.text("comment"), passwd[4] if passwd else None)}
    if shadow and len(shadow) > 6:
        known["password"] = ((args.text("password") or "").lstrip("!"), shadow[1].lstrip("!"))
        known |= {key: (args.text(key), shadow[at] or "-1") for key, at in (("password_expire_max", 4),
                  ("password_expire_min", 3), ("password_expire_warn", 5))}  # fmt: skip
        if (days := args.text("expires")) is not None and re.fullmatch(r"-?\d+(\.\d+)?", days):
            wanted = "" if float(days) < 0 else str(int(float(days) // 86400))
            known["expires"] = (wanted, shadow[7] if len(shadow) > 7 else "")
        if args.given("password_lock"):
            known["password_lock"] = (str(args.flag("password_lock")), str(shadow[1].startswith("!")))
    differing = [key for key in asked if key in known and known[key][1] is not None and known[key][0] != known[key][1]]
    return differing, [key for key in asked if key not in known or known[key][1] is None]


def _record(host: PredictedHost, path: str, name: str) -> list[str] | None:
    found = host.file(path, follow=True)
    if found.text is None or found.by_run:
        return None
    return next((line.split(":") for line in found.text.splitlines() if line.startswith(f"{name}:")), None)


def _key(call: Call, host: PredictedHost, args: Arguments, place: str) -> tuple[Effect, ...]:
    path = posixpath.join(place, args.text("ssh_key_file") or f".ssh/id_{args.text('ssh_key_type') or 'rsa'}")
    if host.file(path).exists is True and not args.flag("force"):
        return ()
    return tuple(effect for name in (path, f"{path}.pub") for effect in host.files.disturb(call, name, "a new key"))


@understood("ansible.posix.authorized_key", kind="file")
def authorized_key(call: Call, host: PredictedHost, args: Arguments) -> Result:
    name = args.need("user")
    account = host.users.get(name)
    missing = account is None and host.users and name != "root"
    if missing and args.text("path") is None and not _blind(host) and not host.unforeseen:
        raise BadArgument(f"Failed to lookup user {name}")
    written = args.text("path")
    path = posixpath.join(home(name, host=host, text=name), ".ssh", "authorized_keys") if written is None else written
    path = remote_path(path, call=call, host=host)
    found = host.file(path, follow=True)
    unknown = args.unknown("key", "key_options", "comment")
    key = None if unknown else args.need("key")
    if key is not None and key.startswith(("http", "file")):
        unknown = Unknown(f"the key at {key.partition('?')[0]}")
    if unknown is None and found.exists is not False and not isinstance(found.content, bytes):
        unknown = Unknown(f"the keys in {path}")
    if unknown is not None or key is None:
        return Result(effects=host.files.disturb(call, path, unknown.why if unknown else ""), changed=None)
    before = found.content if isinstance(found.content, bytes) else b""
    try:
        content, changed = with_keys(
            before.decode("utf-8", "surrogateescape"),
            Keys(
                keys=key, present=args.word("state", default="present") == "present", exclusive=args.flag("exclusive"),
                options=args.text("key_options"), comment=args.text("comment"),
            ),
        )  # fmt: skip
    except ValueError as error:
        raise BadArgument(str(error)) from None
    values = {"user": name, "keyfile": path, "state": args.word("state", default="present")}
    if not changed:
        return Result(changed=False, values=values)
    owner = name
    primary = group_name(account.gid, host) if account else "root" if name == "root" else None
    effects: tuple[Effect, ...] = ()
    if args.flag("manage_dir", default=True):
        effects += host.make_directory(call, posixpath.dirname(path), mode=0o700, owner=owner, group=primary)
    effects += host.put(
        call, found.path, content=content.encode("utf-8", "surrogateescape"), mode=0o600, owner=owner, group=primary
    )
    return Result(effects=effects, changed=changed_by(effects), values=values)
