"""community.general.nmcli and its kin: how the host is reached. What runs now is changed at once; files alone do not undo it."""

from __future__ import annotations

import re
from typing import Any

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments
from aisafe.effects.attributes import understood
from aisafe.effects.edits import text_of
from aisafe.effects.predicted import HIDDEN, PredictedHost
from aisafe.model import Action, Effect

PROFILES = "/etc/NetworkManager/system-connections"
_SETTINGS = {"type": ("connection", "type"), "ifname": ("connection", "interface-name"), "gw4": ("ipv4", "gateway"),
             "method4": ("ipv4", "method"), "mtu": ("ethernet", "mtu"), "vlanid": ("vlan", "id"),
             "vlandev": ("vlan", "parent"), "master": ("connection", "master")}  # fmt: skip
_NEUTRAL = {"conn_name", "state", "autoconnect", "ip4", "dns4", *_SETTINGS}


def network_effect(
    call: Call, command: str, *, action: Action = "change", why: str = "", paths: tuple[str, ...] = ()
) -> Effect:
    """The host's own network is set up anew: kind command, named as the tool's command line."""
    return Effect(
        kind="command", action=action, name=HIDDEN if call.no_log else command, task=call.task,
        certainty="possible" if why else "certain", why=why, reversible=False, paths=paths,
        detail="the network of the host is set up anew; how it runs now is not undone",
    )  # fmt: skip


@understood("community.general.nmcli", kind="command", action="change")
def nmcli(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """A connection profile of NetworkManager (nm-settings-keyfile(5)); ``state: up`` and ``down`` act at once."""
    name, state = args.need("conn_name"), args.need("state")
    path = f"{PROFILES}/{name}.nmconnection"
    found = host.file(path, follow=True)
    if state in ("up", "down"):
        return _one(network_effect(call, f"nmcli con {state} {name}", paths=(PROFILES,)))
    if state == "absent":
        if found.exists is False and _classic(host, name) is False:
            return Result(changed=False)
        sure = found.exists is True
        return _one(network_effect(call, f"nmcli con del {name}", action="remove", paths=(PROFILES,),
                                   why="" if sure else "whether there is a connection of this name"))  # fmt: skip
    if found.exists and found.text is not None and _same(found.text, args, call.args):
        return Result(changed=False)
    if found.exists is False and _classic(host, name) is False:
        return _one(network_effect(call, f"nmcli con add con-name {name}", action="create", paths=(PROFILES,)))
    why = "whether the connection is as asked"
    return _one(
        network_effect(call, f"nmcli con modify {name}", why=why, paths=(PROFILES, "/etc/sysconfig/network-scripts"))
    )


def _one(effect: Effect) -> Result:
    return Result(effects=(effect,), changed=True if effect.certainty == "certain" else None)


def _classic(host: PredictedHost, name: str) -> bool | None:
    """Whether the profile may lie elsewhere: ifcfg files of older distributions, netplan, or a file of another name."""
    for folder in (PROFILES, "/etc/sysconfig/network-scripts", "/run/NetworkManager/system-connections"):
        if host.file(folder, follow=True).exists is None:
            return None
        for entry in host.files.entries(folder):
            text = host.file(f"{folder}/{entry}", follow=True).text or ""
            if re.search(rf"^(id|NAME)=\"?{re.escape(name)}\"?$", text, re.MULTILINE):
                return True
    return False


def _same(text: str, args: Arguments, given: Any) -> bool:
    """Whether every setting asked for is in the profile, and none that is not read here."""
    if set(given) - _NEUTRAL:
        return False
    found: dict[tuple[str, str], str] = {}
    section = ""
    for line in text.splitlines():
        head = re.fullmatch(r"\s*\[(.+)\]\s*", line)
        section = head[1] if head else section
        key, equals, value = line.partition("=")
        if equals and not head:
            found[(section, key.strip())] = value.strip()
    for name, place in _SETTINGS.items():
        if args.given(name) and found.get(place) != args.text(name):
            return False
    addresses = [
        value.partition(",")[0] for (part, key), value in found.items() if part == "ipv4" and key.startswith("address")
    ]
    if args.given("ip4") and sorted(addresses) != sorted(args.words("ip4")):
        return False
    if args.given("dns4") and [one for one in found.get(("ipv4", "dns"), "").split(";") if one] != list(
        args.words("dns4")
    ):
        return False
    return found.get(("connection", "autoconnect"), "true") == (
        "true" if args.flag("autoconnect", default=True) else "false"
    )


@understood("community.general.ip_netns", kind="command", action="change")
def ip_netns(call: Call, host: PredictedHost, args: Arguments) -> Result:
    name, present = args.need("name"), args.word("state", default="present") == "present"
    there = host.file(f"/run/netns/{name}").exists
    if there is not None and there == present:
        return Result(changed=False)
    return _one(network_effect(call, f"ip netns {'add' if present else 'del'} {name}", paths=("/etc/netns",)))


@understood("community.general.iptables_state", kind="firewall")
def iptables_state(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """``saved`` writes the rules to a file; ``restored`` puts those of a file in the place of the present ones."""
    path, state = args.need("path"), args.need("state")
    if state == "saved":
        return Result(effects=host.files.disturb(call, path, "which rules there are"), changed=None)
    text = text_of(host, path)
    tool = "ip6tables" if args.word("ip_version", default="ipv4") == "ipv6" else "iptables"
    kept: dict[str, Any] = host.memory.setdefault("iptables", {})
    if isinstance(text, str) and call.certainty == "certain":
        kept[tool] = tuple(_lines(text))
    effect = Effect(kind="firewall", action="change", name=f"{tool}-restore {path}", task=call.task, certainty="possible",
                    why="whether the rules are those of the file already")  # fmt: skip
    return Result(effects=(effect,), changed=None)


def _lines(text: str) -> list[str]:
    """As :func:`aisafe.agent.firewall.told` gives them."""
    table, found = "", []
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif line.startswith(":"):
            found.append(f"-t {table} -P {' '.join(line[1:].split()[:2])}")
        elif line.startswith("-A "):
            found.append(f"-t {table} {line}")
    return found
