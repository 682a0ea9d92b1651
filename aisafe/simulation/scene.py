"""The hosts of the forecast, as the tasks before have left them, and the way from a task to its model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aisafe.effects.api import Call, LiveFile, Result, predict
from aisafe.effects.predicted import PredictedHost
from aisafe.model import BlindSpot, HostForecast, HostState
from aisafe.simulation.journal import Journal
from aisafe.simulation.modules import LOCAL, Modules
from aisafe.simulation.moment import Moment

Read = Callable[[str, Sequence[str]], Mapping[str, LiveFile]]

CONTROLLER = ""
"""In the place of a host's name: the controller itself, where nothing is guarded."""


@dataclass(slots=True)
class Scene:
    """``states``, ``facts``: what was seen and gathered. ``writes_here``: a task has changed the controller's files.
    ``local``: hosts of the inventory that are this machine, so that a local connection is theirs."""

    journal: Journal
    moment: Moment
    states: Mapping[str, HostState]
    facts: Mapping[str, Mapping[str, Any]]
    read: Read
    modules: Modules
    local: frozenset[str] = frozenset()
    writes_here: bool = False
    _hosts: dict[str, PredictedHost] = field(default_factory=dict)

    def host(self, name: str) -> PredictedHost:
        """The predicted host; one that was not looked at beforehand is blind, never empty."""
        if name not in self._hosts:
            state = self.states.get(name)
            if state is None:
                state = HostState(
                    host=name,
                    taken_at=datetime.now(UTC),
                    blind_spots=(
                        BlindSpot(
                            kind="inventory",
                            reason="the run addresses this host, but it was not known beforehand: it was not looked at",
                            fix="Name the host in the inventory, in a pattern that can be told before the run.",
                        ),
                    ),
                )
            self._hosts[name] = PredictedHost(
                state, facts=self.facts.get(name, {}), read=lambda paths: self.read(name, paths)
            )
        return self._hosts[name]

    def module_name(self, task: Any, resolved: str) -> str:
        return self.modules.name(task, resolved)

    def overridden(self, task: Any, resolved: str) -> bool:
        """Whether a file beside the playbook takes the place of ansible's own module or action."""
        return self.module_name(task, resolved).startswith(LOCAL)

    def run(self, call: Call, target: str) -> Result:
        """Give ``call`` to the model of its module. On the controller nothing is predicted, and that is noted."""
        if target == CONTROLLER:
            self.writes_here = True
            self.moment.note(
                "unguarded-host",
                f"{call.module} runs on the controller itself, which is neither foreseen nor guarded",
            )
            return Result(changed=None, opaque=f"{call.module} runs on the controller")
        if target not in self.states:
            self.moment.note("unguarded-host", f"{call.module} runs on {target}, which was not looked at beforehand")
        host = self.host(target)
        result = predict(call, host)
        if result.opaque:
            self.moment.note("opaque-task", result.opaque)
        return result

    def opaque(self, call: Call, target: str, reason: str) -> Result:
        """A task whose arguments could not be worked out because of what is unknown."""
        self.moment.note("opaque-task", reason)
        if target == CONTROLLER:
            return Result(changed=None, opaque=reason)
        return self.host(target).opaque(call, reason)

    def forecasts(self) -> dict[str, HostForecast]:
        """Every host that was looked at or acted upon."""
        names = sorted({*self.states, *self._hosts})
        return {name: self.host(name).forecast(self.journal.coverage(name)) for name in names}
