"""The kernel's packet filter before and after. It is no file: what a run did to it stays until somebody takes it back.

iptables (both families, iptables-save(8)) rule by rule, nft(8) table by table. Docker keeps its own chains and rules
up to date with its containers: they are left alone, in the places where they are.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List

from . import command

Chains = Dict[str, Dict[str, List[str]]]  # table -> "CHAIN POLICY" -> rules
FAMILIES = ("iptables", "ip6tables")
DOCKERS = re.compile(r"\bDOCKER\b|DOCKER-|\bdocker0\b|\bbr-[0-9a-f]{12}\b|\bdocker_gwbridge\b")
NETWORK = re.compile(r"\bbr-[0-9a-f]{12}\b")
HAIRPIN = re.compile(r"-A POSTROUTING -s (\S+) -d \1 .*-j MASQUERADE$")
"""Docker's rule for a container that calls its own published port."""

USER = "DOCKER-USER"
"""The chain that Docker makes for the administrator: only the RETURN at its end is Docker's."""

IPTABLES_TABLES = ("filter", "nat", "mangle", "raw", "security")


def snapshot() -> dict[str, Any]:
    """What the tools say, '' for a tool that is not there. Raises CommandFailed when one that is there fails."""
    state: dict[str, Any] = {}
    for family in FAMILIES:
        state[family] = parse(command.run([family + "-save"])) if command.find(family + "-save") else {}
    state["nft"] = _nft_tables() if command.find("nft") else {}
    return state


def parse(text: str) -> Chains:
    tables: Chains = {}
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
            tables[table] = {}
        elif line.startswith(":"):
            name, policy = line[1:].split()[:2]
            tables[table]["%s %s" % (name, policy)] = []
        elif line.startswith("-A "):
            for head, rules in tables[table].items():
                if head.split()[0] == line.split()[1]:
                    rules.append(line)
    return tables


def dockers(rule: str) -> bool:
    if rule.startswith("-A %s " % USER):
        return rule == "-A %s -j RETURN" % USER
    return bool(DOCKERS.search(rule) or HAIRPIN.search(rule))


def jumps(chains: dict[str, list[str]]) -> list[str]:
    """Docker's ways from built-in chains into its own, but those of single networks, which come and go with them."""
    return [
        rule for rules in chains.values() for rule in rules
        if not rule.startswith("-A DOCKER") and rule.split()[-2] == "-j" and rule.split()[-1].startswith("DOCKER")
        and not NETWORK.search(rule)
    ]  # fmt: skip


def lost(before: dict[str, list[str]], now: dict[str, list[str]]) -> list[str]:
    """Jumps that were in a table and are not: the daemon only looks at its start whether they are there."""
    present = {rule for rules in now.values() for rule in rules}
    return [rule for rule in jumps(before) if rule not in present]


def own(tables: Chains) -> Chains:
    """Without Docker's chains and rules; tables and built-in chains that say nothing are the same as none."""
    kept: Chains = {}
    for table, chains in tables.items():
        for head, rules in chains.items():
            mine = [rule for rule in rules if not dockers(rule)]
            users = head.split()[0] == USER and mine
            if users or (not dockers(head) and (mine or not head.endswith(" ACCEPT"))):
                kept.setdefault(table, {})[head] = mine
    return kept


def script(before: Chains, now: Chains) -> str:
    """What iptables-restore(8) ``--noflush`` reads to bring our part of ``now`` back to ``before``; '' for nothing."""
    lines = []
    for table in sorted(set(before) | set(now)):
        old, new = own(before).get(table, {}), own(now).get(table, {})
        chains = {head.split()[0] for head in now.get(table, {})}
        ways = [rule for rule in lost(before.get(table, {}), now.get(table, {})) if rule.split()[-1] in chains]
        if old == new and not ways:
            continue
        heads, rules, gone = [], [], []
        olds, news = _by_name(before.get(table, {})), _by_name(now.get(table, {}))
        for name in sorted(set(olds) | set(news)):
            if dockers(name) and name != USER:
                continue
            if name in olds:
                heads.append(":%s %s [0:0]" % (name, olds[name][0]))
                rules += ["-F " + name, *_merged(olds[name][1], news.get(name, ("", []))[1], ways)]
            elif name == USER:
                rules += ["-F " + name, *[rule for rule in news[name][1] if dockers(rule)]]
            elif news[name][0] == "-":
                heads.append(":%s - [0:0]" % name)
                gone.append("-X " + name)
            else:  # a built-in chain of a table that was not loaded before
                heads.append(":%s ACCEPT [0:0]" % name)
                rules += ["-F " + name, *[rule for rule in news[name][1] if dockers(rule)]]
        lines += ["*" + table, *heads, *rules, *gone, "COMMIT"]
    return "\n".join(lines) + "\n" if lines else ""


def _by_name(chains: dict[str, list[str]]) -> dict[str, tuple[str, list[str]]]:
    return {head.split()[0]: (head.split()[1], rules) for head, rules in chains.items()}


def _merged(old: list[str], new: list[str], ways: list[str]) -> list[str]:
    """The old rules, with Docker's as they are now: new ones in front, where Docker puts them; and ``ways``, which it lost."""
    present = [rule for rule in new if dockers(rule)]
    front = [rule for rule in present if rule not in old]
    return front + [rule for rule in old if not dockers(rule) or rule in present or rule in ways]


def _nft_tables() -> dict[str, str]:
    """Tables that neither iptables nor Docker keeps: ``family name`` -> its text, without counters."""
    found = {}
    for line in command.run(["nft", "list", "tables"]).splitlines():
        _, family, name = line.split()[:3]
        if (family in ("ip", "ip6") and name in IPTABLES_TABLES) or name.startswith("docker"):
            continue
        found["%s %s" % (family, name)] = command.run(["nft", "-s", "list", "table", family, name])
    return found


def restore(before: dict[str, Any]) -> list[str]:
    """Bring it back; what failed, as readable lines."""
    try:
        now = snapshot()
    except command.CommandFailed as error:
        return ["firewall: %s" % error]
    problems = []
    for family in FAMILIES:
        text = script(before[family], now[family])
        if text:
            problems += _feed([family + "-restore", "--noflush"], text)
        problems += _unload(family, set(now[family]) - set(before[family]))
    for table in sorted(set(before["nft"]) | set(now["nft"])):
        if before["nft"].get(table) != now["nft"].get(table):
            delete = "delete table %s\n" % table if table in now["nft"] else ""
            problems += _feed(["nft", "-f", "-"], delete + before["nft"].get(table, ""))
    return problems


def _unload(family: str, tables: set[str]) -> list[str]:
    """Remove tables that only a look at them, or the run, made; the older kernel interface keeps them until a boot."""
    if not tables or not command.find("nft") or "nf_tables" not in command.run([family, "--version"]):
        return []
    present, word = parse(command.run([family + "-save"])), "ip" if family == "iptables" else "ip6"
    return [
        line for table in sorted(tables)
        if table in present and not own({table: present[table]}) and not any(map(dockers, present[table]))
        for line in _feed(["nft", "delete", "table", word, table], "")
    ]  # fmt: skip


def _feed(words: list[str], text: str) -> list[str]:
    try:
        command.run(words, stdin=text)
    except command.CommandFailed as error:
        return ["firewall: %s" % error]
    return []


def docker_lost(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether Docker's chains were there and are not: somebody flushed all, and only its daemon can make them again."""
    return any(
        dockers(head) and head not in now[family].get(table, {})
        for family in FAMILIES for table, chains in before[family].items() for head in chains
    )  # fmt: skip


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    lines = []
    for family in FAMILIES:
        old, new = _flat(own(before[family])), _flat(own(now[family]))
        lines += ["firewall %s: %s is missing" % (family, rule) for rule in old if rule not in new]
        lines += ["firewall %s: %s was not there before" % (family, rule) for rule in new if rule not in old]
        for table, chains in before[family].items():
            gone = lost(chains, now[family].get(table, {}))
            lines += ["firewall %s: -t %s %s is missing" % (family, table, rule) for rule in gone]
        if sorted(old) == sorted(new) and old != new:
            lines.append("firewall %s: the rules are in another order" % family)
    for table in sorted(set(before["nft"]) | set(now["nft"])):
        if before["nft"].get(table) != now["nft"].get(table):
            lines.append("firewall nft: table %s differs" % table)
    return lines


def _flat(tables: Chains) -> list[str]:
    return ["-t %s %s" % (table, line) for table in sorted(tables)
            for head in sorted(tables[table]) for line in (":" + head, *tables[table][head])]  # fmt: skip
