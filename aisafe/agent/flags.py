"""Inode flags such as immutable (ioctl_iflags(2)): lsattr(1) and chattr(1) without a process for each file."""

from __future__ import annotations

import array
import errno
import fcntl
import os
import platform

IMMUTABLE, APPEND = 0x10, 0x20
KEPT = (
    IMMUTABLE | APPEND
    | 0x0000_000F  # secure deletion, undeletable, compressed, synchronous
    | 0x0000_00C0  # no dump, no access times
    | 0x0000_0400  # not compressed
    | 0x0001_C000  # journalled data, no tail merging, synchronous directory
    | 0x0082_0000  # top of a hierarchy, no copy on write
    | 0x2000_0000  # inherits the project
)  # fmt: skip
"""What a user may set (linux/fs.h, FS_FL_USER_MODIFIABLE) and is restored; the rest is the file system's own (extents…)."""

# _IOR('f', 1, long) and _IOW('f', 2, long); some machines number the direction bits otherwise (asm/ioctl.h).
_OTHER = platform.machine().startswith(("ppc", "mips", "sparc", "alpha"))
_SIZE = array.array("l").itemsize << 16
GET = (0x40000000 if _OTHER else 0x80000000) | _SIZE | 0x6601
SET = (0x80000000 if _OTHER else 0x40000000) | _SIZE | 0x6602


NONE = (errno.ENOTTY, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
"""What file systems answer that have no flags."""


def get(path: str) -> int:
    """The kept flags of a file or directory; 0 where the file system has none. Raises OSError: they cannot be known."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        return of(handle)
    finally:
        os.close(handle)


def of(handle: int) -> int:
    """As `get`, of an open file or directory."""
    value = array.array("l", [0])
    try:
        fcntl.ioctl(handle, GET, value, True)
    except OSError as error:
        if error.errno not in NONE:
            raise
        return 0
    return value[0] & KEPT


def put(path: str, bits: int) -> None:
    """Give a file or directory exactly these of the kept flags. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        value = array.array("l", [0])
        fcntl.ioctl(handle, GET, value, True)
        value[0] = (value[0] & ~KEPT) | bits
        fcntl.ioctl(handle, SET, value, True)
    finally:
        os.close(handle)
