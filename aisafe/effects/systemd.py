"""Units: systemd, systemd_service, service, sysvinit (their module documentation; systemctl(1))."""

from __future__ import annotations

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, BadArgument
from aisafe.effects.attributes import understood
from aisafe.effects.predicted import PredictedHost, changed
from aisafe.effects.services import DOCKER_UNITS
from aisafe.effects.unitstore import PredictedUnit
from aisafe.model import Action, Effect

STATES = ("started", "stopped", "restarted", "reloaded")


@understood("ansible.builtin.systemd", "ansible.builtin.systemd_service", kind="unit")
def systemd(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """daemon_reload, then masked, then enabled, then state, as the module does."""
    if args.word("scope", default="system") != "system":
        return Result(changed=None, opaque="a unit of a user's own manager is not modelled")
    if args.flag("daemon_reload", "daemon-reload") or args.flag("daemon_reexec", "daemon-reexec"):
        host.units.daemon_reload(call)
    name = args.text("name", "service", "unit")
    if name is None:
        if any(args.given(option) for option in ("state", "enabled", "masked")):
            raise BadArgument("missing required arguments: name")
        return Result(changed=False)
    if set("*?[") & set(name):
        raise BadArgument("This module does not currently support using glob patterns, found in service name")
    return act(call, host, args, name, masked=args.flag("masked") if args.given("masked") else None)


@understood("ansible.builtin.service", "ansible.builtin.sysvinit", kind="unit")
def service(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """``service`` hands over to the module of the host's service manager (fact service_mgr, ``use``); systemd's drops the
    pattern and the runlevel."""
    name = args.need("name")
    manager = args.word("use", default="auto")
    if manager == "auto":
        manager = str(call.facts.get("service_mgr") or call.facts.get("ansible_service_mgr") or "systemd")
    if manager.rpartition(".")[2] not in ("systemd", "systemd_service", "service", "auto"):
        why = f"services of {manager} are not modelled: {name}"
        return Result(changed=None, opaque="a service is not modelled" if call.no_log else why)
    if call.module.endswith("sysvinit") and args.given("pattern", "runlevels"):
        return Result(changed=None, opaque="a service of SysV init by pattern or runlevel is not modelled")
    return act(call, host, args, name, masked=None)


def act(call: Call, host: PredictedHost, args: Arguments, name: str, *, masked: bool | None) -> Result:
    """What both modules do to one unit."""
    units = host.units
    state = args.text("state")
    enabled = args.flag("enabled") if args.given("enabled") else None
    if state is not None and state not in STATES:
        raise BadArgument(f"value of state must be one of: {', '.join(STATES)}, got: {state}")
    found = units.get(name)
    if found.found is False and (state or enabled is not None or masked is not None):
        if not host.unforeseen:
            return Result(changed=False, failed=f"Could not find the requested service {name}: host")
        return _perhaps(call, found, state)
    effects: tuple[Effect, ...] = ()
    if masked is not None:
        effects += units.mask(call, name) if masked else units.unmask(call, name)
    if enabled is not None:
        effects += units.enable(call, name) if enabled else units.disable(call, name)
    there = units.get(name)
    if there.masked and state in ("started", "restarted") and there.certainty == "certain":
        return Result(effects=effects, changed=changed(effects),
                      failed=f"Unable to start service {name}: Unit {there.unit.name} is masked.")  # fmt: skip
    if there.bad and state in ("started", "restarted") and not (state == "started" and there.unit.active):
        return Result(effects=effects, changed=changed(effects), failed=(
            f"Unable to start service {name}: Unit {there.unit.name} has a bad unit file setting: {there.bad}"))  # fmt: skip
    effects += _state(call, host, there, state)
    kept_back = state in ("started", "restarted") and not there.unit.active and units.kept_back(name)
    values: dict[str, object] = {"name": name}
    values |= {"state": state} if state else {}
    values |= {"enabled": enabled} if enabled is not None else {}
    return Result(effects=effects, changed=True if kept_back else changed(effects), values=values)


def _state(call: Call, host: PredictedHost, there: PredictedUnit, state: str | None) -> tuple[Effect, ...]:
    units, name = host.units, there.unit.name
    engine = name == DOCKER_UNITS[0]
    if state == "started" or (state == "reloaded" and not there.unit.active):
        started = units.start(call, name)
        return (*started, *(host.containers.engine_starts(call) if engine and started else ()))
    if state == "stopped":
        stopped = units.stop(call, name)
        return (*stopped, *(host.containers.engine_stops(call, again=False) if engine and stopped else ()))
    if state == "restarted":
        inside = host.containers.engine_stops(call, again=True) if engine else ()
        return (*units.restart(call, name), *inside)
    return units.reload(call, name) if state == "reloaded" else ()


def _perhaps(call: Call, found: PredictedUnit, state: str | None) -> Result:
    """The unit is not known, but something before in the run may have brought it."""
    name = found.unit.name
    why = f"{name} is not there now; a task before, which could not be foreseen, may bring it"
    verbs: dict[str, Action] = {"started": "start", "stopped": "stop", "restarted": "restart", "reloaded": "reload"}
    effect = Effect(
        kind="unit", action=verbs.get(state or "", "change"), name=name, task=call.task, certainty="possible", why=why,
        sockets_known=False,
    )  # fmt: skip
    return Result(effects=(effect,), changed=None)
