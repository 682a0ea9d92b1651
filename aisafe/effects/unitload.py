"""A unit as systemd would load it from its fragment and drop-ins: one pass over their assignments, in order."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from typing import Final

from aisafe.formats import unitfile
from aisafe.formats.envfile import ASSIGNMENT
from aisafe.formats.ports import unit_socket
from aisafe.formats.unitfile import BadCommand, BadSpecifier, Entry, UnitFile
from aisafe.model import Address, Unit

TYPES: Final = ("simple", "exec", "forking", "oneshot", "dbus", "notify", "notify-reload", "idle")
RESTARTS: Final = (
    "no", "on-success", "on-failure", "on-abnormal", "on-watchdog", "on-abort", "always",
)  # fmt: skip
ONESHOT_RESTARTS: Final = ("no", "on-failure", "on-abnormal", "on-watchdog", "on-abort")
LISTENS: Final = ("Stream", "Datagram", "SequentialPacket", "FIFO", "Special", "Netlink", "MessageQueue", "USBFunction")
BAD_SETTING: Final = "bad-setting"
"""The LoadState= of a unit that systemd refuses to start because of what its files say."""


@dataclass(slots=True)
class _Loading:
    """What has been read so far. ``why``: what makes systemd refuse the unit, '' for nothing."""

    known: Mapping[str, str]
    fragment: str
    commands: list[tuple[str, ...]] = field(default_factory=list)
    others: set[str] = field(default_factory=set)
    environment: dict[str, str] = field(default_factory=dict)
    environment_files: list[str] = field(default_factory=list)
    listen: list[str] = field(default_factory=list)
    type: str = ""
    restart: str = "no"
    user: str = ""
    bus_name: str = ""
    remains: bool = False
    accept: bool = False
    ipv6_only: bool = False
    activates: str = ""
    sockets: list[str] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    why: str = ""

    def resolve(self, text: str) -> str:
        return unitfile.resolve(text, self.known)


class _Refused(ValueError):
    """systemd reads no more of this file; when it is the fragment, the unit has a bad setting."""


def load(
    name: str, merged: UnitFile, *, base: Unit, known: Mapping[str, str], fragment: str, drop_ins: tuple[str, ...]
) -> tuple[Unit, str]:
    """The unit, and why systemd refuses to start it ('' when it does not). ``base``: what no file tells.

    ``known``: the specifiers. ``fragment``: the path as it stands in the entries of ``merged``.
    """
    loading = _Loading(known=known, fragment=fragment)
    kind = name.rpartition(".")[2]
    for entry in merged.entries:
        take = _TAKES.get((kind, entry.section, entry.key))
        if take is None or entry.path in loading.ended:
            continue
        try:
            take(loading, entry)
        except BadSpecifier:
            continue  # systemd ignores the assignment
        except _Refused as error:
            loading.ended.add(entry.path)
            if entry.path == fragment:
                loading.why = loading.why or f"{entry.path}:{entry.line}: {entry.key}={entry.value}: {error}"
    why = loading.why or (_verify_service(loading) if kind == "service" else _verify_socket(loading, kind))
    return _unit(base, loading, merged, kind=kind, name=name, drop_ins=drop_ins, why=why), why


def _unit(
    base: Unit, loading: _Loading, merged: UnitFile, *, kind: str, name: str, drop_ins: tuple[str, ...], why: str
) -> Unit:
    install = any(entry.section == "Install" for entry in merged.entries)
    directory = unitfile.expand(merged.last("Service", "WorkingDirectory"), loading.known).lstrip("-")
    default = "oneshot" if not loading.commands else "dbus" if loading.bus_name else "simple"
    return replace(
        base,
        load_state=BAD_SETTING if why else "loaded",
        unit_file_state=base.unit_file_state or ("disabled" if install else "static"),
        type=(loading.type or default) if kind == "service" else "",
        restart=loading.restart,
        drop_in_paths=drop_ins,
        commands=tuple(loading.commands),
        environment=dict(loading.environment),
        environment_files=tuple(loading.environment_files),
        listen=tuple(loading.listen),
        ipv6_only=loading.ipv6_only,
        triggers=_triggers(loading, merged, kind=kind, name=name, base=base),
        triggered_by=tuple(dict.fromkeys((*base.triggered_by, *loading.sockets))),
        user=loading.user,
        requires=tuple(
            unitfile.expand(other, loading.known)
            for key in ("Requires", "BindsTo", "PartOf")
            for other in merged.words("Unit", key)
        ),
        directories=(
            *filter(None, [directory]),
            *(
                f"/var/lib/{unitfile.expand(entry, loading.known)}"
                for entry in merged.words("Service", "StateDirectory")
            ),
        ),
        working_directory=posixpath.normpath(directory) if directory.startswith("/") else directory,
    )


def _triggers(loading: _Loading, merged: UnitFile, *, kind: str, name: str, base: Unit) -> tuple[str, ...]:
    """systemd.socket(5), Service=; systemd.timer(5) and systemd.path(5), Unit=: by default the service so named.

    With Accept= each connection has an instance of its own, which only the connection brings.
    """
    own = f"{name.rpartition('.')[0]}.service"
    if kind == "socket":
        return () if loading.accept else (loading.activates or own,)
    if kind in ("timer", "path"):
        return (unitfile.expand(merged.last(kind.capitalize(), "Unit"), loading.known) or own,)
    return base.triggers


def _exec_start(loading: _Loading, entry: Entry) -> None:
    if not entry.value:
        loading.commands.clear()
        return
    try:
        loading.commands += unitfile.split_commands(entry.value, loading.known)
    except BadCommand as error:
        loading.commands += error.read
        raise _Refused(str(error)) from error


def _other(loading: _Loading, entry: Entry) -> None:
    (loading.others.add if entry.value else loading.others.discard)(entry.key)


def _environment(loading: _Loading, entry: Entry) -> None:
    if not entry.value:
        loading.environment.clear()
        return
    position = 0
    while True:
        try:
            word, position = unitfile.next_word(entry.value, position, strict=True)
        except (unitfile.OpenQuote, unitfile.BadEscape):
            return
        if word is None:
            return
        try:
            text = loading.resolve(word)
        except BadSpecifier:
            continue
        if ASSIGNMENT.match(text):
            variable, _, value = text.partition("=")
            loading.environment[variable] = value


def _environment_file(loading: _Loading, entry: Entry) -> None:
    if not entry.value:
        loading.environment_files.clear()
        return
    text = loading.resolve(entry.value)
    optional = text.startswith("-")
    path = unitfile.simple_path(text.removeprefix("-"))
    if path.startswith("/"):
        loading.environment_files.append(f"{'-' if optional else ''}{path}")


def _type(loading: _Loading, entry: Entry) -> None:
    loading.type = entry.value if entry.value in TYPES else loading.type


def _restart(loading: _Loading, entry: Entry) -> None:
    loading.restart = entry.value if entry.value in RESTARTS else loading.restart


def _user(loading: _Loading, entry: Entry) -> None:
    if not entry.value:
        loading.user = ""
        return
    try:
        text = loading.resolve(entry.value)
    except BadSpecifier as error:
        raise _Refused(str(error)) from error
    if not text or re.search(r"[:/\x00-\x1f\x7f]|^ | $|^\.{1,2}$|^-\d*$", text):
        raise _Refused("not a valid name of a user")
    loading.user = text


def _bus_name(loading: _Loading, entry: Entry) -> None:
    loading.bus_name = loading.resolve(entry.value)


def _remains(loading: _Loading, entry: Entry) -> None:
    loading.remains = _flag(entry.value, loading.remains)


def _accept(loading: _Loading, entry: Entry) -> None:
    loading.accept = _flag(entry.value, loading.accept)


def _ipv6_only(loading: _Loading, entry: Entry) -> None:
    """``default``: net.ipv6.bindv6only decides, which is 0 nearly everywhere."""
    if entry.value in ("default", "both", "ipv6-only"):
        loading.ipv6_only = entry.value == "ipv6-only"


def _activates(loading: _Loading, entry: Entry) -> None:
    text = loading.resolve(entry.value)
    loading.activates = text if text.endswith(".service") else loading.activates


def _sockets(loading: _Loading, entry: Entry) -> None:
    words = (loading.resolve(word) for word in entry.value.split())
    loading.sockets += [word for word in words if word.endswith(".socket")]


def _listen(loading: _Loading, entry: Entry) -> None:
    """An empty one takes back all of every kind; one that is no address is ignored with a warning."""
    if not entry.value:
        loading.listen.clear()
        return
    kind, text = entry.key.removeprefix("Listen"), loading.resolve(entry.value)
    if kind in ("Stream", "Datagram", "SequentialPacket"):
        try:
            socket = unit_socket(text)
        except ValueError:
            return
        if socket is not None:
            if kind != "SequentialPacket":
                loading.listen.append(f"{entry.key}={_shown(socket.address)}:{socket.port}")
            return
    loading.listen.append(f"{entry.key}={text}")


def _shown(address: Address) -> str:
    """As systemd prints it: ``[::ffff:127.0.0.1]``."""
    if isinstance(address, IPv4Address):
        return str(address)
    return f"[::ffff:{address.ipv4_mapped}]" if address.ipv4_mapped else f"[{address}]"


def _flag(value: str, before: bool) -> bool:
    return value.lower() in unitfile.TRUE if value.lower() in (*unitfile.TRUE, *unitfile.FALSE) else before


_Take = Callable[[_Loading, Entry], None]
_TAKES: Final[Mapping[tuple[str, str, str], _Take]] = {
    **{("service", "Service", key): take for key, take in {
        "ExecStart": _exec_start, "Environment": _environment, "EnvironmentFile": _environment_file, "Type": _type,
        "Restart": _restart, "User": _user, "BusName": _bus_name, "RemainAfterExit": _remains, "Sockets": _sockets,
        "ExecStop": _other,
    }.items()},
    ("service", "Unit", "SuccessAction"): _other,
    **{("socket", "Socket", key): take for key, take in {
        "Accept": _accept, "BindIPv6Only": _ipv6_only, "Service": _activates,
        **{f"Listen{kind}": _listen for kind in LISTENS},
    }.items()},
}  # fmt: skip


def _verify_service(loading: _Loading) -> str:
    """What systemd.service(5) demands of a service, in the words of service_verify() of systemd."""
    oneshot = (loading.type or ("simple" if loading.commands else "oneshot")) == "oneshot"
    if not loading.commands and not loading.others:
        return "it has no ExecStart=, ExecStop= or SuccessAction="
    if not loading.commands and not oneshot:
        return "it has no ExecStart=, which only Type=oneshot allows"
    if not loading.commands and not loading.remains and "SuccessAction" not in loading.others:
        return "it has no ExecStart= and does not remain after exit"
    if len(loading.commands) > 1 and not oneshot:
        return "it has more than one ExecStart=, which only Type=oneshot allows"
    if oneshot and loading.restart not in ONESHOT_RESTARTS:
        return f"Restart={loading.restart} is not allowed for Type=oneshot"
    if loading.type == "dbus" and not loading.bus_name:
        return "it is of Type=dbus and has no BusName="
    return ""


def _verify_socket(loading: _Loading, kind: str) -> str:
    if kind != "socket":
        return ""
    if not loading.listen:
        return "it has no ListenStream= or other address"
    if loading.accept and any(not entry.startswith(("ListenStream=", "ListenSeq")) for entry in loading.listen):
        return "Accept= with an address that does not accept connections"
    if loading.accept and loading.activates:
        return "Service= together with Accept="
    return ""
