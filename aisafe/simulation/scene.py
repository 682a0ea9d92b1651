"""The hosts of the forecast, as the tasks before have left them, and the way from a task to its model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from aisafe.effects.api import Call, LiveFile, Result, model_of, predict, qualified
from aisafe.effects.predicted import PredictedHost
from aisafe.marks import mark
from aisafe.model import BlindKind, BlindSpot, HostForecast, HostState, TaskMark
from aisafe.simulation.journal import Journal
from aisafe.simulation.modules import LOCAL, Modules
from aisafe.simulation.moment import Moment

Read = Callable[[str, Sequence[str]], Mapping[str, LiveFile]]
Tell = Callable[[str, HostForecast], None]

CONTROLLER = ""
"""In the place of a host's name: the controller itself, where nothing is guarded."""


@dataclass(slots=True)
class Scene:
    """``states``, ``facts``: what was seen and gathered. ``salt``: of the tasks' marks, '' for none.

    ``local``: hosts of the inventory that are this machine, so that a local connection is theirs. ``writes_here``: a task
    has changed the controller's files.
    """

    journal: Journal
    moment: Moment
    states: Mapping[str, HostState]
    facts: Mapping[str, Mapping[str, Any]]
    read: Read
    modules: Modules
    local: frozenset[str] = frozenset()
    salt: str = ""
    writes_here: bool = False
    _hosts: dict[str, PredictedHost] = field(default_factory=dict)
    _marks: dict[str, list[TaskMark]] = field(default_factory=dict)

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
        if model_of(qualified(call.module)) is None:
            self.journal.no_model(self.moment.host, qualified(call.module))
        if target == CONTROLLER:
            if (harmless := self._harmless(call)) is not None:
                return harmless
            self.writes_here = True
            self.moment.note(
                "unguarded-host",
                f"{call.module} runs on the controller itself, which is neither foreseen nor guarded",
            )
            return Result(changed=None, opaque=f"{call.module} runs on the controller")
        if target not in self.states:
            self.moment.note("unguarded-host", f"{call.module} runs on {target}, which was not looked at beforehand")
        if self.salt:
            self._marks.setdefault(target, []).append(mark(call, self.salt))
        host = self.host(target)
        result = predict(call, host)
        if result.opaque:
            self.moment.note("opaque-task", result.opaque)
        return result

    def _harmless(self, call: Call) -> Result | None:
        """What a task on the controller does when it only looks, or acts on a third system; None for all others.

        The controller is not looked at: whatever depends on what it holds is not known.
        """
        kinds: tuple[BlindKind, ...] = ("host", "unit", "container", "package", "user", "listener")
        blind = tuple(BlindSpot(kind=kind, reason="the controller is not looked at") for kind in kinds)
        state = HostState(host=CONTROLLER, taken_at=datetime.now(UTC), blind_spots=blind)
        result = predict(call, PredictedHost(state, facts={}, read=lambda _: {}))
        if result.opaque or result.failed or not all(effect.elsewhere for effect in result.effects):
            return None
        runs = qualified(call.module) in ("ansible.builtin.command", "ansible.builtin.shell", "ansible.builtin.raw")
        if result.changed and not result.effects and not runs:  # a command that only reads reports 'changed', too
            return None
        untold = result.untold or (
            f"{call.module} on the controller, whose facts are not known" if result.facts else ""
        )
        if result.effects and self.moment.host in self.states:
            self.host(self.moment.host).record(call, replace(result, facts={}))
        elif result.effects:
            self.moment.note("unguarded-host", f"{call.module} changes another system, which nothing here can undo")
        return Result(changed=result.changed, untold=untold)

    def opaque(self, call: Call, target: str, reason: str) -> Result:
        """A task whose arguments could not be worked out because of what is unknown."""
        self.moment.note("opaque-task", reason)
        if target == CONTROLLER:
            return Result(changed=None, opaque=reason)
        return self.host(target).opaque(call, reason)

    def forecasts(self) -> Iterator[tuple[str, HostForecast]]:
        """Every host that was looked at or acted upon; each is forgotten when the next one is asked for."""
        for name in sorted({*self.states, *self._hosts}):
            made = self.host(name).forecast(self.journal.coverage(name))
            yield name, replace(made, marks=tuple(self._marks.get(name, ()))) if self.salt else made
            del self._hosts[name]
