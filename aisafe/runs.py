"""The record of runs: one directory each, written stage by stage, so that a crash leaves what was known until then."""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import json
import os
import secrets
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from aisafe import __version__
from aisafe.config import Settings
from aisafe.errors import AisafeError, UsageError
from aisafe.frozen import frozen
from aisafe.masking import Line, masked_command_line
from aisafe.model import Forecast, HostState, Outcome, Verdict
from aisafe.model.codec import load
from aisafe.recordtext import pieces
from aisafe.versions import ansible_core, installed_version

T = TypeVar("T")


@frozen
class RunRecord:
    """A run as it was recorded. ``outcome`` None: it goes on, or ended without a word (``word`` tells which).

    ``damaged``: what of the record could not be read.
    """

    id: str
    directory: Path
    started_at: datetime | None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outcome: Outcome | None = None
    running: bool = False
    stages: tuple[str, ...] = ()
    events: tuple[Mapping[str, Any], ...] = ()
    damaged: str = ""

    @property
    def word(self) -> str:
        """How it ended: an outcome's word, 'running', or 'interrupted' when nothing wrote its end."""
        if self.outcome is not None:
            return self.outcome.word
        return "running" if self.running else "interrupted"

    def stage(self, name: str) -> Any:
        """What stage ``name`` came to, as plain data; None when the run did not get there."""
        path = self.directory / f"{name}.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def states(self, stage: str = "before") -> dict[str, HostState]:
        """The hosts as they were seen."""
        return {name: load(HostState, item) for name, item in (self.stage(stage) or {}).items()}

    def forecast(self) -> Forecast | None:
        data = self.stage("forecast")
        return None if data is None else load(Forecast, data)

    def verdict(self, stage: str = "verdict") -> Verdict | None:
        """Of the forecast, or with ``stage`` 'proof' of what was there after the run."""
        data = self.stage(stage)
        return None if data is None else load(Verdict, data)


class RunStore:
    """All runs of one user on this machine, in ``root``. What it writes only its owner can read."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def open(
        self, *, argv: Sequence[str], line: Line, settings: Settings, plan_only: bool = False, cwd: Path | None = None
    ) -> RunLog:
        """Begin a record. ``argv``: as given to aisafe, of which only the masked form is kept.

        Raises AisafeError when the directory can't be written.
        """
        self._forget(settings.keep_runs - 1)
        now = datetime.now(UTC)
        run = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        directory = self.root / run
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            directory.mkdir(mode=0o700)
            log = RunLog(run, directory)
            given = inputs(argv, line, settings, cwd=cwd or Path.cwd(), now=now)
            log.keep("inputs", {**given, "command": "plan" if plan_only else "run"})
            if settings.prompt is not None:
                target = directory / "prompt"
                shutil.copyfile(settings.prompt, target)
                target.chmod(0o600)
            elif settings.prompt_text:
                (directory / "prompt").touch(mode=0o600)
                (directory / "prompt").write_text(settings.prompt_text + "\n", encoding="utf-8")
        except OSError as error:
            raise AisafeError(
                f"The run can't be recorded in {directory}: {error.strerror or error}.",
                fix="Make room or rights there, or name another place: AISAFE_STATE_DIR.",
            ) from error
        return log

    def _forget(self, kept: int) -> None:
        """Remove all but the newest ``kept`` records; one that a process still writes stays."""
        for directory in self._directories()[kept:]:
            with suppress(OSError), (directory / "lock").open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(directory)

    def list(self) -> tuple[RunRecord, ...]:
        """All of them, the newest first."""
        return tuple(read_record(path) for path in self._directories())

    def load(self, name: str) -> RunRecord:
        """By id, by a beginning of it (or of its last part) that fits one only, or 'last'. Raises UsageError."""
        known = self._directories()
        if not known:
            raise UsageError(f"No run is recorded in {self.root}.")
        if name == "last":
            return read_record(known[0])
        fits = [path for path in known if path.name.startswith(name) or path.name.partition("-")[2].startswith(name)]
        exact = [path for path in fits if path.name == name]
        if not name or not fits:
            raise UsageError(f"There is no run {name!r}.", fix=f"The last one is {known[0].name}; see aisafe runs.")
        if len(fits) > 1 and not exact:
            names = ", ".join(path.name for path in fits[:5])
            raise UsageError(f"{name!r} fits {len(fits)} runs: {names}.", fix="Give more of its id.")
        return read_record((exact or fits)[0])

    def _directories(self) -> Sequence[Path]:
        if not self.root.is_dir():
            return ()
        return sorted((path for path in self.root.iterdir() if path.is_dir()), key=lambda path: path.name, reverse=True)


class RunLog:
    """The record of a run that goes on; a context that closes the record of what fails."""

    def __init__(self, id: str, directory: Path) -> None:
        self.id, self.directory = id, directory
        self._lock = os.open(directory / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._events = os.open(directory / "events.jsonl", os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._closed = False

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not self._closed:
            code = int(error.exit_code) if isinstance(error, AisafeError) else 1
            text = str(error) if isinstance(error, AisafeError) else type(error).__name__
            self.close(Outcome(exit_code=code, word="failed", message=text))
        self._release()

    def keep(self, stage: str, value: T) -> T:
        """Write what ``stage`` came to, all or nothing, and hand it on. Values of secrets are masked in the file."""
        path = self.directory / f"{stage}.json"
        new = path.with_suffix(".new")
        descriptor = os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(pieces(value))
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
        _sync(self.directory)
        self.event(f"{stage} kept")
        return value

    def event(self, text: str) -> None:
        """Note that something happened just now."""
        line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": text})
        os.write(self._events, (line + "\n").encode())

    def close(self, outcome: Outcome) -> Outcome:
        """Write how the run ended, and hand it on. Without this, the record reads 'interrupted'."""
        if not self._closed:
            self.keep("outcome", outcome)
            self._closed = True
        return outcome

    def _release(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            os.close(self._events)
            self._lock = -1


def inputs(argv: Sequence[str], line: Line, settings: Settings, *, cwd: Path, now: datetime) -> dict[str, Any]:
    """What a run starts from. Every other file of the play is in the forecast, with its hash."""
    return {
        "started_at": now.isoformat(timespec="seconds"),
        "argv": masked_command_line(argv, line),
        "cwd": str(cwd),
        "user": _user(),
        "controller": socket.gethostname(),
        "pid": os.getpid(),
        "versions": {
            "aisafe": __version__, "python": sys.version.split()[0], "ansible-core": ansible_core(),
            "ansible-lint": "" if settings.lint == "off" else installed_version("ansible-lint"),
        },
        "python": sys.executable,
        "playbooks": {name: sha256(cwd / name) for name in line.playbooks},
        "settings": str(settings.source or ""),
        "rules": dict(settings.rules),
        "accepted": [str(accept.rule) + (f"@{accept.host}" if accept.host else "") + f": {accept}"
                     for accept in settings.accept if not accept.expired],
        "trust": [str(path) for path in settings.trust],
        "allow_untested_ansible": settings.allow_untested_ansible,
        "deadline": settings.deadline,
        "settle": settings.settle,
        "waves": list(settings.waves),
        "prompt": {"path": str(settings.prompt), "sha256": sha256(settings.prompt)} if settings.prompt
        else "in the record" if settings.prompt_text else None,
        "model": settings.model,
    }  # fmt: skip


def read_record(directory: Path) -> RunRecord:
    """A run's directory as it is; never raises: what can't be read is told in ``damaged``."""
    problems: list[str] = []
    given = _read(directory / "inputs.json", problems)
    outcome: Outcome | None = None
    if (directory / "outcome.json").is_file():
        try:
            outcome = load(Outcome, _read(directory / "outcome.json", problems))
        except ValueError as error:
            problems.append(f"outcome.json: {error}")
    try:
        started: datetime | None = datetime.fromisoformat(str(given.get("started_at")))
    except ValueError:
        started = _time_of(directory.name)
    return RunRecord(
        id=directory.name, directory=directory, started_at=started, inputs=given, outcome=outcome,
        running=outcome is None and _locked(directory / "lock"),
        stages=tuple(sorted(path.stem for path in directory.glob("*.json"))), events=tuple(_events(directory)),
        damaged="; ".join(problems),
    )  # fmt: skip


def _read(path: Path, problems: list[str]) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        problems.append(f"{path.name} is missing")
    except (OSError, ValueError, TypeError) as error:
        problems.append(f"{path.name}: {error}")
    return {}


def _events(directory: Path) -> Iterator[Mapping[str, Any]]:
    try:
        lines = (directory / "events.jsonl").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:  # the last line of a run that was killed while it wrote
            yield {"at": "", "event": line}


def _time_of(name: str) -> datetime | None:
    try:
        return datetime.strptime(name.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _locked(path: Path) -> bool:
    """Whether the process that writes the record still lives (flock(2) ends with it)."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def sha256(path: Path) -> str:
    """Of a file's content; '' when it can't be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a uid without an account
        return str(os.getuid())
