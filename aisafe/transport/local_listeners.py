"""Listening sockets of this machine from psutil, where the agent's own way (netlink, /proc) fails, as on macOS."""

from __future__ import annotations

import socket
from dataclasses import replace
from ipaddress import ip_address

from aisafe.model import BlindSpot, Holder, HostState, Listener, Socket


def local_listeners(state: HostState) -> HostState:
    """The state with psutil's listeners when it has none of its own and says that it could not see them.

    psutil knows the process but neither unit nor container; the blind spot then says so, and still blocks.
    """
    if state.listeners or not any(spot.kind == "listener" for spot in state.blind_spots):
        return state
    import psutil  # noqa: PLC0415 (seldom needed)

    found = []
    try:
        for entry in psutil.net_connections(kind="inet"):
            tcp = entry.type == socket.SOCK_STREAM
            if not entry.laddr or entry.raddr or (tcp and entry.status != psutil.CONN_LISTEN):
                continue
            name = psutil.Process(entry.pid).name() if entry.pid else None
            found.append(
                Listener(
                    socket=Socket(
                        protocol="tcp" if tcp else "udp", address=ip_address(entry.laddr.ip.split("%")[0]),
                        port=entry.laddr.port,
                    ),
                    holder=Holder(kind="process", name=name) if name else None, process=name, pid=entry.pid,
                )
            )  # fmt: skip
    except (psutil.Error, OSError):
        return state
    others = tuple(spot for spot in state.blind_spots if spot.kind != "listener")
    spot = BlindSpot(
        kind="listener", reason="the sockets are seen through psutil: which unit or container holds them is not known",
        fix="Run on Linux, as root.",
    )  # fmt: skip
    return replace(state, listeners=tuple(found), blind_spots=(*others, spot))
