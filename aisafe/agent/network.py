"""Links, addresses, routes and rules of the kernel before and after: no files, and a run that drops them cuts the host off.

Docker's and other engines' interfaces are theirs. What a DHCP client or a router gave (dynamic addresses, routes of proto
dhcp and ra) is given back when it is missing, but what is new of it stays: a lease may have changed meanwhile.
"""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List

from . import command

Network = Dict[str, Any]

THEIRS = re.compile(r"veth|docker|br-[0-9a-f]{12}$|cni|podman|virbr|flannel|cali|vmnet|lxdbr")
FLAGS = ("linkdown", "dead", "pervasive", "offload", "trap")
"""Words of ip-route(8) that tell of a route's state and are no part of it."""

FAMILIES = ("-4", "-6")

KERNEL_REFUSED = 2
"""ip's exit code for what the kernel has not: that family, or rules (ip(8), Exit status)."""


def snapshot() -> Network:
    """Empty where ip(8) is not there. Raises CommandFailed when it fails."""
    if not command.find("ip"):
        return {}
    links, addresses = {}, {}
    for link in json.loads(command.run(["ip", "-j", "address", "show"]) or "[]"):
        name = link.get("ifname", "")
        if not name or THEIRS.match(name):
            continue
        links[name] = {"up": "UP" in link.get("flags", ()), "mtu": link.get("mtu")}
        for info in link.get("addr_info", ()):
            if info.get("scope") != "link":
                address = "%s/%d" % (info["local"], info["prefixlen"])
                addresses["%s %s" % (name, address)] = _words(info)
    routes = {family: _routes(family) for family in FAMILIES}
    rules = {family: _lines([family, "rule", "show"]) for family in FAMILIES}
    return {"links": links, "addresses": addresses, "routes": routes, "rules": rules}


def _words(info: Dict[str, Any]) -> Dict[str, Any]:
    known: Dict[str, Any] = {name: info[name] for name in ("broadcast", "label", "scope", "dynamic") if name in info}
    return {**known, "local": info["local"], "prefix": info["prefixlen"]}


def _lines(words: List[str]) -> List[str]:
    try:
        return [" ".join(line.split()) for line in command.run(["ip", *words]).splitlines() if line.strip()]
    except command.CommandFailed as error:
        if (
            error.code != KERNEL_REFUSED
        ):  # what could not be seen is not taken for absent: a restore would remove what is there
            raise
        return []


def _routes(family: str) -> List[str]:
    """Without those that the kernel makes of addresses."""
    found = []
    for line in _lines([family, "-o", "route", "show", "table", "all"]):
        words = [word for word in line.replace("\\", " ").split() if word not in FLAGS]
        device = words[words.index("dev") + 1] if "dev" in words[:-1] else ""
        if "proto" in words and words[words.index("proto") + 1] == "kernel":
            continue
        if "expires" in words:
            del words[words.index("expires") : words.index("expires") + 2]
        if not THEIRS.match(device) and words[0] not in ("local", "broadcast", "multicast", "anycast"):
            found.append(" ".join(words))
    return found


def restore(before: Network) -> List[str]:
    """Bring it back; what failed, as readable lines."""
    if not before:
        return []
    try:
        now = snapshot()
    except command.CommandFailed as error:
        return ["network: %s" % error]
    problems: List[str] = []
    for name, link in before["links"].items():
        present = now["links"].get(name)
        if present is not None and link != present:
            problems += _ip(["link", "set", "dev", name, "mtu", str(link["mtu"]), "up" if link["up"] else "down"])
    for key, info in before["addresses"].items():
        name = key.split()[0]
        if key not in now["addresses"] and name in now["links"] and not _renewed(key, info, now):
            problems += _ip(["address", "add", *_address(key, info), *_optional(info), "dev", name])
    for key, info in now["addresses"].items():
        if key not in before["addresses"] and not info.get("dynamic") and key.split()[0] in before["links"]:
            problems += _ip(["address", "del", *_address(key, info), "dev", key.split()[0]])
    now = {**now, "routes": {family: _routes(family) for family in FAMILIES}}
    for family in FAMILIES:
        for line in _extra(before["routes"][family], now["routes"][family]):
            problems += _ip([family, "route", "del", *line.split()])
        for line in before["routes"][family]:
            if line not in now["routes"][family]:
                problems += _ip([family, "route", "add", *line.split()])
        for verb, some, others in (("del", now, before), ("add", before, now)):
            for line in some["rules"][family]:
                if line not in others["rules"][family]:
                    number, _, rest = line.partition(":")
                    problems += _ip([family, "rule", verb, "pref", number, *rest.split()])
    return problems


def _extra(before: List[str], now: List[str]) -> List[str]:
    return [line for line in now if line not in before and not re.search(r"\bproto (dhcp|ra)\b", line)]


def _renewed(key: str, info: Dict[str, Any], now: Network) -> bool:
    """Whether the same link has another address from the same source."""
    name, kind = key.partition(" ")[0], ":" in info["local"]
    return bool(info.get("dynamic")) and any(
        other.split()[0] == name and present.get("dynamic") and (":" in present["local"]) == kind
        for other, present in now["addresses"].items()
    )


def _address(key: str, info: Dict[str, Any]) -> List[str]:
    return ["%s/%d" % (info["local"], info["prefix"])]


def _optional(info: Dict[str, Any]) -> List[str]:
    return [word for name in ("broadcast", "label", "scope") if name in info for word in (name, str(info[name]))]


def _ip(words: List[str]) -> List[str]:
    try:
        command.run(["ip", *words])
    except command.CommandFailed as error:
        return ["network: %s" % error]
    return []


def differences(before: Network, now: Network) -> List[str]:
    if not before or not now:
        return []
    lines = []
    for name, link in before["links"].items():
        present = now["links"].get(name)
        if present is None:
            lines.append("network: link %s is missing" % name)
        elif present != link:
            lines.append("network: link %s is %s and was %s" % (name, _state(present), _state(link)))
    for key, info in before["addresses"].items():
        if key not in now["addresses"] and not _renewed(key, info, now):
            lines.append("network: address %s is missing" % key)
    lines += ["network: address %s was not there before" % key for key, info in now["addresses"].items()
              if key not in before["addresses"] and not info.get("dynamic") and key.split()[0] in before["links"]]  # fmt: skip
    for family in FAMILIES:
        olds, news = before["routes"][family], now["routes"][family]
        lines += ["network: route %s is missing" % line for line in olds if line not in news]
        lines += ["network: route %s was not there before" % line for line in _extra(olds, news)]
        for some, others, words in (("before", "now", "is missing"), ("now", "before", "was not there before")):
            sides = {"before": before["rules"][family], "now": now["rules"][family]}
            lines += ["network: rule %s %s" % (line, words) for line in sides[some] if line not in sides[others]]
    return lines


def _state(link: Dict[str, Any]) -> str:
    return "%s with mtu %s" % ("up" if link["up"] else "down", link["mtu"])
