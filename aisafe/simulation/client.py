"""The controller's side of the simulation: starts the child, hands it what it needs, answers its questions."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from aisafe import errors
from aisafe.errors import AisafeError, AnsibleError
from aisafe.simulation import configuration, wire
from aisafe.simulation.advice import advice

if TYPE_CHECKING:  # the child is to start before anything else is imported
    from aisafe.effects.api import LiveFile
    from aisafe.model import Forecast, HostState, Target
    from aisafe.model.codec import Parts

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_LONGEST = 512 * 1024**2
"""Bytes of all that the child tells: a forecast of 500 hosts has 25 MiB."""
_LOG_TAIL = 2000  # characters of the child's stderr that an error may quote with --aisafe-debug


class _Late(Exception):
    pass


class _TooLong(wire.Closed):
    pass


class Simulation:
    """One child process that foresees one run. Use it as a context manager: leaving ends the child.

    ``argv``: as for ansible-playbook, without its name. ``trust``: files and directories whose code may run; ``base``:
    where relative paths of the settings file start, for messages. ``allow_untested``: see compat.require_tested.
    ``vault_passwords``: vault id -> password, ``default`` for --ask-vault-pass. ``time_limit``: seconds for each of the
    two steps. ``memory_limit``: bytes of address space. ``salt``: mark each
    task with a digest of what it is given. Secrets go through a pipe, never through arguments or the
    environment.
    """

    worker = "aisafe.simulation.worker"

    def __init__(
        self,
        *,
        argv: Sequence[str],
        cwd: Path,
        environ: Mapping[str, str],
        trust: Sequence[Path] = (),
        base: Path | None = None,
        allow_untested: bool = False,
        vault_passwords: Mapping[str, str] | None = None,
        connection_password: str | None = None,
        become_password: str | None = None,
        salt: str = "",
        time_limit: float = 120.0,
        memory_limit: int = 2 * 1024**3,
    ) -> None:
        self._argv, self._cwd, self._environ, self._trust = list(argv), cwd, dict(environ), list(trust)
        self._base, self._allow_untested = base or cwd, allow_untested
        self._secrets = (dict(vault_passwords or {}), connection_password, become_password)
        self._time_limit, self._memory_limit, self._salt = time_limit, memory_limit, salt
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._to_child: BinaryIO | None = None
        self._from_child: BinaryIO | None = None
        self._log: BinaryIO | None = None
        self._buffer = b""
        self._told = 0  # bytes, by the child
        self._allowed = time_limit  # seconds, of the step that goes on
        self._target: Target | None = None
        self.loaded: tuple[str, ...] = ()
        """Absolute paths of playbooks that ansible itself would load as well; known after :meth:`target`."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the child and send it the setup; it works while the caller does other things.

        Raises UsageError for a configuration file that cannot be read.
        """
        if self._process is not None:
            return
        taken = configuration.take_over(cwd=self._cwd, environ=self._environ)
        self._scratch = tempfile.TemporaryDirectory(prefix="aisafe-simulation-")
        scratch = Path(self._scratch.name)
        (scratch / "ansible.cfg").write_text(taken.text(), encoding="utf-8")
        (scratch / "tmp").mkdir()
        environment = configuration.environment(self._environ, config=scratch / "ansible.cfg", scratch=scratch / "tmp")
        environment["PYTHONPATH"] = str(_PACKAGE_ROOT)
        child_in, to_child = os.pipe()
        from_child, child_out = os.pipe()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", self.worker, str(child_in), str(child_out)],
                cwd=self._cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._log,
                pass_fds=(child_in, child_out),
                start_new_session=True,
            )
        finally:
            os.close(child_in)
            os.close(child_out)
        self._to_child, self._from_child = os.fdopen(to_child, "wb"), os.fdopen(from_child, "rb", buffering=0)
        vault, connection, become = self._secrets
        setup = {
            "argv": self._argv,
            "cwd": str(self._cwd),
            "own": taken.own,
            "trust": [str(path) for path in self._trust],
            "base": str(self._base),
            "allow_untested": self._allow_untested,
            "left_out": taken.left_out(self._environ),
            "vault": vault,
            "connection_password": connection,
            "become_password": become,
            "salt": self._salt,
            "time_limit": self._time_limit * 2,
            "memory_limit": self._memory_limit,
        }
        with contextlib.suppress(wire.Closed):
            wire.send(self._to_child, setup)

    def target(self) -> Target:
        """Whom the run addresses. Raises UsageError and AnsibleError, in ansible's own words."""
        if self._target is not None:
            return self._target
        self.start()
        from aisafe.model import Target  # noqa: PLC0415
        from aisafe.model.codec import load  # noqa: PLC0415

        try:
            message = self._next(self._deadline())
        except (wire.Closed, _Late) as error:
            raise AnsibleError(f"The playbook could not be read: {self._epitaph(error)}.") from None
        self._target = load(Target, message["target"])
        self.loaded = tuple(message["loaded"])
        return self._target

    def forecast(
        self,
        *,
        states: Mapping[str, HostState],
        facts: Mapping[str, Mapping[str, Any]],
        read: Callable[[str, Sequence[str]], Mapping[str, LiveFile]],
        unread: str = "",
    ) -> Forecast:
        """What the run does to hosts in these states; call :meth:`target` first.

        ``facts``: by host, with the names that ``setup`` gives them. ``read`` is called from here, while the child
        waits; with ``unread``, the reason why no live file can be read, it is not. A child that dies, or goes over its
        limits, yields an incomplete forecast with a note ``stopped``.
        """
        from aisafe.model import Forecast, HostForecast, Note  # noqa: PLC0415
        from aisafe.model.codec import Parts, load  # noqa: PLC0415

        if self._to_child is None or self._target is None:
            raise RuntimeError("target() comes first")
        self._allowed = self._time_limit + wire.HOST_TIME * max(0, len(states) - 1)
        deadline = time.monotonic() + self._allowed
        try:
            self._tell(states, facts, unread)
            parts, hosts = Parts(), {}
            while True:
                message = self._next(deadline, parts)
                if "host" in message:
                    hosts[message["host"]] = parts.load(HostForecast, message["of"])
                    continue
                if "forecast" in message:
                    return replace(load(Forecast, message["forecast"]), hosts=hosts)
                began = time.monotonic()
                found = read(message["read"], message["paths"])
                deadline += time.monotonic() - began  # the hosts' time is not the simulation's
                wire.send(self._to_child, {"files": {path: wire.dump_file(file) for path, file in found.items()}})
        except (wire.Closed, _Late) as error:
            return Forecast(
                complete=False,
                notes=(Note(kind="stopped", message=f"the simulation ended early: {self._epitaph(error)}"),),
            )

    def _tell(self, states: Mapping[str, HostState], facts: Mapping[str, Mapping[str, Any]], unread: str) -> None:
        """One message a host, so that there is never the text of all of them."""
        from aisafe.model.codec import Parts  # noqa: PLC0415

        assert self._to_child is not None
        parts, names = Parts(), list(dict.fromkeys([*states, *facts]))
        wire.send(self._to_child, {"hosts": len(names), "unread": unread})
        for name in names:
            state = parts.dump(states[name]) if name in states else None
            wire.send(self._to_child, {"host": name, "state": state, "facts": facts.get(name)})

    def close(self) -> None:
        """End the child and remove its scratch directory."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait()
        for pipe in (self._to_child, self._from_child, self._log):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._to_child = self._from_child = self._log = None
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None

    @property
    def log(self) -> str:
        """The end of what the child wrote to stderr, for --aisafe-debug only: it may quote values of the play."""
        if self._log is None:
            return ""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-_LOG_TAIL:]

    def _deadline(self) -> float:
        return time.monotonic() + self._time_limit

    def _next(self, deadline: float, parts: Parts | None = None) -> dict[str, Any]:
        message = self._receive(deadline, parts)
        if "error" in message:
            error = message["error"]
            kind = getattr(errors, error["kind"], AnsibleError)
            if not (isinstance(kind, type) and issubclass(kind, AisafeError)):
                kind = AnsibleError
            fix = error["fix"] or (advice(error["message"]) if kind is AnsibleError else "")
            raised = kind(error["message"], state=error["state"], fix=fix)
            raised.exit_code = error["exit_code"]
            raise raised
        return message

    def _receive(self, deadline: float, parts: Parts | None) -> dict[str, Any]:
        import json  # noqa: PLC0415

        assert self._from_child is not None
        descriptor = self._from_child.fileno()
        chunks = [self._buffer]
        while b"\n" not in chunks[-1]:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise _Late
            chunk = os.read(descriptor, 1 << 20)
            if not chunk:
                raise wire.Closed
            chunks.append(chunk)
            self._told += len(chunk)
            if self._told > _LONGEST:
                raise _TooLong
        line, _, self._buffer = b"".join(chunks).partition(b"\n")
        message: dict[str, Any] = json.loads(line, object_hook=parts)
        return message

    def _epitaph(self, error: Exception) -> str:
        if isinstance(error, _Late):
            return f"it took longer than {self._allowed:.0f} seconds"
        if isinstance(error, _TooLong):
            return f"what it foresees is larger than {_LONGEST >> 20} MiB"
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        code = self._process.returncode
        if "MemoryError" in self.log:
            return f"it needed more than {self._memory_limit >> 20} MiB of memory"
        if code is not None and code < 0:
            return f"its process was ended by signal {-code}"
        return f"its process ended with code {code}"
