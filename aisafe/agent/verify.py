"""Whether this host still is what a run left it as: against what was recorded when it was confirmed, or before it."""

from __future__ import annotations

import os
from typing import Any, Dict, List

from . import aspects
from .copies import Progress
from .differences import Difference, compare, real_changes
from .lines import lines_of, read
from .manifest import Walk
from .scope import Scope
from .snapshots import named_run, outside, shown
from .store import Run, boot_id

UNDER_WAY = {
    "snapshotting": "its snapshot is still being taken",
    "armed": "it is armed: what it is to be is not decided",
    "rolling-back": "the host is rolling it back at this moment",
}


class Reference:
    """What the host should be: ``manifest`` and the files of other aspects that end with ``suffix``.

    ``what``: in words. ``booted``: the host was booted since, which empties /run and gives it its network anew.
    """

    def __init__(self, run: Run) -> None:
        record = run.record
        self.suffix, self.what, name = "", "before the run", "before.jsonl"
        taken = record.get("boot_id")
        if run.state == "confirmed":
            self.suffix, self.what, name = ".after", "when it was confirmed", "after.jsonl"
            taken = record.get("confirmed_boot_id") or taken
        elif record.get("confirmed_at"):  # confirmed first, and rolled back later: what others changed since was kept
            self.suffix, self.what, name = ".goal", "before the run, with what others changed since", "target.jsonl"
        self.manifest = run.file(name)
        self.booted = taken != boot_id()


def verify(args: Dict[str, Any], progress: Progress) -> Dict[str, Any]:
    """Path by path, and aspect by aspect; ``unseen``: what could not be compared, and why. Changes nothing."""
    run = named_run(args)
    state, record = run.state, run.record
    told: Dict[str, Any] = {"state": state, "at": record.get("ended_at"), "files": [], "other": [], "unseen": [],
                            "notes": [], "what": "", "paths": 0}  # fmt: skip
    if state in UNDER_WAY:
        return dict(told, unseen=["all of it: %s" % UNDER_WAY[state]])
    reference = Reference(run)
    notes, skip = _left_out(run, reference)
    files: List[Difference] = []
    unseen: List[str] = []
    progress("comparing files")
    try:
        walk = Walk(Scope.load(record["scope"]), cache=lines_of(reference.manifest))
        found = real_changes(compare(_counted(reference.manifest, told), walk))
        files = [one for one in found if not outside(one) and not (reference.booted and one.path.startswith("/run/"))]
        unseen += walk.blind
    except aspects.TROUBLE as error:
        missing = not os.path.exists(reference.manifest)
        unseen.append("files: %s" % ("how they should be was not recorded" if missing else error))
    progress("comparing units, containers and the rest")
    lines, more = aspects.differences(aspects.kept(run, reference.suffix), aspects.live, skip=skip)
    return dict(told, what=reference.what, files=[shown(one) for one in files], other=lines, unseen=[*unseen, *more],
                notes=notes)  # fmt: skip


def _counted(manifest: str, told: Dict[str, Any]) -> Any:
    for entry in read(manifest):
        told["paths"] += 1
        yield entry


def _left_out(run: Run, reference: Reference) -> tuple[List[str], List[str]]:
    """What is not to be as it was for a reason that is no difference, in words; and the aspects that it concerns."""
    notes, skip = [], []
    if reference.booted:
        notes.append("it was booted since: /run and the network are what that boot made them")
        skip.append("network")
    if reference.suffix == ".goal":
        skip.append("sockets")  # others' services may have come and gone between the run and its roll-back
        if "network" not in skip and not os.path.exists(run.file("network.goal.json")):
            notes.append("the network was left as others had changed it")
            skip.append("network")
    for story in run.record.get("restored") or []:
        notes.append("brought back by %s at %s: %s" % (story["holder"], story["at"], ", ".join(story["paths"])))
    notes += ["not covered: %s" % gap for gap in run.record.get("gaps") or []]
    return notes, skip
