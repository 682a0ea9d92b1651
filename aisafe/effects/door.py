"""Whether the login in use would still get in: server, socket, configuration, key, account, root's rights, firewall."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aisafe.effects.api import Call, ReadLive
from aisafe.formats import packetfilter, sshdconfig, sudoers
from aisafe.formats.packetfilter import Packet
from aisafe.formats.sshdconfig import Effective, SshdConfig, Who
from aisafe.model import Effect, HostState, Login, Service, Socket, TaskRef
from aisafe.model.access import Access, Firewall, Obstacle

if TYPE_CHECKING:
    from aisafe.effects.predicted import PredictedHost

SSH_UNITS = ("ssh.service", "sshd.service", "ssh.socket", "sshd.socket", "dropbear.service")
FIREWALL_UNITS = ("ufw.service", "firewalld.service", "nftables.service", "netfilter-persistent.service")
_PACKAGES = ("openssh-server", "openssh-sftp-server", "sudo", "ufw", "firewalld", "nftables", "iptables", "iptables-persistent",
             "netfilter-persistent", "dropbear", "dropbear-bin")  # fmt: skip
_PLACES = ("/etc/ssh", "/etc/sudoers", "/etc/sudoers.d", "/etc/ufw", "/etc/default/ufw", "/etc/firewalld", "/etc/iptables",
           "/etc/nftables.conf", "/etc/passwd", "/etc/shadow", "/etc/nologin", "/usr/bin/sudo", "/usr/sbin/sshd",
           "/etc/default/ssh")  # fmt: skip
_NO_SHELL = (
    "/usr/sbin/nologin",
    "/sbin/nologin",
    "/bin/false",
    "/usr/bin/false",
    "/bin/true",
    "/usr/bin/true",
    "/bin/sync",
)
ACCOUNTS = "accounts"
"""Key of ``PredictedHost.memory``: user -> what bars it from logging in, as the models of accounts found out."""
_KEY_TYPE = re.compile(r"(?:sk-)?(?:ssh|ecdsa)-[\w@.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Barred:
    """``locked``: no password works any more (usermod -L). ``expired``: nobody gets in at all (chage -E)."""

    locked: bool = False
    expired: bool = False
    task: TaskRef | None = None


def bar(call: Call, host: PredictedHost, name: str, *, locked: bool | None, expires: float | None) -> None:
    """A task locks the password of ``name`` (or unlocks it), or sets the day on which the account ends (seconds since 1970)."""
    if call.certainty != "certain" or (locked is None and expires is None):
        return
    table = host.memory.setdefault(ACCOUNTS, {})
    old = table.get(name, Barred())
    ended = old.expired if expires is None else 0 <= expires < host.state.taken_at.timestamp()
    table[name] = Barred(locked=old.locked if locked is None else locked, expired=ended, task=call.task)


class Door:
    """Follows the run, so that what sshd read when it was last started, and what cut our own connection, is known at the end."""

    def __init__(self, state: HostState, *, facts: Mapping[str, Any], read: ReadLive) -> None:
        self._state, self._facts, self._read = state, facts, read
        self._before: PredictedHost | None = None
        self._loaded: SshdConfig | None = None
        self._down: Obstacle | None = None
        self._cut: list[Obstacle] = []
        self._filtered = False

    def follow(self, host: PredictedHost, call: Call, effects: Sequence[Effect]) -> None:
        """The effects of one task, after they happened."""
        filtered = host.firewall.follow(call) or any(effect.kind == "firewall" for effect in effects)
        for effect in effects:
            if effect.kind != "unit":
                continue
            if effect.name in FIREWALL_UNITS:
                host.firewall.unit(call, effect)
                filtered = True
            if effect.name in SSH_UNITS and effect.action in ("start", "restart", "reload"):
                self._starts(host, effect)
        if filtered:
            self._filtered = True
            self._cuts(host, call)

    def _starts(self, host: PredictedHost, effect: Effect) -> None:
        config = sshdconfig.read(host.units.reader())
        if not config.errors or effect.certainty != "certain":
            self._loaded, self._down = config, None
        elif effect.action != "reload":  # a reload tests the configuration first, and the old server goes on
            self._down = Obstacle(
                part="configuration", reason=f"sshd does not start: {config.errors[0]}", task=effect.task
            )

    def _cuts(self, host: PredictedHost, call: Call) -> None:
        login = self._state.login
        if login is None or login.port is None or call.certainty != "certain":
            return
        found = self._blocked(host.firewall.now(), login, state="established")
        before = self._blocked(self._pristine().firewall.now(), login, state="established")
        if found is not None and before is None and found.certainty == "certain":
            self._cut.append(Obstacle(part="firewall", reason=found.reason, task=call.task))

    def firewall(self, host: PredictedHost, effects: Iterable[Effect]) -> Firewall | None:
        """What filters at the end, when something that listens or filters hangs on it."""
        if self._filtered:
            return host.firewall.now()
        binds = any(effect.binds for effect in effects)
        return host.firewall.now() if binds and _filters(self._state) else None

    def access(self, host: PredictedHost, effects: Sequence[Effect]) -> Access | None:
        """None when nothing of the run bears on the login, or when we are in by another way."""
        login = self._state.login
        if login is None or not self._bears(effects, login):
            return None
        then = self._pristine()
        was = sshdconfig.read(then.units.reader())
        disk = sshdconfig.read(host.units.reader())
        by_socket = any(host.units.get(name).unit.active for name in ("ssh.socket", "sshd.socket"))
        running = disk if by_socket else self._loaded or was
        before = [*self._obstacles(then, was, login, boot=False), *_broken(was)]
        now = [*([self._down] if self._down else []), *self._obstacles(host, running, login, boot=False)]
        boot = [*_broken(disk, host), *self._obstacles(host, disk, login, boot=True)]
        return Access(login=login, before=tuple(before), now=tuple(now), boot=tuple(boot), cut=tuple(self._cut))

    def _pristine(self) -> PredictedHost:
        if self._before is None:
            from aisafe.effects.predicted import PredictedHost  # noqa: PLC0415 (it has a door itself)

            self._before = PredictedHost(self._state, facts=self._facts, read=self._read)
        return self._before

    def _bears(self, effects: Sequence[Effect], login: Login) -> bool:
        if self._filtered:
            return True
        account = self._state.users.get(login.user)
        home = account.home if account else f"/home/{login.user}"
        places = (*_PLACES, posixpath.join(home, ".ssh"))
        for effect in effects:
            if effect.kind in ("user", "group") or (
                effect.kind == "unit" and effect.name in (*SSH_UNITS, *FIREWALL_UNITS)
            ):
                return True
            if effect.kind == "package" and effect.name.partition(":")[0].partition("=")[0] in _PACKAGES:
                return True
            if effect.kind == "file" and any(_touches(effect.name, place) for place in places):
                return True
        return False

    def _obstacles(self, host: PredictedHost, config: SshdConfig, login: Login, *, boot: bool) -> Iterator[Obstacle]:
        yield from _server(host, login, boot=boot)
        account = host.users.get(login.user)
        who = Who(
            user=login.user,
            groups=_groups(host, login.user),
            client=login.client,
            address=login.address,
            port=login.port,
        )
        found = sshdconfig.effective(config, who)
        changed = _changer(host, "/etc/ssh")
        if found.unclear:
            yield Obstacle(part="authentication", reason=found.unclear, certainty="possible", task=changed)
        yield from _authentication(found, who, login, changed)
        if login.method == "publickey" and account is not None:
            yield from _key(host, found, login, account.home, account.uid)
        yield from _account(host, login, found)
        if login.become == "sudo":
            yield from _become(host, login, account.uid if account else -1)
        if self._filtered or _filters(self._state):
            wall = host.firewall.boot() if boot else host.firewall.now()
            blocked = self._blocked(wall, login, state="new")
            if blocked is not None:
                yield blocked

    def _blocked(self, wall: Firewall, login: Login, *, state: str) -> Obstacle | None:
        if login.port is None:
            return None
        family = 6 if ":" in login.address else 4
        packet = Packet(
            protocol="tcp", port=login.port, family=family, source=login.client, destination=login.address, state=state
        )
        answer, culprit = packetfilter.way(wall.filters, packet)
        if culprit is None:
            return None
        if answer == "closed":
            reason = f"{culprit.name} does not let in port {login.port}/tcp"
            return Obstacle(part="firewall", reason=reason, task=culprit.task)
        doubt = culprit.doubt or "one of its rules is not understood"
        reason = f"whether {culprit.name} lets port {login.port}/tcp in: {doubt}"
        return Obstacle(part="firewall", reason=reason, certainty="possible", task=culprit.task)


def _filters(state: HostState) -> bool:
    """Whether the live host filters anything of its own."""
    seen = state.packet_filter
    firewalld = state.units.get("firewalld.service")
    if seen is None:
        return bool(firewalld and firewalld.active)
    own = any(
        (rules if head.startswith(("INPUT", "ufw", "f2b")) else False) or head.startswith("INPUT DROP")
        for chains in seen.iptables.values() for head, rules in chains.items()
    )  # fmt: skip
    return own or bool(seen.nft) or bool(firewalld and firewalld.active)


def _changer(host: PredictedHost, place: str) -> TaskRef | None:
    """The task that last changed something at ``place`` or below."""
    changed = [file.task for path, file in host.files.all_changed().items() if path.startswith(place)]
    return changed[-1] if changed else None


def _touches(path: str, place: str) -> bool:
    return path == place or path.startswith(place.rstrip("/") + "/") or place.startswith(path.rstrip("/") + "/")


def _broken(config: SshdConfig, host: PredictedHost | None = None) -> Iterator[Obstacle]:
    if config.errors:
        where = config.errors[0].partition(":")[0]
        task = host.files.get(where).task if host is not None and where.startswith("/") else None
        yield Obstacle(part="configuration", reason=f"sshd does not start: {config.errors[0]}", task=task)


def _server(host: PredictedHost, login: Login, *, boot: bool) -> Iterator[Obstacle]:
    servers = [
        service for service in host.services() if service.holder.kind == "unit" and service.holder.name in SSH_UNITS
    ]
    up = [service for service in servers if (service.at_boot if boot else service.active)]
    last = next((service.task for service in reversed(servers) if service.task), None)
    if not up:
        word = "starts at boot" if boot else "runs"
        unsure = any(service.certainty != "certain" for service in servers)
        yield Obstacle(part="server", reason=f"no SSH server {word}", task=last or _last_task(host),
                       certainty="possible" if unsure else "certain")  # fmt: skip
        return
    if login.port is None:
        return
    sockets = [socket for service in up for socket in service.sockets]
    if any(_serves(socket, login) for socket in sockets):
        return
    known = all(service.sockets_known for service in up) and bool(sockets)
    there = ", ".join(dict.fromkeys(map(str, sockets))) or "sockets that are not known"
    task = _changer(host, "/etc/ssh")
    yield Obstacle(
        part="socket", reason=f"the SSH server listens on {there}, and this run logs in through port {login.port}",
        certainty="certain" if known else "possible", task=task or _task_of(up),
    )  # fmt: skip


def _last_task(host: PredictedHost) -> TaskRef | None:
    for name in SSH_UNITS:
        touched = host.units.get(name).touched
        if touched is not None:
            return touched
    return None


def _task_of(services: Sequence[Service]) -> TaskRef | None:
    return next((service.task for service in services if service.task), None)


def _serves(socket: Socket, login: Login) -> bool:
    if socket.protocol != "tcp" or socket.port != login.port:
        return False
    six = ":" in login.address
    if socket.address.is_unspecified:
        return (
            not login.address
            or (socket.address.version == 6) == six
            or (socket.address.version == 6 and not socket.ipv6_only)
        )
    return not login.address or str(socket.address) == login.address


def _authentication(found: Effective, who: Who, login: Login, task: TaskRef | None) -> Iterator[Obstacle]:
    def no(reason: str) -> Obstacle:
        return Obstacle(part="authentication", reason=reason, task=task)

    denied = sshdconfig.refused(found, who)
    if denied is not None:
        yield no(f"sshd refuses {login.user!r}: {denied[1]}")
    root = found.word("permitrootlogin")
    if login.user == "root" and (
        root in ("no", "forced-commands-only") or (root != "yes" and login.method == "password")
    ):
        yield no(f"sshd lets root in no more: PermitRootLogin {root} ({found.where('permitrootlogin')})")
    if login.method == "publickey" and found.word("pubkeyauthentication") in ("no", "false"):
        yield no(f"sshd takes no keys: PubkeyAuthentication no ({found.where('pubkeyauthentication')})")
    if login.method == "password":
        keyboard = found.word("kbdinteractiveauthentication") == "yes" and found.word("usepam") == "yes"
        if found.word("passwordauthentication") == "no" and not keyboard:
            yield no(f"sshd takes no passwords: PasswordAuthentication no ({found.where('passwordauthentication')})")
    methods = found.words("authenticationmethods")
    alone = {"publickey": ("publickey",), "password": ("password", "keyboard-interactive")}.get(login.method, ())
    if methods[:1] != ("any",) and alone and not any(item.partition(":")[0] in alone for item in methods):
        yield no(
            f"sshd wants more than one proof: AuthenticationMethods {' '.join(methods)} ({found.where('authenticationmethods')})"
        )
    if found.word("forcecommand") != "none":
        yield no(
            f"sshd runs one command only: ForceCommand {' '.join(found.words('forcecommand'))} ({found.where('forcecommand')})"
        )


def _key(host: PredictedHost, found: Effective, login: Login, home: str, uid: int) -> Iterator[Obstacle]:
    if not login.key or found.word("authorizedkeyscommand") not in ("", "none"):
        return
    task: TaskRef | None = None
    reasons: list[str] = []
    unclear: list[str] = []
    for pattern in found.words("authorizedkeysfile"):
        if pattern == "none":
            continue
        path = pattern.replace("%h", home).replace("%u", login.user).replace("%U", str(uid)).replace("%%", "%")
        path = posixpath.join(home, path)
        file = host.file(path, follow=True)
        if file.exists is None or (file.exists and file.text is None):
            unclear.append(f"what {path} holds is not known: {file.reason or 'it depends on the run'}")
            task = task or file.task
            continue
        why = f"{path} is not there" if not file.exists else _no_key(file.text or "", path, login)
        why = why or (_loose(host, path, home, login.user) if found.word("strictmodes") != "no" else "")
        if not why:
            return
        reasons.append(why)
        task = task or file.task or host.file(posixpath.dirname(path)).task
    if unclear:
        yield Obstacle(part="key", reason=unclear[0], certainty="possible", task=task)
        return
    changed = _changer(host, "/etc/ssh")
    yield Obstacle(part="key", reason=f"sshd finds our key no more: {'; '.join(reasons[:2]) or 'AuthorizedKeysFile none'}",
                   task=task or changed)  # fmt: skip


def _no_key(text: str, path: str, login: Login) -> str:
    for line in text.splitlines():
        words = line.split()
        if login.key not in words or line.lstrip().startswith("#"):
            continue
        options = line[: line.index(login.key)].rpartition(" ")[0] if not _KEY_TYPE.fullmatch(words[0]) else ""
        if re.search(r'(^|,)command="', options):
            return f"{path} allows our key one command only"
        place = re.search(r'(?:^|,)from="([^"]+)"', options)
        if place and login.client and not sshdconfig.address_in(login.client, place[1]):
            return f"{path} allows our key from {place[1]} only"
        return ""
    return f"our key is not in {path}"


def _loose(host: PredictedHost, path: str, home: str, user: str) -> str:
    """sshd_config(5), StrictModes: what of the way to the file others may write."""
    steps = [path]
    while steps[-1] not in (home, "/", "") and steps[-1].startswith(home):
        steps.append(posixpath.dirname(steps[-1]))
    for step in steps:
        file = host.file(step, follow=True)
        if file.mode is not None and file.mode & 0o022:
            return f"{step} can be written by others (mode {file.mode:04o}), and StrictModes refuses it"
        if file.owner is not None and file.owner not in (user, "root"):
            return f"{step} belongs to {file.owner}, and StrictModes refuses it"
    return ""


def _account(host: PredictedHost, login: Login, found: Effective) -> Iterator[Obstacle]:
    def no(reason: str, task: TaskRef | None = None) -> Obstacle:
        return Obstacle(part="account", reason=reason, task=task)

    account = host.users.get(login.user)
    if account is None:
        yield no(f"the user {login.user} is gone")
        return
    barred = host.memory.get(ACCOUNTS, {}).get(login.user, Barred())
    if account.shell in _NO_SHELL:
        yield no(f"the shell of {login.user} is {account.shell}")
    elif account.shell and host.file(account.shell, follow=True).exists is False:
        unsure = host.unforeseen
        yield Obstacle(part="account", reason=f"the shell of {login.user} is {account.shell}, which is not on the host",
                       certainty="possible" if unsure else "certain")  # fmt: skip
    if barred.expired:
        yield no(f"the account {login.user} has expired", barred.task)
    pam = found.word("usepam") == "yes"
    if barred.locked and (login.method == "password" or not pam):
        yield no(f"the password of {login.user} is locked", barred.task)
    if login.user != "root" and host.file("/etc/nologin").exists:
        yield no("/etc/nologin lets in nobody but root", host.file("/etc/nologin").task)


def _become(host: PredictedHost, login: Login, uid: int) -> Iterator[Obstacle]:
    changed = _changer(host, "/etc/sudoers")
    if "sudo" not in host.packages and "sudo" in host.state.packages:
        yield Obstacle(part="become", reason="sudo is removed")
        return
    right = sudoers.right(host.units.reader(), user=login.user, groups=_groups(host, login.user), uid=uid)
    if right == "unclear":
        yield Obstacle(part="become", reason=f"what sudo allows {login.user}", certainty="possible", task=changed)
    elif not right:
        yield Obstacle(part="become", reason=f"sudo does not make {login.user} root any more", task=changed)
    elif right == "password" and not login.become_password:
        yield Obstacle(
            part="become", reason=f"sudo asks {login.user} for a password, and this run gives none", task=changed
        )


def _groups(host: PredictedHost, user: str) -> tuple[str, ...]:
    account = host.users.get(user)
    if account is None:
        return ()
    primary = [name for name, gid in host.groups.items() if gid == account.gid]
    return tuple(dict.fromkeys([*primary, *account.groups]))
