"""community.general.ufw: rules, default policies and state, all of which ufw(8) keeps in files of its own.

A rule is there when its ``### tuple ###`` line is (ufw-framework(8), /etc/ufw/user.rules). An effect's name is the ufw command
that does the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_network

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, BadArgument
from aisafe.effects.attributes import understood
from aisafe.effects.packages import blind, installed_version
from aisafe.effects.predicted import HIDDEN, PredictedHost
from aisafe.effects.predicted import changed as changed_by
from aisafe.frozen import frozen
from aisafe.model import Action, Effect

CONFIG, DEFAULTS = "/etc/ufw/ufw.conf", "/etc/default/ufw"
RULES = {4: "/etc/ufw/user.rules", 6: "/etc/ufw/user6.rules"}
_ANY = {4: "0.0.0.0/0", 6: "::/0"}
_POLICIES = {"allow": "ACCEPT", "deny": "DROP", "reject": "REJECT"}
_TUPLE = re.compile(r"^### tuple ### (.*)$", re.MULTILINE)


@frozen
class _Rule:
    """What makes two rules the same rule for ufw, but for their action."""

    protocol: str
    to: str
    to_port: str
    source: str
    source_port: str
    app: str
    where: str
    forward: bool


@understood("community.general.ufw", kind="firewall")
def ufw(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if not any(args.given(key) for key in ("state", "default", "policy", "rule", "logging")):
        raise BadArgument("one of the following is required: state, default, rule, logging")
    absent = host.file("/usr/sbin/ufw", follow=True).exists is False and installed_version(host, "ufw") is None
    if absent and not blind(host) and not host.unforeseen:
        raise BadArgument('Failed to find required executable "ufw"')
    quiet = enabled(host) is False  # 'ufw status' of a firewall that is off tells neither policies nor logging
    told = (*_state(call, host, args), *_rule(call, host, args))
    aside = (*_default(call, host, args), *_logging(call, host, args))
    if quiet and args.given("logging"):
        return Result(effects=(*told, *aside), changed=True)  # the module takes that for a change
    return Result(effects=(*told, *aside), changed=changed_by(told if quiet else (*told, *aside)))


def _effect(
    call: Call, command: str, *, action: Action = "change", why: str = "", detail: str = "", paths: tuple[str, ...] = ()
) -> Effect:
    return Effect(
        kind="firewall", action=action, name=HIDDEN if call.no_log else f"ufw {command}", task=call.task,
        certainty="possible" if why else "certain", why=why, detail=detail, paths=paths,
    )  # fmt: skip


def setting(host: PredictedHost, path: str, name: str, *, default: str) -> str | None:
    """A value of one of ufw's files, quotes dropped; ``default`` while ufw is yet to be installed, None when not known."""
    found = host.file(path, follow=True)
    if found.kind == "absent":
        return default
    if found.text is None:
        return None
    hits = re.findall(rf"^{name}=[\"']?([^\"'\n]*)", found.text, re.MULTILINE)
    return hits[-1].strip() if hits else default


def enabled(host: PredictedHost) -> bool | None:
    """Whether ufw filters at this moment of the run, and after a boot."""
    found = setting(host, CONFIG, "ENABLED", default="no")
    return None if found is None else found.lower() == "yes"


def _set(call: Call, host: PredictedHost, path: str, name: str, value: str) -> tuple[Effect, ...]:
    found = host.file(path, follow=True)
    if found.text is None or not re.search(rf"^{name}=", found.text, re.MULTILINE):
        return host.files.disturb(call, path, "what ufw keeps there")
    text = re.sub(rf"^{name}=.*$", f"{name}={value}", found.text, flags=re.MULTILINE)
    return host.put(call, found.path, content=text.encode())


def _state(call: Call, host: PredictedHost, args: Arguments) -> Iterator[Effect]:
    state = args.text("state")
    if state in ("enabled", "disabled"):
        now, wanted = enabled(host), state == "enabled"
        if now is None or now != wanted:
            unsure = "whether ufw is enabled could not be read" if now is None else ""
            said = f"incoming by default: {setting(host, DEFAULTS, 'DEFAULT_INPUT_POLICY', default='DROP')}"
            yield _effect(call, state.removesuffix("d"), action="enable" if wanted else "disable", why=unsure,
                          detail=said if wanted else "", paths=("/etc/ufw",))  # fmt: skip
            yield from _set(call, host, CONFIG, "ENABLED", "yes" if wanted else "no")
    elif state == "reloaded":
        yield _effect(call, "reload", action="reload")
    elif state == "reset":
        yield _effect(call, "reset", action="remove", detail="ufw is disabled and all its rules are dropped",
                      paths=("/etc/ufw", DEFAULTS))  # fmt: skip
        yield from _set(call, host, CONFIG, "ENABLED", "no")
        host.memory["ufw"] = {4: {}, 6: {}}
        for path in RULES.values():
            yield rewritten(call, host, path, "")
    elif state is not None:
        raise BadArgument(f"value of state must be one of: enabled, disabled, reloaded, reset, got: {state}")


def rewritten(call: Call, host: PredictedHost, path: str, why: str) -> Effect:
    """The tool writes its rules anew in its own words. The file is left as it was for those who read the rules of the live host
    from it: what the run changes of them is kept by their meaning."""
    action: Action = "create" if host.file(path, follow=True).exists is False else "change"
    return Effect(
        kind="file", action=action, name=path, task=call.task, certainty="possible" if why else "certain", why=why,
        detail="the rules in the tool's own words", paths=(path,),
    )  # fmt: skip


def _default(call: Call, host: PredictedHost, args: Arguments) -> Iterator[Effect]:
    policy = args.text("default", "policy")
    if policy is None:
        return
    direction = args.word("direction", default="incoming")
    names = {"incoming": "INPUT", "outgoing": "OUTPUT", "routed": "FORWARD"}
    if policy not in _POLICIES or direction not in names:
        raise BadArgument('For default, direction must be one of "outgoing", "incoming" and "routed"')
    shipped = {"incoming": "DROP", "outgoing": "ACCEPT", "routed": "DROP"}[direction]
    name = f"DEFAULT_{names[direction]}_POLICY"
    now = setting(host, DEFAULTS, name, default=shipped)
    if now != _POLICIES[policy]:
        yield _effect(call, f"default {policy} {direction}", why="" if now else "the policy could not be read",
                      detail=f"now {now or 'not known'}", paths=(DEFAULTS,))  # fmt: skip
        yield from _set(call, host, DEFAULTS, name, f'"{_POLICIES[policy]}"')


def _logging(call: Call, host: PredictedHost, args: Arguments) -> Iterator[Effect]:
    level = args.text("logging")
    if level is None:
        return
    now = setting(host, CONFIG, "LOGLEVEL", default="low")
    if now is None or (level == "on" and now == "off") or (level not in ("on", now)):
        yield _effect(call, f"logging {level}", why="" if now else "the level could not be read", paths=(CONFIG,))
        yield from _set(call, host, CONFIG, "LOGLEVEL", "low" if level == "on" else level)


def _rule(call: Call, host: PredictedHost, args: Arguments) -> Iterator[Effect]:
    verdict = args.text("rule")
    if verdict is None:
        return
    if verdict not in ("allow", "deny", "limit", "reject"):
        raise BadArgument(f"value of rule must be one of: allow, deny, limit, reject, got: {verdict}")
    delete = args.flag("delete")
    action = verdict + ("_log" if args.flag("log") else "")
    unsure, differs = "", False
    for family in _families(host, args):
        table = rules(host, family)
        rule = _asked(host, args, family)
        if table is None or rule is None:
            unsure = (
                unsure or "which rules ufw has could not be read" if table is None else "which port the service has"
            )
            differs = True
            continue
        there = table.get(rule)
        if there == action if delete else there != action:
            differs = True
            if call.certainty == "certain":
                host.memory.setdefault("ufw", {})[family] = {
                    **{key: value for key, value in table.items() if key != rule}, **({} if delete else {rule: action})
                }  # fmt: skip
    if not differs:
        return
    yield _effect(call, _command(args, verdict, delete=delete), action="remove" if delete else "create", why=unsure,
                  detail="" if enabled(host) else "ufw is not enabled at this moment", paths=tuple(RULES.values()))  # fmt: skip
    for family in _families(host, args):
        yield rewritten(call, host, RULES[family], unsure)


def _families(host: PredictedHost, args: Arguments) -> tuple[int, ...]:
    for value in (args.text("from_ip", "from", "src"), args.text("to_ip", "dest", "to")):
        if value and value != "any":
            return (6,) if ":" in value else (4,)
    return (4, 6) if (setting(host, DEFAULTS, "IPV6", default="yes") or "yes").lower() == "yes" else (4,)


def rules(host: PredictedHost, family: int) -> dict[_Rule, str] | None:
    """Rule -> action of ufw's own rules at this moment; None where they could not be read."""
    kept: dict[int, dict[_Rule, str]] = host.memory.get("ufw", {})
    if family in kept:
        return kept[family]
    if "ufw" in host.packages and "ufw" not in host.state.packages and not blind(host):
        return {}  # this run installed it
    found = host.file(RULES[family], follow=True)
    if found.kind == "absent":  # a package that the run has just installed brings a file without rules
        return {} if installed_version(host, "ufw") is not None else None
    return None if found.text is None else dict(_read(line) for line in _TUPLE.findall(found.text))


def _read(line: str) -> tuple[_Rule, str]:
    """``allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in``, with two application names before the last word where there are any."""
    words = line.partition(" comment=")[0].split()
    action, forward = words[0].removeprefix("route:"), words[0].startswith("route:")
    apps, where = (words[6], words[8]) if len(words) >= 9 else ("-", words[6] if len(words) > 6 else "in")
    app = "" if apps == "-" else apps.replace("%20", " ")
    rule = _Rule(
        protocol="" if app else words[1], to=words[3], to_port="" if app else words[2], source=words[5],
        source_port=words[4], app=app, where=where, forward=forward,
    )  # fmt: skip
    return rule, action


def _asked(host: PredictedHost, args: Arguments, family: int) -> _Rule | None:
    """The rule in ufw's own words; None for a service whose port services(5) does not tell."""
    app = args.text("name", "app") or ""
    ports = [_port(host, args.text(*names)) for names in (("to_port", "port"), ("from_port",))]
    to, source = (
        _address(args.text(*names), family) for names in (("to_ip", "dest", "to"), ("from_ip", "from", "src"))
    )
    if ports[0] is None or ports[1] is None:
        return None
    direction = args.word("direction", default="in")
    inner, outer = args.text("interface_in", "if_in"), args.text("interface_out", "if_out")
    device = args.text("interface", "if") or inner or outer
    direction = "in" if inner else "out" if outer else direction
    where = f"in_{inner}!out_{outer}" if inner and outer else f"{direction}_{device}" if device else direction
    return _Rule(
        protocol="" if app else args.word("proto", "protocol", default="any"), to=to, to_port="" if app else ports[0],
        source=source, source_port=ports[1], app=app, where=where, forward=args.flag("route"),
    )  # fmt: skip


def _port(host: PredictedHost, text: str | None) -> str | None:
    if text is None or re.fullmatch(r"[\d,:]+|any", text):
        return text or "any"
    found = re.search(rf"^{re.escape(text)}\s+(\d+)/", host.file("/etc/services", follow=True).text or "", re.MULTILINE)
    return found[1] if found else None


def _address(text: str | None, family: int) -> str:
    if text is None or text == "any":
        return _ANY[family]
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return text
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _command(args: Arguments, verdict: str, *, delete: bool) -> str:
    """As the module spells it: ``allow in on eth0 log from any to any port 22 proto tcp`` (ufw(8), RULE SYNTAX)."""
    words = ["route"] * args.flag("route") + ["delete"] * delete
    words += [f"insert {args.number('insert')}"] * (args.given("insert") and not delete)
    words.append(verdict)
    places: dict[str, tuple[str, ...]] = {
        "{}": ("direction",), "on {}": ("interface", "if"), "in on {}": ("interface_in", "if_in"),
        "out on {}": ("interface_out", "if_out"), "{} log": (), "from {}": ("from_ip", "from", "src"), "port  {}": ("from_port",),
        "to {}": ("to_ip", "dest", "to"), "port {}": ("to_port", "port"), "proto {}": ("proto", "protocol"),
        "app '{}'": ("name", "app"),
    }  # fmt: skip
    for form, names in places.items():
        value = args.text(*names) if names else None
        if form == "{} log":
            words += ["log"] * args.flag("log")
        elif value or form in ("from {}", "to {}"):
            words.append(form.format(value or "any").replace("  ", " "))
    return " ".join(words)
