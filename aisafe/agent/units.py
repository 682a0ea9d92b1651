"""systemd's units before and after: what runs, and what must be stopped, started or restarted to have it back."""

from __future__ import annotations

import os
import re
from typing import Any, Dict, Iterable

from . import command

Unit = Dict[str, Any]
Units = Dict[str, Unit]

TYPES = "service,socket,timer,path,mount,automount,swap,scope"
PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,DropInPaths,MainPID,InvocationID,Type,Transient,"
    "StateChangeTimestampMonotonic,TriggeredBy,NeedDaemonReload,EnvironmentFiles,RemainAfterExit,ExecStart,Slice"
)
_ENGINES = re.compile(r"(docker|libpod|libpod-conmon|crio|cri-containerd)-[0-9a-f]+\.scope")
UP = ("active", "reloading", "activating", "refreshing")
AT_ONCE = 200
"""Units asked for in one call: below the length that a command line may have."""

START_TIME = 180.0
"""Seconds that starting or stopping may take."""


def units() -> Units:
    """The units that systemd has in memory. Raises CommandFailed.

    ``systemctl show '*' --all`` gives the same for three times the time: it has the devices, slices and targets too.
    """
    words = ["systemctl", "list-units", "--all", "--plain", "--no-legend", "--type=" + TYPES]
    listed = command.run(words, timeout=START_TIME)
    names = [line.split()[0] for line in listed.splitlines() if line.split()]
    found: Units = {}
    for start in range(0, len(names), AT_ONCE):
        some = names[start : start + AT_ONCE]
        text = command.run(
            ["systemctl", "show", "--no-pager", "--property=" + PROPERTIES, "--", *some], timeout=START_TIME
        )
        for block in text.split("\n\n"):
            unit = _parsed(block)
            if unit.get("Id"):
                found[unit["Id"]] = unit
    return found


def _parsed(block: str) -> Unit:
    unit: Unit = {}
    for line in block.splitlines():
        name, mark, value = line.partition("=")
        if mark and name == "EnvironmentFiles":
            unit.setdefault(name, []).append(value.split(" (")[0])
        elif mark and name == "ExecStart":  # one line a command: { path=… ; argv[]=… ; … }
            unit.setdefault(name, []).append(value.partition("argv[]=")[2].partition(" ; ")[0])
        elif mark:
            unit[name] = value
    return unit


def up(unit: Unit | None) -> bool:
    return bool(unit) and (unit or {}).get("ActiveState") in UP


def ours(name: str) -> bool:
    return name.startswith("aisafe-")


def restless(name: str, unit: Unit) -> bool:
    """Comes and goes by itself, so that its activity says nothing about the run.

    Login sessions' units; services on the bus that end when idle (hostnamed, timedated); jobs of a timer or path; the
    service of one connection to an Accept= socket; mounts of container engines and of login sessions; scopes but those
    that root put beside the services (systemd-run --scope).
    """
    if ours(name) or name.startswith(("user@", "user-runtime-dir@", "session-")):
        return True
    if name.endswith(".scope"):
        return unit.get("Slice") != "system.slice" or name == "init.scope" or _ENGINES.match(name) is not None
    if name.endswith(".mount"):
        return name.startswith(
            ("var-lib-docker-", "run-docker-", "run-user-", "var-lib-containers-", "run-credentials-")
        )
    if unit.get("Type") == "dbus" and unit.get("UnitFileState") == "static":
        return True
    triggers = unit.get("TriggeredBy", "").split()
    if unit.get("Type") == "oneshot" and any(trigger.endswith((".timer", ".path")) for trigger in triggers):
        return True
    return "@" in name and any(trigger.endswith(".socket") for trigger in triggers)


def to_stop(before: Units, now: Units) -> list[str]:
    """Units that run now and did not before."""
    return sorted(
        name for name, unit in now.items()
        if up(unit) and not up(before.get(name)) and not restless(name, unit)
    )  # fmt: skip


def to_restart(before: Units, run: Units, now: Units, *, changed: set[str], rebooted: bool) -> dict[str, str]:
    """Unit -> why, for units that were up before.

    Args:
        before: at the snapshot.
        run: as the run left them, before anything was restored.
        now: after the files came back and daemon-reload.
        changed: paths that the restore gave back, took away or rewrote.
        rebooted: the host booted meanwhile, so that everything was started anew, with other invocation ids.
    """
    reasons = {}
    owned = Owned(changed)
    for name, old in before.items():
        if not up(old) or restless(name, old) or name.endswith(".scope"):  # nobody but its maker can make one
            continue
        left = run.get(name, {})
        exited = old.get("SubState") == "exited"
        if not up(left):
            reasons[name] = "it was running and is %s" % (left.get("ActiveState") or "gone")
        elif not name.endswith((".service", ".socket", ".timer", ".path")) or exited:
            continue
        elif not rebooted and old.get("InvocationID") != left.get("InvocationID"):
            reasons[name] = "the run restarted it"
        elif not rebooted and name.endswith(".service") and _changed_state(old, left):
            reasons[name] = "the run reloaded it"
        elif {left.get("FragmentPath", ""), *left.get("DropInPaths", "").split()} & changed:
            reasons[name] = "the run changed its unit file"
        elif old.get("DropInPaths") != left.get("DropInPaths"):
            reasons[name] = "the run changed its drop-ins"
        elif owned.by(name, old):
            reasons[name] = "the run changed %s" % owned.by(name, old)
        elif owned.programs and _maps_deleted(now.get(name, {}).get("MainPID", "0")):
            reasons[name] = "the run replaced a program or library that it uses"
    reasons.pop("dbus.service", None) if up(now.get("dbus.service")) else None  # the whole host hangs on it
    return reasons


def _changed_state(old: Unit, left: Unit) -> bool:
    return bool(old.get("StateChangeTimestampMonotonic") != left.get("StateChangeTimestampMonotonic"))


class Owned:
    """Which changed files belong to a unit: its package's configuration, its own directory of /etc, its programs."""

    LISTS = "/var/lib/dpkg/info"
    SHARED = frozenset((
        "systemd", "init.d", "default", "logrotate.d", "cron.d", "cron.daily", "apt", "ufw", "pam.d",
        "bash_completion.d", "apparmor.d", "ld.so.conf.d", "profile.d", "sysctl.d", "ssl", "network", "dbus-1",
        "logcheck", "alternatives", "sysconfig",
    ))  # fmt: skip

    def __init__(self, changed: set[str]) -> None:
        self._files = sorted(path for path in changed if not os.path.isdir(path) or os.path.islink(path))
        self.programs = any(path.startswith(("/usr/", "/lib", "/bin/", "/sbin/", "/opt/")) for path in self._files)
        self._packages: dict[str, list[str]] | None = None
        self._seen: dict[str, str] = {}

    def by(self, name: str, unit: Unit) -> str:
        """The first changed file that is the unit's; '' for none."""
        if not self._files:
            return ""
        if name not in self._seen:
            self._seen[name] = self._search(name, unit)
        return self._seen[name]

    def _search(self, name: str, unit: Unit) -> str:
        stem = name.rsplit(".", 1)[0].partition("@")[0]
        files = {"/etc/default/" + stem, "/etc/sysconfig/" + stem}
        files.update(path.lstrip("-") for path in unit.get("EnvironmentFiles", ()))
        for line in unit.get("ExecStart", ()):
            files.update(word.rpartition("=")[2] for word in line.split() if "/" in word)
        places = ["/etc/%s/" % stem]
        for path in self._package_of(unit.get("FragmentPath", "")):
            files.add(path)
            parts = path.split("/")
            if path.startswith("/etc/") and len(parts) > 3 and parts[2] not in self.SHARED:
                places.append("/etc/%s/" % parts[2])
        for path in self._files:
            if path in files or path.startswith(tuple(places)) or _named_after(path, stem):
                return path
        return ""

    def _package_of(self, fragment: str) -> list[str]:
        """Configuration and programs of the Debian package that a unit file belongs to (dpkg-query(1), info/*.list)."""
        if not fragment.startswith(("/lib/", "/usr/lib/")):
            return []
        if self._packages is None:
            self._packages = _unit_packages(self.LISTS)
        return self._packages.get(fragment[4:] if fragment.startswith("/usr/lib/") else fragment, [])


def _named_after(path: str, stem: str) -> bool:
    """``/etc/STEM``, ``/etc/STEM.conf`` and the like."""
    directory, _, name = path.rpartition("/")
    return directory == "/etc" and name.partition(".")[0] == stem


def _unit_packages(directory: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    try:
        names = os.listdir(directory)
    except OSError:
        return found
    for name in names:
        if not name.endswith(".list"):
            continue
        try:
            with open(os.path.join(directory, name), encoding="utf-8", errors="surrogateescape") as file:
                text = file.read()
        except OSError:
            continue
        if "/systemd/system/" not in text:
            continue
        lines = text.splitlines()
        files = [line for line in lines if line.startswith(("/etc/", "/usr/bin/", "/usr/sbin/", "/usr/lib/systemd/"))]
        for line in lines:
            if "/systemd/system/" in line:
                found[line[4:] if line.startswith("/usr/lib/") else line] = files
    return found


def state_directories(names: Iterable[str], lists: str = Owned.LISTS) -> list[str]:
    """Directories of /var/lib that units may write into: named in them, called like them, or of their package.

    systemd.exec(5), StateDirectory=; dpkg-query(1), info/*.list. Raises CommandFailed.
    """
    wanted = sorted(set(names))
    if not wanted:
        return []
    text = command.run(["systemctl", "show", "--no-pager", "--property=FragmentPath,StateDirectory", "--", *wanted],
                       check=False, timeout=START_TIME)  # fmt: skip
    shown = [_parsed(block) for block in text.split("\n\n")]
    stems = {name.rsplit(".", 1)[0].partition("@")[0] for name in wanted}
    stems.update(word.split(":")[0] for unit in shown for word in unit.get("StateDirectory", "").split())
    found = {"/var/lib/%s%s" % (place, stem) for stem in stems for place in ("", "private/")}
    fragments = {unit.get("FragmentPath", "") for unit in shown} - {""}
    fragments |= {path[4:] for path in fragments if path.startswith("/usr/lib/")}
    for path in sorted(_listing(lists)) if fragments else ():
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                lines = file.read().splitlines()
        except OSError:
            continue
        if fragments.intersection(lines):
            found.update(line for line in lines if line.startswith("/var/lib/") and line.count("/") == 3)
    return sorted(found - {"/var/lib/dpkg", "/var/lib/systemd", "/var/lib/dbus"})


def _listing(directory: str) -> list[str]:
    try:
        return [os.path.join(directory, name) for name in os.listdir(directory) if name.endswith(".list")]
    except OSError:
        return []


def _maps_deleted(pid: str) -> bool:
    """Whether a process still uses a program or library that is no longer the one on the disk (proc(5), maps)."""
    try:
        with open("/proc/%s/maps" % pid, encoding="utf-8", errors="replace") as text:
            return any("(deleted)" in line and any(p in line for p in (" /usr/", " /lib", " /opt/")) for line in text)
    except OSError:
        return False


def act(verb: str, names: Iterable[str]) -> list[str]:
    """``systemctl VERB NAMES``; what it complained about. Never raises: one unit must not hold up the others."""
    wanted = sorted(names)
    if not wanted:
        return []
    try:
        done = command.outcome(["systemctl", verb, "--", *wanted], timeout=START_TIME)
    except command.CommandFailed as error:
        return [str(error)]
    return [line for line in done.stderr.splitlines() if line.strip()] if done.returncode else []


def reload() -> list[str]:
    try:
        command.run(["systemctl", "daemon-reload"], timeout=START_TIME)
    except command.CommandFailed as error:
        return [str(error)]
    return []


def differences(before: Units, now: Units) -> list[str]:
    """What is not as it was, as readable lines. A unit that had failed may as well be stopped."""
    lines = []
    for name in sorted(set(before) | set(now)):
        old, new = before.get(name), now.get(name)
        if restless(name, old or new or {}):
            continue
        if name.endswith(".scope") and not up(new):
            continue
        if up(old) != up(new):
            lines.append("unit %s is %s and was %s" % (name, _word(new), _word(old)))
        elif new and new.get("NeedDaemonReload") == "yes" and (old or {}).get("NeedDaemonReload") != "yes":
            lines.append("unit %s needs a daemon-reload" % name)
        elif old and new and old.get("UnitFileState") != new.get("UnitFileState"):
            lines.append("unit %s is %s and was %s" % (name, new.get("UnitFileState"), old.get("UnitFileState")))
    return lines


def _word(unit: Unit | None) -> str:
    return "%s (%s)" % (unit.get("ActiveState"), unit.get("SubState")) if unit else "not loaded"
