"""The files of a host, as the outside observer sees them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .asking import ObservationError, ask

ROOTS = ("/etc", "/usr", "/opt", "/root", "/home", "/srv", "/var/lib", "/var/spool/cron")
# Flags that a file system sets for itself (extents, index, encryption, inline data); chattr(1). The others count.
OWN_FLAGS = "eIEN-"
DEEP_ROOTS = (*ROOTS[:-2], "/boot", "/var")
DEEP_PRUNED = ("/var/log", "/var/cache", "/var/tmp", "/var/lib/apt/lists")
"""Where any login or package manager leaves something, whatever the tool under test does."""
Known = dict[tuple[str, str, str, str], dict[str, Any]]
"""(path, inode, ctime, mtime) -> what was read of it: nobody can set a ctime back, so that it need not be read again."""
READ = ("sha256", "xattrs", "flags")
ATTEMPTS = 3
"""A file that vanishes between listing and hashing makes a look void; it is then taken again, so often at most."""


def files(
    container: str, pruned: Sequence[str], volumes: bool, *, deep: bool = False, known: Known | None = None
) -> dict[str, dict[str, Any]]:
    roots = [*(DEEP_ROOTS if deep else ROOTS), *(_volumes(container) if volumes else [])]
    pruned = [*pruned, *(DEEP_PRUNED if deep else ())]
    for attempt in range(ATTEMPTS):
        try:
            return _files_once(container, pruned, roots, {} if known is None else known)
        except ObservationError as error:
            if "No such file" not in str(error) or attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _volumes(container: str) -> list[str]:
    """The data of each volume of the inner engine; what lies beside it is the engine's own."""
    found = "find /var/lib/docker/volumes -mindepth 2 -maxdepth 2 -name _data 2>/dev/null || true"
    return ask(container, ["sh", "-c", found]).splitlines()


def _files_once(container: str, pruned: Sequence[str], roots: Sequence[str], known: Known) -> dict[str, dict[str, Any]]:
    conditions = [word for path in pruned for word in ("-o", "-path", path)][1:]
    fields = r"%y\t%m\t%U:%G\t%T@\t%s\t%i\t%n\t%b\t%C@\t%l\0%p\0"
    present = ask(container, ["sh", "-c", 'for p; do [ ! -e "$p" ] || printf "%s\\n" "$p"; done', "-", *roots])
    found = ask(container, ["find", *present.split(), "(", *conditions, ")", "-prune", "-o", "-printf", fields])
    parts = found.split("\0")[:-1]
    entries: dict[str, dict[str, Any]] = {}
    groups: dict[str, list[str]] = {}
    marks: dict[str, tuple[str, str, str, str]] = {}
    for meta, path in zip(parts[::2], parts[1::2], strict=True):
        kind, mode, owner, mtime, size, inode, links, blocks, ctime, target = meta.split("\t", 9)
        marks[path] = (path, inode, ctime, mtime)
        entry: dict[str, Any] = {"type": kind, "mode": mode, "owner": owner, "mtime": mtime}
        if kind != "d":  # a directory's size says how its file system keeps it, and never shrinks
            entry["size"] = int(size)
            if links != "1":
                groups.setdefault(inode, []).append(path)
        if kind == "l":
            entry["target"] = target
        if kind == "f" and int(blocks) * 512 < int(size):
            entry["sparse"] = True
        entries[path] = entry
    # Each home directory says whether Ansible's own directory is in it: see listing.differences.
    homes = r"find /root /home -maxdepth 2 -name .ansible -printf '%h\0' 2>/dev/null || true"
    for parent in ask(container, ["sh", "-c", homes]).split("\0"):
        if parent in entries:
            entries[parent]["scratch"] = ".ansible"
    for group in groups.values():
        for path in group:
            entries[path]["links"] = " ".join(sorted(group))
    unread = {path: entry for path, entry in entries.items() if marks[path] not in known}
    with ThreadPoolExecutor(max_workers=3) as pool:
        attributes = pool.submit(_attributes, container, unread)
        flags = pool.submit(_flags, container, unread)
        hashes = _hashes(container, [path for path, entry in unread.items() if entry["type"] == "f"])
    for name, values in (("sha256", hashes), ("xattrs", attributes.result()), ("flags", flags.result())):
        for path, value in values.items():
            entries[path][name] = value
    for path, entry in entries.items():
        if path in unread:
            known[marks[path]] = {name: entry[name] for name in READ if name in entry}
        else:
            entry.update(known[marks[path]])
    return entries


def _odd(path: str) -> bool:
    """Whether a tool would print the name in another form than it is."""
    return any(character in path for character in "\n\\") or not path.isprintable()


def _batched(container: str, command: str, paths: Sequence[str]) -> str:
    return ask(container, ["xargs", "-0", "-r", "-n", "2000", "sh", "-c", command, "-"], "\0".join(paths))


def _hashes(container: str, paths: Sequence[str]) -> dict[str, str]:
    """sha256 of files. openssl is six times as quick as sha256sum, and prints in the order of its arguments."""
    plain, odd = [path for path in paths if not _odd(path)], [path for path in paths if _odd(path)]
    quick = 'if command -v openssl >/dev/null; then openssl dgst -sha256 -r "$@"; else sha256sum -b "$@"; fi'
    halves = [plain[::2], plain[1::2]]
    with ThreadPoolExecutor(max_workers=2) as pool:
        outputs = list(pool.map(lambda half: _batched(container, quick, half), halves))
    hashes: dict[str, str] = {}
    for output in outputs:
        for line in output.splitlines():
            hashes[line[66:]] = line[:64]
    for entry in _batched(container, 'sha256sum -z "$@"', odd).split("\0")[:-1]:
        hashes[entry[66:]] = entry[:64]
    missing = {*paths} ^ {*hashes}
    if missing:
        raise ObservationError(f"{container}: no hash, or one too many, for {sorted(missing)[:5]}")
    return hashes


def _attributes(container: str, paths: Sequence[str] | dict[str, Any]) -> dict[str, dict[str, str]]:
    """Extended attributes, among them ACLs (system.posix_acl_*) and capabilities, in hexadecimal."""
    output = _batched(container, 'getfattr -h -d -m - -e hex --absolute-names -- "$@"', [*paths])
    found: dict[str, dict[str, str]] = {}
    for block in output.split("\n\n"):
        first, *rest = block.strip("\n").split("\n")
        if first.startswith("# file: "):
            # getfattr(1) writes odd bytes of a name as backslash and three octal digits
            raw = re.sub(
                rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), first[8:].encode(errors="surrogateescape")
            )
            found[raw.decode(errors="surrogateescape")] = dict(line.split("=", 1) for line in rest if "=" in line)
    return found


def _flags(container: str, entries: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Flags that chattr(1) sets, such as immutable, of files and directories. One line for each, in order."""
    every = [path for path, entry in entries.items() if entry["type"] in "fd"]
    paths, odd = [path for path in every if not _odd(path)], [path for path in every if _odd(path)]
    # A file system without flags (tmpfs) makes lsattr complain about each file: that is no flag, not a failure.
    command = 'lsattr -d -- "$@" 2>&1 | grep -v "^lsattr: \\(Inappropriate ioctl\\|Operation not supp\\)" || true'
    found: dict[str, str] = {}
    lines = _batched(container, command, paths).splitlines()
    for path in odd:
        lines.append(_batched(container, command, [path]).split(" ")[0] + f" {path}")
    for line in lines:
        flags, _, path = line.partition(" ")
        if path not in entries:
            raise ObservationError(f"{container}: lsattr: {line} (No such file?)")
        kept = "".join(flag for flag in flags if flag not in OWN_FLAGS)
        if kept:
            found[path] = kept
    return found
