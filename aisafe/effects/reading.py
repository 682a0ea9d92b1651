"""Modules that only look (stat, slurp, find, getent, package_facts, service_facts…), answered by the predicted host.

What the prediction does not know is an Unknown inside the answer, so that a play never takes it for 'nothing there'.
"""

from __future__ import annotations

import base64
import hashlib
import posixpath
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, BadArgument
from aisafe.effects.attributes import local_accounts, remote_path, understood
from aisafe.effects.filetree import PredictedFile
from aisafe.effects.packages import blind
from aisafe.effects.predicted import PredictedHost
from aisafe.model import Unknown

WALK_LIMIT = 5000  # paths that find looks at
_NUMBERS = ("uid", "gid", "size", "inode", "dev", "nlink", "atime", "mtime", "ctime", "mode")
_DIGESTS = {"md5", "sha1", "sha224", "sha256", "sha384", "sha512"}


@understood("ansible.builtin.stat", kind="file")
def stat(call: Call, host: PredictedHost, args: Arguments) -> Result:
    path = remote_path(args.need("path", "dest", "name"), call=call, host=host)
    found = host.file(path, follow=args.flag("follow"))
    if found.exists is None:
        return Result(changed=False)
    if not found.exists:
        return Result(changed=False, values={"stat": {"exists": False}})
    answer = {"exists": True, "path": path, **about(host, found)}
    answer |= {name: Unknown(f"{name} of {path}") for name in ("blocks", "block_size", "device_type", "version",
               "attributes", "attr_flags", "readable", "writeable", "executable", "mimetype", "charset")}  # fmt: skip
    if call.become_user == "root":
        answer |= {"readable": True, "writeable": True}
        if found.mode is not None:
            answer["executable"] = bool(found.mode & 0o111) or found.kind == "directory"
    if found.kind == "file" and args.flag("get_checksum", default=True):
        algorithm = args.word("checksum_algorithm", "checksum", "checksum_algo", default="sha1")
        answer["checksum"] = _digest(found, algorithm)
    if found.kind == "link":
        answer["lnk_target"] = found.target
        answer["lnk_source"] = host.file(path, follow=True).path
    return Result(changed=False, values={"stat": answer})


def _digest(found: PredictedFile, algorithm: str) -> str | Unknown:
    if isinstance(found.content, bytes) and algorithm in _DIGESTS:
        return hashlib.new(algorithm, found.content, usedforsecurity=False).hexdigest()
    return Unknown(f"the checksum of {found.path}")


def about(host: PredictedHost, found: PredictedFile) -> dict[str, Any]:
    """The fields that stat and find share; what is not known is an Unknown of that name."""
    fields: dict[str, Any] = {name: Unknown(f"{name} of {found.path}") for name in _NUMBERS}
    mode = found.mode
    fields |= {
        "isdir": found.kind == "directory", "isreg": found.kind == "file", "islnk": found.kind == "link",
    }  # fmt: skip
    special = Unknown(f"what kind of file {found.path} is") if found.kind == "other" else False
    fields |= dict.fromkeys(("ischr", "isblk", "isfifo", "issock"), special)
    bits = {"wusr": 0o200, "rusr": 0o400, "xusr": 0o100, "wgrp": 0o020, "rgrp": 0o040, "xgrp": 0o010, "woth": 0o002,
            "roth": 0o004, "xoth": 0o001, "isuid": 0o4000, "isgid": 0o2000}  # fmt: skip
    for name, bit in bits.items():
        fields[name] = Unknown(f"the mode of {found.path}") if mode is None else bool(mode & bit)
    known = {
        "mode": None if mode is None else f"{mode:04o}", "size": found.size, "mtime": found.mtime,
        "pw_name": found.owner, "gr_name": found.group,
        "uid": host.users[found.owner].uid if found.owner in host.users else None,
        "gid": host.groups.get(found.group) if found.group is not None else None,
    }  # fmt: skip
    for name, value in known.items():
        fields[name] = value if value is not None and value != -1 else Unknown(f"{name} of {found.path}")
    return fields


@understood("ansible.builtin.slurp", kind="file")
def slurp(call: Call, host: PredictedHost, args: Arguments) -> Result:
    path = remote_path(args.need("src", "path"), call=call, host=host)
    found = host.file(path, follow=True)
    if found.exists is False:
        raise BadArgument(f"File not found: {path}")
    if found.exists and found.kind == "directory":
        raise BadArgument(f"Source is a directory and must be a file: {path}")
    values: dict[str, Any] = {"source": path, "encoding": "base64"}
    if found.exists and isinstance(found.content, bytes):
        values["content"] = base64.b64encode(found.content).decode()
    return Result(changed=False, values=values)


@understood("ansible.builtin.find", kind="file")
def find(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """Files in the order of their names (the module: in the directory's own order). Age, size, content: not matched."""
    if any(args.given(name) for name in ("age", "size", "contains", "mode", "follow", "limit")):
        return Result(changed=False)
    tops = [remote_path(path, call=call, host=host) for path in args.words("paths", "name", "path")]
    kind = args.word("file_type", default="file")
    regex = args.flag("use_regex")
    patterns, excludes = args.words("patterns", "pattern"), args.words("excludes", "exclude")
    depth, recurse, hidden = args.number("depth"), args.flag("recurse"), args.flag("hidden")
    files: list[dict[str, Any]] = []
    looked = 0
    for top in tops:
        level, deep = [top], 0
        while level and (depth is None or deep < depth):
            if any(host.file(place, follow=place == top).exists is None for place in level):
                return Result(changed=False)
            paths = [posixpath.join(place, name) for place in level for name in host.files.entries(place)]
            looked += len(paths)
            if looked > WALK_LIMIT:
                return Result(changed=False)
            host.prefetch(paths)
            level, deep = [], deep + 1
            for path in paths:
                found, name = host.file(path), posixpath.basename(path)
                if found.exists is None:
                    return Result(changed=False)
                if found.kind == "directory" and recurse:
                    level.append(path)
                if name.startswith(".") and not hidden:
                    continue
                if kind not in ("any", found.kind):
                    continue
                if (not patterns or _matches(name, patterns, regex)) and not _matches(name, excludes, regex):
                    extra = (
                        {"checksum": _digest(found, "sha1")}
                        if args.flag("get_checksum") and found.kind == "file"
                        else {}
                    )
                    files.append({"path": path, **about(host, found), **extra})
    answer: dict[str, Any] = {"files": files, "matched": len(files), "skipped_paths": {}}
    return Result(changed=False, values=answer if depth is not None else {**answer, "examined": looked})


def _matches(name: str, patterns: Iterable[str], regex: bool) -> bool:
    if regex:
        return any(re.match(pattern, name) for pattern in patterns)
    return any(fnmatchcase(name, pattern) for pattern in patterns)


@understood("ansible.builtin.getent", kind="user")
def getent(call: Call, host: PredictedHost, args: Arguments) -> Result:
    database, key = args.need("database"), args.text("key")
    tree = f"getent_{database}"
    unseen = any(spot.kind == "user" for spot in host.state.blind_spots)
    if database not in ("passwd", "group") or args.given("service") or args.given("split") or unseen:
        return Result(changed=False, facts={tree: Unknown(f"the host's {database}")})
    records = _passwd(host) if database == "passwd" else _group(host)
    if key is None:
        return Result(
            changed=False, facts={tree: records if local_accounts(host) else Unknown(f"the host's {database}")}
        )
    number = {name for name, record in records.items() if key.isdigit() and record[1] == key}
    name = key if key in records else next(iter(number), None)
    if name is not None:
        return Result(changed=False, facts={tree: {name: records[name]}})
    if not local_accounts(host):
        return Result(changed=False, facts={tree: Unknown(f"{key} of the host's {database}")})
    message = "One or more supplied key could not be found in the database."
    if args.flag("fail_key", default=True):
        raise BadArgument(message)
    return Result(changed=False, facts={tree: {key: None}}, values={"msg": message})


def _number(value: int, of: str) -> str | Unknown:
    return str(value) if 0 <= value < 2**32 - 1 else Unknown(f"the number of {of}")


def _passwd(host: PredictedHost) -> dict[str, list[Any]]:
    return {
        user.name: [
            "x",
            _number(user.uid, user.name),
            _number(user.gid, user.name),
            Unknown(f"the comment of {user.name}"),
            user.home,
            user.shell,
        ]
        for user in host.users.values()
    }


def _group(host: PredictedHost) -> dict[str, list[Any]]:
    members: dict[str, list[str]] = {}
    for user in host.users.values():
        for name in user.groups:
            members.setdefault(name, []).append(user.name)
    return {name: ["x", _number(gid, name), ",".join(members.get(name, []))] for name, gid in host.groups.items()}


@understood("ansible.builtin.package_facts", kind="package")
def package_facts(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if blind(host):
        return Result(changed=False, facts={"packages": Unknown("the packages of the host")})
    kin = f"{host.state.os.get('id', '')} {host.state.os.get('id_like', '')}"
    source = "apt" if "debian" in kin or "ubuntu" in kin else "apk" if "alpine" in kin else "rpm"
    facts: dict[str, Any] = {}
    for name, version in host.packages.items():
        details: dict[str, Any] = {
            "name": name,
            "version": version or Unknown(f"the version of {name}"),
            "source": source,
        }
        keys = ("arch", "category", "origin") if source == "apt" else ("arch", "release", "epoch")
        facts[name] = [{**details, **{key: Unknown(f"{key} of {name}") for key in keys}}]
    return Result(changed=False, facts={"packages": facts})


@understood("ansible.builtin.service_facts", kind="unit")
def service_facts(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """As the module reads ``systemctl list-units`` and ``list-unit-files`` (SystemctlScanService)."""
    if any(spot.kind == "unit" for spot in host.state.blind_spots):
        return Result(changed=False, facts={"services": Unknown("the services of the host")})
    names = dict.fromkeys(
        [*host.state.units, *(service.holder.name for service in host.services() if service.holder.kind == "unit")]
    )
    services: dict[str, Any] = {}
    for name in names:
        if not name.endswith(".service"):
            continue
        found = host.unit(name)
        unit = found.unit
        if found.found is False:
            continue
        state: Any = "running" if unit.sub_state == "running" else "stopped"
        bad = {unit.load_state, unit.active_state, unit.sub_state} & {"not-found", "masked", "failed"}
        status: Any = next(iter(sorted(bad)), unit.unit_file_state or unit.active_state)
        if found.certainty != "certain" or found.found is None:
            state = status = Unknown(f"the state of {name}: {found.why}")
        services[name] = {"name": name, "state": state, "status": status, "source": "systemd"}
    return Result(changed=False, facts={"services": services})


@understood("ansible.builtin.ping", kind="command", action="run")
def ping(call: Call, host: PredictedHost, args: Arguments) -> Result:
    return Result(changed=False, values={"ping": args.raw("data") or "pong"})


@understood("ansible.builtin.wait_for", kind="command", action="run")
def wait_for(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """Waiting changes nothing; whether what is waited for comes is for the checks after the run."""
    known = {key: args.raw(key) for key in ("port", "path", "search_regex") if args.given(key)}
    return Result(changed=False, values={"state": args.word("state", default="started"), **known})


@understood("ansible.builtin.fetch", kind="file")
def fetch(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """The file is written on the controller, not on the host."""
    path = remote_path(args.need("src"), call=call, host=host)
    found = host.file(path, follow=True)
    if found.exists is False and args.flag("fail_on_missing", default=True):
        raise BadArgument("the remote file does not exist, not transferring")
    return Result(changed=False if found.exists is False else None)
