"""The conversation with the agent, its start and becoming root, over an acted pipe."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable

import pytest

from aisafe.errors import AgentError, HostError, NoRights, Unreachable
from aisafe.model import Connection
from aisafe.transport import become, payload
from aisafe.transport.session import RemoteTrace, Session, begin

HERE = b"aisafe:here\n"


class ActedPipe:
    """Gives its parts one at a time; a function makes its part from what was sent so far; None is silence."""

    def __init__(self, *parts: bytes | Callable[[bytes], bytes] | None) -> None:
        self.parts, self.sent, self.closed = list(parts), b"", False

    def send(self, data: bytes) -> None:
        if self.closed:
            raise BrokenPipeError
        self.sent += data

    def receive(self, seconds: float) -> bytes:
        part = self.parts.pop(0) if self.parts else b""
        if part is None:
            raise TimeoutError
        return part(self.sent) if callable(part) else part

    def close(self) -> None:
        self.closed = True


class Starter:
    """Hands out acted pipes, and remembers the command lines."""

    def __init__(self, *pipes: ActedPipe) -> None:
        self.pipes, self.lines, self.terminals = list(pipes), [], []  # type: ignore[var-annotated]

    def __call__(self, line: str, terminal: bool) -> ActedPipe:
        self.lines.append(line)
        self.terminals.append(terminal)
        return self.pipes.pop(0)


def _session(*parts: bytes | None) -> tuple[Session, ActedPipe]:
    pipe = ActedPipe(*parts)
    return Session(Connection(host="web1"), pipe), pipe


def test_call() -> None:
    answer = b'noise\n{"id": 1, "progress": "half"}\n{"id": 9, "ok": {}}\n{"id": 1, "ok": {"a": 1}}\n'
    session, pipe = _session(answer[:20], answer[20:])
    heard: list[str] = []
    assert session.call("state", {"x": 1}, progress=heard.append) == {"a": 1}
    assert heard == ["half"]
    assert json.loads(pipe.sent) == {"id": 1, "op": "state", "args": {"x": 1}}


def test_agent_error() -> None:
    error = {
        "code": "no-rsync",
        "message": "rsync is missing",
        "state": "untouched",
        "fix": "install it",
        "trace": "Trace…",
    }
    session, _ = _session(json.dumps({"id": 1, "error": error}).encode() + b"\n")
    with pytest.raises(AgentError) as caught:
        session.call("arm")
    assert (caught.value.code, str(caught.value)) == ("no-rsync", "web1: rsync is missing. untouched. install it.")
    assert isinstance(caught.value.__cause__, RemoteTrace)
    assert not session.closed


@pytest.mark.parametrize(("part", "words"), [(None, "no answer to 'state' within 3 s"), (b"", "broke during 'state'")])
def test_lost_connection(part: bytes | None, words: str) -> None:
    session, pipe = _session(part)
    with pytest.raises(Unreachable, match=words):
        session.call("state", timeout=3)
    assert session.closed
    assert pipe.closed
    with pytest.raises(Unreachable, match="closed"):
        session.call("state")


def test_start_as_root() -> None:
    start = Starter(ActedPipe(b"Welcome!\naisafe:he", b'here\n{"id": 1, "ok": {}}\n'.removeprefix(b"he")))
    with begin(Connection(host="web1"), start, is_root=True) as session:
        assert session.call("read") == {}
    assert "sudo" not in start.lines[0]


def test_agent_is_brought_when_needed() -> None:
    data = payload.agent().data
    pipe = ActedPipe(b"aisafe:need\n", lambda sent: HERE if sent == data else b"aisafe:damaged\n")
    begin(Connection(host="web1"), Starter(pipe), is_root=True)
    assert pipe.sent == data


@pytest.mark.parametrize(
    ("line", "kind", "words"),
    [
        (b"aisafe:cannot-write /var/lib/aisafe: No space left on device\n", HostError, "put on the host: .*No space"),
        (b"aisafe:damaged\n", Unreachable, "damaged"),
        (b"aisafe:crashed ImportError: x\n", HostError, "failed at its start: ImportError: x"),
        (
            b"This account is currently not available.\n",
            Unreachable,
            "it said: This account is currently not available",
        ),
    ],
)
def test_bad_start(line: bytes, kind: type[HostError], words: str) -> None:
    with pytest.raises(kind, match=words):
        begin(Connection(host="web1"), Starter(ActedPipe(line)), is_root=True)


def test_silent_start() -> None:
    with pytest.raises(Unreachable, match="did not start in time; it said: hello"):
        begin(Connection(host="web1"), Starter(ActedPipe(b"hello\n", None)), is_root=True)


def test_python_is_searched() -> None:
    start = Starter(ActedPipe(b"aisafe:old-python 3.6.8\n"), ActedPipe(HERE))
    begin(Connection(host="web1"), start, is_root=True)
    assert "python3.13" not in start.lines[0]
    assert "python3.13" in start.lines[1]


@pytest.mark.parametrize(
    ("python", "pipes", "words"),
    [
        (None, [b"aisafe:no-python\n", b"aisafe:no-python\n"], "web1: no Python was found"),
        (None, [b"aisafe:old-python 3.6.8\n", b"aisafe:old-python 3.7.1\n"], "Python 3.7.1 is too old"),
        ("/opt/pypy3", [b"aisafe:no-python\n"], "no Python was found at /opt/pypy3"),
        ("auto_silent", [b"aisafe:no-python\n", b"aisafe:no-python\n"], "no Python was found"),
    ],
)
def test_no_python(python: str | None, pipes: list[bytes], words: str) -> None:
    start = Starter(*(ActedPipe(line) for line in pipes))
    with pytest.raises(HostError, match=words):
        begin(Connection(host="web1", python=python), start, is_root=True)
    assert start.pipes == []


@pytest.mark.parametrize(
    "named",
    ["/usr/bin/python3; touch /tmp/x", "/usr/bin/python3 -c 'evil'", "/usr/bin/touch", "/bin/sh", "/usr/bin/env sh",
     "$(touch /tmp/x)/python3 x", "/x/'unclosed"],
)  # fmt: skip
def test_an_interpreter_that_is_something_else_is_not_run(named: str) -> None:
    start = Starter()
    with pytest.raises(HostError, match="which is no Python interpreter alone: it was not run"):
        begin(Connection(host="web1", python=named), start, is_root=True)
    assert start.lines == []


@pytest.mark.parametrize(
    "values",
    [
        {"become_exe": "/srv/evil"}, {"become_exe": "sudo; touch x"}, {"become_exe": "./sudo"}, {"become_flags": "touch /x #"},
        {"become_flags": "-H; touch x"}, {"become_flags": "-u ann"}, {"become_method": "su", "become_flags": "-c evil"},
        {"become_method": "su", "become_exe": "/bin/sh"}, {"become_flags": "'unclosed"},
    ],
)  # fmt: skip
def test_a_way_to_root_that_is_something_else_is_not_run(values: dict[str, str]) -> None:
    start = Starter()
    with pytest.raises(NoRights, match="before it is judged"):
        begin(Connection(host="web1", **{"become_method": "sudo", **values}), start, is_root=False)  # type: ignore[arg-type]
    assert start.lines == []


def _prompt(line: str) -> bytes:
    return shlex.split(line)[shlex.split(line).index("-p") + 1].encode()


def test_sudo_password() -> None:
    connection = Connection(host="web1", become_method="sudo", become_password="s3cret")
    start = Starter(ActedPipe())
    pipe = start.pipes[0]
    pipe.parts = [lambda sent: _prompt(start.lines[0]), lambda sent: HERE if sent == b"s3cret\n" else b""]
    begin(connection, start, is_root=False)
    assert pipe.sent == b"s3cret\n"
    assert "s3cret" not in start.lines[0]


def test_password_is_not_sent_unasked() -> None:
    connection = Connection(host="web1", become_method="sudo", become_password="s3cret")
    pipe = ActedPipe(HERE)
    begin(connection, Starter(pipe), is_root=False)
    assert pipe.sent == b""


def test_wrong_sudo_password() -> None:
    connection = Connection(host="web1", become_method="sudo", become_password="s3cret")
    start = Starter(ActedPipe())
    start.pipes[0].parts = [lambda sent: _prompt(start.lines[0])] * 2
    with pytest.raises(NoRights, match="the password for sudo is wrong") as caught:
        begin(connection, start, is_root=False)
    assert "s3cret" not in str(caught.value)


def test_su() -> None:
    connection = Connection(host="web1", become_method="su", become_password="s3cret")
    start = Starter(ActedPipe(b"Password: ", lambda sent: HERE if sent == b"s3cret\n" else b""))
    begin(connection, start, is_root=False)
    assert start.terminals == [True]
    assert re.search(r"stty raw -echo", start.lines[0])


@pytest.mark.parametrize(
    ("method", "said", "words"),
    [
        ("sudo", b"sudo: a password is required\n", "sudo asks for a password, and none was given"),
        ("sudo", b"bob is not in the sudoers file.\n", "sudo does not allow it"),
        ("sudo", b"sudo: sorry, you must have a tty to run sudo\n", "requiretty"),
        ("sudo", b"/bin/sh: 1: sudo: not found\n", "sudo is missing"),
        ("su", b"\r\nsu: Authentication failure\r\n", "the password for su is wrong"),
        ("su", b"Password: ", "su asks for a password, and none was given"),
    ],
)
def test_no_rights(method: str, said: bytes, words: str) -> None:
    with pytest.raises(NoRights, match=words) as caught:
        begin(Connection(host="web1", become_method=method), Starter(ActedPipe(said)), is_root=False)
    assert caught.value.fix


def test_unknown_become_method_fails_closed() -> None:
    start = Starter(ActedPipe(HERE))
    with pytest.raises(NoRights, match="'pfexec' is not supported yet"):
        begin(Connection(host="web1", become_method="pfexec"), start, is_root=False)
    assert start.lines == []


def test_without_become_the_user_will_do() -> None:
    start = Starter(ActedPipe(b"sudo: a password is required\n"), ActedPipe(HERE))
    begin(Connection(host="web1"), start, is_root=False)
    assert ["sudo" in line for line in start.lines] == [True, False]


def test_echoed_password_is_not_shown() -> None:
    connection = Connection(host="web1", become_method="su", become_password="s3cret")
    with pytest.raises(Unreachable) as caught:
        begin(connection, Starter(ActedPipe(b"Password: ", b"s3cret\r\nbroken shell s3cret\r\n", b"")), is_root=False)
    assert "s3cret" not in str(caught.value)


def test_doas_asks_on_a_terminal_only_where_there_is_a_password() -> None:
    silent = become.wrap(
        Connection(host="h", become_method="community.general.doas"), "agent", method="doas", optional=False
    )
    assert silent.command == "LC_ALL=C doas  -n -u root /bin/sh -c agent"
    assert (silent.terminal, silent.prompt) == (False, None)
    asked = become.wrap(Connection(host="h", become_password="x"), "agent", method="doas", optional=False)
    assert "-n" not in asked.command
    assert asked.terminal
    assert asked.prompt is not None
    assert asked.prompt.search(b"doas (ann@web1) password: ")
