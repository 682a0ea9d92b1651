"""The packet filters of a host as they would be after the tasks so far, for what comes in."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aisafe.effects.api import Call
from aisafe.effects.filetree import FileTree
from aisafe.effects.unitstore import UnitStore
from aisafe.formats import hostfirewall, packetfilter
from aisafe.formats.hostfirewall import PUBLIC, UfwCommand, Zone
from aisafe.model import Effect, HostState, TaskRef, is_unknown
from aisafe.model.access import Firewall, PacketFilter, PacketRule

MODULES = {
    "community.general.ufw": "ufw",
    "ansible.builtin.iptables": "iptables",
    "ansible.posix.firewalld": "firewalld",
}
_TABLES = ("iptables", "ip6tables")
_SAVED = {"iptables": "/etc/iptables/rules.v4", "ip6tables": "/etc/iptables/rules.v6"}
_FIREWALLD = ("/etc/firewalld", "/usr/lib/firewalld")


class FirewallStore:
    """Reads the live state when it is first asked; each change then goes through :meth:`follow`, :meth:`command`, :meth:`unit`.

    What is not understood becomes a doubt of the filter that it is about, never a rule that is not there.
    """

    def __init__(self, state: HostState, files: FileTree, units: UnitStore) -> None:
        self._state, self._files, self._units = state, files, units
        self._tables: dict[str, PacketFilter] = {}
        self._nft: tuple[PacketFilter, ...] = ()
        self._ufw: list[PacketRule] = []
        self._ufw_on = self._ufw_at_boot = False
        self._ufw_policy = "drop"
        self._zones: tuple[dict[str, Zone], dict[str, Zone]] = ({}, {})  # at run time, permanent
        self._default_zone = "public"
        self._doubts: dict[str, str] = {}
        self._tasks: dict[str, TaskRef] = {}
        self._read = False

    # What it is

    def now(self) -> Firewall:
        self._load()
        ufw_on = self._ufw_on
        filters = [self._table(name, ufw=ufw_on) for name in _TABLES]
        if self._units.get("firewalld.service").unit.active:
            filters.append(self._firewalld(self._zones[0]))
        return self._firewall([*filters, *self._nft])

    def boot(self) -> Firewall:
        """After the next boot: what a service loads then; rules that nobody saved are gone."""
        self._load()
        ufw_on = self._ufw_at_boot and self._units.at_boot("ufw.service")
        saved = any(self._units.at_boot(name) for name in ("netfilter-persistent.service", "iptables.service"))
        tables = []
        for name in _TABLES:
            text = self._text(_SAVED[name]) if saved else None
            stored = packetfilter.iptables_save(text, name=name) if text else PacketFilter(name=name)
            tables.append(
                self._with_ufw(replace(stored, task=self._files.get(_SAVED[name]).task), name) if ufw_on else stored
            )
        filters = list(tables)
        if self._units.at_boot("firewalld.service"):
            filters.append(self._firewalld(self._zones[1]))
        if self._units.at_boot("nftables.service"):
            filters += self._nft_file()
        return self._firewall(filters)

    def _firewall(self, filters: Sequence[PacketFilter]) -> Firewall:
        users = self._tables.get("iptables", PacketFilter(name="iptables")).chains.get("DOCKER-USER", ())
        own = [rule for rule in users if rule.target != "return"]
        published = f"the chain DOCKER-USER has rules of its own ({own[0].text})" if own else ""
        kept = tuple(item for item in filters if item.doubt or item.policy == "drop" or any(item.chains.values()))
        return Firewall(filters=kept, unseen=self._unseen(), published=published)

    def _unseen(self) -> str:
        if self._state.packet_filter is not None:
            return ""
        return next((spot.reason for spot in self._state.blind_spots if spot.kind in ("firewall", "host", "inventory")),
                    "the host did not tell its packet filter")  # fmt: skip

    def _load(self) -> None:
        if self._read:
            return
        self._read = True
        seen = self._state.packet_filter
        tables: Mapping[str, Mapping[str, tuple[str, ...]]] = seen.iptables if seen else {}
        for name in _TABLES:
            chains = tables.get(name, {})
            found = packetfilter.iptables_table(chains, name=name)
            if any(head.startswith(("ufw-", "ufw6-")) for head in chains):
                self._ufw_on = self._ufw_on or name == "iptables"
                own = {chain: tuple(rule for rule in rules if not rule.target.startswith(("ufw-", "ufw6-")))
                       for chain, rules in found.chains.items() if not chain.startswith(("ufw-", "ufw6-"))}  # fmt: skip
                found = replace(found, chains=own, policy="accept")
            self._tables[name] = found
        for text in (seen.nft if seen else {}).values():
            self._nft += packetfilter.nft_tables(text)
        self._load_ufw()
        self._load_zones()

    def _load_ufw(self) -> None:
        self._files.prefetch(["/etc/ufw/ufw.conf", "/etc/default/ufw", "/etc/ufw/user.rules", "/etc/firewalld/firewalld.conf",
                              "/etc/firewalld/zones"])  # fmt: skip
        configured = self._text("/etc/ufw/ufw.conf") or ""
        self._ufw_at_boot = bool(re.search(r"(?m)^ENABLED=\W*yes", configured, re.IGNORECASE))
        policy = re.search(r"(?m)^DEFAULT_INPUT_POLICY=\W*(\w+)", self._text("/etc/default/ufw") or "")
        self._ufw_policy = "accept" if policy and policy[1] == "ACCEPT" else "drop"
        self._ufw = list(hostfirewall.ufw_user_rules(self._text("/etc/ufw/user.rules") or ""))

    def _load_zones(self) -> None:
        text = self._text("/etc/firewalld/firewalld.conf") or ""
        named = re.search(r"(?m)^DefaultZone=(\S+)", text)
        self._default_zone = named[1] if named else "public"
        zones = {self._default_zone: self._zone(self._default_zone)}
        for entry in self._files.entries("/etc/firewalld/zones"):
            if entry.endswith(".xml"):
                zones[entry[:-4]] = self._zone(entry[:-4])
        self._zones = (dict(zones), dict(zones))

    def _zone(self, name: str) -> Zone:
        for folder in _FIREWALLD:
            text = self._text(f"{folder}/zones/{name}.xml")
            if text is not None:
                try:
                    return hostfirewall.zone(text)
                except ValueError as error:
                    self._doubts["firewalld"] = f"the zone {name} can't be read: {error}"
        return PUBLIC if name == "public" else frozenset()

    def _table(self, name: str, *, ufw: bool) -> PacketFilter:
        item = replace(self._tables[name], doubt=self._doubts.get(name, ""), task=self._tasks.get(name))
        return self._with_ufw(item, name) if ufw else item

    def _with_ufw(self, item: PacketFilter, name: str) -> PacketFilter:
        chains = {**item.chains, "INPUT": (*item.chains.get("INPUT", ()), hostfirewall.ESTABLISHED, *self._ufw)}
        return PacketFilter(
            name="ufw", chains=chains, policy=self._ufw_policy, families=(4,) if name == "iptables" else (6,),
            doubt=item.doubt or self._doubts.get("ufw", ""), task=self._tasks.get("ufw") or item.task,
        )  # fmt: skip

    def _firewalld(self, zones: Mapping[str, Zone]) -> PacketFilter:
        default = zones.get(self._default_zone, PUBLIC)
        others = [name for name, zone in zones.items() if name not in (self._default_zone, "docker")
                  and any(kind in ("interface", "source") for kind, _ in zone)]  # fmt: skip
        doubt = self._doubts.get("firewalld", "")
        return PacketFilter(
            name="firewalld", chains={"INPUT": hostfirewall.zone_rules(default, self._service)},
            policy=hostfirewall.zone_policy(default), task=self._tasks.get("firewalld"),
            doubt=doubt or (f"the zone {others[0]} has interfaces or sources of its own" if others else ""),
        )  # fmt: skip

    def _nft_file(self) -> tuple[PacketFilter, ...]:
        found = self._files.get("/etc/nftables.conf", follow=True)
        if found.exists is False:
            return ()
        if found.text is None:
            return (PacketFilter(name="nftables.conf", doubt="its content is not known", task=found.task),)
        return tuple(replace(item, task=found.task) for item in packetfilter.nft_tables(found.text))

    # What changes it

    def follow(self, call: Call) -> bool:
        """The task of one of the modules above; whether it is one, that is about what comes in."""
        kind = MODULES.get(call.module)
        if kind is None:
            return False
        self._load()
        if is_unknown(dict(call.args)):
            self._doubt(kind, call, "its arguments are known only in the run")
            return True
        args = {key: value for key, value in call.args.items() if value is not None}
        return self._changing(kind, call, lambda: getattr(self, f"_{kind}_module")(call, args))

    def command(self, call: Call, words: Sequence[str]) -> None:
        """A command line that begins with the name of a program of theirs."""
        self._load()
        name, rest = posixpath.basename(words[0]), list(words[1:])
        if name == "ufw":
            self._changing("ufw", call, lambda: self._ufw_apply(call, hostfirewall.ufw_command(rest, self._profile)))
        elif name in _TABLES:
            self._changing(name, call, lambda: self._iptables_words(call, name, rest))
        elif name == "firewall-cmd":
            self._changing("firewalld", call, lambda: self._firewall_cmd(call, rest))
        elif name == "nft" and rest[:2] == ["flush", "ruleset"]:
            self._nft, self._ufw_on = (), False
            self._tables = {table: PacketFilter(name=table) for table in _TABLES}
        elif name == "nft" and rest[:1] == ["-f"] and rest[1:2] == ["/etc/nftables.conf"]:
            self._load_nft_file(call)
        else:
            self._doubt(
                "ip6tables" if name.startswith("ip6") else "iptables",
                call,
                f"{name} {' '.join(rest[:4])} is not understood",
            )

    def unit(self, call: Call, effect: Effect) -> None:
        """A service of theirs is started, stopped or read again."""
        begins = effect.action in ("start", "restart", "reload")
        if effect.name == "nftables.service" and effect.action in ("start", "restart", "reload", "stop"):
            self._load()
            self._load_nft_file(call)
            if not begins:
                self._nft = ()
        elif effect.name == "firewalld.service" and begins:
            self._load()
            self._zones = (dict(self._zones[1]), self._zones[1])
            self._tasks["firewalld"] = call.task
        elif effect.name == "ufw.service" and effect.action in ("start", "restart", "stop"):
            self._load()
            self._ufw_on = begins and self._ufw_at_boot
            self._tasks["ufw"] = call.task

    def _load_nft_file(self, call: Call) -> None:
        text = self._text("/etc/nftables.conf")
        self._nft = tuple(replace(item, task=call.task) for item in self._nft_file())
        if text is not None and re.search(r"(?m)^\s*flush\s+ruleset", text):
            self._tables = {table: PacketFilter(name=table) for table in _TABLES}
            self._ufw_on = False

    def _changing(self, kind: str, call: Call, change: Callable[[], bool]) -> bool:
        before = (list(self._ufw), self._ufw_on, self._ufw_at_boot, self._ufw_policy, dict(self._tables),
                  (dict(self._zones[0]), dict(self._zones[1])))  # fmt: skip
        inward = change()
        after = (list(self._ufw), self._ufw_on, self._ufw_at_boot, self._ufw_policy, dict(self._tables), self._zones)
        if before != after:
            self._tasks[kind] = call.task
            if call.certainty != "certain":
                self._doubt(kind, call, call.why)
        return inward

    def _doubt(self, kind: str, call: Call, why: str) -> None:
        self._doubts.setdefault(kind, f"{call.task}: {why}")
        self._tasks[kind] = call.task

    # ufw

    def _ufw_module(self, call: Call, args: Mapping[str, Any]) -> bool:
        if "default" in args or "policy" in args:
            direction = str(args.get("direction", "incoming"))
            if direction in ("in", "incoming"):
                policy = str(args.get("default", args.get("policy")))
                self._ufw_apply(call, UfwCommand(verb="default", policy="accept" if policy == "allow" else "drop"))
        if "rule" in args and str(args.get("direction", "in")) in ("in", "incoming") and not _true(args.get("route")):
            if str(args.get("from_port", "any")) != "any":
                self._doubt("ufw", call, "a rule for a source port")
            rules = hostfirewall.ufw_rule(
                str(args["rule"]), to_port=str(args.get("to_port", args.get("port", ""))), proto=str(args.get("proto", "")),
                source=str(args.get("from_ip", args.get("from", args.get("src", "")))),
                destination=str(args.get("to_ip", args.get("dest", args.get("to", "")))),
                interface=str(args.get("interface_in", args.get("interface", args.get("if", "")))),
                name=str(args.get("name", args.get("app", ""))), lookup=self._profile,
            )  # fmt: skip
            position = max(int(args["insert"]) - 1, 0) if str(args.get("insert", "")).isdigit() else None
            self._ufw_apply(
                call, UfwCommand(verb="delete" if _true(args.get("delete")) else "rule", rules=rules, position=position)
            )
        verbs = {"enabled": "enable", "disabled": "disable", "reset": "reset", "reloaded": "reload"}
        if str(args.get("state", "")) in verbs:
            self._ufw_apply(call, UfwCommand(verb=verbs[str(args["state"])]))
        return True

    def _ufw_apply(self, call: Call, command: UfwCommand | None) -> bool:
        if command is None:
            self._doubt("ufw", call, "the command is not understood")
            return True
        match command.verb:
            case "enable":
                self._ufw_on = self._ufw_at_boot = True
            case "disable":
                self._ufw_on = self._ufw_at_boot = False
            case "reset":
                self._ufw_on, self._ufw_at_boot, self._ufw, self._ufw_policy = False, False, [], "drop"
            case "default":
                self._ufw_policy = command.policy or self._ufw_policy
            case "rule":
                self._ufw_add(command)
            case "delete":
                gone = [_whole(rule) for rule in command.rules]
                self._ufw = [rule for rule in self._ufw if _whole(rule) not in gone]
        return bool(command.verb)

    def _ufw_add(self, command: UfwCommand) -> None:
        for rule in command.rules:
            at = next((index for index, old in enumerate(self._ufw) if _condition(old) == _condition(rule)), None)
            if at is not None and command.position is None:
                self._ufw[at] = replace(self._ufw[at], target=rule.target)
                continue
            if at is not None:
                del self._ufw[at]
            self._ufw.insert(len(self._ufw) if command.position is None else command.position, rule)

    def _profile(self, name: str) -> Sequence[tuple[str, str]] | None:
        if hostfirewall.well_known(name) and name not in ("OpenSSH", "SSH"):
            return hostfirewall.well_known(name)
        for entry in self._files.entries("/etc/ufw/applications.d"):
            found = hostfirewall.ufw_profiles(self._text(f"/etc/ufw/applications.d/{entry}") or "")
            if name in found:
                return found[name]
        services = re.findall(rf"(?m)^{re.escape(name)}\s+(\d+)/(tcp|udp)\b", self._text("/etc/services") or "")
        return services or hostfirewall.well_known(name)

    # iptables

    def _iptables_module(self, call: Call, args: Mapping[str, Any]) -> bool:
        name = "ip6tables" if str(args.get("ip_version", "ipv4")) == "ipv6" else "iptables"
        if str(args.get("table", "filter")) != "filter":
            return False
        words: list[str] = []
        if _true(args.get("flush")):
            return self._iptables_words(call, name, ["-F", *([str(args["chain"])] if "chain" in args else [])])
        if "policy" in args:
            return self._iptables_words(call, name, ["-P", str(args.get("chain")), str(args["policy"])])
        for option, key in (("-p", "protocol"), ("-s", "source"), ("-d", "destination"), ("-i", "in_interface"),
                            ("--dport", "destination_port"), ("--dports", "destination_ports"), ("--ctstate", "ctstate"),
                            ("-j", "jump")):  # fmt: skip
            value = args.get(key)
            if value not in (None, "", []):
                text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
                words += ["!", option, text[1:].strip()] if text.startswith("!") else [option, text]
        for key in (
            "match",
            "limit",
            "limit_burst",
            "set",
            "match_set",
            "src_range",
            "dst_range",
            "uid_owner",
            "syn",
            "tcp_flags",
        ):
            if args.get(key) not in (None, "", [], "ignore") and key != "match":
                words += [f"--{key}"]
        absent, inserting = str(args.get("state", "present")) == "absent", str(args.get("action", "append")) == "insert"
        verb = "-D" if absent else "-I" if inserting else "-A"
        number = [str(args["rule_num"])] if str(args.get("rule_num", "")).isdigit() and inserting else []
        return self._iptables_words(call, name, [verb, str(args.get("chain")), *number, *words])

    def _iptables_words(self, call: Call, name: str, words: Sequence[str]) -> bool:
        words = [word for word in words if word not in ("-w", "--wait")]
        table = words[words.index("-t") + 1] if "-t" in words[:-1] else "filter"
        if table != "filter" or not words:
            return False
        item = self._tables[name]
        chains = dict(item.chains)
        verb = next(
            (
                word
                for word in words
                if re.fullmatch(r"-[APIDFNXZPLSC]|--(append|policy|insert|delete|flush|new-chain)", word)
            ),
            "",
        )
        chain = words[words.index(verb) + 1] if verb and words.index(verb) + 1 < len(words) else ""
        if verb in ("-P", "--policy"):
            if chain != "INPUT":
                return False
            item = replace(item, policy="drop" if words[-1] == "DROP" else "accept")
        elif verb in ("-F", "--flush"):
            chains = {key: rules for key, rules in chains.items() if chain and key != chain}
        elif verb in ("-N", "--new-chain"):
            chains.setdefault(chain, ())
        elif verb in ("-A", "--append", "-I", "--insert", "-D", "--delete"):
            made = packetfilter.iptables_rule(words)
            if made is None or (verb in ("-D", "--delete") and chain and words[-1].isdigit() and len(words) == 3):
                self._doubt(name, call, f"{' '.join(words)} is not understood")
                return True
            rules, rule = list(chains.get(chain, ())), made[1]
            same = [old for old in rules if _whole(old) == _whole(rule)]
            if verb in ("-D", "--delete"):
                rules = [old for old in rules if old not in same[:1]]
            elif not (same and call.module in MODULES):
                number = words[words.index(verb) + 2] if len(words) > 2 else ""
                at = int(number) - 1 if number.isdigit() else 0
                rules.insert(len(rules) if verb in ("-A", "--append") else at, rule)
            chains[chain] = tuple(rules)
        self._tables[name] = replace(item, chains=chains)
        return True

    # firewalld

    def _firewalld_module(self, call: Call, args: Mapping[str, Any]) -> bool:
        items = [(kind, str(args[key])) for kind, key in
                 (("service", "service"), ("port", "port"), ("rich", "rich_rule"), ("interface", "interface"),
                  ("source", "source"), ("target", "target")) if key in args]  # fmt: skip
        permanent, immediate = _true(args.get("permanent")), _true(args.get("immediate"))
        present = str(args.get("state")) in ("enabled", "present")
        self._set(str(args.get("zone", self._default_zone)), items, present=present, permanent=permanent,
                  runtime=immediate or not permanent)  # fmt: skip
        return True

    def _firewall_cmd(self, call: Call, words: Sequence[str]) -> bool:
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
                self._zones = (dict(self._zones[1]), self._zones[1])
            elif option == "--runtime-to-permanent":
                self._zones = (self._zones[0], dict(self._zones[0]))
            elif option not in ("--permanent", "--quiet", "-q", "--state"):
                self._doubt("firewalld", call, f"firewall-cmd {word} is not understood")
        self._set(zone, items, present=present, permanent=permanent, runtime=not permanent)
        return True

    def _set(
        self, zone: str, items: Sequence[tuple[str, str]], *, present: bool, permanent: bool, runtime: bool
    ) -> None:
        for zones, wanted in zip(self._zones, (runtime, permanent), strict=True):
            if wanted and items:
                old = zones.get(zone, frozenset())
                zones[zone] = old | set(items) if present else old - set(items)

    def _service(self, name: str) -> Sequence[tuple[str, str]] | None:
        for folder in _FIREWALLD:
            text = self._text(f"{folder}/services/{name}.xml")
            if text is not None:
                try:
                    return hostfirewall.service_ports(text)
                except ValueError:
                    return None
        return hostfirewall.well_known(name)

    def _text(self, path: str) -> str | None:
        return self._files.get(path, follow=True).text


def _condition(rule: PacketRule) -> tuple[object, ...]:
    return (rule.protocol, rule.ports, rule.source, rule.destination, rule.interface, rule.states, rule.unclear)


def _whole(rule: PacketRule) -> tuple[object, ...]:
    return (*_condition(rule), rule.target)


def _true(value: object) -> bool:
    return str(value).lower() in ("true", "yes", "on", "1")
