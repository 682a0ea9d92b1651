"""The proof that copies are what is on the host: each file is read there and, beside it, in the copy.

What a walk did not read is read now, so that the bytes which are summed are the ones that were compared. Two processes
share it where there are many copies and two processors.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import shutil
import signal
import stat
from typing import Iterator

from .contents import alike, attributes, opened
from .lines import NOT_OF_COPIES, Cursor, Entry, decode, has, is_directory, lines_of, of_copy, path_of, plain, unread
from .manifest import Walk, anew

LARGE = 4 << 20
"""Bytes of a list of copies, some twenty thousand: to read so many files takes longer than to begin a process."""

PR_SET_PDEATHSIG = 1
CRASHED = 255
"""No number of an error (errno(3))."""


def prove(walk: Walk, tree: str, listed: str) -> list[str]:
    """The paths whose copies are not what the walk found; logs and caches go on, and are none of them.

    Args:
        walk: of the host. It learns what could not be looked at.
        tree: where the copies are.
        listed: the manifest's lines of what was copied. Those without content get theirs, and those of files that are
            gone by now go.

    Raises OSError: something could not be read.
    """
    if os.path.getsize(listed) < LARGE or processors() < 2:
        return sorted({*_prove(walk, tree, listed), *_surplus(tree, listed)})
    rest, told = listed + ".rest", listed + ".told"
    _cut(listed, rest)
    other = _in_a_process_of_its_own(walk, tree, rest, told)
    try:
        differing = _prove(walk, tree, listed)
    finally:
        _, status = os.waitpid(other, 0)
    if status != 0:
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else CRASHED
        why = "the process that read it crashed, or was killed" if code == CRASHED else os.strerror(code)
        text = "half of %s could not be read: %s" % (tree, why)
        with contextlib.suppress(OSError, ValueError), open(told, encoding="utf-8") as file:
            text = str(json.load(file))
        raise OSError(code, text)
    with open(told, encoding="utf-8") as file:
        found = json.load(file)
    walk.unseen.update(found["unseen"])
    with open(rest, "rb") as tail, open(listed, "ab") as whole:
        shutil.copyfileobj(tail, whole)
    for name in (rest, told):
        os.unlink(name)
    return sorted({*differing, *found["differing"], *_surplus(tree, listed)})


def fill(manifest: str, listed: str) -> int:
    """Put the lines that were completed into the manifest; returns how many of its files are gone."""
    known, gone = Cursor(lines_of(listed)), 0
    with anew(manifest) as file:
        for line in lines_of(manifest):
            whole = known.line(path_of(line)) if unread(line) else line
            gone += not whole
            file.write(whole)
    return gone


def processors() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0))


def _prove(walk: Walk, tree: str, listed: str) -> list[str]:
    copies, differing = Walk(walk.scope, root=tree), []
    with anew(listed) as file:
        for line in lines_of(listed):
            path, whole = path_of(line), line
            try:
                as_copied = False
                if unread(line):
                    whole = _both(walk, tree, path, line)
                    as_copied = bool(whole)
                    whole = whole or walk.finished(path, line)
                if not whole:  # it is gone; a copy of it is one too many
                    continue
                if not as_copied and not _as_copied(copies, tree, path, whole):
                    differing.append(path)
            except OSError as error:
                raise OSError(error.errno, "%s or its copy could not be read: %s" % (path, error.strerror)) from error
            file.write(whole)
    return differing


def _both(walk: Walk, tree: str, path: str, line: str) -> str:
    """The line of a plain file with its content, when file and copy are what it says and hold the same; else '', also when
    one of them cannot be opened: each is then looked at on its own, which tells why or raises. Raises OSError."""
    try:
        here = opened(path)
    except OSError:
        return ""
    try:
        there = opened(tree + path)
    except OSError:
        os.close(here)
        return ""
    try:
        info, copied = os.fstat(here), os.fstat(there)
        if not walk.is_plain(path, info, line) or not stat.S_ISREG(copied.st_mode):
            return ""
        if plain(path, copied) != of_copy(line)[:-2]:
            return ""
        summed = alike(here, there, info.st_size)
        whole = walk.with_content(path, here, info, line, summed) if summed else ""
        if not whole or attributes(tree + path) != (decode(whole)[0]["x"] if has(whole, "x") else {}):
            return ""
        return whole
    except FileNotFoundError:  # attributes are asked by name
        return ""
    finally:
        os.close(here)
        os.close(there)


def _as_copied(copies: Walk, tree: str, path: str, line: str) -> bool:
    """Whether a copy is what a whole line says, as far as copies can be."""
    wanted = decode(line)[0]
    if wanted.get("k") == "loose" and wanted["t"] != "d":
        return True
    if "hl" in wanted and not _same_file(tree + wanted["hl"], tree + path):
        return False
    found = copies.described(path, wanted.get("k", "exact"))
    return found is not None and bool(_comparable(wanted) == _comparable(found))


def _comparable(entry: Entry) -> Entry:
    return {name: value for name, value in entry.items() if name not in NOT_OF_COPIES and name != "hl"}


def _same_file(one: str, other: str) -> bool:
    """Whether both names are there, of one file. Raises OSError: it cannot be known."""
    try:
        return os.path.samestat(os.lstat(one), os.lstat(other))
    except (FileNotFoundError, NotADirectoryError):
        return False


def _surplus(tree: str, listed: str) -> list[str]:
    """What lies among the copies and is not in their list; new logs are none of it."""
    found: list[str] = []
    for directory, names, loose in _directories(listed):
        place = tree + directory
        there = os.scandir(place) if os.path.isdir(place) and not os.path.islink(place) else ()
        for one in there:
            directory_too = one.is_dir(follow_symlinks=False)
            if one.name not in names and (directory_too or not loose):
                found.append(directory.rstrip("/") + "/" + one.name)
                found += _inside(tree, found[-1]) if directory_too else []
    return found


def _inside(tree: str, directory: str) -> list[str]:
    return [os.path.join(place, name)[len(tree) :] for place, directories, files in os.walk(tree + directory)
            for name in (*directories, *files)]  # fmt: skip


def _directories(listed: str) -> Iterator[tuple[str, set[str], bool]]:
    """Each directory of a list, the names that are listed in it, and whether it is one of logs or caches."""
    inside: list[tuple[str, set[str], bool]] = []
    for line in lines_of(listed):
        path = path_of(line)
        parent, _, name = path.rpartition("/")
        while inside and inside[-1][0] != (parent or "/"):
            yield inside.pop()
        if inside:
            inside[-1][1].add(name)
        if is_directory(line):
            inside.append((path, set(), '"k":"loose"' in line))
    while inside:
        yield inside.pop()


def _cut(path: str, rest: str) -> None:
    """Move the lines of a file's second half to another one."""
    with open(path, "rb+") as whole, open(rest, "wb") as tail:
        os.fchmod(tail.fileno(), 0o600)
        whole.seek(os.path.getsize(path) // 2)
        whole.readline()
        middle = whole.tell()
        shutil.copyfileobj(whole, tail)
        whole.truncate(middle)


def _in_a_process_of_its_own(walk: Walk, tree: str, listed: str, told: str) -> int:
    """Do it there, and return the process's id; its exit code is 0 when that was done, else errno's or CRASHED."""
    parent = os.getpid()
    child = os.fork()
    if child != 0:
        return child
    status = CRASHED
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # nobody reads a snapshot that nobody takes
        if os.getppid() == parent:
            differing = _prove(walk, tree, listed)
            with open(told, "w", encoding="utf-8") as file:
                os.fchmod(file.fileno(), 0o600)
                json.dump({"differing": differing, "unseen": walk.unseen}, file)
            status = 0
    except OSError as error:
        status = error.errno or errno.EIO
        with contextlib.suppress(OSError), open(told, "w", encoding="utf-8") as file:  # else the number tells it alone
            json.dump(error.strerror, file)
    finally:
        os._exit(status)
