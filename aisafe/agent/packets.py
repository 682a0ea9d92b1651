"""The packet filter as it is, for the judgement: the rules of iptables, the zones of firewalld, and all of nft's own tables."""

from __future__ import annotations

from typing import Any

from . import command
from .failure import AgentFailure
from .firewall import FAMILIES, IPTABLES_TABLES, Chains, parse

BY_FILES = ("firewalld",)
"""Tables whose meaning is read from the configuration of the program that makes them; they are long."""


def packets() -> dict[str, Any]:
    """``iptables``, ``rules``, ``zones`` and ``nft`` of :class:`aisafe.model.PacketTables`. Needs root. Raises AgentFailure."""
    try:
        saved = {family: _saved(family) for family in FAMILIES if command.find(family + "-save") is not None}
        return {
            "iptables": {family: saved.get(family, {}).get("filter", {}) for family in FAMILIES},
            "rules": {family: _lines(tables) for family, tables in saved.items()}, "zones": _zones(), "nft": _nft(),
        }  # fmt: skip
    except command.CommandFailed as error:
        raise AgentFailure("no-packet-filter", "the packet filter could not be read: %s" % error) from error


def _saved(family: str) -> Chains:
    """Without a table named, iptables-save(8) loads none of the older kernel interface that is not in use."""
    return parse(command.run([family + "-save"]))


def _lines(tables: Chains) -> list[str]:
    return [
        "-t %s %s" % (table, line)
        for table, chains in tables.items() for head, rules in chains.items() for line in ["-P " + head, *rules]
    ]  # fmt: skip


def _zones() -> list[str]:
    """Nothing where firewalld is not there, or does not run."""
    if command.find("firewall-cmd") is None:
        return []
    done = command.outcome(["firewall-cmd", "--list-all-zones"], timeout=20)
    return done.stdout.splitlines() if done.returncode == 0 else []


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
