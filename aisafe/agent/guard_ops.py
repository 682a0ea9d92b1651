"""The guard's operations for the controller (OPS), and the words by which the host's own units call it (main)."""

from __future__ import annotations

import os
import sys
from typing import Any, Callable, Dict

from . import docker, firewall, layers, network, rollback, settings, snapshot, sockets, talk, uninstall, units, watchdog
from .copies import Progress
from .engine import Engine, EngineError
from .failure import AgentFailure
from .lines import lines_of
from .manifest import Walk
from .retention import KEEP_RUNS, retain
from .scope import Scope
from .store import ENDED, Run, Store, boot_id, now, write, write_json

Args = Dict[str, Any]

STATE_WORDS = {
    "": "it is not known on this host",
    "snapshotting": "its snapshot is still being taken",
    "armed": "it is armed",
    "rolling-back": "the host is rolling it back at this moment",
    "rolled-back": "the host rolled it back",
    "rollback-incomplete": "the host rolled it back, but not everything came back",
    "confirmed": "it is confirmed",
}


def archive() -> str:
    """The zip file that this agent runs from. Raises AgentFailure: it runs from a directory and cannot be pinned."""
    path = getattr(globals().get("__loader__"), "archive", "")
    if not path:
        raise AgentFailure(
            "no-archive", "The agent does not run from its .pyz file, so its units could not run it later."
        )
    return str(path)


def arm(args: Args, progress: Progress) -> dict[str, Any]:
    """Snapshot and arm. See snapshot.Arming."""
    return snapshot.Arming(Store(), args, progress)(archive())


def beat(args: Args, progress: Progress) -> dict[str, Any]:
    """The controller lives: the deadline is its full time away again."""
    run = _armed(Store(), args)
    talk.note(run)
    seconds = float(args.get("deadline") or run.record.get("deadline") or 60)
    return {"state": run.state, "left": watchdog.push(run, seconds)}


def confirm(args: Args, progress: Progress) -> dict[str, Any]:
    """Keep what the run did. The rename of its state decides against the deadline."""
    store = Store()
    run = _armed(store, args)
    watchdog.push(run, float(run.record.get("deadline") or 60))
    progress("recording the state after the run")
    _record_after(run)
    with store.lock("run %s is being confirmed" % run.ident, wait=30):
        if not run.move("armed", "confirmed"):
            raise _not_armed(run)
        run.use_reserve()
        run.note(confirmed_at=now(), ended_at=now(), confirmed_boot_id=boot_id())
        store.clear_pending(run)
        running = [_process(pid) for pid in watchdog.members(run) if not _is_sleep(pid)]
        watchdog.close_apply(store, run)
        if os.path.exists(run.file("docker.json")):
            docker.drop_kept(run, Engine())
        retain(store, int(run.record.get("keep") or KEEP_RUNS), spare=run)
    return {"state": run.state, "left_running": running}


def _record_after(run: Run) -> None:
    """What a later three-way restore needs, and whoever asks whether the host still is as it was confirmed."""
    write_json(run.file("units.after.json"), units.units())
    write_json(run.file("sockets.after.json"), sockets.listening())
    write_json(run.file("firewall.after.json"), firewall.snapshot())
    write_json(run.file("settings.after.json"), settings.snapshot())
    write_json(run.file("network.after.json"), network.snapshot())
    blind = []
    if os.path.exists(run.file("docker.json")):
        try:
            write_json(run.file("docker.after.json"), docker.state(Engine()))
        except EngineError as error:
            blind.append("containers, images, networks and volumes: %s" % error)
    walk = Walk(Scope.load(run.record["scope"]), cache=lines_of(run.file("before.jsonl")))
    walk.write(run.file("after.jsonl"))
    run.note(gaps=[*(run.record.get("gaps") or []), *("at the confirmation, " + line for line in blind + walk.blind)])


def roll_back(args: Args, progress: Progress) -> dict[str, Any]:
    """Start the host's own rollback; it goes on without this session."""
    store = Store()
    run = store.run(str(args.get("run", "")))
    state = run.state
    if state in ("rolled-back", "rollback-incomplete"):
        return {"state": state}
    if state not in ("armed", "rolling-back", "confirmed"):
        raise _not_armed(run)
    if state == "confirmed":
        _reopen(store, run, bool(args.get("force")))
    run.use_reserve()
    if state != "rolling-back":
        run.note(source="controller", reason=str(args.get("reason") or "asked for"))
    problem = watchdog.start_rollback()
    if problem and state == "armed":  # the run broke the unit: the watchdog, which runs already, does it
        watchdog.push(run, 0.0)
    elif problem:
        raise AgentFailure(
            "not-started", "The host's rollback could not be started: %s" % problem,
            "The run is %s; the host rolls back by itself when its deadline is over." % STATE_WORDS[run.state],
        )  # fmt: skip
    elif state == "armed" and not run.move("armed", "rolling-back") and run.state == "confirmed":
        raise _not_armed(run)  # a confirmation came first; after this answer none is taken any more
    return {"state": "rolling-back"}


def _reopen(store: Store, run: Run, force: bool) -> None:
    """Make a confirmed run the pending one again."""
    with store.lock("run %s is being rolled back" % run.ident, wait=30):
        pending = store.pending_run()
        if pending is not None:
            raise AgentFailure("locked", "Run %s holds this host (%s)." % (pending.ident, pending.state))
        if not layers.whole(run) or not os.path.exists(run.file("after.jsonl")):
            raise AgentFailure("no-snapshot", "The snapshot of run %s is not on this host any more." % run.ident)
        since = run.record.get("since", "")
        newer = [other.ident for other in store.all_runs()
                 if other.state == "confirmed" and other.ident != run.ident
                 and other.record.get("since", "") >= since]  # fmt: skip
        if newer and not force:
            raise AgentFailure("not-newest", "Run %s was confirmed on this host after run %s." % (newer[-1], run.ident),
                               fix="Roll that one back first, or force this one.")  # fmt: skip
        for name in ("target.jsonl", "units.run.json", "changed.json"):
            if os.path.exists(run.file(name)):
                os.unlink(run.file(name))
        run.move("confirmed", "rolling-back")
        store.set_pending(run)


def status(args: Args, progress: Progress) -> dict[str, Any]:
    """What is pending, how a run ended, which runs have snapshots here. Whose end was told is marked as heard of."""
    store = Store()
    if os.geteuid() != 0:
        raise AgentFailure("no-root", "Only root may see the guard's runs on this host.")
    pending, asked = store.pending_run(), None
    if args.get("run"):
        run = store.run(str(args["run"]))
        if run.state:
            asked = _story(run)
            if run.state in ENDED and not os.path.exists(run.file("acknowledged")):
                write(run.file("acknowledged"), now())
    return {"pending": _story(pending) if pending is not None and pending.state else None, "run": asked,
            "runs": [_story(run) for run in store.all_runs() if run.state]}  # fmt: skip


def _story(run: Run) -> dict[str, Any]:
    record = run.record
    told = {name: record.get(name) for name in (
        "since", "holder", "source", "reason", "step", "seconds", "ended_at", "residue", "conflicts", "problems",
        "restarted", "attempts")}  # fmt: skip
    left = watchdog.left(run) if run.state == "armed" else None
    return dict(told, run=run.ident, state=run.state, not_restored=record.get("gaps") or [], deadline_left=left)


def stop_processes(args: Args, progress: Progress) -> dict[str, Any]:
    """End what the run still has running, background jobs included. Nothing more of it runs on this host afterwards."""
    store = Store()
    return {"problems": watchdog.kill_apply(store, _armed(store, args))}


def _armed(store: Store, args: Args) -> Run:
    run = store.run(str(args.get("run", "")))
    if run.state != "armed":
        raise _not_armed(run)
    return run


def _not_armed(run: Run) -> AgentFailure:
    words = STATE_WORDS[run.state]
    return AgentFailure("not-armed", "Run %s is not armed: %s." % (run.ident, words), "%s." % words.capitalize())


def _process(pid: int) -> str:
    try:
        with open("/proc/%d/comm" % pid) as text:
            return "%d %s" % (pid, text.read().strip())
    except OSError:
        return "%d" % pid


def _is_sleep(pid: int) -> bool:
    """The group's own place holder."""
    try:
        with open("/proc/%d/cmdline" % pid) as text:
            return text.read() == "/bin/sleep\0infinity\0"
    except OSError:
        return True


OPS: Dict[str, Callable[[Args, Progress], Dict[str, Any]]] = {
    "arm": arm,
    "beat": beat,
    "confirm": confirm,
    "rollback": roll_back,
    "status": status,
    "stop_processes": stop_processes,
    "uninstall": uninstall.uninstall,
}


def main(argv: list[str]) -> int:
    """The words of the host's own units: ``rollback [--source WHO]``, ``watch``, ``boot``; ``ready`` loads and does nothing."""
    word, rest = (argv[0] if argv else ""), argv[1:]
    if word == "ready":
        return 0
    store = Store()
    if word == "rollback":
        source = rest[1] if rest[:1] == ["--source"] else "controller"
        return watchdog.detached(lambda: int(rollback.perform(store, source) == "rolling-back"))
    run = store.pending_run()
    if word == "watch":
        if run is not None:
            return watchdog.detached(lambda: watchdog.watch(run, lambda: rollback.perform(store, "watchdog")))
        return 0
    if word == "boot":
        if run is not None:
            _after_boot(store, run)
        elif os.path.lexists(store.unfinished):
            _clear_away(store)
        return 0
    sys.stderr.write("usage: agent serve | rollback [--source watchdog|boot|controller] | watch | boot\n")
    return 2


def _clear_away(store: Store) -> None:
    """A snapshot during which the host went down: nothing had been applied yet."""
    store.prepare()
    with store.lock("an unfinished snapshot is cleared away", wait=30):
        for run in store.all_runs():
            if run.state in ("", "snapshotting"):
                snapshot.abandon(store, run)


def _after_boot(store: Store, run: Run) -> None:
    """An armed run gets its whole deadline again; a rollback goes on; an unfinished snapshot is dropped."""
    store.prepare()
    if run.state == "armed":
        watchdog.push(run, float(run.record.get("deadline") or 60))
        watchdog.start_watching()
    elif run.state == "rolling-back":
        write(os.path.join(store.runtime, "closed"), run.ident, mode=0o644)
        watchdog.start_rollback()
    else:
        store.clear_pending(run)
        if run.state == "snapshotting":
            snapshot.abandon(store, run)
