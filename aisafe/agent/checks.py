"""The user's own checks, run on the host: a TCP connection, an HTTP request, a command."""

from __future__ import annotations

import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Mapping

TIMEOUT = 5.0
"""Seconds for one check unless it says otherwise."""


def run(checks: Mapping[str, Any]) -> list[dict[str, Any]]:
    """``{"tcp": ["127.0.0.1:80"], "http": ["http://…"], "command": ["systemctl is-active x"]}``, each in order.

    An entry is the text, or an object with ``target``, ``timeout`` (seconds), and for http ``status`` (200 to 399 when
    it is not given). The answer has kind, target, ok, ``why`` when it is not, and seconds.
    """
    table: dict[str, Callable[[Mapping[str, Any]], str]] = {"tcp": _tcp, "http": _http, "command": _command}
    wanted = [
        (kind, entry if isinstance(entry, dict) else {"target": str(entry)})
        for kind in table
        for entry in checks.get(kind) or ()
    ]

    def one(kind: str, entry: Mapping[str, Any]) -> dict[str, Any]:
        start = time.monotonic()
        try:
            why = table[kind](entry)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        seconds = round(time.monotonic() - start, 3)
        return {"kind": kind, "target": entry["target"], "ok": not why, "why": why, "seconds": seconds}

    if not wanted:
        return []
    with ThreadPoolExecutor(max_workers=min(8, len(wanted))) as pool:
        return list(pool.map(lambda pair: one(*pair), wanted))


def _seconds(entry: Mapping[str, Any]) -> float:
    return float(entry.get("timeout") or TIMEOUT)


def _tcp(entry: Mapping[str, Any]) -> str:
    address, _, port = str(entry["target"]).rpartition(":")
    socket.create_connection((address.strip("[]") or "127.0.0.1", int(port)), timeout=_seconds(entry)).close()
    return ""


def _http(entry: Mapping[str, Any]) -> str:
    import urllib.error  # noqa: PLC0415 (a third of the agent's start-up, and seldom needed)
    import urllib.request  # noqa: PLC0415

    class Stay(urllib.request.HTTPRedirectHandler):
        """A redirection is an answer: it is judged, not followed."""

        def redirect_request(self, *arguments: Any) -> None:
            return None

    url = str(entry["target"])
    if not url.startswith(("http://", "https://")):
        return "only http:// and https:// are checked"
    opener = urllib.request.build_opener(Stay, urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_seconds(entry)) as answer:
            status = answer.status
    except urllib.error.HTTPError as error:
        status = error.code
        error.close()
    except urllib.error.URLError as error:
        reason = error.reason
        return getattr(reason, "strerror", None) or str(reason)
    wanted = entry.get("status")
    good = status == wanted if wanted else 200 <= status < 400
    return "" if good else "the answer's status is %d, not %s" % (status, wanted or "200 to 399")


def _command(entry: Mapping[str, Any]) -> str:
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", str(entry["target"])], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, timeout=_seconds(entry), check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "it did not end within %g s" % _seconds(entry)
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return "" if done.returncode == 0 else "exit code %d%s" % (done.returncode, ": " + said[-1][:200] if said else "")
