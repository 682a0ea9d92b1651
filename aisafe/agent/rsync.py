"""rsync(1), the host's or the private copy that survives a run which removes the host's."""

from __future__ import annotations

import os
import shutil
from typing import Iterable

from . import command
from .store import Store

OPTIONS = ("-aHAX", "--numeric-ids", "--modify-window=-1")
"""Everything of an inode but its flags; times compared to the nanosecond."""

PARTIAL, VANISHED = 23, 24
"""Exit codes: some files could not be copied, or vanished (rsync(1), EXIT VALUES). A comparison decides afterwards."""

COPY_TIME = 3600.0
"""Seconds that one copy may take."""


def install(store: Store) -> None:
    """Keep a private rsync."""
    source = command.find("rsync")
    if source is not None:
        bring(store, source, "rsync")


def bring(store: Store, source: str, name: str) -> None:
    """Keep a private copy of a program with its loader and libraries, made anew when the host's has changed."""
    target = os.path.join(store.bin, name)
    info = os.stat(source)
    stamp = "%d %d" % (info.st_size, info.st_mtime_ns)
    mark = os.path.join(store.lib, name + ".from")
    try:
        with open(mark) as text:
            if text.read() == stamp and os.path.exists(target):
                return
    except OSError:
        pass
    for line in command.run(["ldd", source], check=False).splitlines():
        words = line.split()
        if "=>" in words and words[2].startswith("/"):
            _copy(words[2], os.path.join(store.lib, words[0]))
        elif words and words[0].startswith("/"):
            _copy(words[0], os.path.join(store.lib, "ld.so"))
    _copy(source, target)
    with open(mark, "w") as text:
        text.write(stamp)


def _copy(source: str, target: str) -> None:
    shutil.copyfile(source, target + ".new")
    os.chmod(target + ".new", 0o700)
    os.rename(target + ".new", target)


def program(store: Store) -> list[str]:
    """The words that start rsync: the host's own while it works, else the private one."""
    loader, private = os.path.join(store.lib, "ld.so"), os.path.join(store.bin, "rsync")
    here = command.find("rsync")
    if here is not None:
        try:
            command.run([here, "--version"], timeout=10)
            return [here]
        except command.CommandFailed:
            pass
    return [loader, "--library-path", store.lib, private] if os.path.exists(loader) else [private]


def copy(
    store: Store, paths: Iterable[str], *, source: str, target: str, scratch: str, options: Iterable[str] = ()
) -> None:
    """Copy exactly these paths (absolute, below ``source``), directories without what is in them.

    ``scratch``: a file name for the list, which is NUL-separated. Raises CommandFailed.
    """
    with open(scratch, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write("\0".join(path.lstrip("/") or "." for path in paths))
    words = [*program(store), *OPTIONS, *options, "--from0", "--files-from=" + scratch, "--no-implied-dirs",
             source.rstrip("/") + "/", target.rstrip("/") + "/"]  # fmt: skip
    done = command.outcome(words, timeout=COPY_TIME)
    if done.returncode not in (0, PARTIAL, VANISHED):
        raise command.CommandFailed(words, done.returncode, done.stderr)
