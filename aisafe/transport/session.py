"""A conversation with the agent of one host: JSON lines over a pipe (see :mod:`aisafe.agent.main`)."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from aisafe.errors import AgentError, HostError, NoRights, Unreachable
from aisafe.model import Connection, Login
from aisafe.transport import become, bootstrap, payload
from aisafe.transport.pipe import Pipe, remaining

START = 30.0
"""Seconds that the agent may take to start, its upload included, beyond the connection's own time-out."""
CALL = 120.0
"""Seconds that one answer may take unless the caller knows better; progress starts the time again."""
NOISE = 2000
"""Bytes of unexpected output that are kept for the message."""


REPORT = "This is a bug of aisafe: run it again with --aisafe-debug, and report what it prints."


class RemoteTrace(Exception):
    """The agent's own traceback, as the cause of an AgentError: shown with --aisafe-debug only."""


class Session:
    """Thread-safe: one call at a time, in the order in which they come. ``login``: how it came in, when that was by SSH."""

    def __init__(
        self, connection: Connection, pipe: Pipe, rest: bytes = b"", close: Callable[[], None] | None = None
    ) -> None:
        self.host = connection.host
        self.login: Login | None = None
        self._pipe, self._rest, self._close = pipe, rest, close
        self._lock = threading.Lock()
        self._ident = 0
        self.closed = False

    def call(
        self, op: str, args: Mapping[str, Any] | None = None, *,
        progress: Callable[[str], None] | None = None, timeout: float = CALL,
    ) -> dict[str, Any]:  # fmt: skip
        """What the operation answers. ``timeout``: seconds without any word from the host.

        Raises Unreachable when the connection breaks or nothing comes in time, AgentError with the agent's own reason.
        After the first of them the session is closed.
        """
        with self._lock:
            if self.closed:
                raise Unreachable(self.host, f"{self.host}: the connection is closed.", state="")
            self._ident += 1
            request = {"id": self._ident, "op": op, "args": args or {}}
            try:
                self._pipe.send(json.dumps(request).encode() + b"\n")
                while True:
                    answer = self._line(timeout)
                    if answer.get("id") != self._ident:
                        continue
                    if "progress" not in answer:
                        return self._result(answer)
                    if progress is not None:
                        progress(str(answer["progress"]))
            except TimeoutError:
                self.close()
                why = f"{self.host}: the agent gave no answer to '{op}' within {timeout:.0f} s."
                raise Unreachable(self.host, why, state="What it was doing may still go on.") from None
            except (OSError, EOFError):
                self.close()
                why = f"{self.host}: the connection broke during '{op}'."
                raise Unreachable(self.host, why, state="What the agent was doing may still go on.") from None

    def _line(self, seconds: float) -> dict[str, Any]:
        """The next line that is a JSON object; anything else on the stream is not the agent's."""
        end = time.monotonic() + seconds
        while True:
            while b"\n" not in self._rest:
                part = self._pipe.receive(remaining(end))
                if not part:
                    raise EOFError
                self._rest += part
            line, self._rest = self._rest.split(b"\n", 1)
            if line.startswith(b"{"):
                try:
                    answer = json.loads(line)
                except ValueError:
                    continue
                if isinstance(answer, dict):
                    return answer

    def _result(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        if "ok" in answer:
            return dict(answer["ok"])
        error = answer.get("error") or {}
        text = str(error.get("message", "no reason given"))
        raise AgentError(
            self.host, f"{self.host}: {text}", code=str(error.get("code", "unknown")),
            state=str(error.get("state", "")), fix=str(error.get("fix") or (REPORT if error.get("trace") else "")),
        ) from (RemoteTrace(error["trace"]) if error.get("trace") else None)  # fmt: skip

    def close(self) -> None:
        self.closed = True
        self._pipe.close()
        if self._close is not None:
            self._close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


Start = Callable[[str, bool], Pipe]
"""Runs a command line for ``sh`` on the host; the flag asks for a terminal. Raises Unreachable."""


def begin(connection: Connection, start: Start, *, is_root: bool, close: Callable[[], None] | None = None) -> Session:
    """Start the agent, as root wherever that can be had, and bring it when the host does not have it yet.

    Raises NoRights, Unreachable, or HostError when the host has no Python that the agent can use, or no space for it.
    """
    method, optional = become.plan(connection, is_root=is_root)
    python = None if (connection.python or "").startswith("auto") else connection.python
    if python and bootstrap.interpreter(python) is None:
        raise HostError(
            connection.host,
            f"{connection.host}: ansible_python_interpreter is {python!r}, which is no Python interpreter alone: it was not "
            "run before it is judged.",
            fix="Name the interpreter itself, such as /usr/bin/python3.",
        )
    try:
        return _attempt(connection, start, method, optional, python, close=close)
    except _NoPython as error:
        if python:
            raise HostError(
                connection.host, f"{connection.host}: {error} at {python}.",
                fix="Set ansible_python_interpreter to Python 3.8 or newer on that host.",
            ) from None  # fmt: skip
    except NoRights:
        if not optional:
            raise
        return begin_unprivileged(connection, start, python, close=close)
    try:
        return _attempt(connection, start, method, optional, None, search=True, close=close)
    except _NoPython as error:
        raise HostError(
            connection.host, f"{connection.host}: {error}.",
            fix="Install Python 3.8 or newer there (apt-get install python3), or set ansible_python_interpreter.",
        ) from None  # fmt: skip


def begin_unprivileged(
    connection: Connection, start: Start, python: str | None, close: Callable[[], None] | None
) -> Session:
    """As the login user: what only root may read becomes a blind spot of the state."""
    try:
        return _attempt(connection, start, "", False, python, search=python is None, close=close)
    except _NoPython as error:
        fix = "Install Python 3.8 or newer there, or set ansible_python_interpreter."
        raise HostError(connection.host, f"{connection.host}: {error}.", fix=fix) from None


class _NoPython(Exception):
    pass


def _attempt(
    connection: Connection, start: Start, method: str, optional: bool, python: str | None, *,
    search: bool = False, close: Callable[[], None] | None,
) -> Session:  # fmt: skip
    agent = payload.agent()
    inner = bootstrap.command(
        version=agent.version,
        size=len(agent.data),
        python=python,
        search=search,
        raw_terminal=become.on_terminal(connection, method),
    )
    becoming = become.wrap(connection, inner, method=method, optional=optional)
    pipe = start(becoming.command, becoming.terminal)
    try:
        rest = _greet(connection, pipe, becoming, agent)
    except BaseException:
        pipe.close()
        raise
    return Session(connection, pipe, rest, close)


def _greet(connection: Connection, pipe: Pipe, becoming: become.Becoming, agent: payload.Payload) -> bytes:
    """Answer prompts, send the agent when asked to; returns what came after its greeting."""
    end = time.monotonic() + connection.timeout + START
    seen = b""
    asked = False
    while True:
        try:
            part = pipe.receive(remaining(end))
        except TimeoutError:
            why = f"{connection.host}: the agent did not start in time{_quote(seen, becoming)}."
            raise Unreachable(connection.host, why) from None
        except OSError:
            part = b""
        seen += part
        while (match := re.search(rb"aisafe:([a-z-]+) ?([^\r\n]*)\r?\n", seen)) is not None:
            word, detail, rest = match[1].decode(), match[2].decode(errors="replace"), seen[match.end() :]
            if word == "here":
                return rest
            if word != "need":
                raise _refusal(connection, word, detail)
            pipe.send(agent.data)
            seen = rest
        if not part:
            said = seen.decode(errors="replace")
            raise become.refused(connection, becoming, said) or Unreachable(
                connection.host, f"{connection.host}: the agent did not start{_quote(seen, becoming)}.",
                fix="Check that the login shell on the host runs commands (ssh HOST true).",
            )  # fmt: skip
        if becoming.prompt is not None and becoming.prompt.search(seen):
            if becoming.password is None:
                raise become.failure(connection, f"{becoming.method} asks for a password, and none was given",
                                     "Run with -K (--ask-become-pass), or set ansible_become_password.")  # fmt: skip
            if asked:
                why = f"the password for {becoming.method} is wrong"
                raise become.failure(connection, why, "Check the become password.")
            asked, seen = True, b""
            pipe.send(becoming.password.encode() + b"\n")


def _refusal(connection: Connection, word: str, detail: str) -> Exception:
    host = connection.host
    if word == "no-python":
        return _NoPython("no Python was found")
    if word == "old-python":
        return _NoPython(f"Python {detail} is too old for the agent, which needs 3.8 or newer")
    if word == "cannot-write":
        return HostError(host, f"{host}: the agent cannot be put on the host: {detail}.",
                         fix="Make room, or make the file system writable.")  # fmt: skip
    if word == "damaged":
        return Unreachable(host, f"{host}: the agent arrived damaged.", fix="Try again; then check the connection.")
    why = f"{host}: the agent failed at its start: {detail}."
    return HostError(host, why, fix="This is a bug of aisafe; report it.")


def _quote(seen: bytes, becoming: become.Becoming) -> str:
    """The last words of the host's output, without any password that a terminal may have echoed."""
    text = seen[-NOISE:].decode(errors="replace")
    if becoming.password:
        text = text.replace(becoming.password, "…")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"; it said: {lines[-1]}" if lines else ""
