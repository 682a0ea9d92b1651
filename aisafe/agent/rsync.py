"""rsync(1), the host's or the private copy that survives a run which removes the host's."""

from __future__ import annotations

import contextlib
import fcntl
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

F_SETPIPE_SZ, PIPE = 1031, 1 << 20
"""fcntl(2), which Python names from 3.10 on; bytes, the most that anybody may ask for (pipe(7), pipe-max-size)."""

TURN = 2000
"""Entries in a row for one of several processes."""

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
    what is in them unless ``options`` say --recursive. Nothing is copied before `finish`, so that it can be given
    up until then by `close`.

    ``hands``: how many processes share the paths. More than one is for paths whose directories are there: the times of
    these would be set by one while another still makes files in them.
    """

    def __init__(
        self, store: Store, *, source: str, target: str, options: Iterable[str] = (), hands: int = 1
    ) -> None:  # fmt: skip
        self._words = [*program(store), *OPTIONS, *options, "--from0", "--files-from=-", "--no-implied-dirs",
                       source.rstrip("/") + "/", target.rstrip("/") + "/"]  # fmt: skip
        self._hands, self._at, self._turn = hands, 0, 0
        self._running: list[tuple[subprocess.Popen[str], IO[str]]] = []
        self._input = self._start()

    def _start(self) -> IO[str]:
        said = os.memfd_create("rsync")  # a pipe could fill while it is not read, and the disk may be full
        output = open(said, "w+", encoding="utf-8", errors="surrogateescape")  # noqa: SIM115
        process = command.started(self._words, stderr=output)
        self._running.append((process, output))
        with contextlib.suppress(OSError):  # it reads a path byte by byte: who walks for it need not wait
            fcntl.fcntl(_stdin(process), F_SETPIPE_SZ, PIPE)
        return _stdin(process)

    def add(self, path: str, entries: int = 1, *, named_twice: bool = False) -> None:
        """In any order. ``entries``: how many it is with all that is in it, where ``options`` say --recursive;
        ``named_twice``: a file that has other names, which stay names of one file.

        Of ``/`` rsync would copy what is in it, too (rsync(1), --dirs), so it is left out here.
        """
        if path == "/":
            return
        place = _stdin(self._running[0][0]) if named_twice else self._input
        with contextlib.suppress(BrokenPipeError):  # it has ended, and `finish` tells why
            place.write(path.lstrip("/") + "\0")
        self._turn += entries
        if self._hands > 1 and self._turn >= TURN:
            self._turn, self._at = 0, (self._at + 1) % self._hands
            self._input = _stdin(self._running[self._at][0]) if self._at < len(self._running) else self._start()

    def finish(self) -> None:
        """Copy, and wait. Raises CommandFailed; single files that could not be copied do not count."""
        for process, _ in self._running:
            with contextlib.suppress(BrokenPipeError):
                _stdin(process).close()
        for process, output in self._running:
            try:
                code = process.wait(timeout=COPY_TIME)
            except subprocess.TimeoutExpired:
                raise command.CommandFailed(self._words, 124, "no end after %.0f s" % COPY_TIME) from None
            if code not in (0, PARTIAL, VANISHED):
                output.seek(0)
                raise command.CommandFailed(self._words, code, output.read())

    def close(self) -> None:
        """End it, wherever it is."""
        for process, output in self._running:
            process.kill()
            process.wait()
            with contextlib.suppress(OSError):
                _stdin(process).close()
            output.close()


def _stdin(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdin is not None
    return process.stdin


def copy(store: Store, paths: Iterable[str], *, source: str, target: str, options: Iterable[str] = ()) -> None:
    """Copy exactly these paths; see Copy. Raises CommandFailed."""
    with contextlib.closing(Copy(store, source=source, target=target, options=options)) as copying:
        for path in paths:
            copying.add(path)
        copying.finish()
