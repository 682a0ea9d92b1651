"""ansible.posix.firewalld: what a zone lets in, in its file (permanent) and in the running daemon (immediate).

Sources: firewalld.zone(5), firewalld.conf(5), firewall-cmd(1), module documentation. An effect's name is the firewall-cmd
command that does the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, BadArgument
from aisafe.effects.attributes import understood
from aisafe.effects.predicted import HIDDEN, PredictedHost
from aisafe.effects.predicted import changed as changed_by
from aisafe.model import Effect, Unknown

_KINDS = ("service", "port", "protocol", "rich_rule", "source", "interface", "icmp_block", "masquerade", "forward",
          "icmp_block_inversion", "port_forward", "target")  # fmt: skip
_LISTED = {"service": "services", "port": "ports", "protocol": "protocols", "source": "sources", "interface": "interfaces",
           "icmp_block": "icmp-blocks", "masquerade": "masquerade", "forward": "forward",
           "icmp_block_inversion": "icmp-block-inversion", "target": "target"}  # fmt: skip
_YES = ("masquerade", "forward", "icmp_block_inversion")
_SHIPPED = (
    "ssh",
    "dhcpv6-client",
    "cockpit",
    "mdns",
    "samba-client",
    "ipp-client",
    "default",
)  # what new zones may hold
_FOLDERS = ("/etc/firewalld/zones", "/usr/lib/firewalld/zones")


@understood("ansible.posix.firewalld", kind="firewall")
def firewalld(call: Call, host: PredictedHost, args: Arguments) -> Result:
    state = args.need("state")
    kind = next((name for name in _KINDS if args.given(name)), "")
    value = _value(args, kind)
    wanted = state in ("enabled", "present")
    if kind in _YES:
        wanted = wanted == args.flag(kind)
    permanent = args.flag("permanent")
    daemon = host.unit("firewalld.service")
    runs = daemon.unit.active and daemon.certainty == "certain"
    immediate = args.flag("immediate") or not permanent
    if not runs and daemon.certainty == "certain" and daemon.found is not None:
        if args.flag("offline") and permanent:
            immediate = False
        elif immediate and not host.unforeseen:
            raise BadArgument("firewall is not currently running, unable to perform immediate actions without a running "
                              "firewall daemon")  # fmt: skip
    zone = args.text("zone") or default_zone(host)
    effects: tuple[Effect, ...] = ()
    if permanent:
        effects += tuple(_one(call, host, zone, kind, value, wanted=wanted, lasting=True))
    if immediate:
        effects += tuple(_one(call, host, zone, kind, value, wanted=wanted, lasting=False))
    return Result(effects=effects, changed=changed_by(effects))


def _value(args: Arguments, kind: str) -> str:
    if kind == "port" and "/" not in args.need("port"):
        raise BadArgument("improper port format (missing protocol?)")
    if kind == "port_forward":
        first = (args.raw("port_forward") or [{}])[0]
        return ":".join(f"{key}={first[key]}" for key in ("port", "proto", "toport", "toaddr") if key in first)
    return "" if kind in ("", *_YES) else args.need(kind).strip()


def default_zone(host: PredictedHost) -> str:
    """DefaultZone of firewalld.conf(5)."""
    text = host.file("/etc/firewalld/firewalld.conf", follow=True).text or ""
    found = re.search(r"^DefaultZone=(\S+)", text, re.MULTILINE)
    return found[1] if found else "public"


def _one(
    call: Call, host: PredictedHost, zone: str, kind: str, value: str, *, wanted: bool, lasting: bool
) -> Iterator[Effect]:
    there = holds(host, zone, kind, value, lasting=lasting)
    if there is not None and there == wanted:
        return
    if call.certainty == "certain":
        host.memory.setdefault("firewalld", {})[(zone, kind, value, lasting)] = wanted
    flag = f"--{'add' if wanted else 'remove'}-{kind.replace('_', '-')}{f'={value}' if value else ''}"
    if kind == "":
        flag = f"--{'new' if wanted else 'delete'}-zone={zone}"
    elif kind == "target":
        flag = f"--set-target={value if wanted else 'default'}"
    command = f"firewall-cmd {'--permanent ' if lasting else ''}{f'--zone={zone} ' if kind else ''}{flag}"
    path = f"{_FOLDERS[0]}/{zone}.xml"
    yield Effect(
        kind="firewall", action="create" if wanted else "remove", name=HIDDEN if call.no_log else command, task=call.task,
        certainty="certain" if there is not None else "possible",
        why="" if there is not None else f"what zone {zone} has {'in its file' if lasting else 'now'} is not known",
        detail="as of the next reload or boot" if lasting else "at once, until the next reload or boot",
        paths=(path,) if lasting else (),
    )  # fmt: skip
    if lasting:
        yield from host.put(call, path, content=Unknown("the zone as firewalld writes it"))


def holds(host: PredictedHost, zone: str, kind: str, value: str, *, lasting: bool) -> bool | None:
    """Whether the zone has it in its file (``lasting``) or in the running daemon; None where that is not known."""
    kept: dict[Any, bool] = host.memory.get("firewalld", {})
    if (zone, kind, value, lasting) in kept:
        return kept[(zone, kind, value, lasting)]
    if kind == "rich_rule" and not lasting:
        return _runtime_rule(host, zone, value)
    if kind == "port_forward" and not lasting:
        return None
    found = permanent_zone(host, zone) if lasting else runtime_zone(host, zone)
    if found is None:
        return None
    if kind in ("rich_rule", "port_forward"):
        return _plain(value) in found.get(kind, set())
    if kind == "":
        return bool(found)
    if not found and lasting:
        return None if kind in _YES or value in _SHIPPED else False
    if kind in _YES:
        return _LISTED[kind] in found and found[_LISTED[kind]] != {"no"}
    return value in found.get(_LISTED[kind], {"default"} if kind == "target" else set())


def permanent_zone(host: PredictedHost, zone: str) -> dict[str, set[str]] | None:
    """What the zone's file says, by the names of ``firewall-cmd --list-all``; {} for no such zone, None when not known."""
    for folder in _FOLDERS:
        found = host.file(f"{folder}/{zone}.xml", follow=True)
        if found.exists is False:
            continue
        text = found.text
        if text is None or "<!" in text.replace("<!--", ""):
            return None
        try:
            root = ElementTree.fromstring(text)  # noqa: S314  # no entities: refused above
        except ElementTree.ParseError:
            return None
        return _of_xml(root)
    return {}


def _of_xml(root: ElementTree.Element) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {"target": {root.get("target", "default")}}
    for item in root:
        name = {"icmp-block": "icmp-blocks"}.get(item.tag, f"{item.tag}s")
        if item.tag in ("masquerade", "forward", "icmp-block-inversion"):
            found[item.tag] = {"yes"}
        elif item.tag == "rule":
            words = [part for inner in item.iter() for part in (inner.tag, *(f"{k}={v}" for k, v in inner.items()))]
            found.setdefault("rich_rule", set()).add(_plain(" ".join(words)))
        elif item.tag == "forward-port":
            names = (("port", "port"), ("protocol", "proto"), ("to-port", "toport"), ("to-addr", "toaddr"))
            value = ":".join(f"{name}={item.get(key)}" for key, name in names if item.get(key))
            found.setdefault("port_forward", set()).add(_plain(value))
        elif item.tag == "port":
            found.setdefault("ports", set()).add(f"{item.get('port')}/{item.get('protocol')}")
        else:
            value = item.get("name") or item.get("value") or item.get("address") or ""
            found.setdefault(name, set()).add(value)
    return found


def _plain(rule: str) -> str:
    """The words of a rich rule (firewalld.richlanguage(5)) without quotes, in one order."""
    return " ".join(sorted(rule.replace('"', "").replace("'", "").split()))


def runtime_zone(host: PredictedHost, zone: str) -> dict[str, set[str]] | None:
    """What the running daemon said of the zone; None where it did not answer, or was started by the run."""
    lines = host.state.firewall.get("firewalld")
    if lines is None or host.unit("firewalld.service").touched is not None:
        return None
    found: dict[str, set[str]] = {}
    inside = False
    for line in lines:
        if line and not line[0].isspace():
            inside = line.split()[0] == zone
        elif inside and ":" in line and not line.startswith("\t"):
            name, _, values = line.strip().partition(":")
            found[name] = set(values.split())
    return found


def _runtime_rule(host: PredictedHost, zone: str, rule: str) -> bool | None:
    """A rich rule in the words in which the daemon lists it; other words may mean the same."""
    lines = host.state.firewall.get("firewalld")
    if lines is None or host.unit("firewalld.service").touched is not None:
        return None
    return True if any(_plain(line) == _plain(rule) for line in lines if line.startswith("\t")) else None
