"""The sessions of one run, kept open between its stages."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aisafe.effects.api import LiveFile
from aisafe.errors import HostError, Unreachable
from aisafe.model import Connection
from aisafe.model.codec import load
from aisafe.transport.open import open_session
from aisafe.transport.session import Session


class SessionPool:
    """At most one session a host; thread-safe. A context manager that closes them all."""

    def __init__(
        self, connections: Mapping[str, Connection], *, opener: Callable[[Connection], Session] = open_session
    ) -> None:
        self._connections, self._opener = dict(connections), opener
        self._open: dict[str, Session] = {}
        self._locks: dict[str, threading.Lock] = {host: threading.Lock() for host in connections}

    def session(self, host: str) -> Session:
        """The open session, else a new one. Raises as :func:`open_session`."""
        with self._lock(host):
            found = self._open.get(host)
            if found is None or found.closed:
                found = self._open[host] = self._opener(self._connections[host])
            return found

    def fresh(self, host: str) -> Session:
        """A session over a connection made now, in place of the open one: only that proves that a login works."""
        with self._lock(host):
            made = self._opener(self._connections[host])
            old, self._open[host] = self._open.get(host), made
        if old is not None:
            old.close()
        return made

    def read(self, host: str, paths: Sequence[str], *, limit: int = 1 << 20) -> Mapping[str, LiveFile]:
        """What is at these paths now; files over ``limit`` bytes have no content. Never raises: 'unseen' says why."""
        try:
            answer = self.session(host).call("read", {"paths": list(paths), "limit": limit})
            found = {entry["path"]: _file(entry) for entry in answer["files"]}
        except HostError as error:
            found = {path: LiveFile(path=path, kind="unseen", reason=error.message) for path in paths}
        return {
            path: found.get(path) or LiveFile(path=path, kind="unseen", reason="the agent did not say")
            for path in paths
        }

    def close(self) -> None:
        for host in list(self._open):
            with self._locks[host]:
                self._open.pop(host).close()

    def _lock(self, host: str) -> threading.Lock:
        if host not in self._locks:
            raise Unreachable(host, f"{host} is no host of this run.")
        return self._locks[host]

    def __enter__(self) -> SessionPool:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _file(entry: Mapping[str, Any]) -> LiveFile:
    content = entry.get("content")
    return load(LiveFile, {**entry, "content": None if content is None else base64.b64decode(content)})
