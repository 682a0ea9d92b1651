"""File systems and what they lie on: mount, swap, filesystem, LVM, partitions, encryption, quotas.

What is mounted now is read from /proc/self/mounts (proc(5)), volumes and partitions from the gathered facts. What happens to a
block device is never undone by a restore of files.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, BadArgument, as_text
from aisafe.effects.attributes import backup, remote_path, understood
from aisafe.effects.edits import edited, text_of
from aisafe.effects.files import directory
from aisafe.effects.predicted import PredictedHost
from aisafe.effects.predicted import changed as changed_by
from aisafe.model import Action, Effect, Unknown

_OCTAL = {"\\134": "\\", "\\040": " ", "\\011": "\t", "\\012": "\n", "\\046": "&"}


def mounted(host: PredictedHost, path: str) -> str | None:
    """The type of what is mounted at ``path`` at this moment, '' for nothing, None when not known."""
    if path in (kept := host.memory.get("mounts", {})):
        return str(kept[path])
    text = host.file("/proc/self/mounts").text
    if text is None:
        return None
    found = ""
    for line in text.splitlines():
        fields = line.split()
        if len(fields) > 2 and _unescaped(fields[1]) == path:
            found = fields[2]
    return found


def _unescaped(text: str) -> str:
    return re.sub(r"\\\d{3}", lambda hit: _OCTAL.get(hit[0], hit[0]), text)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\134").replace(" ", "\\040").replace("&", "\\046")


@understood("ansible.posix.mount", kind="mount")
def mount(call: Call, host: PredictedHost, args: Arguments) -> Result:
    path, state = args.need("path", "name"), args.need("state")
    place = remote_path(path, call=call, host=host)
    table = remote_path(args.text("fstab") or "/etc/fstab", call=call, host=host)
    effects: tuple[Effect, ...] = ()
    if state in ("mounted", "present", "ephemeral") and not (args.given("src") and args.given("fstype")):
        raise BadArgument(f"state is {state} but all of the following are missing: src, fstype")
    if state in ("mounted", "ephemeral") and host.file(place, follow=True).kind == "absent":
        effects += directory(call, host, Arguments({}), place)
    listed: tuple[Effect, ...] = ()
    if state in ("mounted", "present"):
        listed = edited(
            call, host, table, lambda text: _with_entry(text, _fields(args, path)), detail=f"the line of {path}"
        )
    elif state in ("absent", "absent_from_fstab"):
        listed = edited(
            call, host, table, lambda text: _without_entry(text, _escaped(path)), detail=f"the line of {path}"
        )
    effects += listed
    if listed and args.flag("backup"):
        effects += backup(call, table)
    effects += tuple(_act(call, host, args, place, state, listed=listed))
    return Result(effects=effects, changed=changed_by(effects), values={"name": path, "fstab": table})


def _fields(args: Arguments, path: str) -> list[str]:
    """Source, target, type, options, dump and pass number, as fstab(5) has them."""
    options = args.word("opts", default="defaults")
    if not args.flag("boot", default=True):
        options = ",".join([*options.split(","), "noauto"])
    return [_escaped(text) for text in (args.need("src"), path, args.need("fstype"), options,
            as_text(args.raw("dump") or "0"), as_text(args.raw("passno") or "0"))]  # fmt: skip


def _same_place(fields: Sequence[str], wanted: Sequence[str]) -> bool:
    swap = fields[1] == "none" and fields[2] == "swap"
    return fields[1] == wanted[1] and (not swap or fields[0] == wanted[0])


def _with_entry(text: str, wanted: list[str]) -> str:
    kept: list[str] = []
    found = False
    for line in text.splitlines():
        fields = [] if line.strip().startswith("#") else line.partition("#")[0].split()
        if len(fields) in (4, 5, 6) and _same_place(fields, wanted):
            found = True
            kept.append(line if fields == wanted else " ".join(wanted))  # a line of fewer fields is written anew
        else:
            kept.append(line)
    return "".join(f"{line}\n" for line in (kept if found else [*kept, " ".join(wanted)]))


def _without_entry(text: str, path: str) -> str:
    def gone(line: str) -> bool:
        fields = line.split()
        return len(fields) == 6 and not line.strip().startswith("#") and fields[1] == path

    return "".join(line for line in text.splitlines(keepends=True) if not gone(line))


def _act(
    call: Call, host: PredictedHost, args: Arguments, place: str, state: str, *, listed: tuple[Effect, ...]
) -> Iterator[Effect]:
    """Mounting and unmounting, after the table."""
    now = mounted(host, place)
    unsure = "what is mounted now could not be read" if now is None else ""
    if state in ("mounted", "ephemeral"):
        if now == "" or now is None:
            yield _mount_effect(call, host, place, "create", args.text("fstype") or "", why=unsure)
        elif listed or state == "ephemeral":
            yield _mount_effect(call, host, place, "change", now, why=unsure)
    elif state == "remounted":
        yield _mount_effect(call, host, place, "change", now or "", why="")
    elif (state == "unmounted" or (state == "absent" and listed)) and now != "":
        yield _mount_effect(call, host, place, "remove", "", why=unsure)
    if state == "absent" and listed and host.file(place, follow=True).kind == "directory":
        yield from host.remove(call, place)


def _mount_effect(call: Call, host: PredictedHost, place: str, action: Action, kind: str, *, why: str) -> Effect:
    if call.certainty == "certain":
        host.memory.setdefault("mounts", {})[place] = kind if action != "remove" else ""
    return Effect(
        kind="mount", action=action, name=place, task=call.task, certainty="possible" if why else "certain", why=why,
        reversible=False, detail="a mounted file system is not undone",
    )  # fmt: skip


def device_effect(call: Call, name: str, *, action: Action = "run", why: str = "") -> Effect:
    """Something done to a block device: outside of what the guard keeps."""
    return Effect(
        kind="command", action=action, name=name, task=call.task, certainty="possible" if why else "certain", why=why,
        reversible=False, elsewhere=True, detail="what is on a block device is not undone",
    )  # fmt: skip


def _done(*effects: Effect, sure: bool = False) -> Result:
    return Result(effects=effects, changed=True if sure else changed_by(effects))


@understood("community.general.filesystem", kind="command", action="run")
def filesystem(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """Whether there is a file system on the device already is known only where it is mounted."""
    device = args.need("dev", "device")
    if args.word("state", default="present") == "absent":
        return _done(
            device_effect(call, f"wipefs {device}", action="remove", why="whether there is a file system on it")
        )
    kind = args.need("fstype", "type")
    if args.flag("force"):
        return _done(
            device_effect(call, f"mkfs.{kind} {device}", action="create", why="whether it is of this type already")
        )
    used = _mount_of(host, call.facts, device)
    if used == kind and not args.flag("resizefs"):
        return Result(changed=False)
    what = "whether there is a file system on it already"
    return _done(device_effect(call, f"mkfs.{kind} {device}", action="create", why=what))


def _mount_of(host: PredictedHost, facts: Mapping[str, Any], device: str) -> str:
    """The type with which the device is mounted, '' when it is not or that is not known."""
    for line in (host.file("/proc/self/mounts").text or "").splitlines():
        fields = line.split()
        if len(fields) > 2 and fields[0] == device:
            return fields[2]
    mounts = facts.get("mounts")
    for item in mounts if isinstance(mounts, list) else ():
        if isinstance(item, dict) and item.get("device") == device:
            return str(item.get("fstype", ""))
    return ""


def _lvm(call: Call) -> dict[str, dict[str, Any]]:
    """ansible_facts.lvm: ``pvs``, ``vgs`` and ``lvs`` by name; {} when not gathered (it takes root)."""
    found = call.facts.get("lvm")
    if not isinstance(found, dict):
        return {}
    return {key: dict(value) for key, value in found.items() if isinstance(value, dict)}


@understood("community.general.lvg", kind="command", action="run")
def lvg(call: Call, host: PredictedHost, args: Arguments) -> Result:
    name, lvm = args.need("vg"), _lvm(call)
    devices = set(args.words("pvs"))
    there = name in lvm.get("vgs", {})
    own = {device for device, item in lvm.get("pvs", {}).items() if isinstance(item, dict) and item.get("vg") == name}
    if args.word("state", default="present") == "absent":
        if lvm and not there:
            return Result(changed=False)
        return _done(
            device_effect(call, f"vgremove {name}", action="remove", why="" if there else "which groups there are")
        )
    if there and (devices <= own if not args.flag("remove_extra_pvs", default=True) else devices == own or not devices):
        return Result(changed=False)
    verb = "vgextend" if there else "vgcreate"
    why = "" if lvm and not there else "which volumes the group has"
    return _done(device_effect(call, f"{verb} {name} {' '.join(sorted(devices))}".strip(), action="create", why=why))


@understood("community.general.lvol", kind="command", action="run")
def lvol(call: Call, host: PredictedHost, args: Arguments) -> Result:
    group, name, lvm = args.need("vg"), args.text("lv") or args.text("thinpool") or "", _lvm(call)
    found = lvm.get("lvs", {}).get(name)
    there = isinstance(found, dict) and found.get("vg") == group
    seen = host.file(f"/dev/{group}/{name}").exists
    volume = f"{group}/{name}"
    if args.word("state", default="present") == "absent":
        if seen is False and not there:
            return Result(changed=False)
        return _done(
            device_effect(call, f"lvremove {volume}", action="remove", why="" if seen else "which volumes there are")
        )
    size = args.text("size")
    if there or seen:
        if size is None or (isinstance(found, dict) and _gigabytes(size) == _gigabytes(f"{found.get('size_g')}g")):
            return Result(changed=False)
        return _done(device_effect(call, f"lvresize {volume} {size}", action="change", why="which size it has"))
    why = "" if seen is False else "which volumes there are"
    return _done(device_effect(call, f"lvcreate {volume} {size or ''}".strip(), action="create", why=why))


def _gigabytes(text: str) -> float | None:
    found = re.fullmatch(r"([\d.]+)\s*([mgt]?)i?b?", text.strip(), re.IGNORECASE)
    if found is None:
        return None
    scale = {"": 1 / 1024, "m": 1 / 1024, "g": 1, "t": 1024}[found[2].lower()]
    return round(float(found[1]) * scale, 2)


@understood("community.general.parted", kind="command", action="run")
def parted(call: Call, host: PredictedHost, args: Arguments) -> Result:
    device, state = args.need("device"), args.word("state", default="info")
    if state == "info":
        return Result(changed=False)
    number = args.number("number")
    if number is None:
        raise BadArgument(f"state is {state} but all of the following are missing: number")
    disks = call.facts.get("devices")
    disk = disks.get(posixpath.basename(device)) if isinstance(disks, dict) else None
    parts = disk.get("partitions") if isinstance(disk, dict) else None
    there = None
    if isinstance(parts, dict):
        there = any(re.fullmatch(rf"{re.escape(posixpath.basename(device))}p?{number}", name) for name in parts)
    asks = any(args.given(key) for key in ("flags", "name", "resize"))
    if there is not None and there == (state == "present") and not asks:
        return Result(changed=False)
    why = "" if there is not None and there != (state == "present") else "which partitions there are, and how"
    verb: Action = "create" if state == "present" else "remove"
    return _done(device_effect(call, f"parted {device} partition {number}", action=verb, why=why))


_DEVICES = {
    "community.general.lvg_rename": ("vg", "vgrename"), "community.general.lvm_pv": ("device", "pvcreate"),
    "community.general.lvm_pv_move_data": ("source", "pvmove"), "community.general.zfs": ("name", "zfs"),
    "community.general.zpool": ("name", "zpool"), "community.general.zfs_delegate_admin": ("name", "zfs allow"),
    "community.general.btrfs_subvolume": ("name", "btrfs subvolume"), "community.general.xfs_quota": ("mountpoint", "xfs_quota"),
    "community.general.vdo": ("name", "vdo"), "community.crypto.luks_device": ("device", "cryptsetup"),
    "community.general.open_iscsi": ("target", "iscsiadm"), "community.general.pmem": ("namespace", "ndctl"),
}  # fmt: skip


@understood(*_DEVICES, kind="command", action="run")
def device(call: Call, host: PredictedHost, args: Arguments) -> Result:
    key, program = _DEVICES[call.module]
    words = (program, args.text("state"), args.text(key, "name", "uuid"))
    return _done(device_effect(call, " ".join(word for word in words if word), why="what is there already"))


@understood("community.general.crypttab", kind="file")
def crypttab(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """Lines of crypttab(5): name, device, key file, options."""
    path = remote_path(args.text("path") or "/etc/crypttab", call=call, host=host)
    name, state = args.need("name").removeprefix("/dev/mapper/"), args.need("state")
    asked = {1: args.text("backing_device"), 2: args.text("password")}
    text = text_of(host, path)
    lines = (
        [] if isinstance(text, Unknown) else [line.split() for line in text.splitlines() if not line.startswith("#")]
    )
    there = next((line for line in lines if line[:1] == [name]), None)
    if not isinstance(text, Unknown):
        options = set(filter(None, (args.text("opts") or "").split(",")))
        has = set(filter(None, (there[3] if there and len(there) > 3 else "").split(",")))
        same = there is not None and all(
            value is None or there[index : index + 1] == [value] for index, value in asked.items()
        )
        done = {"absent": there is None, "present": same and (not options or options == has),
                "opts_present": there is not None and options <= has, "opts_absent": not options & has}  # fmt: skip
        if done.get(state):
            return Result(changed=False)
    return _done(*host.files.disturb(call, path, "how the module writes the line"))


@understood("community.general.filesize", kind="file")
def filesize(call: Call, host: PredictedHost, args: Arguments) -> Result:
    path = remote_path(args.need("path"), call=call, host=host)
    found, wanted = host.file(path, follow=True), _bytes(args)
    if found.exists and wanted is not None and found.size == wanted and not args.flag("force"):
        return Result(changed=False)
    return _done(*host.files.disturb(call, path, "which size it has"), sure=found.exists is False)


def _bytes(args: Arguments) -> int | None:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", args.need("size").strip(), re.IGNORECASE)
    if found is None or (not found[2] and args.given("blocksize")):
        return None
    power = " kmgt".index(found[2].lower() or " ")
    base = 1024 if found[3] or not found[2] or args.need("size").strip()[-1:] not in "bB" else 1000
    return int(float(found[1]) * base**power)
