"""What a host is beside its files: as a run's directory keeps it, or as it is now; and the comparison of both."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Tuple

from . import command, docker, firewall, network, settings, sockets, units
from .engine import Engine, EngineError
from .store import Run, read_json, write_json

TROUBLE = (command.CommandFailed, EngineError, OSError, ValueError, KeyError, AttributeError, TypeError)
"""What looking at one aspect may fail with; TypeError: a record that is not what it was written as."""

Side = Callable[[str], Any]
"""An aspect's name -> what it is there. Raises TROUBLE; FileNotFoundError where it was not kept."""


class Aspect(NamedTuple):
    """``file``: how its files in a run's directory begin. ``now``: looks at the host. ``compare``: readable lines."""

    file: str
    now: Callable[[], Any]
    compare: Callable[[Any, Any], List[str]]


def _units(before: units.Units, now: units.Units) -> list[str]:
    return units.differences(_others(before), _others(now))


def _others(found: units.Units) -> units.Units:
    return {name: unit for name, unit in found.items() if not units.ours(name)}


def _engine() -> docker.State:
    if not Engine.there():
        return {"containers": {}, "images": {}, "networks": {}, "volumes": {}}
    return docker.state(Engine())


ASPECTS: Dict[str, Aspect] = {
    "units": Aspect("units", units.units, _units),
    "sockets": Aspect("sockets", sockets.listening, sockets.differences),
    "containers": Aspect("docker", _engine, docker.differences),
    "firewall": Aspect("firewall", firewall.snapshot, firewall.differences),
    "network": Aspect("network", network.snapshot, network.differences),
    "kernel settings": Aspect("settings", settings.snapshot, settings.differences),
}


def kept(run: Run, suffix: str = "") -> Side:
    """As ``run`` keeps it: '' before it, '.after' at its confirmation, '.goal' as a later roll-back was to leave it."""

    def read(name: str) -> Any:
        return read_json(run.file("%s%s.json" % (ASPECTS[name].file, suffix)))

    return read


def live(name: str) -> Any:
    """As it is now."""
    return ASPECTS[name].now()


def keep(run: Run, suffix: str, found: Dict[str, Any]) -> None:
    """Keep some aspects for a later comparison."""
    for name, value in found.items():
        write_json(run.file("%s%s.json" % (ASPECTS[name].file, suffix)), value)


def differences(before: Side, now: Side, *, skip: Iterable[str] = ()) -> Tuple[List[str], List[str]]:
    """What differs, and what could not be compared and why."""
    lines: list[str] = []
    unseen: list[str] = []
    for name, aspect in ASPECTS.items():
        if name in skip:
            continue
        try:
            lines += aspect.compare(before(name), now(name))
        except FileNotFoundError:
            if name != "containers" or Engine.there():  # without an engine, then and now, there is nothing to compare
                unseen.append("%s: they were not kept then" % name)
        except TROUBLE as error:
            unseen.append("%s: %s" % (name, error))
    return lines, unseen
