"""Which paths of the host the snapshot holds, and how closely each is watched.

Closeness of a path, from its place:

- ``exact``: everything of it is recorded and comes back.
- ``loose``: logs and caches. Type, mode and owner are recorded; what is missing afterwards comes back, directories that
  are new go, contents are left as they are.
- ``shell``: the directory's own mode and owner only: another file system, live data, or a tree that is never covered.
- ``way``: an ancestor of something covered; recorded alone, so that its modification time comes back.
"""

from __future__ import annotations

import os
import stat
from typing import Any, Iterable

NARROW = (
    "/etc", "/usr/local", "/var/spool/cron", "/root/.ssh",
    "/usr/lib/systemd/system", "/lib/systemd/system", "/run/systemd/system", "/run/systemd/system.control",
)  # fmt: skip
"""Covered in every run: configuration, local programs, cron tables, root's keys, units (enablement is files)."""

WIDE = (
    "/usr",
    "/opt",
    "/root",
    "/home",
    "/srv",
    "/boot",
    "/var",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
)
"""Covered as well when packages or commands of unknown effect are in the run."""

LOOSE = ("/var/log", "/var/cache")

NEVER = ("/proc", "/sys", "/dev", "/var/lib/aisafe", "/run/aisafe", "/var/lib/docker", "/var/lib/containerd")
"""Not covered even when named: the kernel's, ours, and what belongs to container engines."""

SHELLS = (
    "/run", "/tmp", "/var/tmp", "/var/lib/containers", "/var/lib/kubelet", "/var/lib/lxcfs", "/lost+found",  # noqa: S108
    "/var/log/journal",             # written at every moment by journald
    "/var/cache/apt/archives",      # downloaded packages
    "/var/lib/systemd/timers", "/var/lib/systemd/timesync", "/var/lib/systemd/coredump", "/var/lib/systemd/backlight",
    "/var/lib/systemd/pstore", "/var/lib/systemd/ephemeral-trees", "/var/lib/private/systemd",
)  # fmt: skip
"""Not covered unless a path below is named in the scope."""

UNTIMED = ("/tmp", "/var/tmp", "/run", "/var/log", "/var/cache")  # noqa: S108

NO_FILES = ("/var/lib/systemd/random-seed", "/root/.bash_history", "/root/.viminfo", "/root/.lesshst")
"""Single files that the host writes for itself."""


class Scope:
    """The walk's plan. ``named``: paths of the run's own; ``live``: data of running services, see live.py."""

    def __init__(self, *, named: Iterable[str] = (), wide: bool = False, live: Iterable[str] = ()) -> None:
        self.named = frozenset(_clean(path) for path in named)
        self.wide = wide
        refused = [path for path in self.named if any(within(path, never) for never in NEVER)]
        self.refused = tuple(sorted(refused))
        roots = (set(self.named) - set(refused)) | set(NARROW) | (set(WIDE) if wide else set())
        self.roots = frozenset(_real(path) for path in roots)
        self.ways = frozenset(way for root in self.roots for way in ancestors(root))
        self.live = frozenset(live)
        self.volatile: set[str] = set()
        self.shells = set(NEVER) | set(SHELLS) | set(live)

    def closeness(self, path: str, parent: str) -> str:
        """How ``path`` is watched, given its directory's closeness; '' when it is not covered."""
        if path in self.volatile:
            return "way" if parent == "way" and path not in self.roots else "loose"
        if path in self.shells and path not in self.roots:
            if path in self.ways:
                return "way"
            return "shell" if parent in ("exact", "loose", "way") else ""
        if path in NO_FILES and path not in self.roots:
            return ""
        if path in LOOSE and path not in self.roots:
            return "loose" if parent == "exact" else ("way" if path in self.ways else "")
        if path in self.roots:
            return "exact"
        if parent in ("exact", "loose"):
            return "" if _scratch(path) else parent
        return "way" if path in self.ways else ""

    def watches(self, path: str) -> bool:
        """Whether a file at ``path`` would be in the manifest, as far as its place tells: mounts are in ``shells``."""
        near = "exact" if "/" in self.roots else "way"
        for place in [*reversed(ancestors(path)), path][1:]:
            if near == "shell":
                return False
            near = self.closeness(place, near)
        return near in ("exact", "loose")

    def timed(self, path: str) -> bool:
        """Whether an ancestor's modification time is worth keeping: not where strangers create files all the time."""
        return path not in self.volatile and not any(within(path, place) for place in UNTIMED)

    def record(self) -> dict[str, Any]:
        return {"named": sorted(self.named), "wide": self.wide, "live": sorted(self.live),
                "shells": sorted(self.shells), "volatile": sorted(self.volatile)}  # fmt: skip

    @classmethod
    def load(cls, record: dict[str, Any]) -> Scope:
        scope = cls(named=record["named"], wide=bool(record["wide"]), live=record["live"])
        scope.shells.update(record["shells"])
        scope.volatile.update(record["volatile"])
        return scope


def within(path: str, root: str) -> bool:
    return root in (path, "/") or path.startswith(root + "/")


def ancestors(path: str) -> list[str]:
    """``/a/b/c`` -> ``/a/b``, ``/a``, ``/``."""
    found = []
    while path != "/":
        path = os.path.dirname(path)
        found.append(path)
    return found


def _clean(path: str) -> str:
    return "/" + os.path.normpath("/" + path).strip("/")


def _real(path: str) -> str:
    """The path with links in its directories followed, so that /lib/x is walked as /usr/lib/x where /lib is a link."""
    return _clean(os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path)))


def _scratch(path: str) -> bool:
    """Ansible's own scratch directory in somebody's home: it comes with any login of ansible's, and is left alone."""
    if not path.endswith("/.ansible"):
        return False
    home = os.path.dirname(path)
    return home == "/root" or os.path.dirname(home) == "/home"


def live_data(covered: Iterable[str] = ("/var/lib", "/home", "/srv", "/opt", "/root")) -> dict[str, str]:
    """Data of running services: directory -> name of the process that has a file in it open for writing.

    A rollback must not turn back what a database wrote for its users meanwhile, so a wide scope leaves these out,
    unless the run names them. Below /var/lib the whole of a service's directory counts, elsewhere the file's own.
    """
    found: dict[str, str] = {}
    places = tuple(place + "/" for place in covered)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for path in _written(pid):
            if path.startswith(places) and not any(within(path, never) for never in NEVER + SHELLS):
                directory = os.path.dirname(path)
                if path.startswith("/var/lib/") and path.count("/") > 3:
                    directory = "/".join(path.split("/")[:4])
                if directory not in places and directory + "/" not in places:
                    found.setdefault(directory, _name(pid))
    return found


def _written(pid: str) -> list[str]:
    """Regular files that a process has open for writing; none for one that ended or is a kernel thread."""
    directory, found = "/proc/%s/fd" % pid, []
    try:
        names = os.listdir(directory)
    except OSError:
        return []
    for name in names:
        try:
            link = (
                os.lstat(os.path.join(directory, name)).st_mode & stat.S_IWUSR
            )  # proc(5): the link's mode is the fd's
            path = os.readlink(os.path.join(directory, name)) if link else ""
        except OSError:
            continue
        if path.startswith("/") and not path.endswith(" (deleted)") and not path.startswith(("/dev/", "/proc/")):
            found.append(path)
    return found


def _name(pid: str) -> str:
    try:
        with open("/proc/%s/comm" % pid, encoding="utf-8", errors="replace") as text:
            return text.read().strip()
    except OSError:
        return "process " + pid
