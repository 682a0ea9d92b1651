"""Hosts over the ssh program, as ansible reaches them, for what paramiko cannot do.

That is certificates elsewhere than beside their key, GSSAPI, PKCS#11 and keys on hardware. What the inventory says to ssh was
read by :mod:`aisafe.transport.hostconfig` before: nothing of it names a program to run. A connection that somebody else opened
(ControlPath) is never used: that the login works can only be seen by logging in.
"""

from __future__ import annotations

import shlex
import subprocess

from aisafe.errors import Unreachable
from aisafe.model import Connection, Login
from aisafe.transport.become import plan
from aisafe.transport.hostconfig import Route
from aisafe.transport.pipe import Pipe, ProcessPipe
from aisafe.transport.session import Session, begin


def command(connection: Connection, way: Route) -> list[str]:
    """The ssh command line for one host, without what is run there; it asks nobody anything (ssh(1), BatchMode)."""
    found = ["ssh", "-o", "ControlPath=none", *shlex.split(connection.common_args), *shlex.split(connection.extra_args)]
    found += ["-o", "BatchMode=yes", "-o", f"ConnectTimeout={way.timeout}", "-o", "ServerAliveInterval=15"]
    if not connection.host_key_checking:
        found += ["-o", "StrictHostKeyChecking=no"]
    if connection.private_key_file:
        found += ["-i", connection.private_key_file]
    if connection.port:
        found += ["-p", str(connection.port)]
    if connection.user:
        found += ["-l", connection.user]
    return [*found, "--", connection.address or connection.host]


def open_program(connection: Connection, way: Route) -> Session:
    """Raises Unreachable with ssh's own words, and else as :func:`aisafe.transport.session.begin`."""
    argv = command(connection, way)
    try:
        asked = subprocess.run(
            [*argv, "id -u"], capture_output=True, text=True, errors="replace", check=False, timeout=way.timeout + 20,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(way, f"ssh gives no answer: {error}") from None
    if asked.returncode:
        raise _failed(way, (asked.stderr.strip() or f"ssh ended with {asked.returncode}").splitlines()[-1].rstrip("."))

    def start(line: str, terminal: bool) -> Pipe:
        words = [argv[0], *(["-tt"] if terminal else ["-T"]), *argv[1:]]
        return ProcessPipe([*words, f"exec /bin/sh -c {shlex.quote(line)}"])

    root = asked.stdout.split()[-1:] == ["0"]
    session = begin(connection, start, is_root=root)
    become, _ = plan(connection, is_root=root)
    session.login = Login(user=way.user, become=become, become_password=connection.become_password is not None)
    return session


def _failed(way: Route, why: str) -> Unreachable:
    return Unreachable(
        way.name, f"{way.name} cannot be reached by the ssh program ({way.program or way.otherwise} is beyond paramiko): {why}.",
        fix="Check that ssh itself reaches it, with the same options and without asking anything (ssh -v -o BatchMode=yes).",
    )  # fmt: skip
