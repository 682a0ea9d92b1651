"""This machine as a host (``ansible_connection=local``).

The inventory names no program here: the agent runs with our own Python, and sudo is the one in PATH, since the project under
judgement lies on this machine, and a program of its own would run before anybody has seen it.
"""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import replace

from aisafe.errors import Unreachable
from aisafe.model import Connection
from aisafe.transport.pipe import Pipe, ProcessPipe
from aisafe.transport.session import Session, begin


def open_local(connection: Connection) -> Session:
    """Raises as :func:`aisafe.transport.session.begin`."""

    def start(line: str, terminal: bool) -> Pipe:
        if terminal:
            why = f"{connection.host}: su, and doas with a password, need a terminal, which local connections lack."
            raise Unreachable(connection.host, why, fix="Use sudo, or run as root.")
        try:
            return ProcessPipe(["/bin/sh", "-c", line])
        except OSError as error:
            raise Unreachable(
                connection.host, f"{connection.host}: /bin/sh does not start: {error.strerror}."
            ) from None

    own = replace(connection, python=shlex.quote(sys.executable), become_exe=None)
    return begin(own, start, is_root=os.geteuid() == 0)
