"""The snapshots that this host keeps, for whoever asks: which there are, what they cover, what differs, single paths back."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Dict, Iterable, Iterator

from . import aspects, layers, retention
from .copies import Progress
from .differences import Difference, compare, real_changes
from .failure import AgentFailure
from .lines import lines_of, read
from .manifest import Walk
from .scope import NARROW, WIDE, Scope
from .single_paths import restore_paths
from .snapshot import holder_text
from .store import Run, Store, read_json
from .units import ours, up
from .watchdog import left

Args = Dict[str, Any]

LOOSELY = ("t", "m", "u", "g")
"""The fields that every entry of a manifest has, however closely its path was watched."""


def list_(args: Args, progress: Progress) -> Dict[str, Any]:
    """Every snapshot, oldest first; bytes of each, and those that only it holds; of all together, and free beside them."""
    store = _store()
    runs = [run for run in store.all_runs() if run.state]
    rooms = {run.ident: retention.room(run.path) for run in runs}
    found = [
        dict(_told(run), bytes=retention.held([one]), alone=retention.freed({run.ident: one}, store))
        for run, one in zip(runs, rooms.values())
    ]
    status = os.statvfs(store.runs) if os.path.isdir(store.runs) else None
    return {
        "runs": found, "bytes": retention.held(rooms.values()),
        "free": status.f_bavail * status.f_frsize if status else None,
    }  # fmt: skip


def _told(run: Run) -> Dict[str, Any]:
    record = run.record
    return {
        "run": run.ident, "state": run.state, "since": record.get("since"), "ended_at": record.get("ended_at"),
        "holder": holder_text(record.get("holder") or {}), "paths": _lines(run.file("before.jsonl")),
        "deadline_left": left(run) if run.state == "armed" else None,
    }  # fmt: skip


def _lines(path: str) -> int:
    try:
        with open(path, "rb") as file:
            return sum(1 for _ in file)
    except FileNotFoundError:
        return 0


def show(args: Args, progress: Progress) -> Dict[str, Any]:
    """What one snapshot covers: trees, units that were up, containers; and what it does not, each with its reason."""
    run = named_run(args)
    record = run.record
    scope = dict(record.get("scope") or {})
    found: Dict[str, Any] = dict(
        _told(run), trees=[*NARROW, *(WIDE if scope.get("wide") else ())], named=scope.get("named") or [],
        not_covered=record.get("gaps") or [], replaced=_replaced(run), files=layers.whole(run),
    )  # fmt: skip
    with contextlib.suppress(OSError, ValueError):
        known = read_json(run.file("units.json"))
        found["units"] = sorted(name for name, unit in known.items() if up(unit) and not ours(name))
    with contextlib.suppress(OSError, ValueError):
        known = read_json(run.file("docker.json"))
        found["containers"] = sorted(known["containers"])
        found.update({kind: len(known[kind]) for kind in ("images", "networks", "volumes")})
    return found


def _replaced(run: Run) -> list[str]:
    """Where what stood in the place of paths that were brought back is kept."""
    with contextlib.suppress(FileNotFoundError):
        return sorted(run.file("replaced", name) for name in os.listdir(run.file("replaced")))
    return []


def diff(args: Args, progress: Progress) -> Dict[str, Any]:
    """From a snapshot to ``other``, another one or '' for the present: files, units, containers and the rest."""
    run, other = named_run(args), str(args.get("other") or "")
    against = named_run({"run": other}) if other else None
    progress("comparing files")
    scope, theirs = _scope(run), _scope(against) if against is not None else None
    apart: list[str] = []
    blind: list[str] = []
    if theirs is None or against is None:
        walk = Walk(scope, cache=lines_of(run.file("before.jsonl")))
        found = list(real_changes(compare(read(run.file("before.jsonl")), walk)))
        blind = walk.blind
    else:
        both = compare(read(run.file("before.jsonl")), read(against.file("before.jsonl")))
        found = list(real_changes(_covered(both, scope, theirs, apart.append)))
    progress("comparing units, containers and the rest")
    now_side = aspects.kept(against) if against is not None else aspects.live
    lines, unseen = aspects.differences(aspects.kept(run), now_side)
    return {"files": [shown(one) for one in found if not outside(one)], "other": lines, "unseen": [*blind, *unseen],
            "notes": _summed(apart)}  # fmt: skip


def outside(difference: Difference) -> bool:
    """Whether all that differs is the time of a directory that is only on the way to what is covered: what came or went
    there is not of what is compared."""
    return difference.op == "~" and difference.before.get("k") == "way" and difference.fields == ["mt"]


def shown(difference: Difference) -> Dict[str, Any]:
    """One difference for the controller."""
    return {"op": difference.op, "path": difference.path, "text": str(difference).replace("file ", "", 1)}


def _summed(paths: list[str]) -> list[str]:
    if not paths:
        return []
    return ["%d paths are covered by one of both only, and not compared; such as %s" % (len(paths), paths[0])]


def _covered(
    found: Iterable[Difference], left_scope: Scope, right: Scope, skipped: Callable[[str], None]
) -> Iterator[Difference]:
    """Only what both snapshots watched, and as closely as the one that watched less closely."""
    for one in found:
        if one.op == "~":
            loosely = one.before.get("k") != one.now.get("k")
            if not loosely or any(one.before.get(name) != one.now.get(name) for name in LOOSELY):
                yield one
        elif (right if one.op == "-" else left_scope).watches(one.path):
            yield one
        else:
            skipped(one.path)


def prune(args: Args, progress: Progress) -> Dict[str, Any]:
    """Take snapshots away: see retention.chosen. ``older``: seconds; ``dry``: only say it. ``bytes``: what that frees."""
    store = _store()
    if not os.path.isdir(store.runs):
        return {"gone": [], "left": [], "bytes": 0, "held": 0, "kept": {}}
    older = args.get("older")
    before = None if older is None else datetime.now(timezone.utc) - timedelta(seconds=float(older))
    with store.lock("snapshots are pruned"):
        runs = store.all_runs()
        rooms = {run.ident: retention.room(run.path) for run in runs}
        kept = retention.protected(store, last=bool(args.get("last")))
        doomed = retention.chosen(
            store, keep=args.get("keep"), before=before, space=args.get("space"), last=bool(args.get("last")),
            rooms=lambda run: rooms[run.ident],
        )  # fmt: skip
        told = {run.ident: _told(run) for run in doomed}
        freed = retention.freed({run.ident: rooms[run.ident] for run in doomed}, store)
        failed = [] if args.get("dry") else [run for run in doomed if not retention.drop(run)]
        if failed:
            freed -= sum(retention.held([retention.room(run.path)]) for run in failed)
        for run in failed:
            del told[run.ident]
        return {
            "gone": list(told.values()), "left": [run.path for run in failed], "bytes": max(0, freed),
            "held": retention.held(rooms.values()) - max(0, freed), "kept": kept,
        }  # fmt: skip


OPS: Dict[str, Callable[[Args, Progress], Dict[str, Any]]] = {
    "snapshots": list_,
    "snapshot": show,
    "snapshot_diff": diff,
    "snapshot_restore": restore_paths,
    "snapshot_prune": prune,
}


def _store() -> Store:
    if os.geteuid() != 0:
        raise AgentFailure("no-root", "Only root may see the guard's snapshots on this host.",
                           fix="Let aisafe become root there: ansible_become, or a login as root.")  # fmt: skip
    return Store()


def named_run(args: Args) -> Run:
    """The run of that name. Raises AgentFailure (no-root, no-snapshot)."""
    run = _store().run(str(args.get("run", "")))
    if not run.state:
        raise AgentFailure("no-snapshot", "There is no snapshot of run %s on this host." % run.ident,
                           fix="See which there are: aisafe snapshots list.")  # fmt: skip
    return run


def _scope(run: Run) -> Scope:
    record = run.record.get("scope")
    if not record or not os.path.exists(run.file("before.jsonl")):
        raise AgentFailure("no-snapshot", "The snapshot of run %s is not complete: it is %s." % (run.ident, run.state))
    return Scope.load(record)
