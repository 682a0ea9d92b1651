"""sshd's configuration for one login (sshd_config(5)): includes, Match blocks, and what keeps sshd from starting."""

from __future__ import annotations

import ipaddress
import posixpath
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from aisafe.formats.serverconfig import Reader
from aisafe.frozen import frozen

MAIN: Final = "/etc/ssh/sshd_config"
_LISTS: Final = ("allowusers", "denyusers", "allowgroups", "denygroups")  # several lines add up
_LEVELS: Final = 16  # servconf.c, SERVCONF_MAX_DEPTH
DEFAULTS: Final = {
    "passwordauthentication": "yes", "pubkeyauthentication": "yes", "permitrootlogin": "prohibit-password",
    "kbdinteractiveauthentication": "yes", "usepam": "no", "strictmodes": "yes", "authenticationmethods": "any",
    "authorizedkeysfile": ".ssh/authorized_keys .ssh/authorized_keys2", "forcecommand": "none", "chrootdirectory": "none",
}  # fmt: skip
_FLAGS: Final = frozenset((
    "passwordauthentication", "pubkeyauthentication", "kbdinteractiveauthentication", "challengeresponseauthentication", "usepam",
    "strictmodes", "permitemptypasswords", "permitusertty", "x11forwarding", "printmotd", "printlastlog", "tcpkeepalive",
    "usedns", "hostbasedauthentication", "ignoreuserknownhosts", "kerberosauthentication", "gssapiauthentication",
    "exposeauthinfo", "permituserrc", "permittty",
))  # fmt: skip
_CHOICES: Final = {
    "permitrootlogin": ("yes", "no", "prohibit-password", "without-password", "forced-commands-only"),
    "addressfamily": ("any", "inet", "inet6"),
}
KEYWORDS: Final = frozenset("""
    acceptenv addressfamily allowagentforwarding allowgroups allowstreamlocalforwarding allowtcpforwarding allowusers
    authenticationmethods authorizedkeyscommand authorizedkeyscommanduser authorizedkeysfile
    authorizedprincipalscommand authorizedprincipalscommanduser authorizedprincipalsfile authorizationsource banner
    casignaturealgorithms channeltimeout chrootdirectory ciphers clientalivecountmax clientaliveinterval compression
    debianbanner denygroups denyusers disableforwarding exposeauthinfo fingerprinthash forcecommand gatewayports
    gssapiauthentication gssapicleanupcredentials gssapikeyexchange gssapistorecredentialsonrekey
    gssapistrictacceptorcheck gssapikexalgorithms gssapidelegatecredentials hostbasedacceptedalgorithms
    hostbasedacceptedkeytypes hostbasedauthentication hostbasedusesnamefrompacketonly hostcertificate hostkey
    hostkeyagent hostkeyalgorithms ignorerhosts ignoreuserknownhosts include ipqos kbdinteractiveauthentication
    challengeresponseauthentication skeyauthentication kerberosauthentication kerberosgetafstoken
    kerberosorlocalpasswd kerberosticketcleanup kerberosuniqueccache kerberosusekuserok kexalgorithms listenaddress
    logingracetime loglevel logverbose macs match maxauthtries maxsessions maxstartups modulifile
    passwordauthentication permitemptypasswords permitlisten permitopen permitrootlogin permittty permittunnel
    permituserenvironment permituserrc persourcemaxstartups persourcenetblocksize persourcepenalties
    persourcepenaltyexemptlist pidfile port printlastlog printmotd protocolkeepalives pubkeyacceptedalgorithms
    pubkeyacceptedkeytypes pubkeyauthentication pubkeyauthoptions pamservicename refuseconnection rekeylimit
    requiredrsasize revokedkeys rdomain rsaauthentication rhostsrsaauthentication rhostsauthentication rsamindebits
    securitykeyprovider setenv sshdauthpath sshdsessionpath streamlocalbindmask streamlocalbindunlink strictmodes
    subsystem syslogfacility tcpkeepalive trustedusercakeys unusedconnectiontimeout usedns uselogin usepam
    useprivilegeseparation useblacklist versionaddendum x11displayoffset x11forwarding x11uselocalhost xauthlocation
    protocol serverkeybits keyregenerationinterval keepalive authorizedkeysfile2 dsaauthentication checkmail
    pamauthenticationviakbdint reversemappingcheck verifyreversemapping permitusertty afstokenpassing
""".split())  # fmt: skip
"""Of OpenSSH up to 10, of the patches of distributions, and the retired ones that are still let through."""


@frozen
class Who:
    """The login that Match blocks look at; '' and None are not known."""

    user: str
    groups: tuple[str, ...] = ()
    client: str = ""
    address: str = ""
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """``match``: the criteria of the Match block in which it stands, () outside of any."""

    keyword: str
    words: tuple[str, ...]
    where: str
    match: tuple[str, ...] = ()


@frozen
class SshdConfig:
    """``errors``: why sshd would not start with it (``sshd -t``). ``unread``: what could not be read, '' for nothing."""

    lines: tuple[Line, ...] = ()
    errors: tuple[str, ...] = ()
    unread: str = ""


@frozen
class Effective:
    """What holds for one login: keyword -> (words, where it stands). ``unclear``: a Match that could not be decided."""

    values: dict[str, tuple[tuple[str, ...], str]]
    unclear: str = ""

    def word(self, keyword: str) -> str:
        """The first word, lower case, or sshd's default."""
        words = self.words(keyword)
        return words[0].lower() if words else ""

    def words(self, keyword: str) -> tuple[str, ...]:
        found = self.values.get(keyword)
        return found[0] if found else tuple(DEFAULTS.get(keyword, "").split())

    def where(self, keyword: str) -> str:
        found = self.values.get(keyword)
        return found[1] if found else "sshd's default"


def read(reader: Reader, path: str = MAIN) -> SshdConfig:
    """The configuration that begins at ``path``."""
    text = reader.text(path)
    if text is False:
        return SshdConfig(unread=f"{path} could not be read")
    if text is None:
        return SshdConfig(errors=(f"{path}: No such file or directory",))
    errors: list[str] = []
    unread: list[str] = []
    lines = tuple(_lines(text, path, reader, 0, (), errors, unread))
    for line in lines:
        errors += _wrong(line)
    return SshdConfig(lines=lines, errors=tuple(errors), unread="; ".join(unread))


def _lines(
    text: str, path: str, reader: Reader, level: int, match: tuple[str, ...], errors: list[str], unread: list[str]
) -> Iterator[Line]:
    for number, raw in enumerate(text.splitlines(), start=1):
        where = f"{path}:{number}"
        try:
            words = shlex.split(raw.strip(), comments=True)
        except ValueError:
            if not raw.strip().startswith("#"):
                errors.append(f"{where}: quotes do not match")
            continue
        if not words:
            continue
        keyword, equals, first = words[0].partition("=")
        rest = [first, *words[1:]] if equals and first else words[1:]
        if rest[:1] == ["="]:
            rest = rest[1:]
        keyword = keyword.lower()
        if keyword == "match":
            match = tuple(rest)
            continue
        if keyword == "include":
            yield from _included(rest, reader, level, match, errors, unread)
            continue
        yield Line(keyword, tuple(rest), where, match)


def _included(
    patterns: list[str], reader: Reader, level: int, match: tuple[str, ...], errors: list[str], unread: list[str]
) -> Iterator[Line]:
    if level >= _LEVELS:
        errors.append("too many levels of Include")
        return
    for pattern in patterns:
        folder, last = posixpath.split(posixpath.join("/etc/ssh", pattern))
        names: tuple[str, ...] | None = (last,)
        if set("*?[") & set(last):
            listed = reader.names(folder)
            names = None if listed is None else tuple(
                name for name in sorted(listed) if fnmatchcase(name, last) and not name.startswith(".")
            )  # fmt: skip
        if names is None or set("*?[") & set(folder):
            unread.append(f"Include {pattern} could not be listed")
            continue
        for name in names:
            path = posixpath.join(folder, name)
            text = reader.text(path)
            if text is False:
                unread.append(f"{path} could not be read")
            elif text is not None:
                yield from _lines(text, path, reader, level + 1, match, errors, unread)


def _wrong(line: Line) -> Iterator[str]:
    """As servconf.c checks it, in sshd's own words."""
    value = line.words[0].lower() if line.words else ""
    if line.keyword not in KEYWORDS:
        yield f"{line.where}: Bad configuration option: {line.keyword}"
    elif not line.words:
        yield f"{line.where}: {line.keyword}: missing argument"
    elif (line.keyword in _FLAGS and value not in ("yes", "no", "true", "false")) or (
        line.keyword in _CHOICES and value not in _CHOICES[line.keyword]
    ):
        yield f"{line.where}: unsupported option {value!r} of {line.keyword}"
    elif line.keyword == "port" and not (value.isdigit() and 0 < int(value) < 65536):
        yield f"{line.where}: Badly formatted port number {value!r}"


def effective(config: SshdConfig, who: Who) -> Effective:
    """The first value of each keyword; one in a Match block that holds goes before one outside of any (sshd_config(5))."""
    outside: dict[str, tuple[tuple[str, ...], str]] = {}
    inside: dict[str, tuple[tuple[str, ...], str]] = {}
    unclear = config.unread
    for line in config.lines:
        holds = _matches(line.match, who)
        if holds is None:
            unclear = unclear or f"whether 'Match {' '.join(line.match)}' holds ({line.where})"
        if not holds:
            continue
        values = inside if line.match else outside
        if line.keyword in _LISTS and line.keyword in values:
            values[line.keyword] = ((*values[line.keyword][0], *line.words), line.where)
        else:
            values.setdefault(_modern(line.keyword), (line.words, line.where))
    return Effective(values={**outside, **inside}, unclear=unclear)


def _modern(keyword: str) -> str:
    return "kbdinteractiveauthentication" if keyword == "challengeresponseauthentication" else keyword


def _matches(criteria: tuple[str, ...], who: Who) -> bool | None:
    words = [part for word in criteria for part in (word.split("=", 1) if "=" in word else [word])]
    sure: bool | None = True
    while words:
        kind = words.pop(0).lower()
        if kind == "all":
            continue
        value = words.pop(0) if words else ""
        holds = _criterion(kind, value, who)
        if holds is False:
            return False
        sure = sure if holds else None
    return sure


def _criterion(kind: str, value: str, who: Who) -> bool | None:
    if kind == "user":
        return matches_list(who.user, value)
    if kind == "group":
        return any(matches_list(group, value) for group in who.groups)
    if kind in ("address", "localaddress"):
        known = who.client if kind == "address" else who.address
        return address_in(known, value) if known else None
    if kind == "localport":
        return None if who.port is None else matches_list(str(who.port), value)
    return False if kind == "invalid-user" else None


def matches_list(text: str, patterns: str) -> bool:
    """ssh_config(5), PATTERNS: a negated one that matches decides."""
    found = False
    for pattern in patterns.split(","):
        if pattern.startswith("!") and fnmatchcase(text, pattern[1:]):
            return False
        found = found or (not pattern.startswith("!") and fnmatchcase(text, pattern))
    return found


def address_in(address: str, patterns: str) -> bool:
    """An address against patterns and networks in CIDR notation."""
    found = False
    for pattern in patterns.split(","):
        plain = pattern.removeprefix("!")
        try:
            inside = ipaddress.ip_address(address) in ipaddress.ip_network(plain, strict=False)
        except ValueError:
            inside = fnmatchcase(address, plain)
        if inside and pattern.startswith("!"):
            return False
        found = found or inside
    return found


def refused(found: Effective, who: Who) -> tuple[str, str] | None:
    """The keyword by which ``who`` may not log in at all, and why (sshd_config(5), DenyUsers and the following)."""
    for keyword, wanted, names in (
        ("denyusers", False, (who.user,)), ("allowusers", True, (who.user,)),
        ("denygroups", False, who.groups), ("allowgroups", True, who.groups),
    ):  # fmt: skip
        patterns = found.words(keyword)
        if keyword not in found.values:
            continue
        hit = any(_user_matches(name, pattern, who) for name in names for pattern in patterns)
        if hit != wanted:
            return keyword, f"{_SPELLED[keyword]} {' '.join(patterns)} ({found.where(keyword)})"
    return None


_SPELLED: Final = {
    "denyusers": "DenyUsers", "allowusers": "AllowUsers", "denygroups": "DenyGroups", "allowgroups": "AllowGroups",
}  # fmt: skip


def _user_matches(name: str, pattern: str, who: Who) -> bool:
    user, at, place = pattern.rpartition("@")
    if not at:
        return fnmatchcase(name, pattern)
    return fnmatchcase(name, user) and (
        not who.client or address_in(who.client, place) or not re.match(r"[\d:.*/]", place)
    )
