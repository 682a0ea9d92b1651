"""Programs under another supervisor than systemd, and what is run later: supervisorctl, monit, runit, pacemaker, at, Django…

What they hold is not looked at, so that an effect is possible and its sockets are not known.
"""

from __future__ import annotations

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments
from aisafe.effects.attributes import understood
from aisafe.effects.elsewhere import act
from aisafe.effects.predicted import PredictedHost
from aisafe.effects.programs_host import reboot
from aisafe.model import Action, Effect

_VERBS: dict[str, Action] = {
    "started": "start", "once": "start", "online": "start", "running": "start", "active": "start", "restarted": "restart",
    "restart": "restart", "stopped": "stop", "killed": "stop", "offline": "stop", "shutdown": "stop", "paused": "stop",
    "frozen": "stop", "inactive": "stop", "reloaded": "reload", "signalled": "reload", "present": "create",
    "absent": "remove", "destroyed": "remove", "undefined": "remove", "monitored": "enable", "enabled": "enable",
    "unmonitored": "disable", "disabled": "disable",
}  # fmt: skip


@understood(
    "community.general.supervisorctl", "community.general.monit", "community.general.runit", "community.general.svc",
    "community.general.nosh", "community.general.launchd", "community.general.simpleinit_msb", "community.general.openwrt_init",
    "community.general.pacemaker_cluster", "community.general.pacemaker_resource", "community.general.pacemaker_stonith",
    "community.general.lxc_container", "community.general.lxd_container", "community.general.atomic_container",
    "community.libvirt.virt", "community.libvirt.virt_net", "community.libvirt.virt_pool", "community.libvirt.virt_install",
    "community.libvirt.virt_volume", kind="command", action="run",
)  # fmt: skip
def supervised(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """One program, machine or resource of that supervisor."""
    tool, name = call.module.rpartition(".")[2], args.text("name") or args.text("node", "command") or ""
    state = args.text("state") or args.text("command") or "present"
    if state in ("status", "info", "list_vms", "get_xml", "facts", "list_nets", "list_pools", "nodeinfo", "freemem"):
        return Result(changed=False)
    sure = state in ("restarted", "signalled", "reloaded")
    effect = Effect(
        kind="command", action=_VERBS.get(state, "change"), name=f"{tool} {state} {name}".strip(), task=call.task,
        certainty="certain" if sure else "possible", why="" if sure else "what state it is in now", reversible=False,
        sockets_known=state in ("stopped", "absent", "shutdown", "destroyed"), elsewhere=True,
        detail=f"{tool} keeps its own state, which is not undone",
    )  # fmt: skip
    return Result(effects=(effect,), changed=True if sure else None, values={"name": name})


@understood("community.general.gunicorn", kind="command", action="start")
def gunicorn(call: Call, host: PredictedHost, args: Arguments) -> Result:
    effect = Effect(kind="command", action="start", name=f"gunicorn {args.need('app', 'name')}", task=call.task,
                    reversible=False, sockets_known=False, detail="a process of its own, which no unit knows")  # fmt: skip
    return Result(effects=(effect,), changed=True)


@understood("ansible.posix.at", kind="cron")
def at(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """A job of at(1) in its spool; ``unique`` looks for the same command first."""
    text, gone = args.text("command") or args.text("script_file") or "", args.text("state") == "absent"
    unsure = gone or args.flag("unique")
    effect = Effect(
        kind="cron", action="remove" if gone else "create", name="at job" if call.no_log else f"at {text.split(' ')[0]}",
        task=call.task, certainty="possible" if unsure else "certain", why="which jobs are waiting" if unsure else "",
        paths=("/var/spool/cron/atjobs", "/var/spool/at"),
    )  # fmt: skip
    return Result(effects=(effect,), changed=None if unsure else True)


@understood("community.general.shutdown", kind="command", action="stop")
def shutdown(call: Call, host: PredictedHost, args: Arguments) -> Result:
    effect = reboot(call)
    stops = Effect(kind="command", action="stop", name=effect.name, task=call.task, reversible=False,
                   detail="the host is switched off: nobody can reach it, and nothing on it can undo that")  # fmt: skip
    return Result(effects=(stops,), changed=True, values={"shutdown": True})


@understood(
    "community.general.django_manage", "community.general.django_command", "community.general.django_loaddata",
    "community.general.django_createcachetable", "community.general.aerospike_migrations", "community.general.puppet",
    "community.general.jboss", "community.general.haproxy", "community.general.icinga2_feature",
    "community.general.apache2_mod_proxy",
    kind="command", action="run",
)  # fmt: skip
def application(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """An application's own tool. Of puppet and Django's commands nobody can say what they do."""
    short = call.module.rpartition(".")[2]
    if short in ("puppet", "django_manage", "django_command"):
        asked = args.text("command") or ""
        if short != "puppet" and asked.split()[:1] in (["migrate"], ["createcachetable"], ["loaddata"], ["flush"]):
            return Result(effects=(act(call, why="which changes the database needs"),), changed=None)
        if short != "puppet" and asked.split()[:1] in (["check"], ["test"], ["validate"]):
            return Result(changed=False)
        return Result(changed=None, opaque=f"what {short} {asked} does is not known".replace("  ", " "))
    return Result(effects=(act(call, why="what is there already"),), changed=None)
