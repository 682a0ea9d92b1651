"""The units of this host, from PID 1 itself (org.freedesktop.systemd1(5))."""

from __future__ import annotations

import os
from typing import Any, Iterable

from . import unit_cache
from .dbus import Bus, BusError, object_path
from .failure import AgentFailure

KINDS = ("service", "socket", "timer", "path")
MANAGER = ("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
PROPERTIES = "org.freedesktop.DBus.Properties"
UNIT = ("Id", "Names", "UnitFileState", "FragmentPath", "DropInPaths", "Triggers", "TriggeredBy", "InvocationID",
        "NeedDaemonReload", "LoadState", "ActiveState", "SubState", "Requires", "BindsTo", "PartOf")  # fmt: skip
OF_KIND = {
    "service": ("Type", "Restart", "MainPID", "NRestarts", "Result", "User", "ExecStart", "ExecStartEx",
                "Environment", "EnvironmentFiles", "WorkingDirectory", "StateDirectory"),
    "socket": ("Listen", "BindIPv6Only", "Result"),
    "timer": ("Result",),
    "path": ("Result",),
}  # fmt: skip


def units(bus: Bus | None = None, cache: str = "") -> dict[str, dict[str, Any]]:
    """Every service, socket, timer and path unit, loaded or only installed, by name; ``aliases`` has its others.

    Templates are left out, their instances are not. ``cache``: a file that keeps what was said of units that are not
    loaded. Raises AgentFailure 'no-systemd'.
    """
    own = bus or Bus()
    try:
        questions = [(*MANAGER, "ListUnits", ()), (MANAGER[0], PROPERTIES, "Get", (MANAGER[1], "UnitPath"))]
        listed, search = own.call(questions)
        for answer in (listed, search):
            if isinstance(answer, BusError):
                raise AgentFailure("no-systemd", "systemd refused to list its units: %s" % answer)
        loaded = [row[0] for row in listed[0] if _kind(row[0]) in KINDS]
        masked, waiting, aliases = _installed(search[0], set(loaded))
        found = {name: _unit(dict(values)) for name, values in _ask_loaded(own, loaded)}
        key = unit_cache.fingerprint(search[0]) if cache else ""
        kept = unit_cache.load(cache, key) if cache else {}
        missing = [name for name in waiting if name not in kept]
        asked = {name: _unit(dict({"Id": name}, **values)) for name, values in _ask_others(own, missing)}
        if cache and asked and key == unit_cache.fingerprint(search[0]):
            unit_cache.save(cache, key, dict(kept, **asked))
        for name in waiting:
            unit = kept.get(name) or asked.get(name)
            if unit is not None:
                found.setdefault(unit["name"], unit)
    except OSError as error:
        raise AgentFailure("no-systemd", "systemd broke off its answer: %s" % (error.strerror or error)) from error
    finally:
        if bus is None:
            own.close()
    for name, path in masked.items():
        found.setdefault(
            name, _unit({"Id": name, "LoadState": "masked", "UnitFileState": "masked", "FragmentPath": path})
        )
    for alias, name in aliases.items():
        if name in found and found[name]["load_state"] == "masked":
            found.setdefault(alias, _unit({"Id": alias, "LoadState": "masked", "UnitFileState": "masked"}))
        elif name in found:
            found[name]["aliases"] = sorted({alias, *found[name]["aliases"]})
    return {
        name: unit for name, unit in sorted(found.items())
        if unit["load_state"] != "not-found" or unit["active_state"] not in ("inactive", "failed")
    }  # fmt: skip


def _kind(name: str) -> str:
    return name.rsplit(".", 1)[-1]


def _installed(directories: Iterable[str], loaded: set[str]) -> tuple[dict[str, str], list[str], dict[str, str]]:
    """What lies in the unit search path (systemd.unit(5)) and is not loaded: masked name -> path, and the other names.

    An alias, a link to a unit of another name, is no unit of its own (the third answer: alias -> unit).
    """
    seen: set[str] = set()
    masked: dict[str, str] = {}
    others: list[str] = []
    aliases: dict[str, str] = {}
    for directory in directories:
        try:
            names = os.listdir(directory)
        except OSError:
            continue  # systemd itself skips what is not there
        for name in names:
            if _kind(name) not in KINDS or "@." in name or name in seen:
                continue
            seen.add(name)
            if name in loaded:
                continue
            path = os.path.join(directory, name)
            target = os.readlink(path) if os.path.islink(path) else name
            if target == os.devnull:
                masked[name] = path
            elif os.path.basename(target) == name or "@" in name:
                others.append(name)
            else:
                aliases[name] = os.path.basename(target)
    return masked, sorted(others), aliases


def _ask_loaded(bus: Bus, names: list[str]) -> Iterable[tuple[str, dict[str, Any]]]:
    """Only the properties that are wanted: the units are in memory, so that a question costs PID 1 microseconds."""
    questions, keys = [], []
    for name in names:
        interface = "org.freedesktop.systemd1." + _kind(name).capitalize()
        for owner, wanted in (("org.freedesktop.systemd1.Unit", UNIT), (interface, OF_KIND[_kind(name)])):
            for item in wanted:
                questions.append((object_path(name), PROPERTIES, "Get", (owner, item)))
                keys.append((name, item))
    found: dict[str, dict[str, Any]] = {name: {"Id": name} for name in names}
    for (name, item), answer in zip(keys, bus.call(questions)):
        if not isinstance(answer, BusError):  # gone meanwhile, or a property that this version has not
            found[name][item] = answer[0]
    return found.items()


def _ask_others(bus: Bus, names: list[str]) -> Iterable[tuple[str, dict[str, Any]]]:
    """All properties at once: systemd loads the unit for a question and forgets it again, which costs milliseconds."""
    answers = bus.call([(object_path(name), PROPERTIES, "GetAll", ("",)) for name in names])
    pairs = zip(names, answers)
    return [(name, dict(answer[0])) for name, answer in pairs if not isinstance(answer, BusError)]


def _unit(values: dict[str, Any]) -> dict[str, Any]:
    name = values["Id"]
    return {
        "name": name,
        "aliases": sorted(set(values.get("Names", ())) - {name}),
        "load_state": values.get("LoadState", "loaded"),
        "active_state": values.get("ActiveState", "inactive"),
        "sub_state": values.get("SubState", "dead"),
        "unit_file_state": values.get("UnitFileState", ""),
        "type": values.get("Type", "") if _kind(name) == "service" else "",
        "restart": values.get("Restart", "no"),
        "main_pid": values.get("MainPID") or None,
        "restarts": values.get("NRestarts", 0),
        "invocation_id": bytes(values.get("InvocationID", ())).hex(),
        "result": values.get("Result", ""),
        "fragment_path": values.get("FragmentPath", ""),
        "drop_in_paths": values.get("DropInPaths", []),
        "commands": [
            _command(path, argv, flags)
            for path, argv, flags, *_ in values.get("ExecStartEx") or values.get("ExecStart", ())
        ],
        "environment": dict(entry.split("=", 1) for entry in values.get("Environment", ()) if "=" in entry),
        "environment_files": [
            ("-" if optional else "") + path for path, optional in values.get("EnvironmentFiles", ())
        ],
        "listen": ["Listen%s=%s" % pair for pair in values.get("Listen", ())],
        "ipv6_only": values.get("BindIPv6Only", "") == "ipv6-only",
        "triggers": values.get("Triggers", []),
        "triggered_by": values.get("TriggeredBy", []),
        "user": values.get("User", ""),
        "requires": sorted(
            {name for key in ("Requires", "BindsTo", "PartOf") for name in values.get(key, ()) if _kind(name) in KINDS}
        ),
        "directories": [
            *filter(None, [values.get("WorkingDirectory", "").lstrip("!")]),
            *("/var/lib/" + entry for entry in values.get("StateDirectory", ())),
        ],
        "working_directory": values.get("WorkingDirectory", "").lstrip("-!"),
        "need_daemon_reload": bool(values.get("NeedDaemonReload", False)),
    }


def _command(path: str, argv: list[str], flags: Any) -> list[str]:
    """The words of ExecStart=; where its prefix ``:`` forbids variables, each ``$`` is doubled, as in ``$$``.

    ``flags``: of ExecStartEx (since systemd 243) a list; ExecStart has a boolean there.
    """
    plain = isinstance(flags, list) and "no-env-expand" in flags
    return [path, *(word.replace("$", "$$") if plain else word for word in argv[1:])]
