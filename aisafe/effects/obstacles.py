"""What keeps a login out of a predicted host, part by part (sshd(8), sshd_config(5), login(1), sudoers(5))."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from aisafe.effects.api import Call
from aisafe.formats import sshdconfig, sudoers
from aisafe.formats.sshdconfig import Effective, Who
from aisafe.frozen import frozen
from aisafe.model import Login, Service, Socket, TaskRef
from aisafe.model.access import Obstacle

if TYPE_CHECKING:
    from aisafe.effects.predicted import PredictedHost

SSH_UNITS = ("ssh.service", "sshd.service", "ssh.socket", "sshd.socket", "dropbear.service")
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


@frozen
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


def changer(host: PredictedHost, place: str) -> TaskRef | None:
    """The task that last changed something at ``place`` or below."""
    changed = [file.task for path, file in host.files.all_changed().items() if path.startswith(place)]
    return changed[-1] if changed else None


def touches(path: str, place: str) -> bool:
    return path == place or path.startswith(place.rstrip("/") + "/") or place.startswith(path.rstrip("/") + "/")


def server(host: PredictedHost, login: Login, *, boot: bool) -> Iterator[Obstacle]:
    servers = host.services_of(SSH_UNITS)
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
    task = changer(host, "/etc/ssh")
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


def authentication(found: Effective, who: Who, login: Login, task: TaskRef | None) -> Iterator[Obstacle]:
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


def key(host: PredictedHost, found: Effective, login: Login, home: str, uid: int) -> Iterator[Obstacle]:
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
    changed = changer(host, "/etc/ssh")
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


def account(host: PredictedHost, login: Login, found: Effective) -> Iterator[Obstacle]:
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


def become(host: PredictedHost, login: Login, uid: int) -> Iterator[Obstacle]:
    changed = changer(host, "/etc/sudoers")
    if "sudo" not in host.packages and "sudo" in host.state.packages:
        yield Obstacle(part="become", reason="sudo is removed")
        return
    right = sudoers.right(host.units.reader(), user=login.user, groups=groups_of(host, login.user), uid=uid)
    if right == "unclear":
        yield Obstacle(part="become", reason=f"what sudo allows {login.user}", certainty="possible", task=changed)
    elif not right:
        yield Obstacle(part="become", reason=f"sudo does not make {login.user} root any more", task=changed)
    elif right == "password" and not login.become_password:
        yield Obstacle(
            part="become", reason=f"sudo asks {login.user} for a password, and this run gives none", task=changed
        )


def groups_of(host: PredictedHost, user: str) -> tuple[str, ...]:
    account = host.users.get(user)
    if account is None:
        return ()
    primary = [name for name, gid in host.groups.items() if gid == account.gid]
    return tuple(dict.fromkeys([*primary, *account.groups]))
