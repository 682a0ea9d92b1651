"""What a file holds: its bytes' digest, its holes, its extended attributes."""

from __future__ import annotations

import errno
import hashlib
import os

CHUNK, SMALL = 1 << 20, 1 << 12
"""Bytes read at once, and where the end is near."""


def opened(place: str) -> int:
    """A handle for reading that leaves the access time alone (open(2), O_NOATIME). Raises OSError."""
    return os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | getattr(os, "O_NOATIME", 0))


def digest(place: str) -> str:
    """sha256 of a file's content. Raises OSError."""
    handle = opened(place)
    try:
        return summed(handle, os.fstat(handle).st_size)
    finally:
        os.close(handle)


def summed(handle: int, size: int) -> str:
    """sha256 of a file of about this many bytes, at which the end need not be looked for. A large buffer costs more than
    reading a small file does."""
    hashed, asked, had = hashlib.sha256(), min(CHUNK, size + 1), 0
    while True:
        chunk = os.read(handle, asked)
        if not chunk:
            return hashed.hexdigest()
        hashed.update(chunk)
        had += len(chunk)
        if had == size:
            return hashed.hexdigest()
        asked = CHUNK if len(chunk) == CHUNK else SMALL


def alike(handle: int, other: int, size: int) -> str:
    """sha256 of a file of about this many bytes, when another of the same size holds the same bytes; else ''."""
    hashed, asked, had = hashlib.sha256(), min(CHUNK, size + 1), 0
    while True:
        chunk = os.read(handle, asked)
        if chunk != os.read(other, asked):
            return ""
        hashed.update(chunk)
        had += len(chunk)
        if not chunk or had == size:
            return hashed.hexdigest()


def holes(handle: int, size: int) -> bool:
    """Whether a file has holes; one that only takes few blocks may be compressed (lseek(2), SEEK_HOLE).

    Raises OSError: it cannot be known.
    """
    try:
        return os.lseek(handle, 0, os.SEEK_HOLE) < size
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENXIO):  # a file system without them, a file that is empty now
            raise
        return False


def attributes(place: str) -> dict[str, str]:
    """Extended attributes, ACLs among them (acl(5)); none where the file system has none.

    Raises OSError: they cannot be known. One that is taken away meanwhile is none (ENODATA): it moves the file's ctime.
    """
    found = {}
    try:
        for name in sorted(os.listxattr(place, follow_symlinks=False)):
            found[name] = os.getxattr(place, name, follow_symlinks=False).hex()
    except OSError as error:
        if error.errno not in (errno.ENOTSUP, errno.ENODATA):
            raise
    return found
