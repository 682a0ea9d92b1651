"""The kernel's own refusals for a process that judges: no writing, no network, no programs, whatever code runs in it.

Landlock (landlock(7), Linux 5.13) takes away writing, executing, TCP and signals to other processes; a seccomp filter
(seccomp(2)) takes away making processes and sockets. Both are given up by the process for good, and need no rights. Where the
kernel does not have one, the caller's own layers remain (:mod:`aisafe.simulation.safety`). Imports nothing of aisafe.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

_PR_SET_NO_NEW_PRIVS = 38  # prctl(2)
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture (syscall(2))
_RULE_PATH_BENEATH = 1

# linux/landlock.h
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_FILESYSTEM = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""Version of the interface -> the file system rights it knows."""
_TCP, _SCOPES = 0b11, 0b11  # bind and connect; abstract sockets and signals

# Numbers of system calls (syscalls(2)): audit architecture; refused always: socket, ptrace, unshare, mount, memfd_create;
# refused where no program may start: socketpair, fork, vfork, execve, execveat, kill; absent (glibc then uses clone):
# clone3; clone
_ARCHITECTURES = {
    "x86_64": (0xC000003E, [41, 101, 272, 165, 319], [53, 57, 58, 59, 322, 62], [435], 56),
    "aarch64": (0xC00000B7, [198, 117, 97, 40, 279], [199, 221, 281, 129], [435], 220),
}
_CLONE_THREAD = 0x00010000


def confine(*, writable: tuple[str, ...] = (), programs: bool = False) -> tuple[str, ...]:
    """Give up the network and writing anywhere but below ``writable``; without ``programs`` also starting any.

    Holds for this process and all that it starts. Returns what the kernel has agreed to: ``landlock``, ``seccomp``.
    """
    done = []
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return ()
    if landlock(libc, writable=(os.devnull, *writable), programs=programs):
        done.append("landlock")
    if _filter(libc, programs=programs):
        done.append("seccomp")
    return tuple(done)


def landlock(libc: ctypes.CDLL, *, writable: tuple[str, ...], programs: bool) -> bool:
    """Restrict writing, TCP and, without ``programs``, executing. False where the kernel cannot. ``no_new_privs`` is set."""
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(1))
    if version < 1:
        return False
    rights = _FILESYSTEM[max(known for known in _FILESYSTEM if known <= version)] & ~(READ_FILE | READ_DIR)
    if programs:
        rights &= ~EXECUTE
    words = [rights]
    if version >= 4:
        words.append(_TCP)
    if version >= 6:
        words.append(_SCOPES)
    attributes = struct.pack(f"{len(words)}Q", *words)
    ruleset = libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0))
    if ruleset < 0:
        return False
    try:
        for path in writable:
            _allow(libc, ruleset, path, rights)
        return bool(libc.syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint(0)) == 0)
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not os.path.isdir(path):
            rights &= WRITE_FILE | 1 << 14 | 1 << 15 | EXECUTE  # truncate, ioctl: what a file can have
        rule = struct.pack("=Qi", rights, descriptor)
        libc.syscall(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_RULE_PATH_BENEATH), rule, ctypes.c_uint(0))
    finally:
        os.close(descriptor)


def _filter(libc: ctypes.CDLL, *, programs: bool) -> bool:
    """A classic BPF program over struct seccomp_data: number at 0, architecture at 4, the first argument at 16."""
    known = _ARCHITECTURES.get(os.uname().machine)
    if known is None or sys.byteorder != "little":
        return False
    architecture, always, starting, absent, clone = known
    refused = always if programs else [*always, *starting]
    refuse, lack, allow = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS, 0x7FFF0000  # SECCOMP_RET_*
    # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_JMP|JGE|K, BPF_JMP|JSET|K, BPF_RET|K
    load, equal, above, bits, give = 0x20, 0x15, 0x35, 0x45, 0x06
    program = [(load, 0, 0, 4), (equal, 1, 0, architecture), (give, 0, 0, refuse), (load, 0, 0, 0)]
    program += [(above, 0, 1, 0x40000000), (give, 0, 0, refuse)]  # the x32 numbers of x86_64
    program += [step for number in refused for step in ((equal, 0, 1, number), (give, 0, 0, refuse))]
    if not programs:
        program += [step for number in absent for step in ((equal, 0, 1, number), (give, 0, 0, lack))]
        program += [(equal, 0, 3, clone), (load, 0, 0, 16), (bits, 1, 0, _CLONE_THREAD), (give, 0, 0, refuse)]
    program += [(give, 0, 0, allow)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    pointer = struct.pack("HxxxxxxQ", len(program), ctypes.addressof(code))
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, pointer, 0, 0) == 0)
