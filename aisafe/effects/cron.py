"""ansible.builtin.cron: a file in /etc/cron.d, or a user's crontab."""

from __future__ import annotations

import posixpath

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, BadArgument
from aisafe.effects.attributes import fresh, remote_path, understood
from aisafe.effects.crontab import MARK, Job, render, user_lines, with_job
from aisafe.effects.predicted import PredictedHost
from aisafe.effects.predicted import changed as changed_by
from aisafe.model import Action, Effect

_TIMES = (("minute",), ("hour",), ("day", "dom"), ("month",), ("weekday", "dow"))


def spool(host: PredictedHost, user: str) -> str:
    """Where cron(8) keeps a user's crontab: Debian, then the RPM family and others."""
    kin = f"{host.state.os.get('id', '')} {host.state.os.get('id_like', '')}"
    folder = (
        "/var/spool/cron"
        if any(name in kin for name in ("rhel", "fedora", "centos", "suse"))
        else "/var/spool/cron/crontabs"
    )
    return posixpath.join("/etc/crontabs" if "alpine" in kin else folder, user)


@understood("ansible.builtin.cron", kind="cron")
def cron(call: Call, host: PredictedHost, args: Arguments) -> Result:
    name, file = args.need("name"), args.text("cron_file")
    present = args.word("state", default="present") == "present"
    if file == "/etc/crontab":
        raise BadArgument("Will not manage /etc/crontab via cron_file, see documentation.")
    owner = args.text("user")
    if present and file and not owner:
        raise BadArgument("To use cron_file=... parameter you must specify user=... as well")
    if present and not args.given("job", "value"):
        raise BadArgument("You must specify 'job' to install a new cron job or variable")
    path = spool(host, owner or call.become_user)
    if file:
        path = remote_path(posixpath.join("/etc/cron.d", file), call=call, host=host)
    action: Action = "change" if present else "remove"
    found = host.file(path, follow=bool(file))
    unknown = args.unknown("job", "value", "special_time", *(key for keys in _TIMES for key in keys))
    if unknown is not None or (found.exists is not False and not isinstance(found.content, bytes)):
        why = unknown.why if unknown is not None else f"the jobs in {path}"
        effect = Effect(
            kind="cron", action=action, name=name, task=call.task, certainty="possible", why=why, paths=(path,)
        )
        return Result(effects=(effect, *host.files.disturb(call, path, why)), changed=None)
    before = found.content.decode("utf-8", "surrogateescape") if isinstance(found.content, bytes) else ""
    lines, changed = _edited(before, _job(args, name, present=present, system=bool(file)), system=bool(file))
    changed = changed or (before != "" and not before.endswith(("\r", "\n")))
    values = {
        "jobs": [line.replace(MARK, "") for line in lines if line.startswith(MARK)],
        "envs": [
            line.partition("=")[0]
            for line in lines
            if line.partition("=")[1] and " " not in line.partition("=")[0] and line[0] != "="
        ],
    }
    if not changed:
        return Result(changed=False, values=values)
    effects: tuple[Effect, ...] = (Effect(kind="cron", action=action, name=name, task=call.task, paths=(path,)),)
    if not present and file and not any(line.strip() for line in lines):
        effects += host.remove(call, path)
        return Result(effects=effects, changed=True, values={"cron_file": file, "state": "absent"})
    given = fresh(call, host)
    new = found.exists is False
    group = ("root" if file else "crontab") if new else None
    effects += host.put(
        call,
        found.path,
        content=render(lines).encode("utf-8", "surrogateescape"),
        mode=(given.mode if file else 0o600) if new else None,
        owner=(given.owner if file else owner or given.owner) if new else None,
        group=given.group if file and new else group,
    )
    return Result(
        effects=effects, changed=changed_by(effects), values={**values, "cron_file": file} if file else values
    )


def _job(args: Arguments, name: str, *, present: bool, system: bool) -> Job:
    times = tuple(args.word(*keys, default="*") for keys in _TIMES)
    special = args.text("special_time")
    if special and set(times) != {"*"}:
        raise BadArgument("You cannot combine special_time with any of the time or day/date parameters.")
    env = args.flag("env")
    if not env and present and (args.given("insertafter") or args.given("insertbefore")):
        raise BadArgument("Insertafter and insertbefore parameters are valid only with env=yes")
    minute, hour, day, month, weekday = times
    return Job(
        name=name,
        job=args.text("job", "value") or "",
        present=present,
        env=env,
        special=special,
        times=(minute, hour, day, month, weekday),
        disabled=args.flag("disabled"),
        user=args.text("user"),
        system=system,
        after=args.text("insertafter"),
        before=args.text("insertbefore"),
    )


def _edited(before: str, job: Job, *, system: bool) -> tuple[list[str], bool]:
    lines = before.splitlines() if system else user_lines(before)
    try:
        return with_job(lines, job)
    except ValueError as error:
        raise BadArgument(str(error)) from None
