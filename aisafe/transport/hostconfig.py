"""Where ssh would connect to, from the inventory's values, ssh's own arguments and ssh_config(5), in that order."""

from __future__ import annotations

import getpass
import glob
import io
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from aisafe.errors import Unreachable
from aisafe.frozen import frozen
from aisafe.model import Connection

if TYPE_CHECKING:
    import paramiko

USER_CONFIG = Path("~/.ssh/config")
SYSTEM_CONFIG = Path("/etc/ssh/ssh_config")
KNOWN_HOSTS = "~/.ssh/known_hosts ~/.ssh/known_hosts2"
SYSTEM_KNOWN_HOSTS = "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"

UNDERSTOOD = """
    hostname port user identityfile identitiesonly identityagent proxycommand proxyjump stricthostkeychecking
    userknownhostsfile globalknownhostsfile hostkeyalias certificatefile
"""
# These change how a connection is shared, logged, encrypted or kept alive, not which host is reached, or as whom.
HARMLESS = """
    addkeystoagent addressfamily batchmode canonicaldomains canonicalizehostname challengeresponseauthentication
    checkhostip ciphers compression connectionattempts connecttimeout controlmaster controlpath controlpersist
    escapechar exitonforwardfailure forwardagent forwardx11 forwardx11trusted gssapiauthentication
    gssapidelegatecredentials hashknownhosts hostkeyalgorithms ipqos kbdinteractiveauthentication kexalgorithms loglevel
    macs numberofpasswordprompts passwordauthentication permitlocalcommand preferredauthentications
    pubkeyacceptedalgorithms pubkeyacceptedkeytypes pubkeyauthentication rekeylimit requesttty sendenv
    serveralivecountmax serveraliveinterval setenv tcpkeepalive updatehostkeys verifyhostkeydns visualhostkey
"""
KEYWORDS = frozenset((UNDERSTOOD + HARMLESS).split())
BEYOND = {"certificatefile": "a certificate", "pkcs11provider": "PKCS#11", "securitykeyprovider": "a security key"}
"""Keywords, set to another value than none, for which paramiko is not enough. Those that load a library can only stand in a
configuration: as arguments they are not understood."""
LETTERS = {"p": "port", "l": "user", "i": "identityfile", "J": "proxyjump"}
FLAGS = "46AaCfGgKkMNnqsTtVvXxYy"
LARGEST = 4 * 1024 * 1024
"""Bytes of a configuration or a file of known hosts."""
PLAIN = re.compile(r"[\w.:%@-]*")
"""Characters that mean nothing to a shell (ssh(1) refuses others in host and user names since 9.6)."""


@frozen
class Route:
    """One host and how to get there. ``hops``: jump hosts, the first one first. ``timeout`` in seconds.

    ``strict``: yes, accept-new or no (StrictHostKeyChecking; ``ask`` is yes, since nobody is asked).
    ``trusted_as``: the name under which its key is known. ``agent``: ``none`` where no ssh-agent is to be asked.
    ``program``: for what the ssh program is needed, '' where paramiko will do; ``otherwise``: the same where nobody is let in.
    """

    name: str
    address: str
    port: int
    user: str
    identity_files: tuple[Path, ...] = ()
    identities_only: bool = False
    agent: str = ""
    proxy_command: str = ""
    hops: tuple[Route, ...] = ()
    strict: str = "yes"
    trusted_as: str = ""
    known_hosts: tuple[Path, ...] = ()
    timeout: int = 10
    password: str | None = field(default=None, repr=False)
    program: str = ""
    otherwise: str = ""


def parse_arguments(words: Sequence[str], host: str) -> dict[str, list[str]]:
    """ssh(1)'s options as a configuration: lower-case keyword -> values in order; ``config`` is what ``-F`` names.

    Raises Unreachable for an option that is neither understood nor harmless, since it could lead to another host.
    """
    found: dict[str, list[str]] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        letter, value = word[1:2], word[2:]
        if not word.startswith("-") or not letter:
            raise _unknown(host, word)
        if letter in FLAGS:
            if value:
                rest.insert(0, f"-{value}")
            continue
        if letter not in "oF" and letter not in LETTERS:
            raise _unknown(host, word)
        if not value:
            if not rest:
                raise _unknown(host, word)
            value = rest.pop(0)
        if letter == "o":
            keyword, _, value = value.strip().replace("=", " ", 1).partition(" ")
            keyword = keyword.lower()
            if keyword not in KEYWORDS:
                raise _unknown(host, f"-o {keyword}")
        else:
            keyword = LETTERS.get(letter, "config")
        found.setdefault(keyword, []).append(value.strip().strip('"'))
    return found


def _unknown(host: str, option: str) -> Unreachable:
    return Unreachable(
        host, f"{host}: the ssh option {option!r} is not understood: it might lead to another host.",
        fix="Put it into ~/.ssh/config if it only tunes the connection, or remove it from the inventory.",
    )  # fmt: skip


def read_config(path: Path, depth: int = 0) -> str:
    """A configuration with its Include lines replaced by what they name (ssh_config(5)); '' when it cannot be read."""
    try:
        place = path.expanduser()
        if not place.is_file() or place.stat().st_size > LARGEST:
            return ""
        text = place.read_text(errors="replace")
    except OSError:
        return ""
    lines = []
    for line in text.splitlines():
        words = line.strip().replace("=", " ", 1).split()
        if not words or words[0].lower() != "include" or depth > 16:
            lines.append(line)
            continue
        for pattern in words[1:]:
            place = Path(pattern.strip('"')).expanduser()
            base = Path("/etc/ssh") if str(path).startswith("/etc/ssh") else Path("~/.ssh").expanduser()
            for name in sorted(glob.glob(str(place if place.is_absolute() else base / place))):
                lines.append(read_config(Path(name), depth + 1))
    return "\n".join(lines) + "\n"


def load_config(named: str | None, host: str) -> list[paramiko.SSHConfig]:
    """The configuration that ``-F`` names, else the user's and then the system's.

    Raises Unreachable when one cannot be understood.
    """
    import paramiko  # noqa: PLC0415 (0.3 s, and only for ssh)

    if named and named.lower() != "none" and not Path(named).expanduser().is_file():
        raise Unreachable(host, f"{host}: the ssh configuration {named} (-F) is not there.")
    paths = [USER_CONFIG, SYSTEM_CONFIG] if named is None else [] if named.lower() == "none" else [Path(named)]
    found = []
    for path in paths:
        try:
            text = read_config(path)
            if named and not users_own(named) and re.search(r"(?im)^\s*match\b.*\bexec\b", text):
                raise Unreachable(
                    host, f"{host}: {path} runs a program to choose its settings ('Match exec'), and it was not run: nothing "
                    "of a project runs before it is judged.", fix="Write it without, or keep it in ~/.ssh/config.",
                )  # fmt: skip
            found.append(paramiko.SSHConfig.from_file(io.StringIO(text)))
        except paramiko.SSHException as error:
            raise Unreachable(
                host, f"{host}: {path} cannot be understood: {error}.", fix="Correct that file."
            ) from None
    return found


def route(connection: Connection) -> Route:
    """Where and how to connect for one host of the inventory. Raises Unreachable."""
    host = connection.host
    try:
        given = parse_arguments(shlex.split(connection.common_args) + shlex.split(connection.extra_args), host)
    except ValueError as error:
        raise Unreachable(host, f"{host}: ssh's arguments in the inventory cannot be split: {error}.") from None
    named = (given.get("config") or [None])[0]  # type: ignore[list-item]
    first: dict[str, list[str]] = {
        "port": [str(connection.port)] if connection.port else [],
        "user": [connection.user] if connection.user else [],
        "identityfile": [connection.private_key_file] if connection.private_key_file else [],
        "stricthostkeychecking": [] if connection.host_key_checking else ["no"],
    }
    for keyword, values in given.items():
        first[keyword] = first.get(keyword, []) + values
    configs = load_config(named, host)
    return _route(
        connection.address or host, first, configs, host=host, timeout=connection.timeout,
        password=connection.password, own=named is None or named.lower() == "none" or users_own(named),
    )  # fmt: skip


def users_own(path: str) -> bool:
    """Whether a configuration lies where only the user or the system keeps them: what it runs is not the project's."""
    place = Path(path).expanduser().resolve()
    return any(place.is_relative_to(top.expanduser().resolve()) for top in (Path("~/.ssh"), Path("/etc/ssh")))


def as_jump(command: str) -> tuple[str, dict[str, list[str]]] | None:
    """``ssh … -W %h:%p … [user@]jump`` as the jump host that it means, which needs no program: its name and its options.

    None for anything else.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    if re.search(r"[;&|<>$`\n(){}]", command) or not words or words[0] not in ("ssh", "/usr/bin/ssh"):
        return None
    options, names, forwards = list[str](), list[str](), False
    rest = words[1:]
    while rest:
        word = rest.pop(0)
        if word.startswith("-W"):
            forwards = (word[2:] or (rest.pop(0) if rest else "")) in ("%h:%p", "[%h]:%p")
        elif word.startswith("-"):
            options.append(word)
            if len(word) == 2 and word[1] in "oplJi" and rest:
                options.append(rest.pop(0))
        else:
            names.append(word)
    try:
        given = parse_arguments(options, "")
    except Unreachable:
        return None
    if not forwards or len(names) != 1 or "config" in given or "proxycommand" in given:
        return None
    return names[0], given


def _route(
    address: str, first: Mapping[str, list[str]], configs: Sequence[paramiko.SSHConfig], *,
    host: str, timeout: int, own: bool, password: str | None = None, depth: int = 0,
) -> Route:  # fmt: skip
    """``own``: the configurations are the user's or the system's; else, and in arguments, they are the project's."""
    import paramiko  # noqa: PLC0415

    if depth > 8:
        raise Unreachable(
            host, f"{host}: the jump hosts in ssh's configuration lead in a circle.", fix="Correct ProxyJump."
        )
    looked: list[Mapping[str, str | list[str]]] = []
    for config in configs:
        try:
            looked.append(config.lookup(address))
        except (paramiko.SSHException, ImportError) as error:
            why = f"{host}: ssh's configuration for {address} cannot be worked out: {error}."
            raise Unreachable(host, why, fix="'Match exec' is not supported; write it without.") from None

    def one(keyword: str, default: str) -> str:
        for value in first.get(keyword, ()):
            return value
        for entries in looked:
            if keyword in entries and (keyword != "hostname" or entries[keyword] != address):
                return str(entries[keyword])
        return default

    name = one("hostname", address).replace("%h", address).replace("%%", "%")
    port, user = one("port", "22"), one("user", getpass.getuser())
    if not port.isdigit():
        raise Unreachable(host, f"{host}: {port!r} is no port.")
    alias = one("hostkeyalias", "")
    known = one("userknownhostsfile", KNOWN_HOSTS) + " " + one("globalknownhostsfile", SYSTEM_KNOWN_HOSTS)
    identities = [*first.get("identityfile", ())]
    for entries in looked:
        listed = entries.get("identityfile", [])
        identities += [listed] if isinstance(listed, str) else listed
    command, jump = one("proxycommand", ""), one("proxyjump", "")
    if first.get("proxyjump"):  # what the arguments say comes before a configuration's other way
        command = ""
    elif first.get("proxycommand"):
        jump = ""
    if command.lower() == "none":
        command = ""
    if jump.lower() == "none":
        jump = ""
    hops = [
        _hop(spec, configs, host=host, timeout=timeout, own=own, depth=depth + 1)
        for spec in jump.split(",") if spec.strip()
    ]  # fmt: skip
    if command and (first.get("proxycommand") or not own):
        meant = as_jump(command)
        if meant is None:
            raise Unreachable(
                host,
                f"{host}: its ProxyCommand ({command!r}) is a program that the project names, and it was not run: nothing of "
                "a project runs before it is judged.",
                fix="Write it as ProxyJump (-J), or put it into your own ~/.ssh/config under that host.",
            )
        hops = [_hop(meant[0], configs, host=host, timeout=timeout, own=own, depth=depth + 1, more=meant[1])]
        command = ""
    if command and not (PLAIN.fullmatch(name) and PLAIN.fullmatch(address) and PLAIN.fullmatch(user)):
        raise Unreachable(
            host, f"{host}: its address or user has characters that the shell of ProxyCommand would read as a command.",
            fix="Correct ansible_host and ansible_user.",
        )  # fmt: skip
    strict = one("stricthostkeychecking", "yes").lower()
    program, otherwise = _beyond(one, identities) if password is None else ("", "")
    if program and not own:
        raise Unreachable(
            host, f"{host}: {program} needs the ssh program, and that would follow all that a configuration of the project says.",
            fix="Put the host into your own ~/.ssh/config, or give its options in ansible_ssh_common_args.",
        )  # fmt: skip
    tokens = {"%%": "%", "%h": name, "%n": address, "%p": port, "%r": user}
    return Route(
        name=host, address=name, port=int(port), user=user,
        identity_files=tuple(Path(_tokens(path, tokens)).expanduser() for path in identities if path.lower() != "none"),
        identities_only=one("identitiesonly", "no").lower() == "yes",
        agent=one("identityagent", ""),
        proxy_command=_tokens(command, tokens),
        hops=tuple(hops),
        strict={"ask": "yes", "off": "no"}.get(strict, strict),
        trusted_as=alias or (name if port == "22" else f"[{name}]:{port}"),
        known_hosts=tuple(Path(_tokens(path.strip('"'), tokens)).expanduser() for path in known.split()),
        timeout=timeout, password=password, program=program, otherwise=otherwise if own else "",
    )  # fmt: skip


def _beyond(one: Callable[[str, str], str], identities: Iterable[str]) -> tuple[str, str]:
    """For what the ssh program is needed at once, and for what when paramiko is not let in."""
    found = [words for keyword, words in BEYOND.items() if one(keyword, "none").lower() != "none"]
    found += ["a security key"] if any(_on_hardware(path) for path in identities) else []
    return next(iter(found), ""), "GSSAPI" if one("gssapiauthentication", "no").lower() == "yes" else ""


def _on_hardware(path: str) -> bool:
    """Whether the public half of a key says that the private one lies on a security key (ssh-keygen(1), ecdsa-sk)."""
    try:
        return Path(f"{path}.pub").expanduser().read_text(errors="replace").startswith("sk-")
    except OSError:
        return False


def _hop(
    spec: str, configs: Sequence[paramiko.SSHConfig], *, host: str, timeout: int, own: bool, depth: int,
    more: Mapping[str, list[str]] | None = None,
) -> Route:  # fmt: skip
    """``[user@]host[:port]`` or ``ssh://[user@]host[:port]`` (ssh(1), ``-J``); the rest is the configuration's word."""
    text = spec.strip().removeprefix("ssh://").rstrip("/")
    user, _, place = text.rpartition("@")
    name, colon, port = place.rpartition(":")
    if not colon or (":" in name and not name.startswith("[")):
        name, port = place, ""
    first = {"user": [user] if user else [], "port": [port] if port else []}
    for keyword, values in (more or {}).items():
        first[keyword] = first.get(keyword, []) + values
    return _route(name.strip("[]"), first, configs, host=host, timeout=timeout, own=own, depth=depth)


def _tokens(text: str, tokens: Mapping[str, str]) -> str:
    parts = text.split("%%")
    for token, value in tokens.items():
        if token != "%%":  # noqa: S105 (ssh_config(5) calls them tokens)
            parts = [part.replace(token, value) for part in parts]
    return "%".join(parts)
