"""The dead-man's switch: permanent units, the deadline, the loop that waits for it, and the run's control group.

The deadline counts in CLOCK_BOOTTIME (clock_gettime(2)), so setting the clock moves nothing. It is a loop in a service
of its own and not a timer: every daemon-reload pushes an OnActiveSec= timer back (18 s late in a 12 s test).
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
import traceback
from typing import Any, Callable

from . import command, firststage
from .store import Run, Store, boot_id, read_json, write, write_json

UNIT_DIRECTORY = "/etc/systemd/system"
LOOK = 0.5
"""Seconds between two looks at the deadline."""

START_TIME = 15.0
"""Seconds that the watchdog may take to begin."""

GRACE = 3.0
"""Seconds that the run's processes have between SIGTERM and SIGKILL, and the rollback unit to begin."""

_HEAD = """# Installed by aisafe; it stays, and does nothing while no run is armed.
[Unit]
Description=%s
ConditionPathExists=%s{base}/pending
StartLimitIntervalSec=0
"""
UNITS = {
    # simple and not oneshot: systemd before 244 allows no Restart= with oneshot.
    "aisafe-rollback.service": _HEAD % ("aisafe: undo an unconfirmed run", "")
    + """After=local-fs.target docker.service
RefuseManualStop=yes

[Service]
Type=simple
ExecStart={shell} {base}/pending/agent.sh rollback --source controller
Restart=on-failure
RestartSec=1
OOMScoreAdjust=-900
""",
    # RefuseManualStop: a play that stops `aisafe-*` stops nothing; it ends by itself when its run is armed no more,
    # and is started anew (Restart=always) for the next one, which the condition allows only while there is one.
    "aisafe-watchdog.service": _HEAD % ("aisafe: wait for the word of the controller", "")
    + """RefuseManualStop=yes

[Service]
Type=simple
ExecStart={shell} {base}/pending/agent.sh watch
Restart=always
RestartSec=200ms
TimeoutStopSec=10
OOMScoreAdjust=-900
""",
    "aisafe-boot.service": _HEAD % ("aisafe: go on with an unconfirmed run after a boot", "|")
    + """ConditionPathExists=|{base}/unfinished
After=local-fs.target docker.service

[Service]
Type=oneshot
ExecStart=-{shell} {base}/pending/agent.sh boot
ExecStart=-{shell} {base}/unfinished/agent.sh boot

[Install]
WantedBy=multi-user.target
""",
    # One for each run: what a confirmed run leaves running is not killed with a later run. Slice: instances get one of
    # their own otherwise, that stays until the next boot.
    "aisafe-apply@.service": """# Installed by aisafe; holds the processes of one run.
[Unit]
Description=aisafe: processes of run %I
RefuseManualStop=yes

[Service]
Type=simple
ExecStart=/bin/sleep infinity
Slice=system.slice
Delegate=yes
KillMode=process
OOMPolicy=continue
""",
}
SHELL = """#!/bin/sh
# aisafe: puts the processes of a guarded run into one control group, so that a rollback finds them all.
# Without an armed run, or without the right to join, it is plain /bin/sh.
if [ -e {runtime}/closed ]; then
  echo "aisafe: this host was rolled back, so nothing more of the run is done on it" >&2
  exit 97
fi
if [ -r {runtime}/apply ]; then
  while IFS= read -r procs; do
    if [ -w "$procs" ]; then {{ echo $$ >"$procs"; }} 2>/dev/null; fi
  done <{runtime}/apply
fi
exec /bin/sh "$@"
"""


def install(store: Store, unit_directory: str = UNIT_DIRECTORY) -> None:
    """Write the permanent units and the shell wrapper where they differ, leaving the directories' times alone."""
    changed = False
    for name, raw in UNITS.items():
        text = raw.replace("{base}", store.base).replace("{shell}", firststage.shell(store))
        changed |= _put(os.path.join(unit_directory, name), text, 0o644)
    _put(os.path.join(store.bin, "sh"), SHELL.format(runtime=store.runtime), 0o755)
    wants = os.path.join(unit_directory, "multi-user.target.wants")
    link = os.path.join(wants, "aisafe-boot.service")
    if not os.path.islink(link):
        os.makedirs(wants, exist_ok=True)
        with same_times(wants):
            os.symlink(os.path.join(unit_directory, "aisafe-boot.service"), link)
        changed = True
    if changed:
        command.run(["systemctl", "daemon-reload"], timeout=120)


@contextlib.contextmanager
def same_times(directory: str) -> Any:
    info = os.stat(directory)
    yield
    os.utime(directory, ns=(info.st_atime_ns, info.st_mtime_ns))


def _put(path: str, text: str, mode: int) -> bool:
    try:
        with open(path) as file:
            if file.read() == text and os.stat(path).st_mode & 0o777 == mode:
                return False
    except OSError:
        pass
    with same_times(os.path.dirname(path)):
        write(path, text, mode=mode)
    return True


def pin(run: Run, archive: str, python: str) -> None:
    """Keep the agent that arms in the run's own directory: another version on the host later changes nothing."""
    with open(archive, "rb") as source, open(run.file("agent.pyz"), "wb") as target:
        target.write(source.read())
    write(run.file("agent.sh"), firststage.script(run.store, run, python), mode=0o700)


INIT = "/proc/1/comm"


def boottime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def push(run: Run, seconds: float) -> float:
    """The deadline is ``seconds`` from now. A full disk must not keep the controller's word from being heard."""
    deadline = {"boot_id": boot_id(), "at": boottime() + seconds, "seconds": seconds}
    try:
        write_json(run.file("deadline.json"), deadline)
    except OSError:
        run.use_reserve()
        write_json(run.file("deadline.json"), deadline)
    return seconds


def left(run: Run) -> float | None:
    """Seconds to the deadline; None when it was set before the last boot, or there is none."""
    try:
        deadline = read_json(run.file("deadline.json"))
    except (OSError, ValueError):
        return None
    return float(deadline["at"]) - boottime() if deadline["boot_id"] == boot_id() else None


def watch(run: Run, rollback: Callable[[], object]) -> int:
    """Wait until the run is confirmed, or its deadline is over; then roll back, in this very process.

    Nothing is asked of systemd before: it may be busy (60 daemon-reloads put its answers off by 20 s), and the files of
    the interpreter may be what the run broke, while those of this process are loaded already.
    """
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda received, frame: asked.append(received))
    write(run.file("watching"), "%d" % os.getpid())
    while run.state == "armed":
        if asked and _stopping():
            return 0
        asked.clear()
        remaining = left(run)
        if remaining is None:
            remaining = push(run, float(run.record.get("deadline", 60)))
        if remaining > 0:
            time.sleep(min(LOOK, remaining))
            continue
        run.use_reserve()
        if not run.record.get("source"):
            run.note(source="watchdog", reason="the deadline passed without a word from the controller")
        rollback()
    while run.state == "rolling-back" and not (asked and _stopping()):
        time.sleep(LOOK)  # whatever ends the rollback unit for good, a play included, it begins again
        with contextlib.suppress(command.CommandFailed):
            if command.outcome(["systemctl", "is-active", "aisafe-rollback.service"]).stdout.strip() == "inactive":
                start_rollback()
                time.sleep(GRACE)
    return 0


def detached(work: Callable[[], int]) -> int:
    """Do the work in a child outside of the unit's control group, and wait for it; its exit code.

    Without its unit files, which a run may have deleted, our units obey any ``systemctl stop``: that ends this process
    then, and not the child.
    """
    child = os.fork()
    if child:
        status = os.waitpid(child, 0)[1]
        for place in _refuges():
            with contextlib.suppress(OSError):  # another one is still in it
                os.rmdir(place)
        return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 1
    code = 1
    try:
        os.setsid()
        escape()
        code = work()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def escape() -> None:
    """Leave the unit's control group for one beside PID 1's (cgroups(7)). What cannot be left is only less safe."""
    for place in _refuges():
        with contextlib.suppress(OSError):
            os.makedirs(place, exist_ok=True)
            with open(place + "/cgroup.procs", "w") as procs:
                procs.write(str(os.getpid()))


def _refuges() -> list[str]:
    """One on cgroup v2; on v1 systemd's own hierarchy, and the unified one where both are mounted."""
    with open("/proc/1/cgroup") as text:
        groups = dict(line.rstrip("\n").split(":", 2)[1:] for line in text)
    bases = (("", "/sys/fs/cgroup"), ("", "/sys/fs/cgroup/unified"), ("name=systemd", "/sys/fs/cgroup/systemd"))
    above = [base + os.path.dirname(groups[name]).rstrip("/") for name, base in bases if name in groups]
    return [place + "/aisafe-guard" for place in above if os.path.exists(place + "/cgroup.procs")]


def _stopping() -> bool:
    """The host goes down: a signal was no attempt on this process, and all begins again after the boot.

    At last systemd-shutdown(8) takes systemd's place as process 1: it answers nobody, and waits for who does not go.
    """
    with contextlib.suppress(OSError), open(INIT) as text:
        if text.read().startswith("systemd-shutdow"):  # 15 characters (proc(5), comm)
            return True
    with contextlib.suppress(command.CommandFailed):
        return command.outcome(["systemctl", "is-system-running"], timeout=10).stdout.strip() == "stopping"
    return False


def start(run: Run) -> None:
    """Start the watchdog and wait until it says that it watches this run. Raises CommandFailed."""
    command.run(["systemctl", "reset-failed", "aisafe-watchdog.service"], check=False)
    words = ["systemctl", "start", "aisafe-watchdog.service"]
    command.run(words)
    end = time.monotonic() + START_TIME
    while not os.path.exists(run.file("watching")):
        if time.monotonic() > end:
            raise command.CommandFailed(words, 1, "it does not watch the run after %.0f s" % START_TIME)
        time.sleep(0.02)


def start_watching() -> None:
    """Start the watchdog in a boot, without waiting: systemd is still busy."""
    command.run(["systemctl", "start", "--no-block", "aisafe-watchdog.service"], timeout=30)


def start_rollback() -> str:
    """Start the host's own unit; '' when that worked."""
    try:
        command.run(["systemctl", "reset-failed", "aisafe-rollback.service"], check=False, timeout=10)
        command.run(["systemctl", "start", "--no-block", "aisafe-rollback.service"], timeout=10)
    except command.CommandFailed as error:
        return str(error)
    return ""


def apply_unit(run: Run) -> str:
    """An instance name; escaped as systemd-escape(1) does it for what run names may hold."""
    return "aisafe-apply@%s.service" % run.ident.replace("-", "\\x2d")


def open_apply(run: Run) -> list[str]:
    """Start the unit whose control group takes the run's processes; its cgroup.procs files. Raises CommandFailed."""
    unit = apply_unit(run)
    command.run(["systemctl", "start", unit])
    group = command.run(["systemctl", "show", "--property=ControlGroup", "--value", unit]).strip()
    files = group_files(group)
    if not files:
        raise command.CommandFailed(["systemctl", "start", unit], 1, "its control group %r is not to be found" % group)
    return files


def let_in(store: Store, files: list[str]) -> None:
    """Tell the shell wrapper where the run's processes go."""
    write(os.path.join(store.runtime, "apply"), "".join(path + "\n" for path in files), mode=0o644)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(store.runtime, "closed"))


def group_files(group: str) -> list[str]:
    """cgroup.procs of a control group: one on cgroup v2, systemd's own and the unified one on v1 (cgroups(7))."""
    bases = ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified")
    files = [base + group + "/cgroup.procs" for base in bases]
    return [path for path in files if len(group) > 1 and os.path.exists(path)]


def members(run: Run) -> list[int]:
    """Processes of the run that are still there, children in groups below included."""
    found: set[int] = set()
    for path in run.record.get("groups", ()):
        for directory, _, _ in os.walk(os.path.dirname(path)):
            try:
                with open(os.path.join(directory, "cgroup.procs")) as text:
                    found.update(int(line) for line in text if line.strip())
            except OSError:
                continue
    return sorted(found - {os.getpid()})


def kill_apply(store: Store, run: Run) -> list[str]:
    """End every process of the run, SIGTERM first; what does not go, as readable lines."""
    with contextlib.suppress(OSError):
        write(os.path.join(store.runtime, "closed"), run.ident, mode=0o644)
    end, number = time.monotonic() + GRACE, signal.SIGTERM
    while True:
        pids = members(run)
        if not pids:
            break
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if time.monotonic() > end and number is signal.SIGKILL:
            return ["process %d of the run does not end" % pid for pid in pids]
        if time.monotonic() > end:
            number, end = signal.SIGKILL, time.monotonic() + GRACE
        time.sleep(0.05)
    close_apply(store, run)
    return []


def close_apply(store: Store, run: Run) -> None:
    """Let go of the control group; processes of a confirmed run that go on are left alone (KillMode=process)."""
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(store.runtime, "apply"))
    for words in (["kill", "--kill-who=main"], ["reset-failed"]):  # it refuses to be stopped: a play might do that
        with contextlib.suppress(command.CommandFailed):
            command.run(["systemctl", *words, apply_unit(run)], check=False)
