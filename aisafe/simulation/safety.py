"""What keeps a play from running anything on the controller while it is judged.

Six layers; each is tested with canaries that plain ``ansible-playbook`` sets off (tests/simulation/attacks):

1. lookups on an allow-list;
2. no plugin directories but trusted ones;
3. no plugin, inventory or collection code from files that are not trusted;
4. an own configuration (:mod:`aisafe.simulation.configuration`);
5. this process may start nothing, connect nowhere, write nothing, and read nothing but files and directories (an audit
   hook, PEP 578, which cannot be taken off again; it makes way for trusted code alone, see :func:`lifted`);
6. where nothing is trusted, the kernel refuses the same (:mod:`aisafe.kernel`).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import resource
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from aisafe.frozen import frozen

LOOKUPS = frozenset(
    [
        "vars",
        "varnames",
        "dict",
        "items",
        "list",
        "together",
        "nested",
        "sequence",
        "subelements",
        "indexed_items",
        "flattened",
        "first_found",
        "fileglob",
        "file",
        "template",
        "inventory_hostnames",
        "config",
        "cartesian",
        "env",
        "csvfile",
        "ini",
    ]
)
"""Lookups of ansible.builtin that read variables or controller files and do nothing else."""

SHAPING = frozenset(["items", "list", "dict", "together", "nested", "subelements", "indexed_items", "flattened"])
"""Lookups that only rearrange what they are given."""

READING = frozenset({"file", "template", "csvfile", "ini", "env"})
"""Lookups that bring the content of the controller's files or environment into the forecast."""

RANDOM = frozenset({"random_choice"})
"""Lookups that do no harm and whose value cannot be foreseen."""

RANDOM_FILTERS = frozenset({"password_hash", "random", "shuffle", "vault"})
"""Filters whose result differs with every call, unless a salt or a seed is given."""

_CLONE_NEWNET = 0x40000000  # sched.h, see unshare(2)

_STARTS = frozenset(
    {
        "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn",
        "os.startfile", "os.kill", "os.killpg", "signal.pthread_kill",
    }
)  # fmt: skip
_CONNECTS = frozenset(
    {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}
)
_CODE = frozenset({"ctypes.dlopen", "ctypes.dlsym", "ctypes.call_function", "ctypes.cdata"})
_WRITES = frozenset(
    {
        "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.chmod", "os.chown", "os.chflags", "os.link", "os.symlink",
        "os.truncate", "os.utime", "os.setxattr", "os.removexattr", "os.mkfifo", "os.mknod", "tempfile.mkstemp",
        "tempfile.mkdtemp", "shutil.rmtree", "shutil.move", "shutil.copyfile", "shutil.make_archive", "sqlite3.connect",
    }
)  # fmt: skip
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Refused(PermissionError):
    """The play tried to act on the controller. ``what`` says how, without values."""

    def __init__(self, what: str) -> None:
        super().__init__(f"aisafe refused it: {what}")
        self.what = what


class Trust:
    """Which files may be loaded as code: those of the installation (``roots``) and those the user ``named``."""

    def __init__(self, roots: Iterable[Path | str], *, named: Iterable[Path | str] = ()) -> None:
        self._named = tuple(os.path.realpath(root) + os.sep for root in named)
        self._roots = (*(os.path.realpath(root) + os.sep for root in roots), *self._named)
        self._known: dict[str, bool] = {}

    def __contains__(self, path: str | bytes) -> bool:
        text = os.fsdecode(path)
        if text not in self._known:
            self._known[text] = (os.path.realpath(text) + os.sep).startswith(self._roots)
        return self._known[text]

    def named(self, path: str | bytes) -> bool:
        """Whether the user's ``trust`` covers the file; what came with the installation is not the user's word."""
        return (os.path.realpath(os.fsdecode(path)) + os.sep).startswith(self._named)

    def reaches_into(self, directory: str | bytes) -> bool:
        """Whether something below the directory is named, so that it has to be looked through."""
        top = os.path.realpath(os.fsdecode(directory)) + os.sep
        return any(root.startswith(top) for root in self._named)


@frozen
class Tree:
    """What is under judgement: the project around the working directory and around each playbook.

    ``base``: where paths of ``trust`` start in the settings file.
    """

    roots: tuple[str, ...]
    base: str

    @classmethod
    def of(cls, *, cwd: Path, playbooks: Iterable[str], base: str) -> Tree:
        places = [cwd, *((cwd / name).parent for name in playbooks)]
        return cls(
            roots=tuple(dict.fromkeys(os.path.realpath(_project(place)) + os.sep for place in places)), base=base
        )

    def __contains__(self, path: str | bytes) -> bool:
        return (os.path.realpath(os.fsdecode(path)) + os.sep).startswith(self.roots)

    def private(self, path: str | bytes) -> bool:
        """Whether it lies outside of the project and not everybody may read it: keys, /etc/shadow, /proc/self/environ."""
        try:
            return path not in self and not os.stat(path).st_mode & stat.S_IROTH
        except OSError:
            return False

    def trust(self, *paths: str) -> str:
        """What to do about code of ``paths`` that was refused, in one sentence."""
        shown = [os.path.relpath(path, self.base) if path in self else path for path in paths]
        return f"If it is yours, write in .aisafe.yml: trust: [{', '.join(map(_quoted, shown))}]."


def _quoted(text: str) -> str:
    return text if re.fullmatch(r"[\w./+-]+", text) else json.dumps(text)


def _project(directory: Path) -> Path:
    """The top of the git repository, or the directory itself where there is none, or it is the home directory."""
    place = directory.resolve()
    for above in (place, *place.parents):
        if (above / ".git").exists() and above != Path.home():
            return above
    return place


def installation(*, ansible: Path, collections: Iterable[str], tree: Path, home: str, own: bool) -> list[Path]:
    """The roots of code that came with the installation.

    ``collections``: the configured search path; entries below ``tree`` (the play's) never count, and others only when
    the configuration is the user's ``own``. Those below site-packages, ~/.ansible and /usr/share always do.
    """
    roots = [ansible, Path("/usr/share/ansible/collections")]
    if home:
        roots.append(Path(home) / ".ansible" / "collections")
    roots += [Path(entry) / "ansible_collections" for entry in sys.path if entry and Path(entry).is_absolute()]
    if own:
        below = tree.resolve()
        roots += [Path(entry) for entry in collections if not Path(entry).resolve().is_relative_to(below)]
    return roots


FILE_SIZE = 64 * 1024 * 1024
"""Bytes of a file that this process may write (the inventory cache of a trusted plugin, its own log)."""
OPEN_FILES = 512


def limit(*, memory: int, seconds: float) -> None:
    """Bytes of address space and seconds of CPU that this process may use; the size of what it writes, how many files
    it has open; no core file (setrlimit(2))."""
    for kind, amount in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, int(seconds) + 1),
        (resource.RLIMIT_FSIZE, FILE_SIZE),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        most = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def leave_network() -> bool:
    """Move this process into an empty network namespace (unshare(2)), where that is permitted."""
    if sys.version_info >= (3, 12):
        try:
            os.unshare(os.CLONE_NEWNET)
        except OSError:
            return False
        return True
    with contextlib.suppress(OSError, AttributeError):
        return bool(ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET) == 0)
    return False


_lifted: list[str] = []


@contextlib.contextmanager
def lifted(why: str) -> Iterator[None]:
    """Trusted code runs: what it does is the user's own affair. ``why`` names it."""
    _lifted.append(why)
    try:
        yield
    finally:
        _lifted.pop()


def arm(refuse: Callable[[str], None]) -> None:
    """From now on whatever acts on the controller raises :class:`Refused`; ``refuse`` hears of it first."""

    def stop(what: str) -> None:
        refuse(what)
        raise Refused(what)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if _lifted:
            return
        if event == "open":
            path, mode, flags = arguments
            if isinstance(path, int) or path in ("/dev/null", b"/dev/null"):
                return
            writing = isinstance(mode, str) and any(letter in mode for letter in "wax+")
            if writing or (isinstance(flags, int) and flags & _WRITE_FLAGS):
                stop("writing a file on the controller")
            if _special(path):
                stop(f"reading {os.fsdecode(path)} (a device or a pipe)")
        elif event in _STARTS:
            stop("starting a program on the controller")
        elif event in _CONNECTS:
            stop("using the network from the controller")
        elif event in _WRITES:
            stop("changing a file on the controller")
        elif event in _CODE:
            stop("calling native code on the controller")

    sys.addaudithook(hook)


def _special(path: Any) -> bool:
    """Neither a file nor a directory: reading it might never end."""
    try:
        kind = os.stat(path).st_mode
    except (OSError, TypeError, ValueError):
        return False
    return not (stat.S_ISREG(kind) or stat.S_ISDIR(kind))
