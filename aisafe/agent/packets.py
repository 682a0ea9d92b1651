"""The packet filter as it is, for the judgement: the tables ``filter`` of iptables and all of nft's own."""

from __future__ import annotations

import os
from typing import Any

from . import command
from .failure import AgentFailure
from .firewall import FAMILIES, IPTABLES_TABLES, parse

LEGACY = {"iptables": "/proc/net/ip_tables_names", "ip6tables": "/proc/net/ip6_tables_names"}
"""Of the older kernel interface, where looking at a table that is not in use would load it."""
BY_FILES = ("firewalld",)
"""Tables whose meaning is read from the configuration of the program that makes them; they are long."""


def packets() -> dict[str, Any]:
    """``iptables`` and ``nft`` of :class:`aisafe.model.PacketTables`. Needs root. Raises AgentFailure."""
    try:
        return {"iptables": {family: _filter(family) for family in FAMILIES}, "nft": _nft()}
    except command.CommandFailed as error:
        raise AgentFailure("no-packet-filter", "the packet filter could not be read: %s" % error) from error


def _filter(family: str) -> dict[str, list[str]]:
    if command.find(family + "-save") is None:
        return {}
    if os.path.exists(LEGACY[family]) and "nf_tables" not in command.run([family, "--version"]):
        with open(LEGACY[family], encoding="ascii") as names:
            if "filter" not in names.read().split():
                return {}
    return parse(command.run([family + "-save", "-t", "filter"])).get("filter", {})


def _nft() -> dict[str, str]:
    if command.find("nft") is None:
        return {}
    found = {}
    for line in command.run(["nft", "list", "tables"]).splitlines():
        _, family, name = line.split()[:3]
        if (family in ("ip", "ip6") and name in IPTABLES_TABLES) or name in BY_FILES or name.startswith("docker"):
            continue
        found["%s %s" % (family, name)] = command.run(["nft", "-s", "list", "table", family, name])
    return found
