"""The systemd units of a host as they would be after the tasks so far."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from ipaddress import IPv6Address
from typing import Literal

from aisafe.effects import identity, sockets
from aisafe.effects.api import Call
from aisafe.effects.conditions import unmet
from aisafe.effects.filetree import FileTree
from aisafe.effects.renderings import Renderings
from aisafe.effects.unitfiles import Definition, UnitFiles, essence, own_directory
from aisafe.formats import composecommand
from aisafe.formats.composefiles import FILE_NAMES, OVERRIDE_NAMES
from aisafe.formats.listenflags import UNREAD, Listening
from aisafe.formats.ports import only_ipv4
from aisafe.formats.serverconfig import Reader
from aisafe.formats.unitfile import UnitFile, full_name, merge, read
from aisafe.frozen import frozen
from aisafe.knowledge.packages import is_umbrella, starts
from aisafe.knowledge.programs import by_package
from aisafe.model import Action, Certainty, Effect, Holder, HostState, TaskRef, Unit

ENABLED = ("enabled", "enabled-runtime", "alias", "generated")
LOOPBACK6 = IPv6Address("::1")
LOOPBACK6_LINE = f"{int(LOOPBACK6):032x} "
OWN_DIRECTORIES = {
    "StateDirectory": "/var/lib", "CacheDirectory": "/var/cache", "LogsDirectory": "/var/log", "ConfigurationDirectory": "/etc",
}  # fmt: skip
"""Those below /run go with the service."""
UNCHANGEABLE = ("static", "transient", "generated", "masked", "masked-runtime")


@frozen
class PredictedUnit:
    """One unit at one moment of the run.

    ``unit``: as ``systemctl show`` would tell it now. ``found`` False: no unit of that name; None: cannot be known.
    ``pending``: its definition as of the next daemon-reload or boot, where that differs. ``touched``: the task that
    last changed its state, enablement or definition. ``certainty`` possible: whether it is so depends on ``why``.
    ``unread``: the part of its definition that could not be told, '' for none. ``bad``: why systemd refuses to start it
    (LoadState=bad-setting), '' for not. ``listening``: where it listens since
    the run started it.
    """

    unit: Unit
    found: bool | None = True
    pending: Unit | None = None
    touched: TaskRef | None = None
    certainty: Certainty = "certain"
    why: str = ""
    unread: str = ""
    bad: str = ""
    listening: Listening | None = None

    @property
    def masked(self) -> bool:
        return self.unit.load_state == "masked" or self.unit.unit_file_state in ("masked", "masked-runtime")


@frozen
class _Now:
    """What the run made of a unit's state; None where it left it alone. ``listening``: since it was started."""

    active: bool | None = None
    file_state: str | None = None
    touched: TaskRef | None = None
    certainty: Certainty = "certain"
    why: str = ""
    listening: Listening | None = None


class UnitStore:
    """Units by full name. Each verb returns the effects it has: none, when the unit is so already."""

    def __init__(self, state: HostState, files: FileTree, engine: Callable[[str], sockets.Engine]) -> None:
        self._engine = engine
        self._state = state
        self._files = files
        self._definitions = UnitFiles(state, files)
        self._now: dict[str, _Now] = {}
        self._renderings = Renderings(files)
        self._loaded: dict[str, Definition] = {}
        self._aliases = {alias: unit.name for unit in state.units.values() for alias in unit.aliases}

    def names(self) -> tuple[str, ...]:
        """Every unit that is known, live or from the run."""
        return tuple(dict.fromkeys((*self._state.units, *self._now, *self._definitions.defined_by_run())))

    def get(self, name: str) -> PredictedUnit:
        """A unit by any of its names; one without a type is a service."""
        name = self.canonical(name)
        now = self._now.get(name, _Now())
        current, disk = self._current(name), self._definitions.on_disk(name)
        unit = current.unit
        if now.active is not None:
            unit = replace(unit, active_state="active" if now.active else "inactive",
                           sub_state="running" if now.active else "dead",
                           main_pid=unit.main_pid if now.active and name not in self._now else None)  # fmt: skip
        file_state = now.file_state if now.file_state is not None else disk.unit.unit_file_state
        linked = self._definitions.linked(name)
        if linked is not None and now.file_state is None:
            file_state = "enabled" if linked else "disabled"
        if unit.unit_file_state != file_state:
            unit = replace(unit, unit_file_state=file_state)
        pending = disk.unit if disk.unit is not current.unit and disk.unit != current.unit else None
        certain = now.certainty == "certain" and current.certainty == "certain"
        return PredictedUnit(
            unit=unit, found=current.found, pending=pending, touched=now.touched or self._definitions.changed_by(name),
            certainty="certain" if certain else "possible", why=now.why or current.why, unread=current.unread,
            bad=current.bad if certain else "", listening=now.listening,
        )  # fmt: skip

    def sections(self, name: str) -> UnitFile:
        """See :meth:`UnitFiles.sections`."""
        return self._definitions.sections(name)

    def canonical(self, name: str) -> str:
        """The unit's own name: ``nginx`` is ``nginx.service``, ``sshd.service`` may be an alias of ``ssh.service``."""
        name = full_name(name)
        return self._aliases.get(name) or self._definitions.alias_of(name) or name

    def start(self, call: Call, name: str) -> tuple[Effect, ...]:
        there = self.get(name)
        if not there.unit.active and self.kept_back(there.unit.name):
            return ()
        if there.unit.active and there.certainty == "certain":
            return ()
        sure = not there.unit.active and there.certainty == "certain" and not self._blind()
        why = "" if sure else there.why or self._blind() or "whether it runs already"
        return self._begin(call, there, "start", sure=sure, why=why)

    def restart(self, call: Call, name: str) -> tuple[Effect, ...]:
        if self.kept_back(name):
            return self.stop(call, name)
        there = self.get(name)
        effects = self._begin(call, there, "restart", sure=True, why="")
        return (*effects, *self._followers(call, there.unit.name, "restart"))

    def kept_back(self, name: str) -> str:
        """The condition (systemd.unit(5), Condition…=) that certainly keeps the unit from starting; '' for none.

        ``systemctl start`` reports success all the same.
        """
        name = self.canonical(name)
        known = starts(self._definitions.package_of(name))
        capability = known.capability if known and name.endswith(".service") else ""
        packaged = read(f"[Unit]\nConditionCapability={capability}\n" if capability else "")
        conditions = merge([packaged, self.sections(name)]).conditions()
        return unmet([(entry.key, entry.value) for entry in conditions], self._files)

    def stop(self, call: Call, name: str) -> tuple[Effect, ...]:
        there = self.get(name)
        unit = there.unit
        if there.found is False or (not unit.active and there.certainty == "certain" and not self._blind()):
            return ()
        sure = unit.active and there.certainty == "certain"
        starters = [other for other in unit.triggered_by if other.endswith(".socket") and self.get(other).unit.active]
        self._become(call, unit.name, active=False)
        return (
            *(self._followers(call, unit.name, "stop") if is_umbrella(unit.name) else ()),
            self._effect(
                call, "stop", unit.name, sure=sure, why=there.why or self._blind() or "whether it runs",
                frees=self._holders(unit),
                detail=f"{', '.join(starters)} stays active and starts it again" if starters else "",
            ),
        )  # fmt: skip

    def _followers(self, call: Call, name: str, action: Literal["stop", "restart"]) -> tuple[Effect, ...]:
        """What stops with a unit, and is started again with it: Requires=, BindsTo=, PartOf= (systemd.unit(5)).

        A stop is followed only where a unit stands for others; elsewhere it cuts them off, which dependency-cut tells.
        """
        known = (*self._state.units, *self._definitions.defined_by_run())
        names = dict.fromkeys(each for each in known if each != name and name in self._current(each).unit.requires)
        effects: list[Effect] = []
        for there in map(self.get, names):
            if there.unit.active and action == "stop":
                effects += self.stop(call, there.unit.name)
            elif there.unit.active:
                sure = there.certainty == "certain"
                effects += self._begin(call, there, "restart", sure=sure, why=there.why)
                effects += self._followers(call, there.unit.name, "restart")
        return tuple(effects)

    def reload(self, call: Call, name: str) -> tuple[Effect, ...]:
        """A reload reads the program's configuration again; it takes new sockets only when that was changed."""
        there = self.get(name)
        moved = self._config_changed(there.unit)
        found = self.listening(there.unit.name) if moved else Listening()
        if moved:
            self._become(call, there.unit.name, listening=found)
        return (self._effect(call, "reload", there.unit.name, sure=True, why="", listening=found),)

    def enable(self, call: Call, name: str) -> tuple[Effect, ...]:
        return self._set_enabled(call, name, enabled=True)

    def disable(self, call: Call, name: str) -> tuple[Effect, ...]:
        return self._set_enabled(call, name, enabled=False)

    def mask(self, call: Call, name: str) -> tuple[Effect, ...]:
        there = self.get(name)
        if there.masked and there.certainty == "certain":
            return ()
        path = f"/etc/systemd/system/{there.unit.name}"
        self._files.link(call, path, "/dev/null")
        self._become(call, there.unit.name, file_state="masked")
        self.daemon_reload(call)
        return (self._effect(call, "mask", there.unit.name, sure=not there.masked, why=there.why, paths=(path,)),)

    def unmask(self, call: Call, name: str) -> tuple[Effect, ...]:
        there = self.get(name)
        if not there.masked and there.certainty == "certain":
            return ()
        path = f"/etc/systemd/system/{there.unit.name}"
        self._files.remove(call, path)
        self._become(call, there.unit.name, file_state="disabled")
        self.daemon_reload(call)
        return (self._effect(call, "unmask", there.unit.name, sure=there.masked, why=there.why, paths=(path,)),)

    def daemon_reload(self, call: Call) -> None:
        """systemd reads all unit files again; what runs goes on as it was started."""
        del call
        for name in {*self._definitions.defined_by_run(), *self._loaded}:
            self._loaded[name] = self._definitions.on_disk(name)
        for unit in self._state.units.values():
            if unit.need_daemon_reload:
                self._loaded[unit.name] = self._definitions.on_disk(unit.name)

    def brought_by(self, call: Call, package: str, *, debian: bool) -> tuple[Effect, ...]:
        """The units that a package starts when it is installed (Debian: deb-systemd-helper(1p), invoke-rc.d(8))."""
        program, known = by_package(package), starts(package)
        if not debian or (program is None and known is None):
            return ()
        umbrellas = known.umbrellas if known else ()
        begun = (*umbrellas, *known.units) if known else tuple(map(full_name, program.units[:1] if program else ()))
        effects: list[Effect] = []
        only = known.started if known else ()
        for name in (*begun, *only, *(known.enabled if known else ())):
            there = self.get(name)
            if there.found and there.unit.active:
                continue
            self._definitions.introduce(name, package, enabled=name not in only)
            effects += self._brought(
                call, name, package, start=name in (*begun, *only), empty=name in (*umbrellas, *only)
            )
        if not effects and program is not None:  # the package has a unit, and leaves it alone
            for name in map(full_name, program.units[:1]):
                if self.get(name).found is False:
                    self._definitions.introduce(name, package, enabled=False)
        return tuple(effects)

    def _brought(self, call: Call, name: str, package: str, *, start: bool, empty: bool) -> Iterator[Effect]:
        start = start and not self.kept_back(name)
        found = self._computed(self._definitions.on_disk(name).unit, None) if start else None
        found = Listening() if found is not None and empty else found
        on = self._definitions.on_disk(name).unit.unit_file_state == "enabled"
        self._become(call, name, active=True if start else None, file_state="enabled" if on else None, listening=found)
        if on:
            yield self._effect(call, "enable", name, sure=True, why="", detail=f"by the package {package}")
        if found is not None:
            detail = "; ".join(filter(None, (f"by the package {package}", *found.evidence, found.why)))
            yield self._effect(call, "start", name, sure=True, why="", listening=found, detail=detail)

    def taken_with(self, call: Call, package: str) -> tuple[Effect, ...]:
        """The units that go with a package."""
        program, known = by_package(package), starts(package)
        names = (
            *((*known.umbrellas, *known.units) if known else ()),
            *map(full_name, program.units if program else ()),
        )
        effects: list[Effect] = []
        for name in dict.fromkeys(names):
            if self.get(name).found and self.canonical(name) == name:
                effects += self.stop(call, name)
                if self.get(name).unit.unit_file_state == "enabled":
                    effects.append(self._effect(call, "disable", name, sure=True, why=""))
                self._definitions.forget(name)
                self._become(call, name, active=False, file_state="")
        return tuple(effects)

    # Sockets

    def listening(self, name: str, *, read: Reader | None = None) -> Listening:
        """Where a unit would listen when started now: as today where the run changed nothing of it, else computed."""
        there = self.get(name)
        unit = there.unit
        live = self._state.units.get(unit.name)
        if live is not None and live.active and not self.reconfigured(unit.name):
            return self._live(live)
        found = self._computed(unit, read)
        if there.unread:
            return Listening(sockets=found.sockets, known=False, evidence=found.evidence, why=there.unread)
        if live is not None and live.active and not found.known and not found.sockets:
            today = self._live(live)
            return Listening(sockets=today.sockets, known=False, evidence=today.evidence, why=found.why)
        return found

    def running(self, name: str) -> Listening:
        """Where a unit that the run did not start listens today."""
        live = self._state.units.get(self.canonical(name))
        return self._live(live) if live is not None else Listening()

    def next_listening(self, name: str, *, read: Reader | None = None) -> Listening:
        """Where a unit would listen after the next boot, by the files as they are now."""
        name = self.canonical(name)
        live = self._state.units.get(name)
        disk = self._definitions.on_disk(name)
        same = live is not None and essence(live) == essence(disk.unit)
        if live is not None and live.active and same and not self._config_changed(live):
            return self._live(live)
        return self._computed(disk.unit, read)

    def reconfigured(self, name: str) -> bool:
        """Whether the run changed the definition in use, or a file that the unit's program reads."""
        live = self._state.units.get(name)
        current = self._current(name).unit
        return live is None or essence(current) != essence(live) or self._config_changed(current)

    def at_boot(self, name: str, *, depth: int = 0) -> bool:
        """Whether it would run after the next boot: enabled, or started by a socket unit that is."""
        there = self.get(name)
        if there.masked or there.found is False:
            return False
        if there.unit.unit_file_state in ENABLED:
            return True
        starters = [other for other in there.unit.triggered_by if other.endswith(".socket")]
        return depth == 0 and any(self.at_boot(other, depth=1) for other in starters)

    def reader(self) -> Reader:
        """Configuration files as they are now on the predicted host."""
        return self._renderings.reader()

    def _computed(self, unit: Unit, read: Reader | None) -> Listening:
        """By its definition, and the files that it names unless another reader is given."""
        return self._renderings.tried(partial(self._by_files, unit)) if read is None else self._by_files(unit, read)

    def _by_files(self, unit: Unit, read: Reader) -> Listening:
        passed = [
            socket for other in unit.triggered_by if other.endswith(".socket") and self.get(other).unit.active
            for socket in sockets.of_unit(self.get(other).unit).sockets
        ]  # fmt: skip
        engine = self._engine(identity.engine_of(unit))
        found = sockets.of_unit(unit, read=read, engine=engine, held_by_sockets=passed)
        if any(socket.address == LOOPBACK6 for socket in found.sockets) and not engine.ipv6():
            found = replace(found, sockets=tuple(item for item in found.sockets if item.address != LOOPBACK6))
        known = identity.of_unit(unit, sockets.environment_of(unit, UNREAD)[0]).known
        if known is not None and known.addrconfig and self._without_ipv6():
            found = replace(found, sockets=tuple(dict.fromkeys(map(only_ipv4, found.sockets))))
        return found  # a host without ::1 cannot bind it, and servers go on with the rest

    def _without_ipv6(self) -> bool:
        """Whether no interface but the loopback has an IPv6 address (getaddrinfo(3), AI_ADDRCONFIG)."""
        table = self._files.get("/proc/net/if_inet6")
        lines = (table.text or "").splitlines()
        seen = table.kind in ("file", "absent") and (table.text is not None or table.kind == "absent")
        return seen and all(line.startswith(LOOPBACK6_LINE) for line in lines)

    def _live(self, unit: Unit) -> Listening:
        found = Listening()
        for holder in self._holders(unit):
            found = found.with_others(sockets.live_sockets(self._state, holder))
        return found

    def _holders(self, unit: Unit) -> tuple[Holder, ...]:
        """The unit itself, and the containers that its ExecStart= runs."""
        order = identity.container_of_unit(unit)
        names = [order.name] if order is not None and order.name else []
        names += [there.name for there in self._state.containers.values() if identity.starts(unit, there)]
        inner = (Holder(kind="container", name=name) for name in dict.fromkeys(names))
        return (Holder(kind="unit", name=unit.name), *inner)

    def _config_changed(self, unit: Unit) -> bool:
        """Whether the run changed a file that the unit's program reads, as far as the names tell."""
        roots: list[str] = [entry.removeprefix("-") for entry in unit.environment_files]
        environment, _ = sockets.environment_of(unit, UNREAD)
        known = identity.of_unit(unit, environment).known
        for config in known.config if known else ():
            roots += config.paths
            roots += [own_directory(path) for path in config.paths]
            roots += [f"{stem}.d" for path in config.paths for stem in (path, path.rpartition(".")[0])]
            for pattern, path in config.derived.items():
                words = [word for command in unit.commands for word in command[1:]]
                roots += [own_directory(match.expand(path)) for word in words if (match := re.fullmatch(pattern, word))]
        for command in unit.commands:
            words = [word.partition("=")[2] or word for word in command[1:]]
            roots += [path for word in words if word.startswith("/") for path in (word, own_directory(word))]
            compose = composecommand.parse(command)
            files = compose.project_files(unit.working_directory, environment={}) if compose else None
            if files is not None:
                roots += [
                    *files.given,
                    *(f"{files.directory}/{name}" for name in (*FILE_NAMES, *OVERRIDE_NAMES, ".env")),
                ]
        changed = self._files.all_changed()
        return any(
            path == root or (root and path.startswith(root.rstrip("/") + "/")) for path in changed for root in roots
        )

    # State

    def _current(self, name: str) -> Definition:
        """The definition that systemd has in memory, or would load now (systemctl(1), daemon-reload)."""
        if name in self._loaded:
            return self._loaded[name]
        live = self._state.units.get(name)
        in_memory = live is not None and (live.active or live.unit_file_state in ENABLED)
        if in_memory and live is not None:
            return Definition(unit=live)
        disk = self._definitions.on_disk(name)
        if disk.generated:  # the generators run at a daemon-reload
            why = "its quadlet was written, and systemd makes a unit of it at the next daemon-reload"
            known = live or Unit(name=name, load_state="not-found")
            return Definition(unit=known, found=live is not None, why=why)
        return disk

    def _blind(self) -> str:
        spots = [spot.reason for spot in self._state.blind_spots if spot.kind in ("unit", "host", "inventory")]
        return "; ".join(spots)

    def _begin(self, call: Call, there: PredictedUnit, action: Action, *, sure: bool, why: str) -> tuple[Effect, ...]:
        unit = there.unit
        stale = there.pending is not None and essence(there.pending) != essence(unit)
        found = self.listening(unit.name)
        frees = self._holders(unit)[1:] if action == "restart" else ()
        current = self._current(unit.name)
        self._loaded.setdefault(unit.name, current)
        first = tuple(effect for other in current.pulls if other != unit.name and not self.get(other).unit.active
                      for effect in self.start(call, other))  # fmt: skip
        stays = unit.type != "oneshot" or self._definitions.remains(unit.name)
        self._become(call, unit.name, active=stays, listening=found)
        old = "its unit file was changed without daemon_reload, so systemd uses the old one" if stale else ""
        notes = ["; ".join(found.evidence) or found.why, old]
        return (
            *first,
            *self._own_directories(call, unit.name),
            self._effect(
                call, action, unit.name, sure=sure, why=why, listening=found, frees=frees,
                detail="; ".join(note for note in notes if note),
            ),
        )  # fmt: skip

    def _own_directories(self, call: Call, name: str) -> Iterator[Effect]:
        """What systemd makes before the service starts (systemd.exec(5), RuntimeDirectory= and the like), where it lasts."""
        text = self.sections(name)
        if text.flag("Service", "DynamicUser"):
            return  # private directories, and links to them
        user = text.last("Service", "User", "root")
        for key, above in OWN_DIRECTORIES.items():
            mode = text.last("Service", f"{key}Mode", "0755")
            for entry in text.words("Service", key):
                path = f"{above}/{entry.partition(':')[0]}"
                if "%" in path or self._files.get(path, follow=True).exists is not False:
                    continue
                given = int(mode, 8) if mode.isdigit() else None
                yield from self._files.make_directory(
                    call, path, mode=given, owner=user, group=text.last("Service", "Group") or None
                )

    def _set_enabled(self, call: Call, name: str, *, enabled: bool) -> tuple[Effect, ...]:
        there = self.get(name)
        unit = there.unit
        state = unit.unit_file_state
        if there.certainty == "certain" and (enabled == (state in ENABLED) or state in UNCHANGEABLE):
            return ()
        install = self._definitions.install_links(unit.name)
        if not install and enabled and self._definitions.readable(unit.name):
            return ()  # no [Install] section: systemctl says so and changes nothing
        self._become(call, unit.name, file_state="enabled" if enabled else "disabled")
        for path in install:
            if enabled:
                self._files.link(call, path, unit.fragment_path or f"/etc/systemd/system/{unit.name}")
            else:
                self._files.remove(call, path)
        self.daemon_reload(call)  # systemctl(1), enable: the system manager configuration is reloaded
        sure = there.certainty == "certain" and not self._blind()
        action: Action = "enable" if enabled else "disable"
        why = there.why or self._blind() or "whether it is enabled"
        return (self._effect(call, action, unit.name, sure=sure, why=why, paths=install),)

    def _become(
        self,
        call: Call,
        name: str,
        *,
        active: bool | None = None,
        file_state: str | None = None,
        listening: Listening | None = None,
    ) -> None:
        old = self._now.get(name, _Now())
        self._now[name] = _Now(
            active=old.active if active is None else active,
            file_state=old.file_state if file_state is None else file_state,
            touched=call.task,
            certainty="certain" if call.certainty == "certain" else "possible",
            why=call.why,
            listening=listening or (None if active is False else old.listening),
        )

    def _effect(
        self,
        call: Call,
        action: Action,
        name: str,
        *,
        sure: bool,
        why: str,
        listening: Listening | None = None,
        frees: Iterable[Holder] = (),
        detail: str = "",
        paths: tuple[str, ...] = (),
    ) -> Effect:
        return Effect(
            kind="unit", action=action, name=name, task=call.task, certainty="certain" if sure else "possible",
            why="" if sure else why, detail=detail, holder=Holder(kind="unit", name=name),
            binds=listening.sockets if listening else (), sockets_known=listening.known if listening else True,
            frees=tuple(frees), paths=paths,
        )  # fmt: skip
