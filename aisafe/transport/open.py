"""One way in for every kind of connection."""

from __future__ import annotations

from aisafe.errors import HostError
from aisafe.model import Connection
from aisafe.transport.session import Session

SSH = ("ssh", "smart", "paramiko", "paramiko_ssh", "libssh")
CONTAINERS = ("docker", "docker_api", "podman")


class UnsupportedConnection(HostError):
    """A connection plugin that only ansible speaks: the host can be neither seen nor guarded."""


def open_session(connection: Connection) -> Session:
    """A session with the agent of a host, over a connection made now.

    Raises Unreachable, NoRights, UnsupportedConnection, or HostError (no Python there, no space for the agent).
    """
    kind = connection.connection.rsplit(".", 1)[-1]
    if kind == "local":
        from aisafe.transport.local import open_local  # noqa: PLC0415

        return open_local(connection)
    if kind in CONTAINERS:
        from aisafe.transport.container import open_container  # noqa: PLC0415

        return open_container(connection, kind)
    if kind in SSH:
        from aisafe.transport.ssh import open_ssh  # noqa: PLC0415

        return open_ssh(connection)
    raise UnsupportedConnection(
        connection.host, f"{connection.host}: connection {connection.connection!r} is not supported yet: the host is "
        "neither looked at nor guarded.", fix="Reach it by ssh, docker or podman, or leave it out of this run (--limit).",
    )  # fmt: skip
