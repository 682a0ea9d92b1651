"""What the outside observer makes of `docker inspect` and of firewall listings. Pure."""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Any

# Chains that Docker makes and fills itself. DOCKER-USER is not among them: its rules are the administrator's.
DOCKER_CHAINS = r"DOCKER(-ISOLATION-STAGE-[12])?"
# Tables that iptables-nft keeps, and that iptables-save has shown already.
IPTABLES_TABLES = {f"{family} {table}" for family in ("ip", "ip6") for table in
                   ("filter", "nat", "mangle", "raw", "security")}  # fmt: skip


def parse_containers(answers: dict[str, str]) -> dict[str, Any]:
    """Sections container, image, network and volume, and what `parse_firewall` needs to read Docker's rules.

    Names are the keys. Left out, since no removed object can be made again with them: ids of containers and networks,
    times, addresses drawn from a pool, and a host name that is the container's id.
    """
    networks = json.loads(answers["networks"])
    found = json.loads(answers["containers"])
    changed: dict[str, list[str]] = {}
    for line in answers["diff"].splitlines():
        identity, _, change = line.partition(" ")
        changed.setdefault(identity, []).append(change)
    images: dict[str, str] = {}
    for line in answers["images"].splitlines():
        identity, _, tag = line.partition(" ")
        images[tag if "<none>" not in tag else identity] = identity
    bridges = {"docker0": "docker0"}
    for network in networks:
        bridges[f"br-{network['Id'][:12]}"] = f"br-({network['Name']})"
    for container in found:
        for name, network in container["NetworkSettings"]["Networks"].items():
            for address in (network.get("IPAddress"), network.get("GlobalIPv6Address")):
                if address:
                    bridges[address] = f"({container['Name'].lstrip('/')} in {name})"
    unnamed = _unnamed(found)
    return {
        "container": {entry["Name"].lstrip("/"): _container(entry, changed.get(entry["Id"], [])) for entry in found},
        "image": images,
        "network": {entry["Name"]: _network(entry) for entry in networks},
        "volume": {
            unnamed.get(entry["Name"], entry["Name"]): {
                key: entry.get(key) for key in ("Driver", "Labels", "Options", "Scope")
            }
            for entry in json.loads(answers["volumes"])
        },
        "bridges": bridges,
        "unnamed": unnamed,
    }


def _unnamed(found: list[dict[str, Any]]) -> dict[str, str]:
    """Volumes that the engine named by chance, by where they are mounted: one made again gets another name."""
    return {
        mount["Name"]: f"(anonymous of {entry['Name'].lstrip('/')} at {mount['Destination']})"
        for entry in found
        for mount in entry["Mounts"]
        if mount["Type"] == "volume" and re.fullmatch("[0-9a-f]{64}", mount["Name"])
    }


def _container(entry: dict[str, Any], changed: list[str]) -> dict[str, Any]:
    config = dict(entry["Config"])
    # The engine gives a container the beginning of its id as host name and alias; one made again keeps the name it had.
    chance = {entry["Id"][:12], *re.findall(r"^[0-9a-f]{12}$", str(config.get("Hostname")))}
    if config.get("Hostname") in chance:
        del config["Hostname"]
    state = entry["State"]
    networks = {
        name: {
            "aliases": sorted(set(network.get("Aliases") or []) - chance),
            "fixed": network.get("IPAMConfig"),
            "links": network.get("Links"),
            "options": network.get("DriverOpts"),
            # An address itself is drawn from a pool; that there is one is not.
            "connected": bool(network.get("IPAddress") or network.get("GlobalIPv6Address")),
        }
        for name, network in entry["NetworkSettings"]["Networks"].items()
    }
    mounts = sorted(
        ({key: "(anonymous)" if key == "Name" and re.fullmatch("[0-9a-f]{64}", value) else value
          for key, value in mount.items() if key != "Source" or mount["Type"] == "bind"}
         for mount in entry["Mounts"]),
        key=lambda mount: str(mount["Destination"]),
    )  # fmt: skip
    return {
        "image": entry["Image"],
        "command": [entry["Path"], *entry["Args"]],
        "config": config,
        "host": entry["HostConfig"],
        "state": {key: state.get(key) for key in ("Status", "Running", "Paused", "ExitCode", "OOMKilled", "Error")},
        "health": (state.get("Health") or {}).get("Status"),
        "ports": entry["NetworkSettings"]["Ports"],
        "mounts": mounts,
        "networks": networks,
        "written": sorted(changed),
    }


def _network(entry: dict[str, Any]) -> dict[str, Any]:
    kept = ("Driver", "Scope", "Internal", "Attachable", "Ingress", "EnableIPv6", "IPAM", "Options", "Labels")
    found: dict[str, Any] = {key: entry.get(key) for key in kept}
    # The engine writes down a bridge's gateway that nobody asked for from its second start on; it is the first address.
    pools = [dict(pool) for pool in entry["IPAM"]["Config"] or []]
    for pool in pools:
        if pool.get("Gateway") == _first_address(pool.get("Subnet", "")):
            pool.pop("Gateway", None)
    found["IPAM"] = {**entry["IPAM"], "Config": pools}
    return found


def _first_address(subnet: str) -> str | None:
    try:
        return str(next(ipaddress.ip_network(subnet).hosts()))
    except ValueError:
        return None


def parse_firewall(v4: str, v6: str, nft: str, names: dict[str, str]) -> dict[str, Any]:
    """Sections firewall (in order), docker rule (a set) and nft.

    Docker's rules are compared as a set, with addresses and bridges replaced by what they belong to: the engine writes
    them anew whenever it or a container starts, in the order of the day. Every other rule is compared in its place.
    """
    firewall: dict[str, Any] = {}
    docker: dict[str, int] = {}
    for family, text in (("ipv4", v4), ("ipv6", v6)):
        table = ""
        if "cannot be read" in text:
            firewall[f"{family}"] = text.strip()
        for line in text.splitlines():
            if line.startswith("*"):
                table = line[1:]
            elif line.startswith(":"):
                chain, policy = line[1:].split()[:2]
                if not re.fullmatch(DOCKER_CHAINS, chain):
                    firewall[f"{family} {table} {chain} policy"] = policy
            elif line.startswith("-A"):
                chain = line.split()[1]
                if _dockers(line, names):
                    rule = f"{family} {table} {_named(line, names)}"
                    docker[rule] = docker.get(rule, 0) + 1
                else:
                    rules = firewall.setdefault(f"{family} {table} {chain} rules", [])
                    rules.append(line)
    # An empty chain with policy ACCEPT is the kernel's default: iptables-save lists it once anybody has asked for it.
    firewall = {key: value for key, value in firewall.items() if not (key.endswith(" policy") and value == "ACCEPT")}
    tables = {}
    for match in re.finditer(r"^table (\S+ \S+) \{\n(.*?)^\}", nft, re.MULTILINE | re.DOTALL):
        if match[1] not in IPTABLES_TABLES:
            tables[match[1]] = match[2].strip()
    if "cannot be read" in nft:
        tables["nft"] = nft.strip()
    return {
        "firewall": firewall,
        "docker rule": {rule: f"{count} times" for rule, count in docker.items()},
        "nft table": tables,
    }


def _dockers(rule: str, names: dict[str, str]) -> bool:
    """Whether Docker wrote a rule: in or to a chain of its own, or one of the forms that it gives a bridge's rules."""
    if re.match(rf"-A {DOCKER_CHAINS} ", rule) or re.search(rf"-j {DOCKER_CHAINS}$", rule):
        return True
    if rule == "-A FORWARD -j DOCKER-USER":
        return True
    bridge = r"(docker0|br-[0-9a-f]{12})"
    forms = (
        rf"-A FORWARD -o {bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        rf"-A FORWARD -i {bridge} ! -o {bridge} -j ACCEPT",
        rf"-A FORWARD -i {bridge} -o {bridge} -j (ACCEPT|DROP)",
        rf"-A POSTROUTING -s \S+ ! -o {bridge} -j MASQUERADE",
    )
    if any(re.fullmatch(form, rule) for form in forms):
        return True
    published = re.fullmatch(r"-A POSTROUTING -s (\S+)/32 -d (\S+)/32 -p \w+ -m \w+ --dport \d+ -j MASQUERADE", rule)
    return bool(published and published[1] == published[2] and published[1] in names)


def _named(rule: str, names: dict[str, str]) -> str:
    for raw in sorted(names, key=len, reverse=True):
        if raw:
            rule = re.sub(rf"(?<![\w.]){re.escape(raw)}(?![\w.])", names[raw], rule)
    return rule
