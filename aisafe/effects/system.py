"""What is of the whole host: its name, kernel settings, mounts, firewall, clock, boot, and what lies outside of it."""

from __future__ import annotations

import posixpath
import re

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, BadArgument, as_text
from aisafe.effects.attributes import fresh, home, remote_path, understood
from aisafe.effects.edits import text_of, written
from aisafe.effects.predicted import HIDDEN, PredictedHost
from aisafe.effects.predicted import changed as changed_by
from aisafe.effects.programs_host import reboot
from aisafe.model import Effect, is_unknown


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
    name, before = args.text("name", "host"), text_of(host, path)
    if (
        present
        and key
        and name
        and isinstance(before, str)
        and not args.flag("hash_host")
        and _unmentioned(before, name)
    ):
        effects = written(call, host, path, before + key.removesuffix("\n") + "\n")
        return Result(effects=effects, changed=True)
    return Result(effects=host.files.disturb(call, path, "the keys in it"), changed=None)


def _unmentioned(text: str, name: str) -> bool:
    """Whether no line of a known_hosts file can be about ``name`` (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""
    names = [
        word for line in text.splitlines() for word in " ".join(line.split()[:2]).replace(",", " ").lower().split()
    ]
    return not any(word == name.lower() or word.startswith("|") or set("*?@[") & set(word) for word in names)


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
    """An answer in debconf's database (debconf.conf(5)); passwords lie in a file of their own."""
    question, value = args.text("question", "selection", "setting"), args.raw("value", "answer")
    name = args.need("name", "pkg")
    if question is None:
        return Result(changed=False)
    kind = args.text("vtype") or ""
    store = "passwords" if kind == "password" else "config"
    text = host.file(f"/var/cache/debconf/{store}.dat", follow=True).text or ""
    kept: dict[str, str] = host.memory.setdefault("debconf", {})
    there = re.search(rf"^Name: {re.escape(question)}\n((?:.+\n)*)", text, re.MULTILINE)
    now = re.search(r"^Value: ?(.*)$", there[1], re.MULTILINE) if there else None
    wanted = str(value).lower() if kind == "boolean" or isinstance(value, bool) else as_text(value)
    if not is_unknown(value) and kept.get(question, now[1] if now else None) == wanted:
        return Result(changed=False)
    if not is_unknown(value):
        kept[question] = wanted
    return _possible(call, "file", f"debconf {name}", "/var/cache/debconf")


@understood("community.general.locale_gen", kind="file")
def locale_gen(call: Call, host: PredictedHost, args: Arguments) -> Result:
    places = [host.file(path, follow=True) for path in ("/etc/locale.gen", "/var/lib/locales/supported.d")]
    if all(place.exists is False for place in places) and not host.unforeseen:
        raise BadArgument(
            '/var/lib/locales/supported.d and /etc/locale.gen are missing. Is the package "locales" installed?'
        )
    text = places[0].text or ""
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
