"""Conditions of units that can be told before the run (systemd.unit(5), Conditions and Asserts)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from aisafe.effects.filetree import FileTree

CAPABILITIES: Final = (
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL",
)  # fmt: skip
"""In the order of their bits (linux/capability.h)."""
_PASSING: Final = ("/run/", "/var/run/", "/proc/", "/sys/", "/dev/", "/tmp/")  # noqa: S108


def unmet(conditions: Iterable[tuple[str, str]], files: FileTree) -> str:
    """The condition that certainly does not hold, as it is written; '' when all may hold.

    Of those with a leading ``|`` one is enough. A condition that is not understood may hold.
    """
    any_of: list[tuple[str, bool | None]] = []
    for key, written in conditions:
        value = written.removeprefix("|").strip()
        negated, text = value.startswith("!"), value.removeprefix("!").strip()
        test = _TESTS.get(key)
        holds = test(text, files) if test is not None and "%" not in text else None
        holds = holds if holds is None else holds != negated
        if written.startswith("|"):
            any_of.append((f"{key}=|{value}", holds))
        elif holds is False:
            return f"{key}={value}"
    return any_of[0][0] if any_of and all(holds is False for _, holds in any_of) else ""


def _exists(path: str, files: FileTree) -> bool | None:
    return None if set("*?[") & set(path) or not _lasting(path) else files.get(path, follow=True).exists


def _directory(path: str, files: FileTree) -> bool | None:
    found = files.get(path, follow=True)
    return None if found.exists is None or not _lasting(path) else found.kind == "directory"


def _not_empty(path: str, files: FileTree) -> bool | None:
    found = files.get(path, follow=True)
    if found.exists is None or not _lasting(path) or (found.text is None and found.kind == "file"):
        return None
    return found.kind == "file" and bool(found.text)


def _lasting(path: str) -> bool:
    """Whether the path is on a disk: what is in /run, /proc and /sys comes and goes without a task."""
    return path.startswith("/") and not path.startswith(_PASSING)


def _capability(name: str, files: FileTree) -> bool | None:
    """Whether PID 1 may have it at all: its bounding set (proc(5), CapBnd)."""
    short = name.upper().removeprefix("CAP_")
    text = files.get("/proc/1/status").text
    line = next((line for line in (text or "").splitlines() if line.startswith("CapBnd:")), "")
    if short not in CAPABILITIES or not line:
        return None
    return bool(int(line.split()[1], 16) >> CAPABILITIES.index(short) & 1)


_TESTS: Final[Mapping[str, Callable[[str, FileTree], bool | None]]] = {
    "ConditionPathExists": _exists, "ConditionPathIsDirectory": _directory, "ConditionFileNotEmpty": _not_empty,
    "ConditionCapability": _capability,
}  # fmt: skip
