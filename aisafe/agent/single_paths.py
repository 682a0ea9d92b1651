"""Bring single paths of the host back from a run's snapshot; what stood in their place is kept beside the run's record."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import Any, Dict, Iterable, List, Set

from . import command, layers, merge, rsync
from .contents import digest
from .copies import RESERVE, Progress
from .differences import Difference, compare, real_changes
from .failure import AgentFailure
from .lines import Entry, lines_of, read
from .manifest import Walk
from .restore import link_groups, restore
from .scope import Scope, ancestors, within
from .store import ENDED, Run, Store, now


def restore_paths(args: Dict[str, Any], progress: Progress) -> Dict[str, Any]:
    """``paths``: absolute; a directory is brought back with all that was in it, and what is new in it goes.

    All or nothing until the first is touched; then one after the other, each by a rename. Raises AgentFailure: no such
    snapshot, a path it does not cover, a run that guards the host, no room for what is to be kept.
    """
    store = Store()
    run = store.run(str(args.get("run", "")))
    asked = [str(path) for path in args.get("paths") or ()]
    if os.geteuid() != 0:
        raise AgentFailure("no-root", "Only root can bring files of this host back.")
    if not run.state:
        raise AgentFailure("no-snapshot", "There is no snapshot of run %s on this host." % run.ident,
                           fix="See which there are: aisafe snapshots list.")  # fmt: skip
    with store.lock("paths are brought back from run %s" % run.ident):
        pending = store.pending_run()
        if pending is not None or run.state not in ENDED:
            held = pending or run
            raise AgentFailure("locked", "Run %s still guards this host: it is %s." % (held.ident, held.state),
                               fix="Let it end, or end it: aisafe rollback %s" % held.ident)  # fmt: skip
        return Restoring(run, asked, progress)(str(args.get("holder") or ""))


class Restoring:
    """One such operation, the lock held. ``wanted``: trees to bring back; ``ways``: directories above that are missing."""

    def __init__(self, run: Run, asked: Iterable[str], progress: Progress) -> None:
        self.run, self.progress = run, progress
        self.before, self.target = run.file("before.jsonl"), run.file("single.jsonl")
        if not layers.whole(run) or not os.path.exists(self.before):
            raise AgentFailure("no-snapshot", "Run %s has no copies of files on this host." % run.ident)
        self.scope = Scope.load(run.record["scope"])
        self.groups = link_groups(self.before)[0]
        self.asked = [self._named(path) for path in asked]
        self.wanted: Set[str] = set(self.asked)
        self.ways: Set[str] = set()

    def __call__(self, holder: str) -> Dict[str, Any]:
        self.progress("comparing %s" % ", ".join(self.asked[:5]))
        found = self._differing()
        while more := self._linked(found) - self.wanted:
            self.wanted |= more
            found = self._differing()
        place = self._save(found) if found else ""
        problems = restore(self.run, found, target=self.target)
        left = self._differing()
        os.unlink(self.target)
        story = self.run.record.get("restored") or []
        done = {"at": now(), "paths": self.asked, "holder": holder, "replaced": place}
        self.run.note(restored=[*story, done])
        return {
            "changed": [{"op": one.op, "path": one.path} for one in found], "replaced": place,
            "with": sorted(self.wanted - set(self.asked)),
            "residue": [str(one) for one in left] + (sorted(set(problems)) if left else []),
            "loose": sorted(one.path for one in found if one.before.get("k") == "loose"),
        }  # fmt: skip

    def _named(self, path: str) -> str:
        """As the manifest has it: with links in its directories followed, where it is not there as it was written."""
        if not path.startswith("/"):
            raise AgentFailure("bad-path", "%r is no absolute path." % path)
        plain = os.path.normpath("/" + path.lstrip("/"))
        real = os.path.normpath(os.path.join(os.path.realpath(os.path.dirname(plain)), os.path.basename(plain)))
        known = [entry["p"] for entry in read(self.before) if within(entry["p"], plain) or within(entry["p"], real)]
        for name in (plain, real):
            if self.scope.watches(name) or any(within(there, name) for there in known):
                return name
        raise AgentFailure("not-covered", "The snapshot of run %s does not cover %s." % (self.run.ident, path),
                           fix="See what it covers: aisafe snapshots show %s" % self.run.ident)  # fmt: skip

    def _differing(self) -> List[Difference]:
        """What is to be done; writes the part of the manifest that counts."""
        self.ways = {way for path in self.wanted for way in ancestors(path) if not _directory(way)}
        merge.write(filter(self._counts, read(self.before)), self.target)
        present = filter(self._counts, Walk(self.scope, cache=lines_of(self.before)))
        return list(real_changes(compare(read(self.target), present)))

    def _counts(self, entry: Entry) -> bool:
        path = entry["p"]
        return path in self.ways or any(within(path, root) for root in self.wanted)

    def _linked(self, found: List[Difference]) -> Set[str]:
        """The other names of files that were hard-linked: they come back together or not at all."""
        return {name for one in found for name in self.groups.get(one.path, ()) if not self._counts({"p": name})}

    def _save(self, found: List[Difference]) -> str:
        """Copy what is there now; the directory it is kept in. Raises AgentFailure, and nothing was touched then."""
        present = [one for one in found if one.op != "-"]
        for one in present:
            if one.op == "~" and one.now["t"] == "d" != one.before["t"]:
                self._wholly_known(one.path, {other.path for other in found})
        if not present:
            return ""
        size = sum(int(one.now.get("s", 0)) for one in present)
        room = os.statvfs(self.run.path)
        if room.f_bavail * room.f_frsize < size + RESERVE:
            raise AgentFailure("no-space", "There is no room to keep what is there now: %d MiB." % (-(-size >> 20)),
                               fix="Free some, or name fewer paths: aisafe snapshots prune.")  # fmt: skip
        place = self.run.file("replaced", datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ"))
        os.makedirs(place, mode=0o700)
        try:
            rsync.copy(self.run.store, sorted({one.path for one in present} | _above(present)), source="/", target=place,
                       options=["--sparse"])  # fmt: skip
        except command.CommandFailed as error:
            raise AgentFailure("not-saved", "What is there now could not be kept: %s" % error) from error
        for one in present:
            if not _kept(place + one.path, one.now):
                raise AgentFailure("not-saved", "%s changed while it was to be kept." % one.path, fix="Try again.")
        return place

    def _wholly_known(self, directory: str, known: Set[str]) -> None:
        for place, directories, files in os.walk(directory):
            for name in [*directories, *files]:
                path = os.path.join(place, name)
                if path not in known:
                    raise AgentFailure(
                        "not-covered",
                        "%s was no directory then, and now holds what the snapshot does not cover: %s." % (directory, path),
                        fix="Move that away first.",
                    )  # fmt: skip


def _directory(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _above(present: List[Difference]) -> Set[str]:
    """The directories on the way, so that they get their modes in the copy, too."""
    return {way for one in present for way in ancestors(one.path) if way != "/" and os.path.isdir(way)}


def _kept(path: str, entry: Entry) -> bool:
    if not os.path.lexists(path):
        return False
    return "h" not in entry or digest(path) == entry["h"]
