"""Asking many hosts: each failure is that host's blind spot."""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from aisafe.collect import collect
from aisafe.errors import AgentError, NoRights, Unreachable
from aisafe.model import BlindSpot, Connection, HostState
from aisafe.transport import local_listeners
from aisafe.transport.open import UnsupportedConnection
from aisafe.transport.payload import FactsPayload
from aisafe.transport.pool import SessionPool

STATE = {"taken_at": "2026-01-01T00:00:00+00:00", "root": True}


class ActedSession:
    login = None

    def __init__(self, host: str, answers: Mapping[str, Any]) -> None:
        self.host, self.answers, self.asked, self.closed = host, answers, [], False  # type: ignore[var-annotated]

    def call(self, op: str, args: Mapping[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        self.asked.append((op, args))
        answer = self.answers[op]
        answer = answer(args or {}) if callable(answer) else answer
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    def close(self) -> None:
        self.closed = True


def _pool(hosts: Mapping[str, Any], made: list[ActedSession] | None = None) -> SessionPool:
    """``hosts``: name -> an error of the connection, or the answers of its agent."""

    def opener(connection: Connection) -> Any:
        answers = hosts[connection.host]
        if isinstance(answers, Exception):
            raise answers
        session = ActedSession(connection.host, answers)
        if made is not None:
            made.append(session)
        return session

    return SessionPool({host: Connection(host=host) for host in hosts}, opener=opener)


def _connections(*names: str) -> dict[str, Connection]:
    return {name: Connection(host=name) for name in names}


def test_every_host_has_a_state() -> None:
    hosts = {
        "good": {"state": STATE},
        "down": Unreachable("down", "down cannot be reached: no answer.", fix="Check it."),
        "mere": NoRights("mere", "mere: cannot become root."),
        "agent": {"state": AgentError("agent", "agent: it broke", code="bug")},
        "odd": {"state": {"taken_at": 5}},
        "bug": RuntimeError("boom"),
        "box": UnsupportedConnection("box", "box: not supported"),
    }
    lines: list[str] = []
    found = collect(_connections(*hosts), sessions=_pool(hosts), progress=lines.append).states
    assert list(found) == list(hosts)
    assert found["good"].blind_spots == ()
    assert found["good"].host == "good"
    blind = {name: state.blind_spots[0] for name, state in found.items() if state.blind_spots}
    assert {name: spot.kind for name, spot in blind.items()} == {
        "down": "host", "mere": "host", "agent": "host", "odd": "host", "bug": "host", "box": "inventory",
    }  # fmt: skip
    assert all(spot.blocks and spot.reason.startswith(name) for name, spot in blind.items())
    assert blind["down"].fix == "Check it."
    assert "RuntimeError: boom" in blind["bug"].reason
    assert "odd: the agent's answer cannot be understood: HostState.taken_at" in blind["odd"].reason
    assert sorted(line.split(":")[0] for line in lines) == sorted(hosts)


def test_hosts_are_asked_at_once() -> None:
    together = threading.Barrier(8, timeout=20)

    def answer(args: object) -> Mapping[str, Any]:
        together.wait()
        return STATE

    hosts = {f"web{number}": {"state": answer} for number in range(8)}
    assert not any(state.blind_spots for state in collect(_connections(*hosts), sessions=_pool(hosts)).states.values())


def test_no_hosts() -> None:
    assert collect({}, sessions=SessionPool({})).states == {}


def test_facts_are_brought_once() -> None:
    payload = FactsPayload(version="a" * 64, data=b"program")
    there: list[bytes] = []

    def answer(args: Mapping[str, Any]) -> Any:
        if "payload" in args["facts"]:
            there.append(base64.b64decode(args["facts"]["payload"]))
        return {**STATE, "facts": {"ansible_x": 1}} if there else AgentError("web1", "no payload", code="no-payload")

    made: list[ActedSession] = []
    pool = _pool({"web1": {"state": answer}}, made)
    for _ in range(2):
        assert collect(_connections("web1"), sessions=pool, facts=payload).facts == {"web1": {"ansible_x": 1}}
    assert there == [b"program"]
    assert len(made[0].asked) == 3


def test_failed_facts_are_no_facts() -> None:
    spot = {"kind": "facts", "reason": "setup failed", "blocks": False}
    pool = _pool({"web1": {"state": {**STATE, "blind_spots": [spot]}}})
    found = collect(_connections("web1"), sessions=pool, facts=FactsPayload(version="a" * 64, data=b""))
    assert found.facts == {}
    assert found.states["web1"].blind_spots == (BlindSpot(kind="facts", reason="setup failed", blocks=False),)


def test_pool_keeps_and_renews() -> None:
    made: list[ActedSession] = []
    with _pool({"web1": {"state": STATE}}, made) as pool:
        first = pool.session("web1")
        assert pool.session("web1") is first
        fresh = pool.fresh("web1")
        assert fresh is not first
        assert [session.closed for session in made] == [True, False]
        assert pool.session("web1") is fresh
        fresh.close()
        assert pool.session("web1") is made[2]
    assert made[2].closed
    with pytest.raises(Unreachable, match="no host of this run"):
        pool.session("other")


def test_failed_fresh_keeps_the_open_session() -> None:
    """A login that is cut off must not take away the connection through which the host can be told to go back."""
    hosts: dict[str, Any] = {"web1": {"state": STATE}}
    pool = _pool(hosts)
    first = pool.session("web1")
    hosts["web1"] = Unreachable("web1", "web1 cannot be reached")
    with pytest.raises(Unreachable):
        pool.fresh("web1")
    assert pool.session("web1") is first
    assert not first.closed


def test_read() -> None:
    entry = {"path": "/a", "kind": "file", "content": base64.b64encode(b"\xff").decode(), "mode": 0o644}
    pool = _pool({"web1": {"read": {"files": [entry]}}, "down": Unreachable("down", "down cannot be reached")})
    found = pool.read("web1", ["/a", "/b"])
    assert (found["/a"].content, found["/a"].kind, found["/a"].mode) == (b"\xff", "file", 0o644)
    assert (found["/b"].kind, found["/b"].reason) == ("unseen", "the agent did not say")
    assert pool.read("down", ["/a"])["/a"].reason == "down cannot be reached"


def test_psutil_stands_in_for_local_listeners() -> None:
    import socket

    spot = BlindSpot(kind="listener", reason="no netlink here")
    state = HostState(host="local", taken_at=datetime.now(UTC), blind_spots=(spot,))
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = local_listeners.local_listeners(state)
        assert server.getsockname()[1] in {listener.socket.port for listener in found.listeners}
    assert [spot.kind for spot in found.blind_spots] == ["listener"]
    assert "psutil" in found.blind_spots[0].reason
    plain = HostState(host="local", taken_at=datetime.now(UTC))
    assert local_listeners.local_listeners(plain) is plain
