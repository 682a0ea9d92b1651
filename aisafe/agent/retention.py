"""Which snapshots stay on the host, and what room they take. Hard links share files, so that sizes do not add up."""

from __future__ import annotations

import contextlib
import os
import shutil
from datetime import datetime
from typing import Callable, Dict, Iterable, List, Optional, Tuple

from .store import ENDED, Run, Store

KEEP_RUNS = 3
"""Ended runs whose snapshots stay, unless the controller says otherwise (setting ``keep_snapshots``)."""

Room = Dict[Tuple[int, int], Tuple[int, int, int]]
"""(device, inode) -> names of it in there, names at all, bytes on the disk."""


def room(path: str) -> Room:
    """What a directory takes up on the disk (lstat(2), st_blocks); what goes meanwhile is not counted."""
    found: Room = {}
    places = [path]
    while places:
        place = places.pop()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            info = os.lstat(place)
            size = info.st_blocks * 512
            if os.path.isdir(place) and not os.path.islink(place):
                found[info.st_dev, info.st_ino] = (1, 1, size)  # its links are its subdirectories
                places += [entry.path for entry in os.scandir(place)]
            else:
                here = found.get((info.st_dev, info.st_ino), (0, 0, 0))[0]
                found[info.st_dev, info.st_ino] = (here + 1, info.st_nlink, size)
    return found


def held(rooms: Iterable[Room]) -> int:
    """Bytes of all of them together, what they share counted once."""
    return sum(size for _, _, size in _joined(rooms).values())


def freed(rooms: Iterable[Room]) -> int:
    """Bytes that are free again once all of these are gone: not what a snapshot that stays shares with them."""
    return sum(size for here, links, size in _joined(rooms).values() if here >= links)


def _joined(rooms: Iterable[Room]) -> Room:
    joined: Room = {}
    for one in rooms:
        for inode, (here, links, size) in one.items():
            joined[inode] = (here + joined.get(inode, (0, 0, 0))[0], links, size)
    return joined


def protected(store: Store, *, last: bool = False) -> Dict[str, str]:
    """Run -> why it stays whatever is asked for. ``last``: the last confirmed one may go, too."""
    runs = store.all_runs()
    kept = {run.ident: "it is %s" % (run.state or "being made") for run in runs if run.state not in ENDED}
    pending = store.pending_run()
    if pending is not None:
        kept.setdefault(pending.ident, "it still guards this host")
    confirmed = [run for run in runs if run.state == "confirmed"]
    if confirmed and not last:
        kept[confirmed[-1].ident] = "it is the last confirmed one, which a roll-back would need"
    return kept


def chosen(
    store: Store, *, keep: Optional[int] = None, before: Optional[datetime] = None, space: Optional[int] = None,
    last: bool = False, rooms: Callable[[Run], Room] = lambda run: room(run.path),
) -> List[Run]:  # fmt: skip
    """What is to go, oldest first: all but the newest ``keep`` that ended, those that ended before a time, and the oldest
    until all that stay take at most ``space`` bytes together."""
    kept = protected(store, last=last)
    runs = store.all_runs()
    ended = [run for run in runs if run.state in ENDED]
    free = [run for run in ended if run.ident not in kept]
    gone = set()
    if keep is not None:
        newest = {run.ident for run in ended[len(ended) - min(keep, len(ended)) :]}
        gone |= {run.ident for run in free if run.ident not in newest}
    if before is not None:
        gone |= {run.ident for run in free if _ended(run) < before}
    if space is not None:
        sizes = {run.ident: rooms(run) for run in runs}
        for run in free:
            if held(sizes[other.ident] for other in runs if other.ident not in gone) <= space:
                break
            gone.add(run.ident)
    return [run for run in free if run.ident in gone]


def _ended(run: Run) -> datetime:
    record = run.record
    try:
        return datetime.fromisoformat(str(record.get("ended_at") or record.get("since")))
    except ValueError:  # a damaged record is as old as its directory
        return datetime.fromtimestamp(os.stat(run.path).st_mtime).astimezone()


def drop(run: Run) -> bool:
    """Take a snapshot away; False when some of it is left. What was begun is no run any more, and is swept at the next one."""
    for state in ENDED:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(run.file("is-" + state))
    shutil.rmtree(run.path, ignore_errors=True)
    return not os.path.lexists(run.path)


def retain(store: Store, keep: int, *, spare: Run) -> None:
    """Only the newest ``keep`` ended runs keep their snapshots, the last confirmed one, and ``spare``, which ended just now and
    whose controller is yet to ask how. The lock is held."""
    for run in chosen(store, keep=max(1, keep)):
        if run.ident != spare.ident:
            drop(run)
