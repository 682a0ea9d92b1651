"""Which snapshots stay on the host, and what room they take. They share files, so that sizes do not add up."""

from __future__ import annotations

import contextlib
import os
import stat
from datetime import datetime
from typing import Callable, Dict, Iterable, List, Mapping, Optional, Tuple

from . import layers
from .store import ENDED, Run, Store

KEEP_RUNS = 3
"""Ended runs whose snapshots stay, unless the controller says otherwise (setting ``keep_snapshots``)."""

Room = Dict[Tuple[int, int], Tuple[int, int, int]]
"""(device, inode) -> names of it in there, names at all, bytes on the disk. Files with one name count as one together,
by the inode of the directory."""


def room(path: str) -> Room:
    """What a directory takes up on the disk (lstat(2), st_blocks); what goes meanwhile is not counted."""
    found: Room = {}
    places, single = [path], 0
    while places:
        place = places.pop()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            info = os.lstat(place)
            size = info.st_blocks * 512
            if stat.S_ISDIR(info.st_mode):
                single += size  # its links are its subdirectories
                places += [entry.path for entry in os.scandir(place)]
            elif info.st_nlink == 1:
                single += size
            else:
                here = found.get((info.st_dev, info.st_ino), (0, 0, 0))[0]
                found[info.st_dev, info.st_ino] = (here + 1, info.st_nlink, size)
    with contextlib.suppress(FileNotFoundError):
        found[-1, os.lstat(path).st_ino] = (1, 1, single)
    return found


def held(rooms: Iterable[Room]) -> int:
    """Bytes of all of them together, what they share counted once."""
    return sum(size for _, _, size in _joined(rooms).values())


def freed(gone: Mapping[str, Room], store: Store) -> int:
    """Bytes that are free again once these runs are gone: not what a snapshot that stays has in them."""
    found = sum(size for here, links, size in _joined(gone.values()).values() if here >= links)
    lent_by = {store.run(name).file("tree") for name in gone}
    for run in store.all_runs():
        lower = layers.base(run)
        if run.ident not in gone and lower is not None and lower.ident in gone:
            found -= layers.needed(run, lent_by)
    return found


def _joined(rooms: Iterable[Room]) -> Room:
    joined: Room = {}
    for one in rooms:
        for inode, (here, links, size) in one.items():
            joined[inode] = (here + joined.get(inode, (0, 0, 0))[0], links, size)
    return joined


def protected(store: Store, *, last: bool = False) -> Dict[str, str]:
    """Run -> why it stays whatever is asked for. ``last``: the last confirmed one may go, too."""
    runs = store.all_runs()
    kept: Dict[str, str] = {}
    for run in runs:
        if run.state not in ENDED:
            kept[run.ident] = "it is %s" % (run.state or "being made")
            lower = layers.base(run)
            while lower is not None and lower.ident not in kept:
                kept[lower.ident] = "run %s, which is %s, has files in it" % (run.ident, run.state or "being made")
                lower = layers.base(lower)
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
        total = held(sizes.values())
        for run in free:
            if total - freed({name: sizes[name] for name in gone}, store) <= space:
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
    return layers.remove(run)


def retain(store: Store, keep: int, *, spare: Run) -> None:
    """Only the newest ``keep`` ended runs keep their snapshots, the last confirmed one, and ``spare``, which ended just now and
    whose controller is yet to ask how. The lock is held."""
    for run in chosen(store, keep=max(1, keep)):
        if run.ident != spare.ident:
            drop(run)
