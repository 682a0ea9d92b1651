"""The run closes the door it came through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aisafe.model import Access, Effect, Finding, Holder, Login, Obstacle, Party, TaskRef
from aisafe.remedy import service_of, tasks
from aisafe.rules import Case, rule

_SERVICES = ("ssh.service", "sshd.service", "ssh.socket", "sshd.socket", "dropbear.service")
_PACKAGES = ("openssh-server", "dropbear", "dropbear-bin")
_NETWORK_FILES = ("/etc/network/", "/etc/netplan/", "/etc/systemd/network/", "/etc/NetworkManager/system-connections/",
                  "/etc/sysconfig/network-scripts/")  # fmt: skip
_NETWORK_UNITS = ("networking.service", "systemd-networkd.service", "NetworkManager.service", "network.service")
_ACCEPT = "If there is another way in, accept it: --aisafe-accept=ssh-lockout."


@rule("ssh-lockout", severity="error", stage="forecast")
def ssh_lockout(case: Case) -> Iterator[Finding]:
    """After the run nobody can log in by SSH as this run did: with its user, its port, its key or password, and root's rights.

    The SSH server is stopped, or its configuration keeps it from starting; it moves to another port; its configuration, the
    account, authorized_keys or sudo shut the login out; a firewall closes the port. The run itself ends well, because its open
    connection lives on; only a fresh login shows it. What counts is the state at the end: a port that is closed and opened again
    is none, unless the open connection itself is cut on the way. A change of the network is a warning.

    Wrong:

        - name: Stop what is not needed
          ansible.builtin.systemd_service:
            name: ssh.service
            state: stopped

    Right:

        - name: Let SSH in before the firewall is on
          community.general.ufw:
            rule: allow
            port: "22"
            proto: tcp
        - name: Turn the firewall on
          community.general.ufw:
            state: enabled
            policy: deny
    """
    access = case.forecast.access
    if access is None:
        yield from _without_login(case)
    else:
        yield from _with_login(case, access)
    yield from _network(case)


def _with_login(case: Case, access: Access) -> Iterator[Finding]:
    """An obstacle of a kind that was there before, although we are in, shows that this host works otherwise than we think."""
    explained = {item.part for item in access.before}

    def new(items: Sequence[Obstacle], *, certain: bool = True) -> list[Obstacle]:
        return [item for item in items if item.part not in explained and (item.certainty == "certain") == certain]

    for item in access.cut[:1]:
        reason = f"the firewall cuts the open connection of this run: {item.reason}; what follows never arrives"
        yield _closed(case, access, [Obstacle(part="firewall", reason=reason, task=item.task)], "now")
    now = new(access.now)
    if now and not access.cut:
        yield _closed(case, access, now, "now")
    told = {item.part for item in (*now, *access.cut)}
    boot = [
        item for item in new(access.boot) if item.part not in told and (item.part != "socket" or "server" not in told)
    ]
    if boot and not ("server" in told and {item.part for item in boot} <= {"socket", "configuration"}):
        yield _closed(case, access, boot, "boot")
    if now or boot or access.cut:
        return
    for item in new(access.now, certain=False)[:1] or new(access.boot, certain=False)[:1]:
        yield case.find(
            f"Whether {access.login.user} can still log in by SSH afterwards cannot be told: {item.reason}.",
            severity="note" if item.part == "firewall" else "warning", when="possible", task=item.task,
            fix=f"Check it before the run. {_ACCEPT}",
        )  # fmt: skip


def _closed(case: Case, access: Access, items: Sequence[Obstacle], when: str) -> Finding:
    login, first = access.login, items[0]
    moment = "once this run has ended" if when == "now" else "after the next boot"
    fix, yaml = _way_out(case, first, login)
    task = next((item.task for item in items if item.task), None) or _culprit(case, first)
    place = f" through port {login.port}" if login.port else ""
    unit = next((case.before.units[name] for name in _SERVICES if name in case.before.units), None)
    return case.find(
        f"{login.user} cannot log in by SSH any more {moment}: {'; '.join(dict.fromkeys(item.reason for item in items))}.",
        when="boot" if when == "boot" else "now", task=task,
        parties=(Party(kind="unit", name=unit.name, live=True, pid=unit.main_pid),) if unit else (),
        evidence=(
            f"this run is in as {login.user}{place}" + (f" by {login.method}" if login.method else ""),
            *(f"{item.task}: {item.reason}" for item in items if item.task),
        ),
        fix=f"{fix} {_ACCEPT}", yaml=yaml,
    )  # fmt: skip


def _culprit(case: Case, item: Obstacle) -> TaskRef | None:
    kinds = {
        "account": ("user", "group"),
        "become": ("user", "group", "package", "file"),
        "server": ("unit", "package"),
    }
    wanted = kinds.get(item.part, ())
    return next((effect.task for effect in reversed(case.forecast.effects) if effect.kind in wanted), None)


def _way_out(case: Case, item: Obstacle, login: Login) -> tuple[str, str]:
    port = login.port or 22
    if item.part == "socket":
        return (f"Let sshd listen on both ports first (Port {port} and the new one), change ansible_port in the inventory, and "
                "take the old one away in a later run.", "")  # fmt: skip
    if item.part == "configuration":
        return "Correct it, and let the task test what it writes: validate: /usr/sbin/sshd -t -f %s.", ""
    if item.part == "firewall":
        closes = [effect for effect in case.forecast.effects if effect.task == item.task and effect.kind == "firewall"]
        if any(effect.action == "remove" for effect in closes):
            return f"Leave the rule that lets port {port}/tcp in.", ""
        return _open_first(item, port)
    if item.part == "key":
        return (
            "Keep the key with which this run logs in among them (beside an exclusive one, or under the new path).",
            "",
        )
    return {
        "server": "Drop the task.",
        "authentication": f"Leave a way in for {login.user}, or change the inventory to another login first.",
        "account": f"Leave the account {login.user} as it is, or change the inventory to another login first.",
        "become": f"Leave {login.user} its right to become root, or change the inventory to another login first.",
    }.get(item.part, "Drop the task."), ""


def _open_first(item: Obstacle, port: int) -> tuple[str, str]:
    fix = f"Let port {port}/tcp in before."
    if "ufw" in item.reason:
        return fix, tasks(
            {"name": "Let SSH in", "community.general.ufw": {"rule": "allow", "port": str(port), "proto": "tcp"}}
        )
    if "firewalld" in item.reason:
        return fix, tasks({"name": "Let SSH in", "ansible.posix.firewalld": {
            "port": f"{port}/tcp", "state": "enabled", "permanent": True, "immediate": True}})  # fmt: skip
    if "iptables" in item.reason:
        return fix, tasks({"name": "Let SSH in", "ansible.builtin.iptables": {
            "chain": "INPUT", "protocol": "tcp", "destination_port": str(port), "jump": "ACCEPT",
            "action": "insert"}})  # fmt: skip
    return fix, ""


def _network(case: Case) -> Iterator[Finding]:
    for effect in case.forecast.effects:
        touches = (effect.kind == "file" and effect.name.startswith(_NETWORK_FILES)) or (
            effect.kind == "unit"
            and effect.name in _NETWORK_UNITS
            and effect.action in ("stop", "restart", "disable", "mask")
        )
        if touches and effect.certainty == "certain":
            yield case.find(
                f"{effect.task} is to {effect.action} {effect.name}: the network through which this run came may be another one "
                "afterwards.",
                severity="warning", when="possible", task=effect.task,
                fix="The host rolls back by itself when it hears nothing any more; check addresses and routes before.",
            )  # fmt: skip
            return


def _without_login(case: Case) -> Iterator[Finding]:
    """We came in by another way, or how is not known: what counts is the server alone."""
    ends = [effect for effect in case.forecast.effects if _ends(effect)]
    if not ends:
        return
    active = {name: _now(case, name) for name in _SERVICES}
    boot = {name: _at_boot(case, name) for name in _SERVICES}
    last = ends[-1]
    if not any(active.values()) and any(unit.name in _SERVICES and unit.active for unit in case.before.units.values()):
        yield _finding(case, last, "now", "Nobody can log in by SSH any more once this run has ended", ends)
    elif not any(boot.values()) and any(unit.name in _SERVICES and unit.enabled for unit in case.before.units.values()):
        yield _finding(case, last, "boot", "Nobody can log in by SSH any more after the next boot", ends)


def _ends(effect: Effect) -> bool:
    if effect.kind == "unit":
        return effect.name in _SERVICES and effect.action in ("stop", "disable", "mask")
    return effect.kind == "package" and effect.action == "remove" and effect.name.partition(":")[0] in _PACKAGES


def _now(case: Case, name: str) -> bool:
    service = service_of(case.forecast, Holder(kind="unit", name=name))
    if service is not None:
        return service.active
    unit = case.before.units.get(name)
    return unit is not None and _after(case, name, active=unit.active, starts=("start", "restart"), stops=("stop",))


def _at_boot(case: Case, name: str) -> bool:
    service = service_of(case.forecast, Holder(kind="unit", name=name))
    if service is not None:
        return service.at_boot
    unit = case.before.units.get(name)
    return unit is not None and _after(case, name, active=unit.enabled, starts=("enable",), stops=("disable", "mask"))


def _after(case: Case, name: str, *, active: bool, starts: tuple[str, ...], stops: tuple[str, ...]) -> bool:
    for effect in case.forecast.effects:
        if effect.kind == "package" and _ends(effect):
            active = False
        elif effect.kind == "unit" and effect.name == name and effect.action in (*starts, *stops):
            active = effect.action in starts
    return active


def _finding(case: Case, effect: Effect, when: str, text: str, ends: list[Effect]) -> Finding:
    certain = effect.certainty == "certain"
    unit = case.before.units.get(effect.name)
    return case.find(
        f"{text}: {effect.task} {'is to' if certain else 'may'} {effect.action} {effect.name}.",
        severity=None if certain else "warning",
        when=("boot" if when == "boot" else "now") if certain else "possible",
        task=effect.task,
        parties=(
            Party(kind=effect.kind, name=effect.name, live=True, pid=unit.main_pid if unit else None, task=effect.task),
        ),
        evidence=tuple(f"{item.task}: {item.action} {item.kind} {item.name}" for item in ends),
        fix=f"Drop the task. {_ACCEPT}",
    )
