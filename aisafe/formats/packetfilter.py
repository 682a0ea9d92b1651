"""What a packet filter lets in: rules of iptables(8), iptables-extensions(8) and nft(8) as data, and the answer."""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal

from aisafe.frozen import frozen
from aisafe.model.access import PacketFilter, PacketRule

Way = Literal["open", "closed", "unclear"]
BUILT_IN: Final = {"ACCEPT": "accept", "DROP": "drop", "REJECT": "drop", "RETURN": "return"}
_COUNT_ONLY: Final = frozenset(("LOG", "NFLOG", "MARK", "CONNMARK", "TRACE", "CT", "AUDIT", "ULOG", "SECMARK", ""))
_JUMPS_FOLLOWED: Final = 16


@frozen
class Packet:
    """A packet that asks to come in; '' is what may be anything. ``state``: new or established."""

    protocol: str
    port: int
    family: int = 4
    source: str = ""
    destination: str = ""
    state: str = "new"


def way(filters: Iterable[PacketFilter], packet: Packet) -> tuple[Way, PacketFilter | None]:
    """Whether all ``filters`` let the packet in, and the one that does not, or of which it can't be told."""
    doubtful: PacketFilter | None = None
    for item in filters:
        if packet.family not in item.families:
            continue
        found = {"doubt"} if item.doubt else _outcomes(item, item.entry, packet, 0)
        if "return" in found:
            found = (found - {"return"}) | {item.policy}
        if found == {"drop"}:
            return "closed", item
        if found != {"accept"}:
            doubtful = item
    return ("unclear", doubtful) if doubtful else ("open", None)


def _outcomes(item: PacketFilter, chain: str, packet: Packet, depth: int) -> set[str]:
    """What may happen to the packet in a chain: accept, drop, return (to where it came from), doubt."""
    found: set[str] = set()
    if depth > _JUMPS_FOLLOWED:
        return {"doubt"}
    for rule in item.chains.get(chain, ()):
        holds = _holds(rule, packet)
        if holds is False or not rule.target:
            continue
        if rule.target in ("accept", "drop", "return"):
            inner = {rule.target}
        elif rule.target in item.chains:
            inner = _outcomes(item, rule.target, packet, depth + 1)
        else:
            inner = {"doubt", "return"}
        goes_on = "return" in inner and rule.target != "return"
        found |= inner - ({"return"} if goes_on else set())
        if holds and not goes_on:
            return found
    return found | {"return"}


def _holds(rule: PacketRule, packet: Packet) -> bool | None:
    """None: it may hold."""
    if rule.protocol and rule.protocol != packet.protocol:
        return False
    if rule.ports and not any(low <= packet.port <= high for low, high in rule.ports):
        return False
    if rule.states and packet.state not in rule.states:
        return False
    if rule.interface == "lo":
        return False
    sure = not rule.unclear and not rule.interface
    for network, address in ((rule.source, packet.source), (rule.destination, packet.destination)):
        if not network:
            continue
        if not address:
            sure = False
            continue
        try:
            inside = ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
        except ValueError:
            sure = False
            continue
        if not inside:
            return False
    return True if sure else None


_FIELDS: Final = {
    "-p": "protocol", "--protocol": "protocol", "-s": "source", "--source": "source", "--src": "source",
    "-d": "destination", "--destination": "destination", "--dst": "destination", "-i": "interface",
    "--in-interface": "interface", "--dport": "ports", "--destination-port": "ports", "--dports": "ports",
    "--destination-ports": "ports", "--ctstate": "states", "--state": "states", "-j": "target", "--jump": "target",
    "-g": "target", "--goto": "target", "-A": "chain", "--append": "chain", "-I": "chain", "--insert": "chain",
    "-D": "chain", "--delete": "chain",
}  # fmt: skip
_NO_CONDITION: Final = (
    "-m",
    "--match",
    "--comment",
    "--reject-with",
    "-c",
    "-t",
    "--table",
    "--log-prefix",
    "--log-level",
)
_CONDITIONS: Final = ("limit", "hashlimit", "recent", "set", "string", "time", "owner", "statistic")
_EVERYWHERE: Final = ("0.0.0.0/0", "::/0", "all", "0")


def iptables_rule(words: Sequence[str]) -> tuple[str, PacketRule] | None:
    """(chain, rule) of ``-A INPUT -p tcp --dport 22 -j ACCEPT``; None when it adds none."""
    given: dict[str, str] = {}
    unclear = ""
    rest = [word for word in words if word not in ("-w", "--wait", "--syn")]
    while rest:
        negated = rest[0] == "!" and len(rest) > 1
        word = rest.pop(1) if negated else rest.pop(0)
        if negated:
            rest.pop(0)
        value = rest.pop(0) if rest and (word in _FIELDS or word in _NO_CONDITION) else ""
        name = _FIELDS.get(word, "")
        if name == "chain" and rest and rest[0].isdigit():
            rest.pop(0)
        if negated or (word == "-m" and value in _CONDITIONS):
            unclear = f"{'! ' if negated else ''}{word} {value}".strip()
        elif name:
            given[name] = value
        elif word not in _NO_CONDITION and word.startswith("-"):
            unclear = word
    if "chain" not in given:
        return None
    found, plain = _ports(given.get("ports", ""))
    target = given.get("target", "")
    conditions = {name: "" if given.get(name, "") in _EVERYWHERE else given.get(name, "")
                  for name in ("protocol", "source", "destination", "interface")}  # fmt: skip
    return given["chain"], PacketRule(
        target=BUILT_IN.get(target, "" if target in _COUNT_ONLY else target), ports=tuple(found),
        states=tuple(filter(None, given.get("states", "").lower().split(","))),
        unclear=unclear if plain else f"ports {given['ports']}", text=shlex.join(words), **conditions,
    )  # fmt: skip


def iptables_table(chains: Mapping[str, Sequence[str]], *, name: str) -> PacketFilter:
    """The table ``filter`` from "CHAIN POLICY" -> lines of iptables-save(8)."""
    found: dict[str, tuple[PacketRule, ...]] = {}
    policy = "accept"
    for head, lines in chains.items():
        chain, _, rest = head.partition(" ")
        if chain == "INPUT":
            policy = "drop" if rest.split()[:1] == ["DROP"] else "accept"
        rules = [iptables_rule(shlex.split(line)) for line in lines]
        found[chain] = tuple(rule for _, rule in filter(None, rules))
    return PacketFilter(name=name, policy=policy, chains=found, families=(4,) if name == "iptables" else (6,))


def iptables_save(text: str, *, name: str) -> PacketFilter:
    """The table ``filter`` of what iptables-save writes and iptables-restore reads."""
    chains: dict[str, list[str]] = {}
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif table != "filter":
            continue
        elif line.startswith(":"):
            chains[" ".join(line[1:].split()[:2])] = []
        elif line.startswith(("-A ", "-I ")):
            wanted = line.split()[1]
            head = next((head for head in chains if head.split()[0] == wanted), f"{wanted} -")
            chains.setdefault(head, []).append(line)
    return iptables_table(chains, name=name)


def _ports(text: str) -> tuple[list[tuple[int, int]], bool]:
    """Ranges of ``22,80:90`` or ``{ 22, 80-90 }``; False when something is no number (a service's name)."""
    found, plain = [], True
    for part in re.split(r"[,\s]+", text.strip("{} ")):
        if not part:
            continue
        low, _, high = part.replace("-", ":").partition(":")
        low, high = str(SERVICES.get(low, low)), str(SERVICES.get(high, high))
        if low.isdigit() and (high.isdigit() or not high):
            found.append((int(low), int(high or low)))
        else:
            plain = False
    return found, plain


ports = _ports
SERVICES: Final = {
    "ssh": 22,
    "http": 80,
    "https": 443,
    "domain": 53,
    "smtp": 25,
    "ntp": 123,
    "postgresql": 5432,
    "mysql": 3306,
}
"""Names of services(5) that rules use."""


def nft_tables(text: str) -> tuple[PacketFilter, ...]:
    """The chains that look at what comes in (``type filter hook input``), of a ruleset as nft(8) lists and reads it.

    A statement that is not understood makes its rule unclear; ``flush ruleset`` is the caller's.
    """
    plain = re.sub(r"(?m)#.*$", "", text)
    found: list[PacketFilter] = []
    for kind, name, body in _blocks(plain, r"\btable\s+(?:(ip|ip6|inet)\s+)?([\w.-]+)\s*\{"):
        families = {"ip": (4,), "ip6": (6,), "": (4,), "inet": (4, 6)}[kind]
        chains: dict[str, tuple[PacketRule, ...]] = {}
        entries: list[tuple[str, str]] = []
        for _, chain, inner in _blocks(body, r"\b(chain)\s+([\w.-]+)\s*\{"):
            hook = re.search(r"type\s+filter\s+hook\s+input\s+priority\s+[^;]+;", inner)
            policy = re.search(r"policy\s+(accept|drop)", inner)
            if hook:
                entries.append((chain, policy[1] if policy else "accept"))
            lines = [line.strip().rstrip(";") for line in re.split(r"[\n;](?![^{]*\})", inner)]
            chains[chain] = tuple(
                _nft_rule(line) for line in lines if line and not line.startswith(("type ", "policy "))
            )
        found += [
            PacketFilter(
                name=f"nft table {kind or 'ip'} {name}", entry=chain, policy=policy, chains=chains, families=families
            )
            for chain, policy in entries
        ]
    return tuple(found)


def _blocks(text: str, pattern: str) -> list[tuple[str, str, str]]:
    found, position = [], 0
    while match := re.compile(pattern).search(text, position):
        depth, end = 1, match.end()
        while end < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        found.append((match[1] or "", match[2], text[match.end() : end - 1]))
        position = end
    return found


def _nft_rule(line: str) -> PacketRule:
    rule = PacketRule(target="", text=line)
    rest = line
    for pattern, apply in _NFT_PARTS:
        match = re.search(pattern, rest)
        if match:
            rule = replace(rule, **apply(match))
            rest = (rest[: match.start()] + " " + rest[match.end() :]).strip()
    rest = re.sub(_NFT_IDLE, " ", rest)
    return replace(rule, unclear=rest.strip()) if rest.strip() else rule


_NFT_IDLE: Final = (
    r"\bcounter(\s+packets \d+ bytes \d+)?|\bcomment\s+\"[^\"]*\"|\blog\b(\s+(prefix|level)\s+(\"[^\"]*\"|\w+))*"
    r"|\bwith\s+[\w -]+$|\bmeta l4proto \S+"
)
"""Statements of a rule that decide nothing."""


def _nft_ports(match: re.Match[str]) -> dict[str, object]:
    found, plain = _ports(match[2])
    protocol = "" if match[1] == "th" else match[1]
    return {"protocol": protocol, "ports": tuple(found), "unclear": "" if plain and found else match[0]}


_NFT_PARTS: Final = (
    (r"\b(tcp|udp|th)\s+dport\s+(\{[^}]*\}|[\w:-]+)", _nft_ports),
    (r"\bct\s+state\s+(?:\{\s*)?([a-z]+(?:\s*,\s*[a-z]+)*)(?:\s*\})?",
     lambda match: {"states": tuple(re.split(r"\s*,\s*", match[1]))}),
    (r"\b(?:iif|iifname)\s+(?:\{\s*)?\"?([\w.*-]+)\"?(?:\s*\})?", lambda match: {"interface": match[1]}),
    (r"\b(?:ip|ip6)\s+saddr\s+([0-9a-fA-F.:/]+)", lambda match: {"source": match[1]}),
    (r"\b(?:ip|ip6)\s+daddr\s+([0-9a-fA-F.:/]+)", lambda match: {"destination": match[1]}),
    (r"\b(accept|drop|reject|return)\b", lambda match: {"target": "drop" if match[1] == "reject" else match[1]}),
    (r"\b(?:jump|goto)\s+([\w.-]+)", lambda match: {"target": match[1]}),
    (r"\b(?:ip protocol|ip6 nexthdr|meta l4proto)\s+(\{[^}]*\}|[\w-]+)",
     lambda match: {"protocol": match[1]} if match[1].isalnum() else {"unclear": match[0]}),
    (r"\b(?:icmp|icmpv6)\s+type\s+(\{[^}]*\}|[\w-]+)", lambda match: {"protocol": "icmp"}),
)  # fmt: skip
