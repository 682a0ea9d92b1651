"""The Docker Engine API over its unix socket (https://docs.docker.com/engine/api/): standard library only."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import socket
from typing import Any, BinaryIO, Mapping
from urllib.parse import quote, urlencode

SOCKET = "/var/run/docker.sock"
TIMEOUT = 30.0
"""Seconds that one answer may take."""

NEWEST = (1, 41)
"""The API version that is asked for, or the daemon's own where that is older (Docker 20.10 speaks 1.41)."""

CHUNK = 1 << 20


class EngineError(Exception):
    """``status``: HTTP status of the answer, 0 when there was none (daemon dead, time-out, no permission)."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.message, self.status = message, status


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Engine:
    """One daemon. Every call raises EngineError when it does not answer or answers with an error.

    ``path`` arguments start with ``/`` and carry no version; words of the user's own go through ``segment``.
    """

    def __init__(self, path: str = SOCKET, timeout: float = TIMEOUT) -> None:
        self._path, self._timeout = path, timeout
        self._version = ""

    @staticmethod
    def there(path: str = SOCKET) -> bool:
        """Whether a Docker engine is installed on this host: its socket is there (the daemon may still be dead)."""
        return os.path.exists(path)

    @staticmethod
    def segment(name: str) -> str:
        """A name as one segment of a path."""
        return quote(name, safe="")

    @property
    def version(self) -> str:
        """The API version in use, like ``1.41``; asks the daemon at the first time."""
        if not self._version:
            answer = self._json("GET", "/_ping", None, None, raw_path=True)
            spoken = tuple(int(part) for part in re.findall(r"\d+", str(answer.get("Api-Version", "")))[:2]) or NEWEST
            self._version = "%d.%d" % min(spoken, NEWEST)
        return self._version

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """The answer's JSON, None when it has no body."""
        return self._json("GET", path, query, None)

    def post(self, path: str, body: Any = None, query: Mapping[str, Any] | None = None) -> Any:
        return self._json("POST", path, query, body)

    def delete(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        return self._json("DELETE", path, query, None)

    def download(self, path: str, target: BinaryIO, query: Mapping[str, Any] | None = None) -> int:
        """Write the answer's body to ``target`` as it comes; returns its bytes."""
        connection, answer = self._ask("GET", self._address(path, query), None, {})
        size = 0
        try:
            while True:
                chunk = answer.read(CHUNK)
                if not chunk:
                    return size
                target.write(chunk)
                size += len(chunk)
        except (OSError, http.client.HTTPException) as error:
            raise EngineError("Docker broke off its answer to GET %s: %s" % (path, error)) from error
        finally:
            connection.close()

    def upload(self, method: str, path: str, source: BinaryIO, query: Mapping[str, Any] | None = None) -> bytes:
        """Send a tar as the body, without holding it in memory; returns the answer's body."""
        headers = {"Content-Type": "application/x-tar", "Content-Length": str(os.fstat(source.fileno()).st_size)}
        connection, answer = self._ask(method, self._address(path, query), source, headers)
        try:
            return answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise EngineError("Docker broke off its answer to %s %s: %s" % (method, path, error)) from error
        finally:
            connection.close()

    def _address(self, path: str, query: Mapping[str, Any] | None) -> str:
        return "/v%s%s%s" % (self.version, path, "?" + urlencode(query) if query else "")

    def _json(self, method: str, path: str, query: Mapping[str, Any] | None, body: Any, raw_path: bool = False) -> Any:
        address = path if raw_path else self._address(path, query)
        data, headers = None, {}
        if body is not None:
            data, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
        connection, answer = self._ask(method, address, data, headers)
        try:
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise EngineError("Docker broke off its answer to %s %s: %s" % (method, path, error)) from error
        finally:
            connection.close()
        if raw_path:
            return dict(answer.getheaders())
        try:
            return json.loads(text) if text.strip() else None
        except ValueError as error:
            raise EngineError("Docker's answer to %s %s is no JSON: %s" % (method, path, error)) from error

    def _ask(
        self, method: str, address: str, body: Any, headers: Mapping[str, str]
    ) -> tuple[_Connection, http.client.HTTPResponse]:
        connection = _Connection(self._path, self._timeout)
        try:
            connection.request(method, address, body, dict(headers))
            answer = connection.getresponse()
            if answer.status < 400:
                return connection, answer
            text = answer.read(4096).decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise EngineError("Docker does not answer on %s: %s" % (self._path, _reason(error))) from error
        connection.close()
        with contextlib.suppress(ValueError, KeyError, TypeError):
            text = json.loads(text)["message"]
        raise EngineError("Docker refused %s %s: %s" % (method, address.partition("?")[0], text.strip()), answer.status)


def _reason(error: Exception) -> str:
    if isinstance(error, socket.timeout):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
