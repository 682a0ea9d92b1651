"""The real ansible-playbook, as a child with our terminal: its output and its exit code are those of a plain run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from aisafe.model import Applied, TaskResult
from aisafe.playbook.configuration import plugin_path
from aisafe.playbook.program import deeper

PATIENCE = 10.0
"""Seconds that the child may take to end after it was interrupted."""
PLUGINS = Path(__file__).parent / "plugins"


def apply(
    program: Path,
    arguments: Sequence[str],
    *,
    environ: Mapping[str, str],
    results: Path,
    shells: Mapping[str, str],
    stop: threading.Event,
) -> Applied:
    """Run it to its end and say how it went. ``shells``: guarded host -> the shell its remote processes run in.

    ``results``: the file where our callback writes what each task came to. Signals that we get are passed on; Ctrl-C
    reaches the child by itself, being in the same foreground process group. When ``stop`` is set (a host has rolled itself
    back under the run) the child is interrupted, as with Ctrl-C.
    """
    cwd = Path.cwd()
    env = deeper(environ)
    env["ANSIBLE_CALLBACK_PLUGINS"] = plugin_path(environ, cwd, kind="callback", add=PLUGINS / "callback")
    env["AISAFE_RESULTS"] = str(results)
    if shells:
        env["ANSIBLE_VARS_PLUGINS"] = plugin_path(environ, cwd, kind="vars", add=PLUGINS / "vars")
        env["AISAFE_SHELLS"] = json.dumps(dict(shells))
    results.touch(mode=0o600)
    started = datetime.now(UTC)
    with subprocess.Popen([str(program), *arguments], env=env) as child, _forwarded(child):
        code = _wait(child, stop)
    return Applied(
        exit_code=code if code >= 0 else 128 - code,
        started_at=started,
        ended_at=datetime.now(UTC),
        results=tuple(read_results(results)),
    )


def _wait(child: subprocess.Popen[bytes], stop: threading.Event) -> int:
    told: float | None = None
    while True:
        try:
            return child.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            if stop.is_set() and told is None:
                child.send_signal(signal.SIGINT)
                told = time.monotonic()
            elif told is not None and time.monotonic() - told > PATIENCE:
                child.terminate()  # a job in the background (nohup, cron) inherits that SIGINT is ignored


def read_results(path: Path) -> Iterator[TaskResult]:
    """The results that the callback wrote; a last line cut short by a crash is left out."""
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            return
        if "status" in entry:
            yield TaskResult(**entry)


@contextmanager
def _forwarded(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Pass SIGTERM and SIGHUP on to the child, and SIGINT where no terminal does it; we ourselves wait for the child."""

    def forward(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT and _terminal_signals_child():
            return
        if child.poll() is None:
            child.send_signal(number)

    before = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminal_signals_child() -> bool:
    try:
        descriptor = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(descriptor)
