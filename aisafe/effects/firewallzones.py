"""firewalld's zones as they would be after the tasks so far, at run time and for good (firewalld.zone(5), firewall-cmd(1))."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aisafe.effects.filetree import FileTree
from aisafe.formats import hostfirewall
from aisafe.formats.hostfirewall import PUBLIC, Zone
from aisafe.model import TaskRef
from aisafe.model.access import PacketFilter

_PLACES = ("/etc/firewalld", "/usr/lib/firewalld")
Doubt = Callable[[str], None]


class Zones:
    """``now`` and ``permanent``: zones by name. What firewalld has at run time is taken to be what its files say."""

    def __init__(self, files: FileTree) -> None:
        self._files = files
        self.now: dict[str, Zone] = {}
        self.permanent: dict[str, Zone] = {}
        self._default_zone = "public"
        self._unread = ""

    def load(self) -> None:
        text = self._text("/etc/firewalld/firewalld.conf") or ""
        named = re.search(r"(?m)^DefaultZone=(\S+)", text)
        self._default_zone = named[1] if named else "public"
        zones = {self._default_zone: self._zone(self._default_zone)}
        for entry in self._files.entries("/etc/firewalld/zones"):
            if entry.endswith(".xml"):
                zones[entry[:-4]] = self._zone(entry[:-4])
        self.now, self.permanent = dict(zones), dict(zones)

    def _zone(self, name: str) -> Zone:
        for folder in _PLACES:
            text = self._text(f"{folder}/zones/{name}.xml")
            if text is not None:
                try:
                    return hostfirewall.zone(text)
                except ValueError as error:
                    self._unread = f"the zone {name} can't be read: {error}"
        return PUBLIC if name == "public" else frozenset()

    def reload(self) -> None:
        """firewalld reads its files again: what was changed at run time only is gone."""
        self.now = dict(self.permanent)

    def state(self) -> tuple[dict[str, Zone], dict[str, Zone]]:
        return dict(self.now), dict(self.permanent)

    def filter(self, zones: Mapping[str, Zone], *, doubt: str, task: TaskRef | None) -> PacketFilter:
        """What ``zones`` let in; an interface is taken to be in the default zone."""
        default = zones.get(self._default_zone, PUBLIC)
        others = [name for name, zone in zones.items() if name not in (self._default_zone, "docker")
                  and any(kind in ("interface", "source") for kind, _ in zone)]  # fmt: skip
        doubt = doubt or self._unread
        return PacketFilter(
            name="firewalld", chains={"INPUT": hostfirewall.zone_rules(default, self._service)},
            policy=hostfirewall.zone_policy(default), task=task,
            doubt=doubt or (f"the zone {others[0]} has interfaces or sources of its own" if others else ""),
        )  # fmt: skip

    def module(self, args: Mapping[str, Any]) -> None:
        """A task of ansible.posix.firewalld."""
        items = [(kind, str(args[key])) for kind, key in
                 (("service", "service"), ("port", "port"), ("rich", "rich_rule"), ("interface", "interface"),
                  ("source", "source"), ("target", "target")) if key in args]  # fmt: skip
        permanent, immediate = _true(args.get("permanent")), _true(args.get("immediate"))
        present = str(args.get("state")) in ("enabled", "present")
        self._set(str(args.get("zone", self._default_zone)), items, present=present, permanent=permanent,
                  runtime=immediate or not permanent)  # fmt: skip

    def command(self, words: Sequence[str], doubt: Doubt) -> None:
        """``firewall-cmd WORDS``; ``doubt`` is told what of it is not understood."""
        permanent, zone = "--permanent" in words, self._default_zone
        items: list[tuple[str, str]] = []
        present = True
        for word in words:
            option, _, value = word.partition("=")
            match = re.fullmatch(r"--(add|remove)-(service|port|rich-rule|interface|source)", option)
            if option == "--zone":
                zone = value
            elif match:
                present = match[1] == "add"
                items.append(("rich" if match[2] == "rich-rule" else match[2], value))
            elif option in ("--reload", "--complete-reload"):
                self.reload()
            elif option == "--runtime-to-permanent":
                self.permanent = dict(self.now)
            elif option not in ("--permanent", "--quiet", "-q", "--state"):
                doubt(f"firewall-cmd {word} is not understood")
        self._set(zone, items, present=present, permanent=permanent, runtime=not permanent)

    def _set(
        self, zone: str, items: Sequence[tuple[str, str]], *, present: bool, permanent: bool, runtime: bool
    ) -> None:
        for zones, wanted in ((self.now, runtime), (self.permanent, permanent)):
            if wanted and items:
                old = zones.get(zone, frozenset())
                zones[zone] = old | set(items) if present else old - set(items)

    def _service(self, name: str) -> Sequence[tuple[str, str]] | None:
        for folder in _PLACES:
            text = self._text(f"{folder}/services/{name}.xml")
            if text is not None:
                try:
                    return hostfirewall.service_ports(text)
                except ValueError:
                    return None
        return hostfirewall.well_known(name)

    def _text(self, path: str) -> str | None:
        return self._files.get(path, follow=True).text


def _true(value: object) -> bool:
    return str(value).lower() in ("true", "yes", "on", "1")
