"""Commands of the host: bounded in time, in the C locale, with a PATH that sudo or a unit did not cut short."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import IO, Sequence

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class CommandFailed(Exception):
    """``code``: exit code; 127 when the program is not there, 124 when it took too long, negative for a signal."""

    def __init__(self, words: Sequence[str], code: int, text: str) -> None:
        shown = " ".join(words[:6]) + (" …" if len(words) > 6 else "")
        super().__init__("%s exited %d: %s" % (shown, code, text.strip()[-600:] or "no message"))
        self.code = code


BUS_TIME = 150
"""Seconds that systemd may take to answer systemctl; its own 25 are too few on a host that is busy."""


def environment() -> dict[str, str]:
    return {"PATH": PATH, "LC_ALL": "C", "HOME": "/root", "TERM": "dumb", "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0",
            "SYSTEMD_BUS_TIMEOUT": "%ds" % BUS_TIME}  # fmt: skip


def find(program: str) -> str | None:
    return shutil.which(program, path=PATH)


def run(words: Sequence[str], *, timeout: float = 60.0, stdin: str | None = None, check: bool = True) -> str:
    """The command's standard output; ``timeout`` in seconds.

    Raises:
        CommandFailed: not there, too slow, or (with ``check``) another exit code than 0.
    """
    done = outcome(words, timeout=timeout, stdin=stdin)
    if check and done.returncode != 0:
        raise CommandFailed(words, done.returncode, done.stderr or done.stdout)
    return done.stdout


def outcome(
    words: Sequence[str], *, timeout: float = 60.0, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Exit code and both outputs. Raises CommandFailed when it is not there or too slow."""
    try:
        return subprocess.run(
            list(words), input=stdin or "", stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
            check=False, env=environment(), cwd="/", encoding="utf-8", errors="surrogateescape",
        )  # fmt: skip
    except FileNotFoundError:
        raise CommandFailed(words, 127, "%s is not on this host" % words[0]) from None
    except subprocess.TimeoutExpired:
        raise CommandFailed(words, 124, "no end after %.0f s" % timeout) from None
    except OSError as error:
        raise CommandFailed(words, 126, os.strerror(error.errno or 0)) from None


def started(words: Sequence[str], *, stderr: IO[str]) -> subprocess.Popen[str]:
    """A command that reads what is written to it. Raises CommandFailed when it is not there."""
    try:
        return subprocess.Popen(
            list(words), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=stderr,
            env=environment(), cwd="/", encoding="utf-8", errors="surrogateescape",
        )  # fmt: skip
    except FileNotFoundError:
        raise CommandFailed(words, 127, "%s is not on this host" % words[0]) from None
    except OSError as error:
        raise CommandFailed(words, 126, os.strerror(error.errno or 0)) from None
