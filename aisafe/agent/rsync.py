"""rsync(1), the host's or the private copy that survives a run which removes the host's."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from typing import IO, Iterable

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


class Copy:
    """One copy under way: exactly the paths that are given to `add` (absolute, below ``source``), directories without
    what is in them. Nothing is copied before `finish`, so that it can be given up until then by `close`.
    """

    def __init__(self, store: Store, *, source: str, target: str, options: Iterable[str] = ()) -> None:
        self._words = [*program(store), *OPTIONS, *options, "--from0", "--files-from=-", "--no-implied-dirs",
                       source.rstrip("/") + "/", target.rstrip("/") + "/"]  # fmt: skip
        said = os.memfd_create("rsync")  # a pipe could fill while it is not read, and the disk may be full
        self._said = open(said, "w+", encoding="utf-8", errors="surrogateescape")  # noqa: SIM115
        self._rsync = command.started(self._words, stderr=self._said)

    def add(self, path: str) -> None:
        """In any order. Of ``/`` rsync would copy what is in it, too (rsync(1), --dirs), so it is left out here."""
        if path == "/":
            return
        with contextlib.suppress(BrokenPipeError):  # it has ended, and `finish` tells why
            self._input.write(path.lstrip("/") + "\0")

    def finish(self) -> None:
        """Copy, and wait. Raises CommandFailed; single files that could not be copied do not count."""
        with contextlib.suppress(BrokenPipeError):
            self._input.close()
        try:
            code = self._rsync.wait(timeout=COPY_TIME)
        except subprocess.TimeoutExpired:
            raise command.CommandFailed(self._words, 124, "no end after %.0f s" % COPY_TIME) from None
        if code not in (0, PARTIAL, VANISHED):
            self._said.seek(0)
            raise command.CommandFailed(self._words, code, self._said.read())

    def close(self) -> None:
        """End it, wherever it is."""
        self._rsync.kill()
        self._rsync.wait()
        with contextlib.suppress(OSError):
            self._input.close()
        self._said.close()

    @property
    def _input(self) -> IO[str]:
        assert self._rsync.stdin is not None
        return self._rsync.stdin


def copy(store: Store, paths: Iterable[str], *, source: str, target: str, options: Iterable[str] = ()) -> None:
    """Copy exactly these paths; see Copy. Raises CommandFailed."""
    with contextlib.closing(Copy(store, source=source, target=target, options=options)) as copying:
        for path in paths:
            copying.add(path)
        copying.finish()
