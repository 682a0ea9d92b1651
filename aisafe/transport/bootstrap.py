"""The command that starts the agent on a host: one round trip when it is there, two when it must be brought first.

The host answers with lines that start with ``aisafe:``, so that a banner, a prompt or a shell's noise is told apart:
``need`` (send the archive now), ``here`` (the agent listens), ``no-python``, ``old-python VERSION``, ``damaged``,
``cannot-write REASON`` and ``crashed REASON``.
"""

from __future__ import annotations

import posixpath
import re
import shlex

MARK = b"aisafe:"
OLDEST = (3, 8)
NEWEST_KNOWN = 20
"""Interpreters are looked for down from python3.20."""

# The archive is kept as it came, to be checked by its hash, and once more with its bytecode (agent/bytecode.py).
# Runs on whatever Python the host has: nothing newer than Python 2.7 until the version is checked.
SOURCE = """
import os, sys
def say(text):
    os.write(1, ("aisafe:%s\\n" % text).encode())
if sys.version_info < (3, 8):
    say("old-python %d.%d.%d" % sys.version_info[:3]); sys.exit(3)
import hashlib
version, size = sys.argv[1], int(sys.argv[2])
root = os.geteuid() == 0
place = "/var/lib/aisafe/bin" if root else os.path.expanduser("~/.cache/aisafe")
path = os.path.join(place, "agent-%s.pyz" % version)
def good(data):
    return hashlib.sha256(data).hexdigest()[:12] == version
def there():
    try:
        with open(path, "rb") as file:
            return good(file.read())
    except OSError:
        return False
if not there():
    say("need")
    data = b""
    while len(data) < size:
        part = os.read(0, size - len(data))
        if not part:
            sys.exit(3)
        data += part
    if not good(data):
        say("damaged"); sys.exit(3)
    scratch = "%s.%d" % (path, os.getpid())
    try:
        os.makedirs(place, exist_ok=True)
        if root:
            os.chmod("/var/lib/aisafe", 0o711); os.chmod(place, 0o755)
        with open(scratch, "wb") as file:
            file.write(data); file.flush(); os.fsync(file.fileno())
        os.chmod(scratch, 0o644)
        os.rename(scratch, path)
    except OSError as error:
        try:
            os.unlink(scratch)
        except OSError:
            pass
        say("cannot-write %s: %s" % (error.filename or path, error.strerror)); sys.exit(3)
fast = "%s.%s.pyz" % (path[:-4], sys.implementation.cache_tag)
try:
    if not os.path.exists(fast):
        sys.path.insert(0, path)
        from agent.bytecode import compiled
        try:
            compiled(path)
        except OSError:
            fast = path
        for name in [name for name in sys.modules if name.split(".")[0] == "agent"]:
            del sys.modules[name]
        sys.path.pop(0)
    sys.path.insert(0, fast)
    from agent.main import main
    say("here")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    code = main(["serve"])
except Exception as error:
    say("crashed %s: %s" % (type(error).__name__, error)); sys.exit(3)
sys.exit(code)
"""


_PYTHON = re.compile(r"(python|pypy|platform-python)[\d.]*")


def interpreter(named: str) -> str | None:
    """The words of ``ansible_python_interpreter`` quoted for ``sh``; None where they are no interpreter of Python alone.

    The inventory is under judgement itself: with another program, or with a program text as an argument, something of its
    choice would run on the host before anybody has seen what.
    """
    try:
        words = shlex.split(named)
    except ValueError:
        return None
    if len(words) == 2 and posixpath.basename(words[0]) == "env" and _PYTHON.fullmatch(words[1]):
        return shlex.join(words)
    if len(words) != 1 or not _PYTHON.fullmatch(posixpath.basename(words[0])):
        return None
    return shlex.join(words)


def command(*, version: str, size: int, python: str | None, search: bool = False, raw_terminal: bool = False) -> str:
    """A command line for ``sh`` that starts the agent.

    ``python``: the interpreter that the inventory names; None means /usr/bin/python3, else python3 from PATH.
    ``search``: look for any Python that is new enough, which costs a start of each. ``raw_terminal``: the line runs on
    a terminal, which must then pass bytes on as they are (termios(3), "Raw mode").
    """
    arguments = f"-c {shlex.quote(SOURCE)} {shlex.quote(version)} {size}"
    settle = "stty raw -echo; " if raw_terminal else ""
    if python and not search:
        quoted = interpreter(python)
        if quoted is None:
            raise ValueError(f"{python!r} is no interpreter of Python")
        there = f"command -v {shlex.quote(shlex.split(quoted)[0])} >/dev/null"
        return f"{settle}{there} && exec {quoted} {arguments}; echo aisafe:no-python"
    names = ["/usr/bin/python3", "python3"]
    there = "command -v $p >/dev/null"
    if search:
        names = [f"python3.{minor}" for minor in range(NEWEST_KNOWN, OLDEST[1] - 1, -1)] + names
        there += f" && $p -c 'import sys; sys.exit(sys.version_info < {OLDEST})' 2>/dev/null"
    return f"{settle}for p in {' '.join(names)}; do {there} && exec $p {arguments}; done; echo aisafe:no-python"
