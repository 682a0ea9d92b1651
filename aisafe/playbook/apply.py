"""The real ansible-playbook, as a child with our terminal: its output and its exit code are those of a plain run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from aisafe.errors import AisafeError
from aisafe.model import Applied, TaskResult
from aisafe.playbook.configuration import plugin_path

PLUGINS = Path(__file__).parent / "plugins"
DEPTH = "AISAFE_DEPTH"


def find_ansible_playbook(environ: Mapping[str, str], configured: str = "") -> Path:
    """The ansible-playbook that applies: configured (AISAFE_ANSIBLE_PLAYBOOK), else the next in PATH that is not us.

    A shim under that name that leads back to aisafe-playbook is passed over. Last, the one installed beside this Python.
    Raises AisafeError when there is none, or when a shim calls us again and again.
    """
    if int(environ.get(DEPTH, "0")) > 3:
        raise AisafeError(
            "aisafe-playbook was started by itself several times over: what it found as ansible-playbook leads back to it.",
            fix="Set AISAFE_ANSIBLE_PLAYBOOK to the path of the real ansible-playbook.",
        )
    if configured:
        path = Path(configured).expanduser()
        if not os.access(path, os.X_OK) or path.is_dir():
            raise AisafeError(f"AISAFE_ANSIBLE_PLAYBOOK names {path}, which is no program that can be run.",
                              fix="Correct it, or unset it: then the one in PATH is used.")  # fmt: skip
        return path
    names = [Path(item or ".") / "ansible-playbook" for item in environ.get("PATH", os.defpath).split(os.pathsep)]
    for path in [*names, Path(sys.executable).parent / "ansible-playbook"]:
        if path.is_file() and os.access(path, os.X_OK) and not _is_shim(path):
            return path
    raise AisafeError(
        "There is no ansible-playbook in PATH nor beside this Python.",
        fix="Install ansible-core, or set AISAFE_ANSIBLE_PLAYBOOK to its path.",
    )


def _is_shim(path: Path) -> bool:
    if path.resolve().name == "aisafe-playbook":
        return True
    with path.open("rb") as file:
        _shebang, _, body = file.read(4096).partition(b"\n")  # the first line may hold any path
    return b"aisafe-playbook" in body or b"aisafe.cli" in body


def run_as_is(program: Path, arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Become ansible-playbook: for questions such as ``--list-tasks``, where nothing of ours is added. Does not return."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(program, [str(program), *arguments], _deeper(environ))  # noqa: S606


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
    env = _deeper(environ)
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
    told = False
    while True:
        try:
            return child.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            if stop.is_set() and not told:
                child.send_signal(signal.SIGINT)
                told = True


def read_results(path: Path) -> Iterator[TaskResult]:
    """The results that the callback wrote; a last line cut short by a crash is left out."""
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            return
        if "status" in entry:
            yield TaskResult(**entry)


def _deeper(environ: Mapping[str, str]) -> dict[str, str]:
    return {**environ, DEPTH: str(int(environ.get(DEPTH, "0")) + 1)}


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


def which_version(program: Path) -> str:
    """The version that ``program`` says it has, '' where it does not say."""
    if shutil.which(str(program)) is None:
        return ""
    done = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False, timeout=60)
    first = done.stdout.partition("\n")[0]
    return first.rpartition(" ")[2].rstrip("]") if first else ""
