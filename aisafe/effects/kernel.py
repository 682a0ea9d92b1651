"""The running kernel and what it is told at boot: sysctl, modprobe, kernel_blacklist, SELinux.

What the kernel has now is read from /proc and /sys of the live host (proc(5), sysfs(5)); it is not undone by a restore.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import Any

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, BadArgument, as_text
from aisafe.effects.attributes import remote_path, understood
from aisafe.effects.edits import edited, text_of, with_line_at_end, written
from aisafe.effects.predicted import PredictedHost
from aisafe.effects.predicted import changed as changed_by
from aisafe.model import Effect, Unknown

_TRUE = {"y", "yes", "on", "1", "true", "t", "1.0"}
_FALSE = {"n", "no", "off", "0", "false", "f", "0.0"}


def kernel_effect(call: Call, name: str, *, why: str = "", detail: str = "") -> Effect:
    """A setting of the running kernel."""
    return Effect(
        kind="sysctl", action="change", name=name, task=call.task, certainty="possible" if why else "certain", why=why,
        reversible=False, detail=f"{detail}; what the kernel has is not undone" if detail else
        "the value at run time is not undone",
    )  # fmt: skip


def kernel_value(host: PredictedHost, name: str) -> str | None:
    """What ``sysctl -e -n`` would say at this moment; '' for a setting that is not there, None when not known."""
    if name in (kept := host.memory.get("sysctl", {})):
        return str(kept[name])
    found = host.file("/proc/sys/" + (name if "/" in name else name.replace(".", "/")))
    if found.exists is False:
        return "" if host.file("/proc/sys/kernel").exists else None
    return found.text.strip() if found.text is not None else None


@understood("ansible.posix.sysctl", kind="sysctl")
def sysctl(call: Call, host: PredictedHost, args: Arguments) -> Result:
    name = args.need("name", "key").strip()
    present = args.word("state", default="present") == "present"
    path = remote_path(args.text("sysctl_file") or "/etc/sysctl.conf", call=call, host=host)
    unknown = args.unknown("value", "val")
    before = text_of(host, path)
    if unknown or isinstance(before, Unknown):
        why = unknown.why if unknown else str(getattr(before, "why", ""))
        return Result(effects=(*host.files.disturb(call, path, why), kernel_effect(call, name, why=why)), changed=None)
    value = _value(args.raw("value", "val")) if present else ""
    lines, old = _fixed(before.splitlines(), name, value, present=present)
    touched = old != value if present else old is not None and old != ""
    effects: tuple[Effect, ...] = ()
    if touched:
        effects += written(call, host, path, "".join(f"{line.strip()}\n" for line in lines))
    if present and (args.flag("sysctl_set") or args.flag("reload", default=True)):
        now = kernel_value(host, name)
        if now is None or now.split() != value.split():
            effects += (kernel_effect(call, name, why="" if now is not None else "which value the kernel has now"),)
            if call.certainty == "certain":
                host.memory.setdefault("sysctl", {})[name] = value
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


@understood("community.general.modprobe", kind="command", action="run")
def modprobe(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """Loaded is what /proc/modules lists, or what is built in (modules.builtin of kmod's depmod(8))."""
    name, wanted = args.need("name"), args.word("state", default="present") == "present"
    loaded = _loaded(host, name)
    effects: tuple[Effect, ...] = ()
    if loaded is None or loaded != wanted:
        command = f"modprobe {'' if wanted else '-r '}{name} {args.text('params') or ''}".strip()
        effects += (
            Effect(
                kind="command", action="run", name=command, task=call.task, reversible=False, elsewhere=True,
                certainty="certain" if loaded is not None else "possible",
                why="" if loaded is not None else "which kernel modules are loaded",
                detail="a kernel module stays as it is loaded",
            ),
        )  # fmt: skip
        if call.certainty == "certain":
            host.memory.setdefault("modprobe", {})[name] = wanted
    if (lasting := args.word("persistent", default="disabled")) != "disabled":
        effects += tuple(_persistent(call, host, args, name, present=lasting == "present"))
    return Result(effects=effects, changed=changed_by(effects), values={"name": name})


def _loaded(host: PredictedHost, name: str) -> bool | None:
    if name in (kept := host.memory.get("modprobe", {})):
        return bool(kept[name])
    listed = host.file("/proc/modules").text
    if listed is None:
        return None
    plain = f"{name.replace('-', '_')} "
    if any(line.startswith(plain) for line in listed.splitlines()):
        return True
    built = host.file(f"/lib/modules/{host.state.os.get('kernel', '')}/modules.builtin", follow=True)
    if built.exists is False:
        return False
    return (
        None if built.text is None else any(line.rstrip().endswith(f"/{name}.ko") for line in built.text.splitlines())
    )


def _persistent(call: Call, host: PredictedHost, args: Arguments, name: str, *, present: bool) -> Iterator[Effect]:
    """A line of its own in modules-load.d(5), and the parameters in modprobe.d(5)."""
    loads = _lines(host, "/etc/modules-load.d", rf" *{re.escape(name)} *([#;].*)?")
    options = _lines(host, "/etc/modprobe.d", rf"options {re.escape(name)} \w+=\S+ *([#;].*)?")
    asked = (args.text("params") or "").split()
    if present:
        if not loads:
            yield from written(call, host, f"/etc/modules-load.d/{name}.conf", f"{name}\n")
        if {line.split()[2] for _, line in options} != set(asked):
            yield from _commented(call, host, options)
            text = "\n".join(f"options {name} {word}" for word in asked) + "\n"
            yield from written(call, host, f"/etc/modprobe.d/{name}.conf", text)
        return
    yield from _commented(call, host, loads)
    yield from _commented(call, host, options)


def _lines(host: PredictedHost, folder: str, pattern: str) -> list[tuple[str, str]]:
    paths = [posixpath.join(folder, name) for name in host.files.entries(folder)]
    host.prefetch(paths)
    return [
        (path, line) for path in paths for line in (host.file(path, follow=True).text or "").splitlines()
        if re.fullmatch(pattern, line)
    ]  # fmt: skip


def _commented(call: Call, host: PredictedHost, found: Iterable[tuple[str, str]]) -> Iterator[Effect]:
    for path in dict.fromkeys(path for path, _ in found):
        hits = {line for where, line in found if where == path}

        def edit(text: str, hits: set[str] = hits) -> str:
            lines = text.splitlines(keepends=True)
            return "\n".join(f"#{line}" if line.rstrip("\n") in hits else line for line in lines)

        yield from edited(call, host, path, edit)


@understood("community.general.kernel_blacklist", kind="file")
def kernel_blacklist(call: Call, host: PredictedHost, args: Arguments) -> Result:
    name = args.need("name")
    path = remote_path(args.text("blacklist_file") or "/etc/modprobe.d/blacklist-ansible.conf", call=call, host=host)
    wanted = args.word("state", default="present") == "present"
    line = re.compile(rf"blacklist\s+{re.escape(name)}")

    def edit(text: str) -> str | None:
        lines = [one.rstrip() for one in text.splitlines()]
        there = any(line.fullmatch(one.strip()) for one in lines)
        if there == wanted:
            return text
        kept = [*lines, f"blacklist {name}"] if wanted else [one for one in lines if not line.fullmatch(one.strip())]
        return "".join(f"{one}\n" for one in kept)

    effects = edited(call, host, path, edit)
    return Result(effects=effects, changed=changed_by(effects), values={"name": name})


# SELinux (selinux(8), booleans(8), semanage(8))

_ENFORCE = "/sys/fs/selinux/enforce"
_STORE = "/var/lib/selinux/targeted/active"


@understood("ansible.posix.selinux", kind="file")
def selinux(call: Call, host: PredictedHost, args: Arguments) -> Result:
    path = remote_path(args.text("configfile", "conf", "file") or "/etc/selinux/config", call=call, host=host)
    state, policy = args.need("state"), args.text("policy")
    if state != "disabled" and policy is None:
        raise BadArgument("Policy is required if state is not 'disabled'")
    before = text_of(host, path)

    def edit(text: str) -> str:
        for key, value in (("SELINUX", state), ("SELINUXTYPE", policy)):
            if value is None or re.search(rf"^{key}=\s*{re.escape(value)}\s*$", text, re.MULTILINE):
                continue
            line = f"{key}={value}"
            hit = re.search(rf"^{key}=.*$", text, re.MULTILINE)
            text = re.sub(rf"^{key}=.*$", line, text, flags=re.MULTILINE) if hit else with_line_at_end(text, line)
        return text

    effects = edited(call, host, path, edit) if isinstance(before, Unknown) or before else ()
    now = host.file(_ENFORCE).text
    wanted = {"enforcing": "1", "permissive": "0"}.get(state)
    if wanted is not None and (now is None or now.strip() != wanted) and host.file(_ENFORCE).exists is not False:
        effects += (kernel_effect(call, f"selinux {state}", why="" if now else "the mode now could not be read"),)
    return Result(effects=effects, changed=changed_by(effects))


@understood("ansible.posix.seboolean", kind="sysctl")
def seboolean(call: Call, host: PredictedHost, args: Arguments) -> Result:
    name, wanted = args.need("name"), "1" if args.flag("state") else "0"
    kept: dict[str, str] = host.memory.setdefault("seboolean", {})
    shown = host.file(f"/sys/fs/selinux/booleans/{name}").text
    now = kept.get(name) or (shown.split()[0] if shown and shown.split() else None)
    lasting = args.flag("persistent")
    stored = text_of(host, f"{_STORE}/booleans.local") if lasting else ""
    same = now == wanted and (not lasting or (isinstance(stored, str) and f"{name}={wanted}" in stored.splitlines()))
    if same or (kept.get(f"{name} for good") == wanted and kept.get(name) == wanted):
        return Result(changed=False, values={"name": name})
    kept |= {name: wanted, **({f"{name} for good": wanted} if lasting else {})}
    why = "" if now is not None and now != wanted else "which value the boolean has now, and for good"
    effects: tuple[Effect, ...] = (kernel_effect(call, f"selinux boolean {name}", why=why, detail=f"value {wanted}"),)
    if lasting:
        effects += host.files.disturb(call, f"{_STORE}/booleans.local", "how semanage writes it")
    return Result(effects=effects, changed=changed_by(effects), values={"name": name})


@understood("community.general.sefcontext", kind="file")
def sefcontext(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """A line of file_contexts.local; the labels of files that are there change with restorecon only."""
    path, target = "/etc/selinux/targeted/contexts/files/file_contexts.local", args.need("target", "path")
    text = text_of(host, path)
    kind = args.text("setype")
    present = args.word("state", default="present") == "present"
    if isinstance(text, str):
        lines = [line.split() for line in text.splitlines() if line.split()[:1] == [target]]
        if (present and any(f":{kind}:" in line[-1] for line in lines)) or (not present and not lines):
            return Result(changed=False)
    return Result(effects=host.files.disturb(call, path, "how semanage writes it"), changed=None)


@understood("community.general.seport", kind="file")
def seport(call: Call, host: PredictedHost, args: Arguments) -> Result:
    path, kind, protocol = f"{_STORE}/ports.local", args.need("setype"), args.need("proto")
    text = text_of(host, path)
    present = args.word("state", default="present") == "present"
    wanted = set(args.words("ports"))
    if isinstance(text, str):
        lines = [line.split() for line in text.splitlines()]
        there = {line[2] for line in lines if len(line) > 3 and line[1] == protocol and f":{kind}:" in line[3]}
        if present and wanted <= there:
            return Result(changed=False)
    effects = host.files.disturb(call, path, "whether the policy names the ports already")
    return Result(effects=effects, changed=None)


@understood("community.general.selinux_permissive", "community.general.selogin", kind="file")
def semanage(call: Call, host: PredictedHost, args: Arguments) -> Result:
    return Result(effects=host.files.disturb(call, _STORE, "what the policy store holds"), changed=None)
