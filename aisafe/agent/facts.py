"""ansible's own facts: its ``setup`` module, sent once per version, run beside the other questions."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import pwd
import re
import subprocess
import sys
from typing import Any, Callable, Mapping

from .bytecode import compiled
from .failure import AgentFailure

TIMEOUT = 60.0
"""Seconds; the module's own limit for a slow mount or a slow fact is 10."""


def start(args: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    """Run the payload of ``version`` (sha256 of its bytes), which ``payload`` brings in base64 when it is not here yet.

    ``as_login``: as the user who logged in, not as root, since the play does not become root either.

    Raises AgentFailure 'no-payload' when it is neither here nor brought.
    """
    version = str(args.get("version", ""))
    if not re.fullmatch(r"[0-9a-f]{64}", version):
        raise AgentFailure("bad-request", "the version of the facts' payload is no sha256")
    path = os.path.join(directory(), "facts-%s.pyz" % version[:12])
    if args.get("payload"):
        _store(path, base64.b64decode(args["payload"]), version)
    if not os.path.exists(path):
        raise AgentFailure("no-payload", "the payload for the facts is not on the host")
    with contextlib.suppress(OSError):  # slower then, with the same result
        path = compiled(path)
    environment, become = (None, None) if not args.get("as_login") else _login()
    return subprocess.Popen(
        [sys.executable, path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/",
        env=environment, preexec_fn=become,  # noqa: PLW1509 (no other thread runs yet)
    )  # fmt: skip


def _login() -> tuple[dict[str, str] | None, Callable[[], None] | None]:
    """The environment of the user who logged in before sudo(8), and what turns this process into that user's."""
    uid = os.environ.get("SUDO_UID", "")
    if os.geteuid() != 0 or not uid.isdigit():
        return None, None
    user = pwd.getpwuid(int(uid))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SUDO_") and name != "MAIL"}
    kept.update(HOME=user.pw_dir, USER=user.pw_name, LOGNAME=user.pw_name, SHELL=user.pw_shell)

    def become() -> None:
        os.initgroups(user.pw_name, user.pw_gid)
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)

    return kept, become


def finish(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """The facts that the payload printed. Raises AgentFailure 'facts-failed'."""
    try:
        out, err = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise AgentFailure("facts-failed", "ansible's setup module did not end within %d s" % TIMEOUT) from None
    text = out.decode(errors="replace")
    try:
        answer = json.loads(text[text.index("{") :])
        return {"ansible_facts": dict(answer["ansible_facts"])}
    except (ValueError, KeyError, TypeError):
        said = (err.decode(errors="replace").strip().splitlines() or ["it printed no facts"])[-1]
        raise AgentFailure("facts-failed", "ansible's setup module ended with exit code %d: %s"
                           % (process.returncode, said[:300])) from None  # fmt: skip


def directory() -> str:
    """Beside the agent itself, which lies where this user may write."""
    archive = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return os.path.dirname(archive) if os.path.isfile(archive) else os.path.expanduser("~/.cache/aisafe")


def _store(path: str, data: bytes, version: str) -> None:
    if hashlib.sha256(data).hexdigest() != version:
        raise AgentFailure("bad-request", "the payload for the facts is damaged")
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        scratch = "%s.%d" % (path, os.getpid())
        with open(scratch, "wb") as file:
            file.write(data)
        os.replace(scratch, path)
    except OSError as error:
        raise AgentFailure("no-space", "the payload for the facts cannot be written: %s" % error) from error
