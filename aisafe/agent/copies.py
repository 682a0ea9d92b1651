"""The copies of a snapshot, and the proof that they are what is on the host.

The host is walked once without opening a file of which nothing is known yet: that says what is to be copied and how much
space it takes. When rsync has copied, each file is read for the manifest and compared with its copy.
"""

from __future__ import annotations

import contextlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Iterable

from . import layers, proof, rsync
from .bundles import Bundles
from .failure import AgentFailure
from .layers import Layer
from .lines import has, is_directory, lines_of, read
from .manifest import Walk
from .proof import processors
from .scope import NARROW, Scope, within
from .store import Run, Store, sync_filesystem

Progress = Callable[[str], None]

Tell = Callable[[str, str, bool], None]
"""Hears of each path, of its line, and whether it is to be copied."""

RESERVE = 64 << 20
"""Bytes that must stay free beside the snapshot, for the restore's own files."""

ROUNDS = 3
"""How often paths are copied that change while they are."""

LINKED = 20
"""Directories at most that rsync looks into for a file that is there already (rsync(1), --link-dest)."""


class Copies:
    """Takes them. ``named``: paths that the user or the forecast named; ``timed``: told of each step and when it began,
    returns the present; ``gaps`` afterwards: what is not covered; ``walk``: the one that the manifest is of."""

    def __init__(
        self, store: Store, run: Run, scope: Scope, *, named: Iterable[str] = (), progress: Progress,
        timed: Callable[[str, float], float],
    ) -> None:  # fmt: skip
        self.store, self.run, self.scope = store, run, scope
        self.named = frozenset(named)
        self.progress, self.timed = progress, timed
        self.gaps: list[str] = []
        self.manifest, self.tree = run.file("before.jsonl"), run.file("tree")
        self.copied = run.file("copied.jsonl")
        self.previous = layers.below(store)
        self._sparse: list[str] = []

    def __call__(self) -> tuple[int, int]:
        """Entries and bytes of the manifest. Raises AgentFailure, CommandFailed, OSError."""
        known = _newest_manifest(self.previous)
        clock = time.monotonic()
        self.progress("reading the files of the host")
        self.walk = walk = Walk(self.scope, cache=lines_of(known) if known else ())
        os.mkdir(self.tree, 0o700)
        layers.stand_on(self.run, self.previous)
        with self._copying() as copying:  # rsync looks at each file while we do; it copies when all are known
            bundles = Bundles(copying.add, walk.incomplete)
            layer = self._choose(self._telling(copying, bundles), contents=False)
            bundles.end()
            clock = self.timed("looking", clock)
            self._check_space(layer)
            self.progress("copying %d of %d entries, %.1f MiB" % (layer.entries, walk.entries, layer.need / (1 << 20)))
            copying.finish()
        self._copy(self._sparse)
        self._dress()
        clock = self.timed("copy", clock)
        self.scope.shells.update(walk.mounts)
        self.progress("comparing the copy with the host")
        with ThreadPoolExecutor(max_workers=1) as pool:
            syncing = pool.submit(sync_filesystem, self.store.base)
            self._settle()
            syncing.result()
        self.timed("proof", clock)
        os.unlink(self.copied)
        for path in sorted({*walk.mounts, *self.walk.mounts}):
            self.gaps.append("%s: another file system is mounted there, and the run names nothing in it" % path)
        self.gaps += self.walk.blind
        return self.walk.entries, self.walk.bytes

    def _links(self) -> list[str]:
        return ["--link-dest=" + place for place in layers.trees(self.run)[1 : LINKED + 1]]

    def _copying(self) -> contextlib.closing[rsync.Copy]:
        # No temporary files, as nothing is there yet that one would have to keep whole; all is listed before it begins.
        options = ["--recursive", "--no-inc-recursive", "--inplace", *self._links()]
        return contextlib.closing(
            rsync.Copy(self.store, source="/", target=self.tree, options=options, hands=min(2, processors()))
        )

    def _choose(self, tell: Tell, *, contents: bool = True) -> Layer:
        """Walk, list what is to be copied, and make its directories."""
        with open(self.copied, "w", encoding="utf-8") as listed:
            os.fchmod(listed.fileno(), 0o600)
            layer = Layer(listed, self.previous)

            def seen(path: str, line: str) -> None:
                paths = layer.chosen(path, line)
                for directory in paths if is_directory(line) else paths[:-1]:
                    self._make(directory)
                tell(path, line, bool(paths))

            self.walk.write(self.manifest, seen, contents=contents)
        return layer

    def _telling(self, copying: rsync.Copy, bundles: Bundles) -> Tell:
        """Tells the copy under way of what is to be copied, and nothing of directories: they are made by us.

        Files with holes are kept for later: rsync writes all others a kilobyte at a time when it looks for holes.
        """

        def tell(path: str, line: str, chosen: bool) -> None:
            if is_directory(line):
                bundles.directory(path, wanted=chosen)
                return
            sparse, several = has(line, "sp"), has(line, "n")
            bundles.file(path, wanted=chosen and not sparse and not several)
            if chosen and sparse:
                self._sparse.append(path)
            elif chosen and several:
                copying.add(path, named_twice=True)

        return tell

    def _make(self, path: str) -> None:
        with contextlib.suppress(FileExistsError):
            os.mkdir(self.tree + path, 0o700)

    def _copy(self, files: list[str], *more: str) -> None:
        """Whose directories are there, and which may have holes."""
        if files:
            rsync.copy(self.store, files, source="/", target=self.tree, options=["--sparse", *more, *self._links()])

    def _dress(self) -> None:
        """When nothing is written into them any more, the directories get what their entries say."""
        for entry in read(self.copied, having=('"t":"d"',)):
            if entry["t"] == "d":
                layers.dress(self.tree + entry["p"], entry)

    def _settle(self) -> None:
        """Copy again what changed while it was copied, until the copy equals the manifest.

        What never holds still is left out where nobody named it; elsewhere it stops the run (``racing``).
        """
        for number in range(ROUNDS + 1):
            racing = proof.prove(self.walk, self.tree, self.copied)
            if self.walk.unread:
                self.walk.entries -= proof.fill(self.manifest, self.copied)
            racing += self._moved()
            if not racing:
                return
            if number == ROUNDS:
                break
            if number == ROUNDS - 1:
                restless = [path for path in racing if not self._named(path)]
                self.scope.volatile.update(restless)
                self.gaps += ["%s: it changed while it was copied, and is left as it is" % path for path in restless]
            self._again(racing)
        shown = ", ".join(racing[:5]) + (" and %d more" % (len(racing) - 5) if len(racing) > 5 else "")
        raise AgentFailure("racing", "Files change while the snapshot is taken: %s." % shown,
                           fix="Stop what writes there (another run, an editor, a service); run again.")  # fmt: skip

    def _again(self, racing: list[str]) -> None:
        for path in sorted(racing, key=len, reverse=True):
            place = self.tree + path
            with contextlib.suppress(OSError):
                if os.path.isdir(place) and not os.path.islink(place):
                    os.rmdir(place)
                else:
                    os.unlink(place)
        self.walk = Walk(self.scope, cache=lines_of(self.manifest))
        self._choose(lambda path, line, chosen: None)
        self.scope.shells.update(self.walk.mounts)
        files = (entry["p"] for entry in read(self.copied) if entry["t"] != "d")
        self._copy([path for path in files if not os.path.lexists(self.tree + path)], "--ignore-times")
        self._dress()

    def _moved(self) -> list[str]:
        """Directories in which something came or went since they were looked at."""
        moved = []
        for entry in read(self.manifest, having=('"t":"d"',)):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                if entry["t"] != "d" or "mt" not in entry or os.lstat(entry["p"]).st_mtime_ns == entry["mt"]:
                    continue
            moved.append(entry["p"])
        return moved

    def _named(self, path: str) -> bool:
        return path in self.named or any(within(path, root) for root in NARROW)

    def _check_space(self, layer: Layer) -> None:
        """Before anything is copied."""
        need, entries = RESERVE + layer.need, layer.entries + 1000
        room = os.statvfs(self.store.base)
        free = room.f_bavail * room.f_frsize
        if free < need:
            raise no_space("it needs %d MiB, and %d MiB are free" % (_mib(need), free >> 20), self.store.base)
        if room.f_files and room.f_favail < entries:
            raise no_space("it needs %d inodes, and %d are free" % (entries, room.f_favail), self.store.base)


def no_space(why: str, base: str) -> AgentFailure:
    return AgentFailure("no-space", "There is not enough space for the snapshot in %s: %s." % (base, why),
                        fix="Free some space on that file system, or drop old snapshots: aisafe snapshots prune.")  # fmt: skip


def _newest_manifest(run: Run | None) -> str:
    if run is not None:
        for name in ("after.jsonl", "verify.jsonl", "before.jsonl"):
            if os.path.exists(run.file(name)):
                return run.file(name)
    return ""


def _mib(size: int) -> int:
    return -(-size >> 20)
