"""ansible.builtin.iptables: rules and policies of the running packet filter, beside those that are there.

An effect's name is the command that does the same (iptables(8)), so that rules of the judge read modules and commands alike.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from typing import Any

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, BadArgument, as_text
from aisafe.effects.attributes import understood
from aisafe.effects.predicted import HIDDEN, PredictedHost
from aisafe.effects.predicted import changed as changed_by
from aisafe.model import Action, Effect

# argument -> option, in the order of the module (module documentation and iptables-extensions(8))
_OPTIONS = (
    ("protocol", "-p"), ("source", "-s"), ("destination", "-d"), ("match", "-m"), ("jump", "-j"), ("gateway", "--gateway"),
    ("log_prefix", "--log-prefix"), ("log_level", "--log-level"), ("to_destination", "--to-destination"),
    ("destination_ports", "--dports"), ("to_source", "--to-source"), ("goto", "-g"), ("in_interface", "-i"),
    ("out_interface", "-o"), ("fragment", "-f"), ("source_port", "--sport"), ("destination_port", "--dport"),
    ("to_ports", "--to-ports"), ("set_dscp_mark", "--set-dscp"), ("set_dscp_mark_class", "--set-dscp-class"),
    ("syn", "--syn"), ("ctstate", "--ctstate"), ("src_range", "--src-range"), ("dst_range", "--dst-range"),
    ("match_set", "--match-set"), ("limit", "--limit"), ("limit_burst", "--limit-burst"), ("uid_owner", "--uid-owner"),
    ("gid_owner", "--gid-owner"), ("reject_with", "--reject-with"), ("icmp_type", "--icmp-type"), ("comment", "--comment"),
)  # fmt: skip
_MATCHES = {"--dports": "multiport", "--ctstate": "conntrack", "--src-range": "iprange", "--dst-range": "iprange",
            "--match-set": "set", "--limit": "limit", "--limit-burst": "limit", "--uid-owner": "owner",
            "--gid-owner": "owner", "--comment": "comment"}  # fmt: skip
_LONG = {"--destination-port": "--dport", "--source-port": "--sport", "--protocol": "-p", "--source": "-s", "--jump": "-j",
         "--destination": "-d", "--match": "-m", "--in-interface": "-i", "--out-interface": "-o", "--goto": "-g",
         "--destination-ports": "--dports", "--icmpv6-type": "--icmp-type", "--state": "--ctstate"}  # fmt: skip
_DEFAULTS = {("--reject-with", "icmp-port-unreachable"), ("--reject-with", "icmp6-port-unreachable"),
             ("--limit-burst", "5"), ("--log-level", "4"), ("--log-level", "warning"), ("-p", "all"), ("-s", "0.0.0.0/0"),
             ("-d", "0.0.0.0/0"), ("-s", "::/0"), ("-d", "::/0")}  # fmt: skip
Rule = dict[str, str]


@understood("ansible.builtin.iptables", kind="firewall")
def iptables(call: Call, host: PredictedHost, args: Arguments) -> Result:
    version = args.word("ip_version", default="ipv4")
    tools = {"ipv4": ("iptables",), "ipv6": ("ip6tables",), "both": ("iptables", "ip6tables")}.get(version)
    if tools is None:
        raise BadArgument(f"value of ip_version must be one of: ipv4, ipv6, both, got: {version}")
    effects = tuple(effect for tool in tools for effect in _one(call, host, args, tool))
    values = {key: call.args[key] for key in ("chain", "table", "state", "policy") if key in call.args}
    return Result(effects=effects, changed=changed_by(effects), values=values)


def _one(call: Call, host: PredictedHost, args: Arguments, tool: str) -> Iterable[Effect]:
    table, chain = args.word("table", default="filter"), args.text("chain")
    present = args.word("state", default="present") == "present"
    lines = rules(host, tool)
    head = f"-t {table}"
    if args.flag("flush"):
        kept = [line for line in lines or () if not line.startswith(f"{head} -A {f'{chain} ' if chain else ''}")]
        yield _change(call, host, tool, f"{head} -F{f' {chain}' if chain else ''}", "remove", kept, why="")
        return
    if chain is None:
        raise BadArgument("missing required arguments: chain")
    policy = args.text("policy")
    if policy is not None:
        now = next((line.split()[-1] for line in lines or () if line.startswith(f"{head} -P {chain} ")), None)
        if now == policy or (now is None and lines is not None and policy == "ACCEPT"):
            return
        kept = [line for line in lines or () if not line.startswith(f"{head} -P {chain} ")]
        command = f"{head} -P {chain} {policy}"
        yield _change(call, host, tool, command, "change", [command, *kept], why="" if lines is not None else _UNSEEN)
        return
    words = rule_words(args)
    if not words:
        if args.flag("chain_management"):
            there = None if lines is None else any(_of(line, table, chain) for line in lines)
            if there is None or there != present:
                verb: Action = "create" if present else "remove"
                kept = [line for line in lines or () if not _of(line, table, chain)]
                kept += [f"{head} -P {chain} -"] if present else []
                yield _change(call, host, tool, f"{head} {'-N' if present else '-X'} {chain}", verb, kept,
                              why="" if there is not None else _UNSEEN)  # fmt: skip
        return
    asked = f"{head} -A {chain} {shlex.join(words)}"
    there = known(lines, asked)
    if there is not None and there == present:
        return
    flag = ("-I" if args.raw("action") == "insert" else "-A") if present else "-D"
    number = f" {args.raw('rule_num')}" if flag == "-I" and args.given("rule_num") else ""
    command = f"{head} {flag} {chain}{number} {shlex.join(words)}"
    kept = [*(lines or ()), asked] if present else [line for line in lines or () if _parsed(line) != _parsed(asked)]
    yield _change(call, host, tool, command, "create" if present else "remove", kept, why="" if there is not None else
                  _UNSEEN if lines is None else "whether a rule that looks alike is the same")  # fmt: skip


def _of(line: str, table: str, chain: str) -> bool:
    words = line.split()
    return words[1:2] == [table] and words[3:4] == [chain]


_UNSEEN = "which rules are there already could not be seen"


def rules(host: PredictedHost, tool: str) -> Sequence[str] | None:
    """The rules that ``tool`` would list at this moment of the run; None where they are not known."""
    kept: dict[str, Sequence[str]] = host.memory.get("iptables", {})
    return kept.get(tool, host.state.firewall.get(tool))


def _change(
    call: Call, host: PredictedHost, tool: str, command: str, action: Action, after: Sequence[str], *, why: str
) -> Effect:
    if rules(host, tool) is not None and call.certainty == "certain":
        host.memory.setdefault("iptables", {})[tool] = tuple(after)
    return Effect(
        kind="firewall", action=action, name=HIDDEN if call.no_log else f"{tool} {command}", task=call.task,
        certainty="possible" if why else "certain", why=why, detail="until the next boot, unless something saves it",
    )  # fmt: skip


def rule_words(args: Arguments) -> list[str]:
    """The rule's own words as the module puts them. Raises UnknownArgument for a part that is not known."""
    matches = list(args.words("match"))
    jump = args.text("jump")
    if args.given("log_prefix", "log_level"):
        if jump not in (None, "LOG"):
            raise BadArgument("Logging options can only be used with the LOG jump target.")
        jump = "LOG"
    words: list[str] = []
    for name, option in _OPTIONS:
        if name == "jump":
            jump = jump or ("REJECT" if args.given("reject_with") else None)
            words += _negated(option, jump) if jump else []
        elif name == "match":
            for match in matches:
                words += ["-m", match]
        elif name == "syn":
            syn = args.word("syn", default="ignore")
            words += {"match": ["--syn"], "negate": ["!", "--syn"]}.get(syn, [])
        elif name in ("destination_ports", "ctstate"):
            values = args.words(name)
            if values:
                state = name == "ctstate" and "state" in matches and "conntrack" not in matches
                words += _match(option, matches, "state" if state else "")
                words += ["--state" if state else option, ",".join(values)]
        elif (value := args.text(name)) is not None:
            words += _match(option, matches, "") + _negated(option, value)
            words += args.words("match_set_flags") if name == "match_set" else []
    flags = args.raw("tcp_flags")
    if isinstance(flags, dict) and {"flags", "flags_set"} <= set(flags):
        words += ["--tcp-flags", ",".join(map(as_text, flags["flags"])), ",".join(map(as_text, flags["flags_set"]))]
    return words


def _match(option: str, matches: Sequence[str], name: str) -> list[str]:
    needed = name or _MATCHES.get(option, "")
    return ["-m", needed] if needed and needed not in matches else []


def _negated(option: str, value: str) -> list[str]:
    return ["!", option, value[1:]] if value.startswith("!") else [option, value]


def known(lines: Sequence[str] | None, asked: str) -> bool | None:
    """Whether the rule ``asked`` is among ``lines``: None where another looks alike, as iptables-save(8) writes a rule in
    its own words."""
    if lines is None:
        return None
    wanted = _parsed(asked)
    alike = [found for line in lines if _alike(found := _parsed(line), wanted)]
    return True if wanted in alike else None if alike else False


def _parsed(line: str) -> Rule:
    """Option -> value, in one spelling, without what is the default or follows from the rest."""
    try:
        words = shlex.split(line)
    except ValueError:
        return {"?": line}
    found: Rule = {}
    sign = ""
    option = ""
    for word in words:
        if word == "!":
            sign = "!"
        elif word.startswith("-") and not word[1:].isdigit():
            option = _LONG.get(word, word)
            found[option] = found.get(option, "") + sign
            sign = ""
        else:
            found[option] = f"{found.get(option, '')} {word}".strip()
    for option in ("-s", "-d"):
        if option in found:
            found[option] = _network(found[option])
    if "--ctstate" in found:
        found["--ctstate"] = ",".join(sorted(found["--ctstate"].upper().split(",")))
    found["-m"] = " ".join(
        sorted(set(found.get("-m", "").split()) - {found.get("-p", ""), *_MATCHES.values(), "state"})
    )
    return {key: value for key, value in found.items() if (key, value) not in _DEFAULTS and (key, value) != ("-m", "")}


def _network(text: str) -> str:
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        return text


def _alike(one: Rule, other: Rule) -> bool:
    keys: tuple[Any, ...] = ("-t", "-A", "-j", "-p", "--dport", "--dports")
    return all(one.get(key) == other.get(key) for key in keys)
