"""A container as a host (connection plugins docker, docker_api and podman), by ``docker exec`` or ``podman exec``.

The program is the one in PATH, and the engine the one that it reaches by itself: what the inventory adds to its command line
(``ansible_docker_extra_args``) is not run before it is judged.
"""

from __future__ import annotations

import shutil
import subprocess

from aisafe.errors import HostError, Unreachable
from aisafe.model import Connection
from aisafe.transport.pipe import Pipe, ProcessPipe
from aisafe.transport.session import Session, begin

PROGRAMS = {"docker": "docker", "docker_api": "docker", "podman": "podman"}
"""Name of the connection plugin, without its collection -> the program."""


def open_container(connection: Connection, kind: str) -> Session:
    """Raises as :func:`aisafe.transport.session.begin`; Unreachable where there is no such container that runs."""
    program, host = PROGRAMS[kind], connection.host
    found = shutil.which(program)
    if found is None:
        raise Unreachable(host, f"{host}: there is no {program} in PATH, which reaches it.", fix=f"Install {program}.")
    if connection.extra_args:
        raise HostError(
            host, f"{host}: the arguments {connection.extra_args!r} for {program} were not used before they are judged.",
            fix="Choose the engine by its own variable (DOCKER_HOST, CONTAINER_HOST) and leave them out of the inventory.",
        )  # fmt: skip
    inside = [found, "exec", "-i", *(["-u", connection.user] if connection.user else []), connection.address]
    try:
        asked = subprocess.run(
            [*inside, "id", "-u"], capture_output=True, text=True, check=False, timeout=connection.timeout + 10,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unreachable(host, f"{host}: {program} gives no answer: {error}.") from None
    if asked.returncode:
        said = (asked.stderr.strip() or asked.stdout.strip() or "it said nothing").splitlines()[-1]
        raise Unreachable(
            host, f"{host}: {program} does not reach the container {connection.address}: {said}.",
            fix=f"See {program} ps.",
        )  # fmt: skip

    def start(line: str, terminal: bool) -> Pipe:
        if terminal:
            raise Unreachable(host, f"{host}: su, and doas with a password, need a terminal, which a container has not.",
                              fix="Use sudo, or root as the container's user.")  # fmt: skip
        return ProcessPipe([*inside, "/bin/sh", "-c", line])

    return begin(connection, start, is_root=asked.stdout.strip() == "0")
