"""What is of the whole host: its name, kernel settings, mounts, firewall, clock, boot, and what lies outside of it."""

from __future__ import annotations

import posixpath
import re
from typing import Any

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, as_text
from aisafe.effects.attributes import fresh, home, remote_path, understood
from aisafe.effects.copying import content_of
from aisafe.effects.predicted import HIDDEN, PredictedHost
from aisafe.effects.predicted import changed as changed_by
from aisafe.effects.programs_host import reboot
from aisafe.model import Effect, Unknown

_RULE = ("chain", "table", "action", "policy", "rule", "jump", "protocol", "proto", "destination_port", "to_port",
         "port", "service", "source", "from_ip", "rich_rule", "zone", "name", "direction", "state")  # fmt: skip
_TRUE = {"y", "yes", "on", "1", "true", "t", "1.0"}
_FALSE = {"n", "no", "off", "0", "false", "f", "0.0"}


@understood("ansible.builtin.hostname", kind="file")
def hostname(call: Call, host: PredictedHost, args: Arguments) -> Result:
    name = args.need("name")
    given = fresh(call, host)
    new = host.file("/etc/hostname").exists is False
    effects = host.put(call, "/etc/hostname", content=f"{name}\n".encode(), mode=given.mode if new else None,
                       owner=given.owner if new else None, group=given.group if new else None)  # fmt: skip
    now = host.memory.get("hostname", host.state.hostname)
    if now != name:
        host.memory["hostname"] = name
        effects += (
            Effect(
                kind="sysctl",
                action="change",
                name="kernel.hostname",
                task=call.task,
                reversible=False,
                detail=f"{name}; the name at run time is not undone",
                paths=("/etc/hostname",),
            ),
        )
    return Result(effects=effects, changed=changed_by(effects), values={"name": name})


@understood("ansible.posix.sysctl", kind="sysctl")
def sysctl(call: Call, host: PredictedHost, args: Arguments) -> Result:
    name = args.need("name", "key").strip()
    present = args.word("state", default="present") == "present"
    value = _value(args.raw("value", "val")) if present else ""
    path = remote_path(args.text("sysctl_file") or "/etc/sysctl.conf", call=call, host=host)
    found = host.file(path, follow=True)
    runtime = Effect(
        kind="sysctl", action="change", name=name, task=call.task, reversible=False, paths=(path,),
        certainty="possible", why="which value the kernel has now", detail="the value at run time is not undone",
    )  # fmt: skip
    unknown = args.unknown("value", "val")
    if unknown or (found.exists is not False and not isinstance(found.content, bytes)):
        why = unknown.why if unknown else f"the content of {path}"
        return Result(effects=(*host.files.disturb(call, path, why), runtime), changed=None)
    before = found.content.decode("utf-8", "surrogateescape") if isinstance(found.content, bytes) else ""
    lines, old = _fixed(before.splitlines(), name, value, present=present)
    touched = old != value if present else old is not None and old != ""
    effects: tuple[Effect, ...] = ()
    if touched:
        given = fresh(call, host)
        new = found.exists is False
        effects += host.put(
            call, found.path, content="".join(f"{line.strip()}\n" for line in lines).encode("utf-8", "surrogateescape"),
            mode=given.mode if new else None, owner=given.owner if new else None, group=given.group if new else None,
        )  # fmt: skip
    if (args.flag("reload", default=True) or args.flag("sysctl_set")) and present:
        effects += (runtime,)
    return Result(effects=effects, changed=changed_by(effects))


def _value(value: Any) -> str:
    text = as_text("" if value is None else value).strip()
    if isinstance(value, bool):
        return "1" if value else "0"
    return "1" if text.lower() in _TRUE else "0" if text.lower() in _FALSE else text


def _fixed(lines: list[str], name: str, value: str, *, present: bool) -> tuple[list[str], str | None]:
    """The file's lines after the change and the value that counted before: the module rewrites every setting once."""
    fixed: list[str] = []
    seen: set[str] = set()
    old: str | None = None
    for line in map(str.strip, lines):
        if not line or line.startswith(("#", ";")) or "=" not in line:
            fixed.append(line)
            continue
        key, _, setting = (part.strip() for part in line.partition("="))
        old = setting if key == name else old
        if key in seen:
            continue
        seen.add(key)
        if key != name:
            fixed.append(f"{key}={setting}")
        elif present:
            fixed.append(f"{key}={value}")
    if name not in seen and present:
        fixed.append(f"{name}={value}")
    return fixed, old


@understood("ansible.posix.mount", kind="mount")
def mount(call: Call, host: PredictedHost, args: Arguments) -> Result:
    path, state = args.need("path", "name"), args.need("state")
    table = remote_path(args.text("fstab") or "/etc/fstab", call=call, host=host)
    effects: tuple[Effect, ...] = ()
    if state in ("mounted", "present", "absent", "absent_from_fstab"):
        there = _entry(host, table, path)
        wanted = [as_text(args.raw(key) or default) for key, default in
                  (("src", ""), ("fstype", ""), ("opts", "defaults"), ("dump", "0"), ("passno", "0"))]  # fmt: skip
        same = there == wanted if state in ("mounted", "present") else there == []
        if not same:
            effects += host.files.disturb(call, table, f"the line of {path}")
    if state not in ("present", "absent_from_fstab"):
        gone = state in ("absent", "unmounted")
        effects += (
            Effect(kind="mount", action="remove" if gone else "create", name=path, task=call.task, certainty="possible",
                   why="whether it is mounted now", reversible=False, paths=(table,),
                   detail="a mounted file system is not undone"),
        )  # fmt: skip
    return Result(effects=effects, changed=changed_by(effects), values={"name": path})


def _entry(host: PredictedHost, table: str, path: str) -> list[str] | None:
    """The fields of ``path`` in fstab(5) but its own; [] when there is none, None when that is not known."""
    content = content_of(host.file(table, follow=True)) if host.file(table, follow=True).exists is not False else b""
    if isinstance(content, Unknown):
        return None
    for line in content.decode("utf-8", "replace").splitlines():
        fields = line.split()
        if len(fields) >= 4 and not line.startswith("#") and fields[1] == path:
            return [fields[0], *fields[2:4], *[*fields[4:6], "0", "0"][:2]]
    return []


@understood("ansible.builtin.iptables", "community.general.ufw", "ansible.posix.firewalld", kind="firewall")
def firewall(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """The guard keeps and restores the rules; which of them are there already is not among what the host told."""
    name = " ".join(f"{key}={args.raw(key)}" for key in _RULE if args.given(key))
    removing = args.raw("state") in ("absent", "disabled", "reset") or args.raw("delete") in (True, "yes", "true")
    effect = Effect(
        kind="firewall",
        action="remove" if removing else "change",
        name=HIDDEN if call.no_log else name,
        task=call.task,
        certainty="possible",
        why="which rules are there already",
    )
    return Result(effects=(effect,), changed=None)


@understood("ansible.builtin.reboot", kind="command", action="restart")
def boot(call: Call, host: PredictedHost, args: Arguments) -> Result:
    return Result(effects=(reboot(call),), changed=True, values={"rebooted": True})


@understood("community.general.timezone", kind="file")
def timezone(call: Call, host: PredictedHost, args: Arguments) -> Result:
    name = args.text("name")
    if name is None:
        return Result(changed=None, opaque="timezone with hwclock only is not modelled")
    zone = posixpath.join("/usr/share/zoneinfo", name)
    now = host.file("/etc/localtime")
    if now.kind == "link" and posixpath.normpath(posixpath.join("/etc", now.target)) == zone:
        return Result(changed=False)
    effects = host.link(call, "/etc/localtime", zone)
    if host.file("/etc/timezone").exists:
        effects += host.put(call, "/etc/timezone", content=f"{name}\n".encode())
    return Result(effects=effects, changed=changed_by(effects))


@understood("community.general.modprobe", kind="command", action="run")
def modprobe(call: Call, host: PredictedHost, args: Arguments) -> Result:
    name, state = args.need("name"), args.word("state", default="present")
    effect = Effect(
        kind="command", action="run", name=f"modprobe {'-r ' if state == 'absent' else ''}{name}", task=call.task,
        certainty="possible", why="which kernel modules are loaded", reversible=False,
        detail="a kernel module stays as it is loaded", paths=("/etc/modules-load.d", "/etc/modprobe.d"),
    )  # fmt: skip
    return Result(effects=(effect,), changed=None)


@understood("ansible.builtin.known_hosts", kind="file")
def known_hosts(call: Call, host: PredictedHost, args: Arguments) -> Result:
    place = args.text("path") or posixpath.join(
        home(call.become_user, host=host, text="~/.ssh/known_hosts"), ".ssh/known_hosts"
    )
    path = remote_path(place, call=call, host=host)
    text, key = host.file(path, follow=True).text, args.text("key")
    present = args.word("state", default="present") == "present"
    if key is not None and text is not None and not args.flag("hash_host"):
        there = all(line.strip() in text.splitlines() for line in key.splitlines() if line.strip())
        if present and there:
            return Result(changed=False)
    if not present and host.file(path, follow=True).exists is False:
        return Result(changed=False)
    return Result(effects=host.files.disturb(call, path, "the keys in it"), changed=None)


@understood("ansible.builtin.tempfile", kind="file", action="create")
def tempfile(call: Call, host: PredictedHost, args: Arguments) -> Result:
    folder = args.text("path") or "/tmp"  # noqa: S108  # where the module itself puts it
    name = posixpath.join(folder, f"{args.word('prefix', default='ansible.')}*{args.word('suffix', default='')}")
    effect = Effect(
        kind="file", action="create", name=name, task=call.task, detail="a temporary file, its name is random"
    )
    return Result(effects=(effect,), changed=True, values={"state": args.word("state", default="file")})


def _possible(call: Call, kind: str, name: str, *paths: str) -> Result:
    effect = Effect(
        kind="package" if kind == "package" else "file", action="change", name=HIDDEN if call.no_log else name,
        task=call.task, certainty="possible", why="whether it is so already", paths=paths,
    )  # fmt: skip
    return Result(effects=(effect,), changed=None)


@understood("ansible.builtin.debconf", kind="package")
def debconf(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if not args.given("question", "setting", "selection"):
        return Result(changed=False)
    return _possible(call, "file", f"debconf {args.need('name', 'pkg')}", "/var/cache/debconf")


@understood("community.general.locale_gen", kind="file")
def locale_gen(call: Call, host: PredictedHost, args: Arguments) -> Result:
    text = host.file("/etc/locale.gen", follow=True).text or ""
    names = args.words("name")
    active = [re.match(r"\s*([^#\s]\S*)", line) for line in text.splitlines()]
    there = {found[1] for found in active if found}
    if names and args.word("state", default="present") == "present" and there >= set(names):
        return Result(changed=None)
    return _possible(call, "file", f"locales {', '.join(names)}", "/etc/locale.gen", "/usr/lib/locale")


@understood("community.general.alternatives", kind="file")
def alternatives(call: Call, host: PredictedHost, args: Arguments) -> Result:
    name, path = args.need("name"), args.text("path")
    link = posixpath.join("/etc/alternatives", name)
    found = host.file(link)
    if found.kind == "link" and path is not None and found.target == path and args.text("state") in (None, "selected"):
        return Result(changed=False)
    return Result(effects=host.files.disturb(call, link, "what is selected now"), changed=None)


@understood("community.general.make", kind="command", action="run")
def make(call: Call, host: PredictedHost, args: Arguments) -> Result:
    return Result(changed=None, opaque=f"what make {args.text('target') or ''} does is not known".replace("  ", " "))


@understood("ansible.builtin.apt_key", "ansible.builtin.rpm_key", kind="file")
def package_key(call: Call, host: PredictedHost, args: Arguments) -> Result:
    apt = call.module.endswith("apt_key")
    name = args.raw("keyring") or ("/etc/apt/trusted.gpg" if apt else "the keys of rpm")
    paths = ("/etc/apt/trusted.gpg", "/etc/apt/trusted.gpg.d") if apt else ("/var/lib/rpm",)
    return _possible(call, "file", as_text(name), *paths)


@understood(
    "community.postgresql.postgresql_db",
    "community.postgresql.postgresql_query",
    "community.postgresql.postgresql_user",
    "community.postgresql.postgresql_table",
    "community.postgresql.postgresql_privs",
    "community.mysql.mysql_db",
    "community.postgresql.postgresql_ext",
    "community.postgresql.postgresql_script",
    "community.postgresql.postgresql_schema",
    "community.mysql.mysql_query",
    "community.mysql.mysql_user",
    "community.mysql.mysql_variables",
    "community.general.mail",
    "community.general.slack",
    "community.mongodb.mongodb_user",
    "community.general.telegram",
    "community.general.jira",
    "community.rabbitmq.rabbitmq_user",
    "community.rabbitmq.rabbitmq_vhost",
    kind="command",
    action="run",
)
def elsewhere(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """A database, a mail, a message: a restore of the host's files does not bring back what was there."""
    name = call.module.rpartition(".")[2]
    target = args.raw("name", "db", "to", "channel")
    shown = "" if call.no_log or target is None else f" {target}"
    effect = Effect(
        kind="command",
        action="run",
        name=f"{name}{shown}",
        task=call.task,
        certainty="possible",
        why="what is there already",
        reversible=False,
        detail="not undone by a restore of the host",
    )
    return Result(effects=(effect,), changed=None)
