"""The run closes the door it came through."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Effect, Finding, Holder, Party
from aisafe.remedy import service_of
from aisafe.rules import Case, rule

_SERVICES = ("ssh.service", "sshd.service", "ssh.socket", "sshd.socket", "dropbear.service")
_PACKAGES = ("openssh-server", "dropbear", "dropbear-bin")


@rule("ssh-lockout", severity="error", stage="forecast")
def ssh_lockout(case: Case) -> Iterator[Finding]:
    """The run stops, disables, masks or removes the SSH server: nobody can log in to this host afterwards.

    The run itself ends well, because its open connection lives on; only a fresh login shows it.

    Wrong:

        - name: Stop what is not needed
          ansible.builtin.systemd_service:
            name: ssh.service
            state: stopped

    Right:

        - name: Restart the SSH server with its new configuration
          ansible.builtin.systemd_service:
            name: ssh.service
            state: restarted
    """
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
        fix="Drop the task. If there is another way in, accept it: --aisafe-accept=ssh-lockout.",
    )
