"""Modules that each own one kind of settings file: sudoers, limits, yum repositories, ssh_config, crontab variables, PAM…

Where the module's own way of writing is simple, the text is worked out; else only whether it is so already. Sources: the
modules' documentation and the manual page of each file.
"""

from __future__ import annotations

import configparser
import io
import posixpath
import re
from collections.abc import Mapping
from typing import Any

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, BadArgument, as_text
from aisafe.effects.attributes import backup, home, remote_path, understood, write
from aisafe.effects.cron import spool
from aisafe.effects.edits import edited, text_of, without, written
from aisafe.effects.predicted import PredictedHost
from aisafe.effects.predicted import changed as changed_by
from aisafe.model import Effect, Unknown, is_unknown


def done(effects: tuple[Effect, ...], **values: Any) -> Result:
    return Result(effects=effects, changed=changed_by(effects), values=values)


@understood("community.general.sudoers", kind="file")
def sudoers(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """One file of one rule in sudoers.d (sudoers(5)), mode 0440."""
    path = remote_path(
        posixpath.join(args.text("sudoers_path") or "/etc/sudoers.d", args.need("name")), call=call, host=host
    )
    if args.word("state", default="present") == "absent":
        return done(host.remove(call, path))
    if not args.given("commands"):
        raise BadArgument("state is present but all of the following are missing: commands")
    owner = args.text("user") or f"%{args.need('group')}"
    runas = f"({args.text('runas')})" if args.given("runas") else ""
    tags = (
        "NOEXEC:" * args.flag("noexec")
        + "NOPASSWD:" * args.flag("nopassword", default=True)
        + "SETENV:" * args.flag("setenv")
    )
    line = f"{owner} {args.word('host', default='ALL')}={runas}{tags} {', '.join(args.words('commands'))}\n"
    return done(write(call, host, Arguments({"mode": "0440"}), path, line.encode()))


@understood("community.general.pam_limits", kind="file")
def pam_limits(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """limits.conf(5): fields between tabs, the line of the same domain, type and item replaced."""
    path = remote_path(args.text("dest") or "/etc/security/limits.conf", call=call, host=host)
    key = [args.need("domain"), args.need("limit_type"), args.need("limit_item")]
    value, given = args.need("value"), args.word("comment", default="")
    larger, smaller = args.flag("use_max"), args.flag("use_min")
    if larger and smaller:
        raise BadArgument("Cannot use use_min and use_max at the same time.")

    def edit(text: str) -> str:
        comment, lines, found = given, [], False
        for line in text.splitlines(keepends=True):
            plain = re.sub(r"\s+", " ", line).strip()
            fields = plain.partition("#")[0].rstrip().split(" ")
            if line.startswith("#") or not plain:
                lines.append(line)
                continue
            comment = comment or line.partition("#")[2]
            if len(fields) == 4 and fields[:3] == key:
                found = True
                new = _limit(value, fields[3], larger=larger, smaller=smaller)
                if new != fields[3]:
                    comment = f"\t#{comment}" if comment else ""
                    lines.append("\t".join([*key, new]) + f"{comment}\n")
                    continue
            lines.append(line)
        if not found:
            lines.append("\t".join([*key, value]) + (f"\t#{comment}" if comment else "") + "\n")
        return "".join(lines)

    effects = edited(call, host, path, edit)
    if effects and args.flag("backup"):
        effects += backup(call, path)
    return done(effects)


def _limit(value: str, now: str, *, larger: bool, smaller: bool) -> str:
    endless = {"unlimited", "infinity", "-1"}
    if value == now or not (larger or smaller):
        return value
    if value in endless or now in endless:
        wins = value in endless if larger else now in endless
        return value if wins else now
    return str((max if larger else min)(int(value), int(now)))


_REPOSITORY = ("reposdir", "file", "state", "name", "description", "mode", "owner", "group", "seuser", "serole", "setype",
               "selevel", "unsafe_writes", "attributes", "attr")  # fmt: skip
_ALIASES = {"excludepkgs": "exclude", "ca_cert": "sslcacert", "client_cert": "sslclientcert", "client_key": "sslclientkey",
            "validate_certs": "sslverify"}  # fmt: skip
_BOOLS = ("async", "countme", "enabled", "enablegroups", "gpgcheck", "keepalive", "module_hotfixes", "protect",
          "repo_gpgcheck", "s3_enabled", "skip_if_unavailable", "ssl_check_cert_permissions", "sslverify")  # fmt: skip


@understood("ansible.builtin.yum_repository", kind="file")
def yum_repository(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """A section of a .repo file (dnf.conf(5), Repo Options), written by Python's configparser as the module does."""
    name = args.need("name")
    folder = remote_path(args.text("reposdir") or "/etc/yum.repos.d", call=call, host=host)
    if host.file(folder, follow=True).exists is False:
        raise BadArgument(f"Repo directory '{folder}' does not exist.")
    path = posixpath.join(folder, f"{args.text('file') or name}.repo")
    present = args.word("state", default="present") == "present"
    if present and not args.given("baseurl", "mirrorlist", "metalink"):
        raise BadArgument("state is present but any of the following are missing: baseurl, mirrorlist, metalink")
    before = text_of(host, path)
    unknown = next((value for key, value in call.args.items() if key != "password" and is_unknown(value)), None)
    if isinstance(before, Unknown) or unknown is not None:
        return done(
            host.files.disturb(call, path, before.why if isinstance(before, Unknown) else "a part of the source")
        )
    repos = configparser.RawConfigParser()
    try:
        repos.read_string(before)
    except configparser.Error as error:
        raise BadArgument(f"{path} could not be read: {type(error).__name__}") from None
    had = _sections(repos)
    repos.remove_section(name)
    if present:
        repos.add_section(name)
        for key, value in sorted(_repository(args, call.args).items()):
            repos.set(name, key, value)
    if _sections(repos) == had:
        return done(write(call, host, args, path, None) if before else (), repo=name)
    if not repos.sections():
        return done(host.remove(call, path), repo=name)
    out = io.StringIO()
    repos.write(out)
    return done(write(call, host, args, path, out.getvalue().encode()), repo=name)


def _sections(repos: configparser.RawConfigParser) -> dict[str, dict[str, str]]:
    return {section: dict(repos.items(section)) for section in repos.sections()}


def _repository(args: Arguments, given: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {"name": args.need("description")}
    for alias, value in given.items():
        key = _ALIASES.get(alias, alias)
        if value is None or key in _REPOSITORY:
            continue
        if key in _BOOLS:
            found[key] = str(int(args.flag(alias)))
        elif key in ("baseurl", "gpgkey", "exclude", "includepkgs"):
            found[key] = ("\n" if key in ("baseurl", "gpgkey") else " ").join(args.words(alias))
        else:
            found[key] = as_text(value)
    return found


@understood("community.general.cronvar", kind="cron")
def cronvar(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """A variable of a crontab (crontab(5)), at its top when it is new."""
    name, file = args.need("name"), args.text("cron_file")
    path = posixpath.join("/etc/cron.d", file) if file else spool(host, args.text("user") or call.become_user)
    path = remote_path(path, call=call, host=host)
    present = args.word("state", default="present") == "present"
    value = args.need("value") if present else ""
    line = re.compile(rf"\s*{re.escape(name)}\s*=\s*(.*)")

    def edit(text: str) -> str | None:
        lines = text.splitlines()
        old = next((hit[1] for one in lines if (hit := line.fullmatch(one))), None)
        new = '""' if value == "" and old != "" else value
        if old == new or (not present and old is None):
            return None
        if not present:
            lines = [one for one in lines if not line.fullmatch(one)]
        elif old is not None:
            lines = [f"{name}={new}" if line.fullmatch(one) else one for one in lines]
        else:
            lines = _placed(lines, f"{name}={new}", after=args.text("insertafter"), before=args.text("insertbefore"))
        return "".join(f"{one}\n" for one in lines)

    return done(edited(call, host, path, edit, mode=None if file else 0o600), cron_file=file or "")


def _placed(lines: list[str], new: str, *, after: str | None, before: str | None) -> list[str]:
    if after is None and before is None:
        return [new, *lines]
    placed: list[str] = []
    for one in lines:
        key = one.partition("=")[0].strip() if "=" in one else ""
        placed += [new, one] if key and key == before else [one, new] if key and key == after else [one]
    return placed


@understood("community.general.git_config", kind="file")
def git_config(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """git-config(1): the file of the scope; whether the value is there already, includes not followed."""
    name, scope = args.need("name"), args.word("scope", default="system")
    absent = args.word("state", default="present") == "absent" or args.flag("unset")
    if not absent and not args.text("value"):
        raise BadArgument("If state=present, a value must be specified.")
    where = {
        "system": "/etc/gitconfig",
        "global": posixpath.join(home(call.become_user, host=host, text="~"), ".gitconfig"),
    }
    path = (
        args.need("file") if scope == "file" else where.get(scope) or posixpath.join(args.need("repo"), ".git/config")
    )
    path = remote_path(path, call=call, host=host)
    text = text_of(host, path)
    if isinstance(text, Unknown) or "[include" in text:
        return done(host.files.disturb(call, path, "what the settings are, and those that it includes"))
    values = _git_values(text, name)
    wanted = args.text("value") or ""
    adding = args.word("add_mode", default="replace-all") == "add"
    if (absent and not values) or (not absent and wanted in values and (len(values) == 1 or adding)):
        return Result(changed=False)
    section, _, rest = name.partition(".")
    inner, _, key = rest.rpartition(".")
    head = f'[{section} "{inner}"]' if inner else f"[{section}]"
    simple = re.fullmatch(r"[\w./:@+ -]+", wanted) is not None and wanted == wanted.strip()
    if not text and simple and not absent:
        return done(written(call, host, path, f"{head}\n\t{key} = {wanted}\n"))
    return done(written(call, host, path, Unknown("the settings as git writes them")))


def _git_values(text: str, name: str) -> list[str]:
    section, _, rest = name.partition(".")
    inner, _, key = rest.rpartition(".")
    found, current = [], ("", "")
    for line in text.splitlines():
        head = re.match(r'\s*\[([\w.-]+)(?:\s+"(.*)")?\]', line)
        if head:
            current = (head[1].lower(), head[2] or "")
            continue
        left, equals, right = line.partition("=")
        if current == (section.lower(), inner) and equals and left.strip().lower() == key.lower():
            found.append(right.strip().strip('"'))
    return found


@understood("community.general.htpasswd", kind="file")
def htpasswd(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """htpasswd(1): a hash has a random salt, so that its text is not known beforehand."""
    path, name = remote_path(args.need("path", "dest", "destfile"), call=call, host=host), args.need("name", "username")
    text = text_of(host, path)
    there = isinstance(text, str) and any(line.split(":")[0] == name for line in text.splitlines())
    if isinstance(text, Unknown):
        return done(host.files.disturb(call, path, text.why))
    if args.word("state", default="present") == "absent":
        effects = edited(
            call, host, path, lambda old: without(old, lambda line: line.split(":")[0] == name) if there else None
        )
        return done(effects)
    if host.file(path, follow=True).exists is False and not args.flag("create", default=True):
        raise BadArgument(f"Destination {path} does not exist")
    if there:
        return done(host.files.disturb(call, path, "whether the password is the same"))
    return Result(effects=write(call, host, args, path, Unknown("the hash with its random salt")), changed=True)


@understood("community.general.ssh_config", kind="file")
def ssh_config(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """The options of one Host section of ssh_config(5)."""
    user, file = args.text("user"), args.text("ssh_config_file")
    path = (
        posixpath.join(home(user, host=host, text=f"~{user}"), ".ssh/config") if user else file or "/etc/ssh/ssh_config"
    )
    path, name = remote_path(path, call=call, host=host), args.need("host")
    text = text_of(host, path)
    if isinstance(text, Unknown):
        return done(host.files.disturb(call, path, text.why))
    there = _ssh_options(text, name)
    if args.word("state", default="present") == "absent":
        if there is None:
            return Result(changed=False)
    elif there is not None and there == _asked_options(args, there, posixpath.dirname(path)):
        return Result(changed=False)
    return Result(
        effects=written(call, host, path, Unknown("the file as the module writes it"), mode=0o600), changed=True
    )


_SSH = {"hostname": "hostname", "port": "port", "identity_file": "identityfile", "identities_only": "identitiesonly",
        "remote_user": "user", "strict_host_key_checking": "stricthostkeychecking",
        "user_known_hosts_file": "userknownhostsfile", "proxycommand": "proxycommand", "proxyjump": "proxyjump",
        "host_key_algorithms": "hostkeyalgorithms", "forward_agent": "forwardagent", "add_keys_to_agent": "addkeystoagent",
        "controlmaster": "controlmaster", "controlpath": "controlpath", "controlpersist": "controlpersist",
        "dynamicforward": "dynamicforward"}  # fmt: skip


def _asked_options(args: Arguments, there: Mapping[str, str], folder: str) -> dict[str, str]:
    """What the section would hold: options that are not asked for are dropped, unless the module knows no name for them."""
    wanted = {key: value for key, value in there.items() if key not in _SSH.values()}
    for name, option in _SSH.items():
        if not args.given(name):
            continue
        if name in ("identities_only", "forward_agent", "add_keys_to_agent"):
            wanted[option] = "yes" if args.flag(name) else "no"
        else:
            wanted[option] = posixpath.join(folder, args.need(name)) if name == "identity_file" else args.need(name)
    others = args.raw("other_options")
    wanted |= {as_text(key): as_text(value) for key, value in others.items()} if isinstance(others, dict) else {}
    return wanted


def _ssh_options(text: str, name: str) -> dict[str, str] | None:
    found: dict[str, str] | None = None
    inside = False
    for line in text.splitlines():
        key, _, value = line.strip().replace("=", " ", 1).partition(" ")
        if key.lower() in ("host", "match"):
            inside = key.lower() == "host" and value.strip() == name
            found = {} if inside and found is None else found
        elif inside and key and not key.startswith("#") and found is not None:
            found[key.lower()] = value.strip().strip('"')
    return found


@understood("community.general.pamd", kind="file")
def pamd(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """A rule of pam.d(5): when what is asked for is there already, nothing changes."""
    path = remote_path(posixpath.join(args.text("path") or "/etc/pam.d", args.need("name")), call=call, host=host)
    text, state = text_of(host, path), args.word("state", default="updated")
    if host.file(path, follow=True).exists is False:
        raise BadArgument(f"Unable to open/read PAM module file {path}")
    if isinstance(text, str):
        rules = [fields for line in text.splitlines() if (fields := _pam(line))]
        wanted = [args.need("type"), args.need("control"), args.need("module_path")]
        at = [index for index, rule in enumerate(rules) if rule[:3] == wanted]
        given = list(args.words("module_arguments"))
        has = [set(rules[index][3:]) for index in at]
        if not at:
            return Result(changed=False)
        same = (
            (state == "args_present" and all(set(given) <= one for one in has))
            or (state == "args_absent" and not any(set(given) & one for one in has))
            or (state == "updated" and not args.given("new_type", "new_control", "new_module_path")
                and (not given or all(rules[index][3:] == given for index in at)))
            or (state in ("before", "after") and all(_beside(rules, index, args, given, state) for index in at))
        )  # fmt: skip
        if same:
            return Result(changed=False)
    return done(host.files.disturb(call, path, "how the module writes the rule"))


def _pam(line: str) -> list[str]:
    found = re.match(r"\s*(-?\w+)\s+(\[[^\]]*\]|\S+)\s+(\S+)\s*(.*)", line.partition("#")[0])
    return [found[1], found[2], found[3], *found[4].split()] if found else []


def _beside(rules: list[list[str]], index: int, args: Arguments, given: list[str], state: str) -> bool:
    new = [args.text("new_type") or args.need("type"), args.text("new_control") or args.need("control"),
           args.text("new_module_path") or args.need("module_path")]  # fmt: skip
    place = index - 1 if state == "before" else index + 1
    return 0 <= place < len(rules) and rules[place] == [*new, *given]


@understood("community.general.interfaces_file", kind="file")
def interfaces_file(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """An option of an interface in interfaces(5); it counts when the interface is brought up anew."""
    path = remote_path(args.text("dest") or "/etc/network/interfaces", call=call, host=host)
    text, option, value = text_of(host, path), args.text("option"), args.text("value")
    if isinstance(text, str) and option is not None:
        family = args.text("address_family")
        inside, there = False, []
        for line in text.splitlines():
            words = line.split()
            if words[:1] in (["iface"], ["auto"], ["allow-auto"], ["allow-hotplug"], ["mapping"], ["source"]):
                inside = words[:2] == ["iface", args.need("iface")] and family in (None, *words[2:3])
            elif inside and words[:1] == [option]:
                there.append(" ".join(words[1:]))
        absent = args.word("state", default="present") == "absent"
        if (absent and not there) or (not absent and value is not None and there and there[-1] == value):
            return Result(changed=False)
    return done(host.files.disturb(call, path, "how the module writes the option"))


@understood("community.general.xml", kind="file")
def xml(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """What an XPath finds is not worked out; counting and printing change nothing."""
    if args.given("xmlstring") or args.flag("count") or args.given("content"):
        return Result(changed=False)
    path = remote_path(args.need("path", "dest", "file"), call=call, host=host)
    if host.file(path, follow=True).exists is False:
        raise BadArgument(f"The target XML source '{path}' does not exist.")
    effects = host.files.disturb(call, path, "whether the document is so already")
    return done(effects + (backup(call, path) if args.flag("backup") else ()))


@understood("ansible.builtin.dpkg_selections", kind="package")
def dpkg_selections(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """The selection of dpkg(1); the words of /var/lib/dpkg/status say it: ``Status: hold ok installed``."""
    name, wanted = args.need("name"), args.need("selection")
    text = text_of(host, "/var/lib/dpkg/status")
    now = (
        re.search(rf"^Package: {re.escape(name)}\nStatus: (\S+) ", text, re.MULTILINE)
        if isinstance(text, str)
        else None
    )
    kept: dict[str, str] = host.memory.setdefault("dpkg_selections", {})
    if kept.get(name, now[1] if now else "") == wanted:
        return Result(changed=False)
    kept[name] = wanted
    return done((Effect(
        kind="package", action="change", name=name, task=call.task, certainty="certain" if now else "possible",
        why="" if now else "what is selected now", detail=f"selection {wanted}", paths=("/var/lib/dpkg",),
    ),))  # fmt: skip


@understood("community.general.apache2_module", kind="file")
def apache2_module(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """Links in mods-enabled (a2enmod(8)); the running server knows of them after a restart."""
    name = args.need("name")
    path = f"/etc/apache2/mods-enabled/{name}.load"
    there = host.file(path).exists
    wanted = args.word("state", default="present") == "present"
    if there is not None and there == wanted:
        return Result(changed=False)
    effects: tuple[Effect, ...] = ()
    for kind in ("load", "conf"):
        link, target = f"/etc/apache2/mods-enabled/{name}.{kind}", f"../mods-available/{name}.{kind}"
        if not wanted:
            effects += host.remove(call, link)
        elif kind == "load" or host.file(f"/etc/apache2/mods-available/{name}.conf").exists:
            effects += host.link(call, link, target)
    return done(effects)
