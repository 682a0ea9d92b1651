"""Ask the hosts. A host that cannot be asked is a state with a blind spot, never an error and never an empty host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from aisafe.errors import AgentError, HostError
from aisafe.model import BlindSpot, Collected, Connection, HostState
from aisafe.model.codec import load
from aisafe.transport.local_listeners import local_listeners
from aisafe.transport.open import UnsupportedConnection
from aisafe.transport.payload import FactsPayload
from aisafe.transport.pool import SessionPool

FORKS = 25
"""Hosts asked at once: asking is waiting, so more than ansible's default of 5."""


def collect(
    connections: Mapping[str, Connection], *, sessions: SessionPool, facts: FactsPayload | None = None,
    progress: Callable[[str], None] | None = None, fresh: bool = False, forks: int = FORKS,
) -> Collected:  # fmt: skip
    """The state of every host, in parallel. ``facts``: gather ansible's facts as well. ``fresh``: over new connections.

    ``progress`` gets one line a host. Raises nothing for a host: what went wrong is its blind spot of kind ``host``.
    """

    def one(host: str) -> tuple[HostState, Mapping[str, Any] | None]:
        try:
            found = _ask(connections[host], sessions, facts, fresh=fresh)
        except HostError as error:
            found = unseen(host, error), None
        except Exception as error:  # a bug while asking one host must count as not having seen it
            reason = f"{host} could not be asked: {type(error).__name__}: {error}"
            found = unseen(host, HostError(host, reason, fix="This is a bug of aisafe; report it.")), None
        if progress is not None:
            progress(f"{host}: {_summary(found[0])}")
        return found

    if not connections:
        return Collected()
    with ThreadPoolExecutor(max_workers=max(1, min(forks, len(connections)))) as pool:
        answers = dict(zip(connections, pool.map(one, connections), strict=True))
    return Collected(
        states={host: state for host, (state, _) in answers.items()},
        facts={host: given for host, (_, given) in answers.items() if given is not None},
    )


def _ask(
    connection: Connection, sessions: SessionPool, facts: FactsPayload | None, *, fresh: bool
) -> tuple[HostState, Mapping[str, Any] | None]:
    host = connection.host
    session = sessions.fresh(host) if fresh else sessions.session(host)
    if facts is None:
        answer = session.call("state")
    else:
        asked = {"version": facts.version, "as_login": not connection.become_method}
        try:
            answer = session.call("state", {"facts": asked})
        except AgentError as error:
            if error.code != "no-payload":
                raise
            answer = session.call("state", {"facts": {**asked, "payload": facts.text}})
    given, came = answer.pop("facts", None), answer.pop("came", {})
    try:
        state = load(HostState, {**answer, "host": host})
    except ValueError as error:
        raise HostError(host, f"{host}: the agent's answer cannot be understood: {error}.",
                        fix="This is a bug of aisafe; report it.") from None  # fmt: skip
    if session.login is not None:
        state = replace(state, login=replace(session.login, **came))
    if connection.connection.rsplit(".", 1)[-1] == "local":
        state = local_listeners(state)
    return state, given


def unseen(host: str, error: HostError) -> HostState:
    """The state of a host that could not be asked."""
    kind = "inventory" if isinstance(error, UnsupportedConnection) else "host"
    spot = BlindSpot(kind=kind, reason=error.message, fix=error.fix, blocks=True)  # type: ignore[arg-type]
    return HostState(host=host, taken_at=datetime.now(UTC), blind_spots=(spot,))


def _summary(state: HostState) -> str:
    blind = [spot for spot in state.blind_spots if spot.blocks]
    if any(spot.kind in ("host", "inventory") for spot in blind):
        return "not seen"
    seen = f"{len(state.listeners)} sockets, {len(state.units)} units, {len(state.containers)} containers"
    return seen + (f", {len(blind)} blind spots" if blind else "")
