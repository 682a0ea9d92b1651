"""How the run came in, and what would keep it out the next time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from aisafe.frozen import frozen
from aisafe.model.host import Login
from aisafe.model.task import Certainty, TaskRef

ObstaclePart = Literal[
    "server", "socket", "configuration", "authentication", "key", "account", "become", "firewall", "network"
]


@frozen
class Obstacle:
    """One reason why the login would fail, or why that can't be told (``certainty`` possible). ``task``: what brought it."""

    part: ObstaclePart
    reason: str
    certainty: Certainty = "certain"
    task: TaskRef | None = None


@frozen
class Access:
    """What keeps the login in use out: ``before`` the run (by the same reading of the same files: what is found here although we
    are in shows that the host works otherwise than is understood), ``now`` at its end, at the next ``boot``.

    ``cut``: the firewall ends the run's own, open connection at that task.
    """

    login: Login
    before: tuple[Obstacle, ...] = ()
    now: tuple[Obstacle, ...] = ()
    boot: tuple[Obstacle, ...] = ()
    cut: tuple[Obstacle, ...] = ()


@frozen
class PacketRule:
    """One rule of a packet filter for what comes in. An empty condition holds for every packet.

    ``target``: accept, drop, return, the name of a chain, or '' for what only counts or logs. ``ports``: ranges of
    destination ports. ``source``, ``destination``: a network. ``interface``: where it comes in. ``states``: new,
    established, related, invalid.
    ``unclear``: a condition that is not understood, so that it may hold or not. ``text``: as its own tool shows it.
    """

    target: str
    protocol: str = ""
    ports: tuple[tuple[int, int], ...] = ()
    source: str = ""
    destination: str = ""
    interface: str = ""
    states: tuple[str, ...] = ()
    unclear: str = ""
    text: str = ""


@frozen
class PacketFilter:
    """One packet filter in the way of what comes in: each must let a packet pass.

    ``name``: ufw, firewalld, iptables, ip6tables or the nft table. ``chains``: by name; ``entry`` is where a
    packet begins and ``policy`` (accept or drop) what happens to it at the end. ``families``: 4, 6 or both.
    ``doubt``: why it can't be told what it does. ``task``: of this run, that last changed it.
    """

    name: str
    entry: str = "INPUT"
    policy: str = "accept"
    chains: Mapping[str, tuple[PacketRule, ...]] = field(default_factory=dict)
    families: tuple[int, ...] = (4, 6)
    doubt: str = ""
    task: TaskRef | None = None


@frozen
class Firewall:
    """The packet filters that are active on a host. ``unseen``: why that could not be read; '' when it was.

    ``published``: the doubt whether Docker's published ports are filtered by a chain of the user's (DOCKER-USER); '' for none.
    """

    filters: tuple[PacketFilter, ...] = ()
    unseen: str = ""
    published: str = ""
