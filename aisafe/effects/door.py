"""Whether the login in use would still get in: server, socket, configuration, key, account, root's rights, firewall."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aisafe.effects import obstacles
from aisafe.effects.api import Call, ReadLive
from aisafe.formats import packetfilter, sshdconfig
from aisafe.formats.packetfilter import Packet
from aisafe.formats.sshdconfig import SshdConfig, Who
from aisafe.model import Effect, HostState, Login
from aisafe.model.access import Access, Firewall, Obstacle

if TYPE_CHECKING:
    from aisafe.effects.predicted import PredictedHost

FIREWALL_UNITS = ("ufw.service", "firewalld.service", "nftables.service", "netfilter-persistent.service")
_PACKAGES = ("openssh-server", "openssh-sftp-server", "sudo", "ufw", "firewalld", "nftables", "iptables", "iptables-persistent",
             "netfilter-persistent", "dropbear", "dropbear-bin")  # fmt: skip
_PLACES = ("/etc/ssh", "/etc/sudoers", "/etc/sudoers.d", "/etc/ufw", "/etc/default/ufw", "/etc/firewalld", "/etc/iptables",
           "/etc/nftables.conf", "/etc/passwd", "/etc/shadow", "/etc/nologin", "/usr/bin/sudo", "/usr/sbin/sshd",
           "/etc/default/ssh")  # fmt: skip


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
            if effect.name in obstacles.SSH_UNITS and effect.action in ("start", "restart", "reload"):
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
        before = [*self._found(then, was, login, boot=False), *_broken(was)]
        now = [*([self._down] if self._down else []), *self._found(host, running, login, boot=False)]
        if login.port is None:  # neither a moved port nor a closed one can be told then
            reason = "through which port of the host this run came in could not be seen"
            now.append(Obstacle(part="socket", reason=reason, certainty="possible"))
        boot = [*_broken(disk, host), *self._found(host, disk, login, boot=True)]
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
                effect.kind == "unit" and effect.name in (*obstacles.SSH_UNITS, *FIREWALL_UNITS)
            ):
                return True
            if effect.kind == "package" and effect.name.partition(":")[0].partition("=")[0] in _PACKAGES:
                return True
            if effect.kind == "file" and any(obstacles.touches(effect.name, place) for place in places):
                return True
        return False

    def _found(self, host: PredictedHost, config: SshdConfig, login: Login, *, boot: bool) -> Iterator[Obstacle]:
        yield from obstacles.server(host, login, boot=boot)
        account = host.users.get(login.user)
        who = Who(
            user=login.user,
            groups=obstacles.groups_of(host, login.user),
            client=login.client,
            address=login.address,
            port=login.port,
        )
        found = sshdconfig.effective(config, who)
        changed = obstacles.changer(host, "/etc/ssh")
        if found.unclear:
            yield Obstacle(part="authentication", reason=found.unclear, certainty="possible", task=changed)
        yield from obstacles.authentication(found, who, login, changed)
        if login.method == "publickey" and account is not None:
            yield from obstacles.key(host, found, login, account.home, account.uid)
        yield from obstacles.account(host, login, found)
        if login.become == "sudo":
            yield from obstacles.become(host, login, account.uid if account else -1)
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
    tables = seen.iptables.values() if seen else ()
    own = any(
        head.startswith("INPUT DROP") or (rules and head.startswith(("INPUT", "ufw", "f2b")))
        for chains in tables
        for head, rules in chains.items()
    )
    return own or bool(seen and seen.nft) or bool(firewalld and firewalld.active)


def _broken(config: SshdConfig, host: PredictedHost | None = None) -> Iterator[Obstacle]:
    if config.errors:
        where = config.errors[0].partition(":")[0]
        task = host.files.get(where).task if host is not None and where.startswith("/") else None
        yield Obstacle(part="configuration", reason=f"sshd does not start: {config.errors[0]}", task=task)
