"""ansible's task executor with a model in the place of the module: no connection, no become, no process, no waiting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ansible import constants
from ansible._internal._templating import _engine
from ansible.errors import AnsibleError as EngineError
from ansible.executor.task_executor import TaskExecutor
from ansible.playbook.task_include import TaskInclude

from aisafe.effects.api import Call
from aisafe.model import TaskRef, Unknown, is_unknown
from aisafe.simulation import compat
from aisafe.simulation.actions import OVERLAY, ModelledAction, Passing, Watched, short_name
from aisafe.simulation.conditions import first_unknown
from aisafe.simulation.plain import plain, plain_text
from aisafe.simulation.scene import CONTROLLER, Scene
from aisafe.simulation.unknowns import OPEN

CONTROLLER_SIDE = frozenset(
    [
        "set_fact",
        "debug",
        "include_vars",
        "add_host",
        "group_by",
        "set_stats",
        "validate_argument_spec",
        "assert",
        "fail",
    ]
)
"""Their own action plugins run: they touch no host and nothing on the controller."""


DEEPEST = 50
"""Levels of includes that are followed: tasks that include themselves would never end, in the run neither."""
_INCLUDES = (*constants._ACTION_INCLUDE_TASKS, *constants._ACTION_INCLUDE_ROLE)


@dataclass(slots=True)
class Doubt:
    """Why things are only possible, beyond the task's own conditions; the strategy keeps them."""

    includes: dict[tuple[str, str], list[str]]
    handlers: Callable[[Any, str], list[str]]
    notified: Callable[[Any, Any, list[str]], None]
    failing: Callable[[Any, str], None]


class NoShell:
    _load_name = "sh"
    tmpdir = None


class NoConnection:
    """Stands where a connection would; nothing ever uses it."""

    transport = _load_name = ansible_name = "ssh"
    _shell = NoShell()
    become = None
    connected = supports_persistence = force_persistence = _remote_is_local = False

    def __init__(self, play_context: Any) -> None:
        self._play_context = play_context

    def update_vars(self, variables: Mapping[str, Any]) -> None:
        pass

    def close(self) -> None:
        pass

    def matches_name(self, names: list[str]) -> bool:
        return False

    def get_option(self, *_: Any, **__: Any) -> None:
        return None


class SimulatedExecutor(TaskExecutor):  # type: ignore[misc]
    """One task on one host, all loop items. ``scene`` and ``doubt`` are set by the strategy on a subclass."""

    scene: Scene
    doubt: Doubt
    _loop_reason: str = ""

    # What the strategy and the action ask

    def module(self) -> str:
        return str(self._task._resolved_action or self._task.action)

    def ref(self) -> TaskRef:
        return task_ref(self._task, self.scene)

    def rest(self) -> Unknown:
        return Unknown(f"the result of {self.ref()}")

    def target(self, variables: Mapping[str, Any]) -> str:
        """The host whose state the task changes; CONTROLLER for one that is not of the inventory."""
        name = self._task.delegate_to or self._host.name
        if isinstance(name, Unknown) or is_unknown(name):
            return CONTROLLER
        if name in self.scene.states:
            if name != self._host.name:
                text = f"it acts on {name} for {self._host.name}, and {name} is guarded only while its own wave goes on"
                self.scene.journal.note("delegated", text, host=self._host.name, task=self.ref())
            here = name not in self.scene.local and self._runs_here(str(name), variables)
            return CONTROLLER if here else str(name)
        known = self._host if name == self._host.name else self._variable_manager._inventory.hosts.get(name)
        if known is None or getattr(known, "implicit", False):
            return CONTROLLER
        return str(name)

    def _runs_here(self, name: str, variables: Mapping[str, Any]) -> bool:
        """Whether the connection of this task is the local one, whatever host it is for."""
        if self._task.delegate_to:
            variables = (variables.get("ansible_delegated_vars") or {}).get(name) or {}
        kind = variables.get("ansible_connection") or (None if self._task.delegate_to else self._task.connection)
        if isinstance(kind, str) and "{{" in kind:
            try:
                kind = _engine.TemplateEngine(loader=self._loader, variables=dict(variables)).template(kind)
            except EngineError:
                return False
        return isinstance(kind, str) and str.__str__(kind).rpartition(".")[2] == "local"

    def call(self, variables: Mapping[str, Any], args: Mapping[str, Any] | None = None) -> Call:
        task, reasons = self._task, self.scene.moment.reasons
        environment: dict[str, str] = {}
        for part in task.environment or []:
            if isinstance(part, dict):
                environment.update({plain_text(key): plain_text(value) for key, value in part.items()})
        return Call(
            module=self.scene.module_name(task, self.module()),
            args=plain(task.args if args is None else args),
            task=self.ref(),
            certainty="possible" if reasons else "certain",
            why="depends on " + " and on ".join(dict.fromkeys(reasons)) if reasons else "",
            facts={key: value for key, value in (variables.get("ansible_facts") or {}).items() if key != OPEN},
            environment=environment,
            become_user=self._user(variables),
            no_log=task.no_log is not False,
            ansible=compat.VERSION,
        )

    def _user(self, variables: Mapping[str, Any]) -> str:
        """Who the module runs as: root where nothing says otherwise."""
        become, task = variables.get("ansible_become"), self._task
        if task.become if become is None else str(become).lower() in ("true", "yes", "1", "on"):
            name = variables.get("ansible_become_user") or task.become_user
        else:
            name = variables.get("ansible_user") or task.remote_user
        return plain_text(name) if name and not is_unknown(name) and "{{" not in str(name) else "root"

    # What ansible's executor calls

    def _get_connection(self, *_: Any, **__: Any) -> NoConnection:
        return NoConnection(self._play_context)

    def _set_become_plugin(self, *_: Any, **__: Any) -> None:
        pass

    def _set_connection_options(self, *_: Any, **__: Any) -> list[str]:
        return []

    def _begin(self) -> None:
        moment = self.scene.moment
        moment.begin(self._host.name, self._task, self.ref())
        moment.reasons += self._inherited()
        if self._loop_reason and self._loop_reason not in moment.reasons:
            moment.reasons.append(self._loop_reason)

    def _inherited(self) -> list[str]:
        reasons: list[str] = []
        parent = self._task._parent
        while parent is not None:
            reasons += self.doubt.includes.get((self._host.name, parent._uuid), [])
            parent = getattr(parent, "_parent", None)
        return list(dict.fromkeys([*self.doubt.handlers(self._task, self._host.name), *reasons]))

    def _get_loop_items(self) -> Any:
        self._loop_reason = ""
        self._begin()
        if self._task.loop_control is not None:
            self._task.loop_control.pause = 0
        try:
            items = super()._get_loop_items()
        except EngineError:
            if self._task.loop_with or self._task.loop is None:
                raise
            engine = _engine.TemplateEngine(loader=self._loader, variables=compat.task_variables(self))
            items = engine.template(self._task.loop)
            if type(items) is not Unknown:
                raise
        if type(items) is Unknown:
            self._loop_reason = f"the loop over {items.why}"
            return [Unknown(f"an item of the loop over {items.why}", partial=None)]
        return items

    def _execute(self, *args: Any, **kwargs: Any) -> Any:
        self._begin()
        moment = self.scene.moment
        result = compat.outcome(super()._execute(*args, **kwargs))
        if result.failed:
            result = self._failed(result)
        if not result.failed:
            self._register(result)
        include, include_args = result.included()
        named = {key: value for key, value in include_args.items() if key in ("name", "role") or key.endswith("_from")}
        if is_unknown(include) or (self._task.action in constants._ACTION_INCLUDE_ROLE and is_unknown(named)):
            moment.note("unknown-include", f"which file or role is included {_why(include, named)}")
            self.scene.journal.count(self._host.name, self._task._uuid, "not_reached")
            result.skip("it is not known what is included")
        elif not result.skipped and self._task.action in _INCLUDES and self._depth() > DEEPEST:
            moment.note("capped", f"it includes more than {DEEPEST} deep, and was not followed further")
            self.scene.journal.count(self._host.name, self._task._uuid, "not_reached")
            result.skip("it is nested too deeply")
        elif not result.skipped and self._task.action in _INCLUDES:
            self.scene.journal.count(self._host.name, self._task._uuid, "modelled")
        if moment.doubts:
            self.doubt.failing(self._task, moment.doubts[0])
        if self._task.notify and result.changed and not result.failed:
            unsure = [f"whether {self.ref()} changes anything"] if moment.unsure else []
            self.doubt.notified(self._host, self._task, moment.reasons or unsure)
        moment.end()
        return result.native

    def _depth(self) -> int:
        """How many includes lead to the task."""
        depth, parent = 0, self._task._parent
        while parent is not None:
            depth += isinstance(parent, TaskInclude)
            parent = getattr(parent, "_parent", None)
        return depth

    def _failed(self, result: compat.TaskOutcome) -> compat.TaskOutcome:
        """A failure that rests on what is unknown, or on a task that may not run, must not end the host."""
        moment, scene = self.scene.moment, self.scene
        text = "hidden, the task has no_log" if self._task.no_log is not False else result.message
        short = short_name(self.module())
        if moment.touched and not moment.sure and short in CONTROLLER_SIDE:
            lost = short in _SETS
            if lost:
                moment.note("opaque-task", f"what it sets cannot be worked out from what is known: {text}")
            elif short != "debug":
                moment.note("possible-failure", f"whether it fails cannot be worked out from what is known: {text}")
            scene.journal.count(self._host.name, self._task._uuid, "opaque" if lost else "modelled")
        elif moment.touched and not moment.sure:
            call = self.call(compat.task_variables(self), args={})
            scene.opaque(call, self.target({}), f"its arguments cannot be worked out from what is known: {text}")
            scene.journal.count(self._host.name, self._task._uuid, "opaque")
            moment.doubts.append(str(moment.ref))
        elif moment.reasons:
            moment.note("possible-failure", f"if it runs, it fails: {text}")
            scene.journal.count(self._host.name, self._task._uuid, "modelled")
        else:
            scene.journal.count(self._host.name, self._task._uuid, "modelled")
            return result
        return compat.fresh_outcome({"changed": True, "failed": False, OPEN: self.rest()}, notify=self._task.notify)

    def _register(self, result: compat.TaskOutcome) -> None:
        """What is only possible, or not known, must not look certain in variables."""
        moment, task, data = self.scene.moment, self._task, result.data
        if result.skipped:
            return
        short = short_name(self.module())
        overlay: dict[str, Any] = {}
        if moment.unsure:
            overlay["changed"] = Unknown(f"'changed' of {self.rest().why}")
        if OPEN in data and (task.ignore_errors or task.failed_when):
            overlay["failed"] = Unknown(f"'failed' of {self.rest().why}")
        if moment.reasons:
            why = f"{self.rest().why}, which may be skipped"
            data[OPEN] = Unknown(why)
            overlay.update({key: Unknown(f"{key!r} of {why}") for key in ("changed", "skipped")})
            overlay.update({key: Unknown(f"{key!r} of {why}") for key in data if not _engines(key)})
            result.doubt_facts(lambda key: Unknown(f"the variable {key}, which {self.ref()} may set"))
        if overlay:
            data[OVERLAY] = overlay
        if moment.reasons and self._task.action in (*constants._ACTION_INCLUDE_TASKS, *constants._ACTION_INCLUDE_ROLE):
            self.doubt.includes[(self._host.name, task._uuid)] = list(moment.reasons)
        if short in CONTROLLER_SIDE:
            self.scene.journal.count(self._host.name, task._uuid, "modelled")
            if moment.doubts:
                moment.note("possible-failure", "whether it fails depends on " + " and on ".join(moment.doubts))

    def _get_action_handler_with_module_context(self, templar: Any) -> Any:
        task, moment = self._task, self.scene.moment
        task.async_val, task.retries, task.until, task.timeout = 0, None, [], 0
        short = short_name(self.module())
        if self.scene.overridden(task, self.module()):
            moment.phase = "after"
            return ModelledAction(self, templar), None
        if short in CONTROLLER_SIDE:
            if short == "fail" and moment.reasons:
                return Passing(self, "it would fail here, on purpose"), None
            handler, context = super()._get_action_handler_with_module_context(templar)
            return Watched(handler, moment, short), context
        moment.phase = "after"
        return ModelledAction(self, templar), None


def _engines(key: str) -> bool:
    """Keys of a result that the engine itself needs."""
    return key in (OPEN, OVERLAY, "changed", "failed", "include", "include_args") or key.startswith(
        ("_ansible", "ansible_", "add_host", "add_group", "exception", "warnings", "deprecations")
    )


def _why(*values: Any) -> str:
    return f"depends on {next(first_unknown(value).why for value in values if is_unknown(value))}"


_SETS = frozenset({"set_fact", "include_vars", "add_host", "group_by"})


def task_ref(task: Any, scene: Scene) -> TaskRef:
    name = task.get_name()
    path, _, line = str(task.get_path()).rpartition(":")
    return _ref(plain_text(name), scene.journal.display_path(path), int(line) if line.isdigit() else 1)


@lru_cache(maxsize=10_000)
def _ref(name: str, path: str, line: int) -> TaskRef:
    """One for all hosts."""
    return TaskRef(name=name, path=path, line=line)
