"""One host as the run would leave it: it starts as the live one and changes with each task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aisafe.effects.api import Call, ReadLive, Result
from aisafe.effects.aptcache import LISTS, AptCache
from aisafe.effects.asked import asked_of
from aisafe.effects.containerstore import ContainerStore
from aisafe.effects.door import Door
from aisafe.effects.exposed import exposed_of
from aisafe.effects.filetree import FileTree, PredictedFile
from aisafe.effects.firewall import FirewallStore
from aisafe.effects.manifests import written
from aisafe.effects.needs import directories_of, needs_of
from aisafe.effects.outlines import unpack
from aisafe.effects.room import Room
from aisafe.effects.sockets import Engine
from aisafe.effects.unitservices import unit_services
from aisafe.effects.unitstore import PredictedUnit, UnitStore
from aisafe.knowledge.packaged import brought_by
from aisafe.model import (
    BlindSpot,
    Certainty,
    Claim,
    Coverage,
    Effect,
    Holder,
    HostForecast,
    HostState,
    Service,
    Socket,
    Unknown,
    User,
)

HIDDEN = "(hidden: the task has no_log)"
_BEGINS = ("start", "restart")
_PACKAGED = ("/etc/", "/usr/", "/lib/", "/bin/", "/sbin/", "/opt/", "/var/", "/run/")
"""Where packages bring files (hier(7)); /usr/local, /srv, /home and /root are the administrator's."""
_ENDS = ("stop", "remove")
APT_SETTINGS = "/etc/apt/"


class PredictedHost:
    """The host that the models of the modules look at and change.

    ``files``, ``units``, ``containers`` (Docker's) and ``podman`` (root's) keep what belongs to them; ``packages``
    (name -> version, '' where that is not known), ``users`` and ``groups`` (name -> gid) are plain tables for the models
    to change; ``memory`` is theirs for whatever else they must remember (key: the module's family).
    """

    def __init__(self, state: HostState, *, facts: Mapping[str, Any], read: ReadLive) -> None:
        self.state = state
        self.facts = facts
        self.memory: dict[str, Any] = {}
        self.packages: dict[str, str] = dict(state.packages)
        self.users: dict[str, User] = dict(state.users)
        self.groups: dict[str, int] = dict(state.groups)
        self._blind: dict[BlindSpot, None] = {}
        self._effects: list[Effect] = []
        self._brought: dict[str, str] = {}
        self._settled: tuple[Service, ...] | None = None
        self.files = FileTree(read, self.blind, self._appeared)
        self.containers = ContainerStore(state, self.files)
        self.podman = ContainerStore(state, self.files, "podman")
        self.units = UnitStore(state, self.files, self._engine)
        self.firewall = FirewallStore(state, self.files, self.units)
        self.apt = AptCache(read, self._sources_moved, self.blind, self._age_of_lists)
        self._door = Door(state, facts=facts, read=read)
        self._room = Room(state.spaces)

    def _engine(self, program: str) -> Engine:
        return (self.podman if program == "podman" else self.containers).engine

    # Files

    def file(self, path: str, *, follow: bool = False) -> PredictedFile:
        """See :meth:`FileTree.get`."""
        return self.files.get(path, follow=follow)

    def prefetch(self, paths: Iterable[str]) -> None:
        """See :meth:`FileTree.prefetch`."""
        self.files.prefetch(paths)

    def put(
        self,
        call: Call,
        path: str,
        *,
        content: bytes | Unknown | None = None,
        mode: int | None = None,
        owner: str | None = None,
        group: str | None = None,
        detail: str = "",
        size: int | None = None,
        beside: bool = False,
    ) -> tuple[Effect, ...]:
        """See :meth:`FileTree.put`."""
        return self.files.put(
            call, path, content=content, mode=mode, owner=owner, group=group, detail=detail, size=size, beside=beside
        )

    def make_directory(
        self, call: Call, path: str, *, mode: int | None = None, owner: str | None = None, group: str | None = None
    ) -> tuple[Effect, ...]:
        """See :meth:`FileTree.make_directory`."""
        return self.files.make_directory(call, path, mode=mode, owner=owner, group=group)

    def link(
        self, call: Call, path: str, target: str, *, owner: str | None = None, group: str | None = None
    ) -> tuple[Effect, ...]:
        """See :meth:`FileTree.link`."""
        return self.files.link(call, path, target, owner=owner, group=group)

    def remove(self, call: Call, path: str) -> tuple[Effect, ...]:
        """See :meth:`FileTree.remove`."""
        return self.files.remove(call, path)

    # Accounts, units and packages

    def user(self, name: str) -> User | None:
        return self.users.get(name)

    def unit(self, name: str) -> PredictedUnit:
        """See :meth:`UnitStore.get`."""
        return self.units.get(name)

    def package_installed(self, call: Call, name: str) -> tuple[Effect, ...]:
        """What the maintainer scripts of a freshly installed package do to units: enable and start them (Debian).

        Changes the units only; the effect on the package itself is the caller's.
        """
        return self.units.brought_by(call, name, debian=self._debian())

    def package_unpacked(self, call: Call, name: str) -> None:
        """The configuration that a freshly installed package brings is there from now on, as far as it is known (Debian)."""
        known = brought_by(name) if self._debian() else None
        if known is not None:
            unpack(self.files, call, known)

    def package_removed(self, call: Call, name: str) -> tuple[Effect, ...]:
        """What the removal of a package does to its units: stop and forget them."""
        return self.units.taken_with(call, name)

    def _debian(self) -> bool:
        os = self.state.os
        return "debian" in (os.get("id", ""), *os.get("id_like", "").split())

    def _sources_moved(self) -> str:
        """Why apt may have other sources than when the host was asked; '' while it has the same."""
        unseen = next((spot.reason for spot in self.state.blind_spots if spot.kind in ("package", "inventory")), "")
        written = self.files.all_changed().items()
        changed = next((path for path, file in written if path.startswith(APT_SETTINGS) and file.kind != "absent"), "")
        return unseen or self._brought.get("anywhere", "") or (f"{changed} was changed" if changed else "")

    def _age_of_lists(self) -> float | None:
        fetched = self.files.get(LISTS).mtime
        return None if fetched is None else self.state.taken_at.timestamp() - fetched

    # What came of it

    def blind(self, spot: BlindSpot) -> None:
        """Remember what could not be seen; the same spot counts once."""
        self._blind[spot] = None

    def record(self, call: Call, result: Result) -> Result:
        """Number the effects of ``result`` and lower their certainty to that of ``call``; call it once a task.

        A result with an ``opaque`` reason counts as a change of anything: see :meth:`opaque`.
        """
        self._settled = None
        effects: list[Effect] = []
        for effect in result.effects:
            effects.append(self._keep(self._numbered(call, effect)))
        if result.opaque and not any(effect.certainty == "opaque" for effect in effects):
            effects.append(self._keep(self._opaque_effect(call, result.opaque)))
        self._door.follow(self, call, effects)
        self._room.follow(call, effects, self.files.take_growths())
        return replace(result, effects=tuple(effects))

    def opaque(self, call: Call, reason: str) -> Result:
        """A task of which nothing is known but that it runs: one effect of kind command, certainty opaque."""
        self._settled = None
        effect = self._keep(self._opaque_effect(call, reason))
        self._room.follow(call, (effect,), self.files.take_growths())
        return Result(effects=(effect,), changed=None, opaque=reason)

    @property
    def unforeseen(self) -> str:
        """The first task of which it could not be told what it does, '' for none: after it more may be there."""
        return next((f"{effect.task}: {effect.why}" for effect in self._effects if _unforeseen(effect)), "")

    def forecast(self, coverage: Coverage, blind_spots: Iterable[BlindSpot] = ()) -> HostForecast:
        """The whole of it: effects in order, the services at the end, the sockets that are there because of the run."""
        services = self._settled = self.services()
        spots = dict.fromkeys([*self.state.blind_spots, *blind_spots, *self._blind])
        return HostForecast(
            host=self.state.host,
            coverage=coverage,
            effects=tuple(self._effects),
            services=services,
            claims=claims_of(self._effects),
            asked=asked_of(self, self._effects),
            manifests=written(self),
            exposed=exposed_of(self),
            blind_spots=tuple(spots),
            access=self._door.access(self, self._effects),
            firewall=self._door.firewall(self, self._effects),
            needs=needs_of(self, self._effects, services),
            directories=directories_of(self, services),
            shortages=self._room.shortages(self),
        )

    def services(self) -> tuple[Service, ...]:
        """Every unit and container that is active, at boot, or touched by the run, as it is now."""
        if self._settled is not None:
            return self._settled
        known = {
            name: self.units.get(name).unit for name in self.units.names() if name.endswith((".service", ".socket"))
        }
        containers = (*self.containers.services(known), *self.podman.services(known))
        return (*unit_services(self.units, self.state, beside=containers), *containers)

    def services_of(self, units: Sequence[str]) -> tuple[Service, ...]:
        """Those of :meth:`services` that belong to ``units``; on a host as it is live, the others are not worked out."""
        if not self._effects and self._settled is None:
            return unit_services(self.units, self.state, only=units)
        return tuple(
            service for service in self.services() if service.holder.kind == "unit" and service.holder.name in units
        )

    def _keep(self, effect: Effect) -> Effect:
        self._effects.append(effect)
        if _unforeseen(effect) and not (effect.kind == "package" and effect.paths):
            place = "package" if effect.kind == "package" else "anywhere"
            self._brought.setdefault(place, f"what {effect.task} brings is not known")
        return effect

    def _appeared(self, path: str) -> str:
        """Why ``path`` may be there although the live host lacks it: a package's files, and what a command did."""
        place = path.startswith(_PACKAGED) and not path.startswith("/usr/local/")
        packaged = self._brought.get("package", "") if place else ""
        return self._brought.get("anywhere", "") or packaged

    def _numbered(self, call: Call, effect: Effect) -> Effect:
        certainty: Certainty = effect.certainty
        why = effect.why
        if call.certainty != "certain" and certainty == "certain":
            certainty, why = call.certainty, call.why
        if call.no_log:
            effect = replace(effect, detail="", name=HIDDEN if effect.kind == "command" else effect.name)
            why = HIDDEN if why else ""
        return replace(effect, seq=len(self._effects) + 1, certainty=certainty, why=why)

    def _opaque_effect(self, call: Call, reason: str) -> Effect:
        return Effect(
            kind="command", action="run", name=call.module, task=call.task, certainty="opaque", why=reason,
            reversible=False, sockets_known=False, seq=len(self._effects) + 1,
        )  # fmt: skip


def _unforeseen(effect: Effect) -> bool:
    """A command whose paths are known, or that acts elsewhere, brings nothing that nobody knows of."""
    if effect.certainty == "opaque":
        return True
    if effect.elsewhere or effect.action == "remove":
        return False
    return effect.kind == "package" or (effect.kind == "command" and not effect.paths)


def changed(effects: Iterable[Effect]) -> bool | None:
    """Whether a task with these effects reports 'changed'; None where it depends on what cannot be known."""
    certainties = {effect.certainty for effect in effects}
    return True if "certain" in certainties else None if certainties else False


def claims_of(effects: Iterable[Effect]) -> tuple[Claim, ...]:
    """The sockets that are held after ``effects`` because of them: bound, and not given up again."""
    held: dict[Holder, dict[Socket, Claim]] = {}
    for effect in effects:
        sure = effect.certainty == "certain"
        ended = {*effect.frees, *((effect.holder,) if effect.holder and effect.action in _ENDS else ())}
        if effect.holder and effect.action in _BEGINS and sure:
            ended.add(effect.holder)
        for holder in ended:
            left = {} if sure else held.get(holder, {})
            held[holder] = {socket: replace(claim, certainty="possible") for socket, claim in left.items()}
        if effect.holder and effect.binds:
            certainty: Certainty = "certain" if sure and effect.sockets_known else "possible"
            mine = held.setdefault(effect.holder, {})
            for socket in effect.binds:
                mine[socket] = Claim(socket=socket, holder=effect.holder, certainty=certainty, task=effect.task)
    return tuple(claim for claims in held.values() for claim in claims.values())
