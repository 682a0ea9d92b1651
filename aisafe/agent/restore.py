"""Bring files back to what a manifest says, from the snapshot's tree, touching nothing but what differs."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from typing import Iterable

from . import command, flags, layers, rsync
from .differences import Difference, compare_files, real_changes
from .lines import Entry, read
from .store import Run


def differing(target: str, now: str) -> list[Difference]:
    """What differs between two manifests on disk and is to be restored."""
    return list(real_changes(compare_files(target, now)))


def mount_points() -> set[str]:
    """Where something is mounted (proc(5), mountinfo): such a file cannot be replaced by a rename, only written."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as text:
        return {line.split()[4].replace("\\040", " ") for line in text}


def restore(run: Run, differences: list[Difference], *, target: str) -> list[str]:
    """Do it, from the run's copies; what failed, as readable lines. ``target``: the manifest to come back to."""
    if not differences:
        return []
    mounted = mount_points()
    problems: list[str] = []
    locked = _unlock(differences, problems)
    _delete(differences, mounted, problems)
    groups, sparse = link_groups(target)
    trees = layers.trees(run)
    sources = _to_copy(differences, groups, trees)
    for tree, paths in sources.items():
        inplace = {path for path in paths & mounted if os.path.isfile(path)}
        ways = ((paths - inplace - sparse, ()), (paths & sparse - inplace, ("--sparse",)), (inplace, ("--inplace",)))
        for some, options in ways:
            if some:
                try:
                    rsync.copy(run.store, sorted(some), source=tree, target="/", options=("--ignore-times", *options))
                except command.CommandFailed as error:
                    problems.append("files: %s" % error)
    _root(differences, problems)
    _loosely(differences, trees[0], problems)
    _times(differences, set().union(*sources.values()), target)
    _lock_again(differences, locked, problems)
    return problems


def _unlock(differences: list[Difference], problems: list[str]) -> dict[str, int]:
    """Take immutable and append-only flags from what is to be changed, and from the directories that it is in."""
    taken: dict[str, int] = {}
    for difference in differences:
        for path in (difference.path, os.path.dirname(difference.path)):
            bits = 0 if path in taken else _flags(path)
            if bits & (flags.IMMUTABLE | flags.APPEND):
                try:
                    flags.put(path, 0)
                    taken[path] = bits
                except OSError as error:
                    problems.append("file %s: its flags cannot be changed: %s" % (path, error.strerror))
    return taken


def _flags(path: str) -> int:
    """0 for what is not there, or cannot be asked: what is not as it was then, the verification tells."""
    try:
        return flags.get(path)
    except OSError:
        return 0


def _lock_again(differences: list[Difference], taken: dict[str, int], problems: list[str]) -> None:
    wanted = {path: bits for path, bits in taken.items() if os.path.lexists(path)}
    for difference in differences:
        if difference.op == "+":
            wanted.pop(difference.path, None)
        elif difference.before["t"] in "fd" and "mt" in difference.before:  # all of it is recorded
            wanted[difference.path] = int(difference.before.get("fl", 0))
    for path in sorted(wanted, reverse=True):
        if _flags(path) != wanted[path]:
            try:
                flags.put(path, wanted[path])
            except OSError as error:
                problems.append("file %s: its flags cannot be restored: %s" % (path, error.strerror))


def _delete(differences: list[Difference], mounted: set[str], problems: list[str]) -> None:
    """What is new goes, deepest first; what changed its type makes room."""
    for difference in sorted(differences, key=lambda d: d.path.count("/"), reverse=True):
        path = difference.path
        retyped = difference.op == "~" and difference.before["t"] != difference.now["t"]
        if difference.op != "+" and not retyped:
            continue
        if path in mounted:
            problems.append("file %s is a mount point and cannot be removed" % path)
            continue
        try:
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                os.unlink(path)
            elif retyped:
                shutil.rmtree(path)
            else:
                os.rmdir(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            why = "it holds what is not the run's" if error.errno == errno.ENOTEMPTY else error.strerror
            problems.append("file %s cannot be removed: %s" % (path, why))


def link_groups(target: str) -> tuple[dict[str, list[str]], set[str]]:
    """Hard-link groups: each member's path -> all members; and the files that have holes."""
    groups: dict[str, list[str]] = {}
    sparse: set[str] = set()
    for entry in read(target, having=('"sp":', '"hl":')):
        if "sp" in entry:
            sparse.add(entry["p"])
        if "hl" in entry:
            members = groups.setdefault(entry["hl"], [entry["hl"]])
            members.append(entry["p"])
            groups[entry["p"]] = members
    return groups, sparse


def _to_copy(differences: list[Difference], groups: dict[str, list[str]], trees: list[str]) -> dict[str, set[str]]:
    """Paths to take from each tree. What none has is told by the verification."""
    found: dict[str, set[str]] = {}
    for difference in differences:
        if difference.op == "+" or _attributes_only(difference):
            continue
        loose = difference.before.get("k") == "loose" and difference.before["t"] != "d"
        for path in groups.get(difference.path, [difference.path]):
            tree = layers.place(trees, path, loose=loose)
            if tree is not None:
                found.setdefault(tree, set()).add(path)
    return found


def _root(differences: list[Difference], problems: list[str]) -> None:
    """``/`` itself, which is never copied."""
    for difference in differences:
        if difference.path == "/":
            try:
                layers.dress("/", difference.before)
            except OSError as error:
                problems.append("file /: %s" % error)


def _attributes_only(difference: Difference) -> bool:
    """Logs, caches, and directories of which only mode and owner are kept."""
    return difference.op == "~" and difference.before.get("k") in ("loose", "shell") and (
        difference.before["t"] == difference.now["t"]
    )  # fmt: skip


def _loosely(differences: list[Difference], tree: str, problems: list[str]) -> None:
    for difference in differences:
        old, path = difference.before, difference.path
        missing = (
            difference.op == "-" and old.get("k") == "loose" and old["t"] == "f" and not os.path.lexists(tree + path)
        )
        if not missing and not _attributes_only(difference):
            continue
        try:
            if missing:  # too large to keep: at least its place, mode and owner
                with open(path, "x"):
                    pass
            if old["t"] != "l":
                os.chown(path, old["u"], old["g"])
                os.chmod(path, old["m"])
        except OSError as error:
            problems.append("file %s: %s" % (path, error.strerror))


def _times(differences: list[Difference], copies: Iterable[str], target: str) -> None:
    """Directories' modification times, deepest first: what was done in them moved these."""
    places = {os.path.dirname(difference.path) for difference in differences} | set(copies)
    places |= {os.path.dirname(path) for path in copies}
    found: list[Entry] = [
        entry
        for entry in read(target, having=('"t":"d"',))
        if entry["t"] == "d" and "mt" in entry and entry["p"] in places
    ]
    for entry in reversed(found):
        try:
            info = os.stat(entry["p"])
            if info.st_mtime_ns != entry["mt"]:
                os.utime(entry["p"], ns=(info.st_atime_ns, entry["mt"]))
        except OSError:  # it could not be restored, which the verification tells
            continue
