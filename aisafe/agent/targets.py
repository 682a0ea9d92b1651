"""What a rollback comes back to: the snapshot; for a confirmed run its changes only, with what is foreign kept."""

from __future__ import annotations

from typing import Any, Callable

from . import aspects, docker, firewall, merge, network, settings, units
from .docker import State
from .engine import Engine
from .store import Run, boot_id, read_json, write_json


class Targets:
    """``left``: the units as the run left them, before anything was restored; ``present``: as they are now, which differs
    where the rollback goes on after a cut. The rest is wanted.

    ``manifest`` is a file; for a confirmed run it is made when the present files are known. ``lost``: what it was is not
    known any more, since its record is damaged.
    Raises OSError, ValueError, CommandFailed and EngineError.
    """

    def __init__(self, run: Run, *, engine: Engine | None, rebooted: bool, confirmed: bool) -> None:
        self._run = run
        self.conflicts: list[str] = []
        self.lost: list[str] = []
        self.present: units.Units = units.units()
        kept = self._kept("units.run.json")
        if kept.get("boot_id") != boot_id():
            kept = {"boot_id": boot_id(), "units": self.present}
            write_json(run.file("units.run.json"), kept)
        self.left: units.Units = kept["units"]
        self.units: units.Units = read_json(run.file("units.json"))
        self.filter: dict[str, Any] = read_json(run.file("firewall.json"))
        self.settings: settings.Settings = self._kept("settings.json")
        # A boot gives a host its network anew, and its addresses may be others then.
        self.network: network.Network = {} if rebooted else self._kept("network.json")
        self.docker: State = self._kept("docker.json")
        self.manifest = run.file("target.jsonl" if confirmed else "before.jsonl")
        if confirmed:
            self._merge(engine)
            aspects.keep(run, ".goal", self._aspects(engine))

    def _aspects(self, engine: Engine | None) -> dict[str, Any]:
        """What a later look at the host compares it with; what is left as it is has no such."""
        found = {"units": self.units, "firewall": self.filter, "kernel settings": self.settings}
        found.update({"network": self.network} if self.network else {})
        found.update({"containers": self.docker} if engine is not None else {})
        return found

    def _kept(self, name: str) -> dict[str, Any]:
        try:
            kept: dict[str, Any] = read_json(self._run.file(name))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            what = name.partition(".")[0]
            self.lost.append("%s: how it was is not known, its record cannot be read: %s" % (what, error))
            return {}
        return kept

    def _merge(self, engine: Engine | None) -> None:
        present, after = firewall.snapshot(), self._kept("firewall.after.json")
        if after and firewall.differences(after, present):
            if firewall.differences(after, self.filter):
                self.conflicts.append("firewall: it was changed since the run, and is left as it is")
            self.filter = present
        if network.differences(self._kept("network.after.json"), network.snapshot()):
            self.network = {}  # somebody else changed it since
        now, left_settings = settings.snapshot(), self._kept("settings.after.json")
        self.settings = {
            key: value for key, value in self.settings.items() if value != left_settings.get(key) == now.get(key)
        }
        self.units = merge.mapping(self.units, self._kept("units.after.json"), self.left, mark=_unit_mark)
        left = self._kept("docker.after.json")
        if engine is not None and left:
            current = docker.state(engine)
            self.docker = {
                kind: merge.mapping(self.docker[kind], left[kind], current[kind], mark=mark)
                for kind, mark in DOCKER_MARKS
            }


def _unit_mark(unit: dict[str, Any]) -> Any:
    names = ("InvocationID", "UnitFileState", "FragmentPath", "DropInPaths")
    return units.up(unit), [unit.get(name) for name in names]


def _container_mark(container: dict[str, Any]) -> Any:
    return container["Id"], container["State"]["StartedAt"], container["State"]["Running"], docker.described(container)


def _id(thing: dict[str, Any]) -> Any:
    return thing["Id"]


def _created(thing: dict[str, Any]) -> Any:
    return thing.get("CreatedAt")


DOCKER_MARKS: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("containers", _container_mark),
    ("images", sorted),
    ("networks", _id),
    ("volumes", _created),
)
"""What shows of each kind of object that a run changed it."""
