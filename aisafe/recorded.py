"""Hosts as they were recorded (``aisafe state save``), to judge where they cannot be reached; or nothing known of them."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aisafe.collect import Collected
from aisafe.effects.api import LiveFile
from aisafe.errors import AisafeError, UsageError
from aisafe.masking import shareable
from aisafe.model import BlindSpot, HostState
from aisafe.model.codec import Parts, dump
from aisafe.model.host import BlindKind

SCHEMA = "aisafe-state/1"
NOTHING = "none"
"""The value of ``--aisafe-state`` with which no host is asked and none was recorded."""
_KINDS: tuple[BlindKind, ...] = ("host", "listener", "unit", "container", "package", "user", "facts", "space")
_SAVE = "aisafe state save -i INVENTORY PATTERN -o FILE"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedStates:
    """``facts``: ansible's, by host. ``source`` '' where nothing was recorded."""

    source: str = ""
    states: Mapping[str, HostState] = field(default_factory=dict)
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def collect(self, hosts: Iterable[str]) -> Collected:
        """As if they had been asked, with a blind spot that says that they were not."""
        states = {host: self._state(host) for host in hosts}
        return Collected(states=states, facts={host: self.facts[host] for host in states if host in self.facts})

    @property
    def unread(self) -> str:
        """Why no live file can be read: the content of none is recorded."""
        return "the host was not asked, and contents of files are not recorded" if self.source else "it was not asked"

    def read(self, host: str, paths: Sequence[str]) -> Mapping[str, LiveFile]:
        """Every file unseen."""
        return {path: LiveFile(path=path, kind="unseen", reason=self.unread) for path in paths}

    def _state(self, host: str) -> HostState:
        state = self.states.get(host)
        if state is not None:
            age = datetime.now(UTC) - state.taken_at
            ago = f"{age.days} days" if age.days else f"{age.seconds // 3600} hours"
            when = f"{state.taken_at:%Y-%m-%d %H:%MZ}, {ago} ago"
            reason = f"it was not asked; it is judged as {self.source} recorded it at {when}"
            spot = BlindSpot(kind="host", reason=reason, blocks=False, fix=f"To renew it: {_SAVE}")
            return replace(state, blind_spots=(*state.blind_spots, spot))
        if self.source:
            reason, fix = f"{self.source} does not hold it", f"Record it: {_SAVE}"
            spots = [BlindSpot(kind="host", reason=reason, fix=fix, blocks=True)]
        else:
            reason = (
                "it was not asked (--aisafe-state=none): what it has and runs is not known, nor what clashes with that"
            )
            spots = [BlindSpot(kind=kind, reason=reason, blocks=False) for kind in _KINDS]
        return HostState(host=host, taken_at=datetime.now(UTC), blind_spots=tuple(spots))


def recorded(where: str) -> RecordedStates:
    """``where``: NOTHING or a file. Raises UsageError for a file that holds no recorded states."""
    if where == NOTHING:
        return RecordedStates()
    path = Path(where)
    try:
        parts = Parts()
        data = json.loads(path.read_text(encoding="utf-8"), object_hook=parts)
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise ValueError(f"it does not begin with schema {SCHEMA}")
        states = parts.load(dict[str, HostState], data["states"])
        return RecordedStates(source=path.name, states=states, facts=dict(data["facts"]))
    except OSError as error:
        raise UsageError(
            f"The state {path} cannot be read: {error.strerror}.", fix=f"Correct --aisafe-state, or record it: {_SAVE}"
        ) from None
    except (ValueError, KeyError) as error:
        raise UsageError(f"{path} holds no recorded state: {error}.", fix=f"Record one: {_SAVE}") from None


def save(collected: Collected, path: Path) -> None:
    """Atomically, readable by its owner only, without values whose names speak of secrets. Raises AisafeError."""
    data = {
        "schema": SCHEMA,
        "saved_at": datetime.now(UTC).isoformat(),
        "states": shareable(dump(collected.states)),
        "facts": collected.facts,
    }
    try:
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
            json.dump(data, file, ensure_ascii=False)
            file.write("\n")
        os.replace(file.name, path)
    except OSError as error:
        raise AisafeError(f"The state {path} cannot be written: {error.strerror}.", fix="Name another place.") from None
