"""ansible's task executor with a model in the place of the module: no connection, no become, no process, no waiting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible import constants
from ansible._internal._templating import _engine
from ansible.errors import AnsibleError as EngineError
from ansible.executor.task_executor import TaskExecutor

from aisafe.effects.api import Call, Result
from aisafe.model import TaskRef, Unknown, is_unknown
from aisafe.simulation import compat, sources
from aisafe.simulation.plain import plain, plain_text
from aisafe.simulation.scene import CONTROLLER, Scene
from aisafe.simulation.unknowns import OPEN

OVERLAY = "_aisafe_overlay"
"""Key of a result: what the registered variable holds in the place of what the engine was told."""

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

_PASSIVE = frozenset({"pause", "wait_for_connection", "meta"})
_FACTS = frozenset({"setup", "gather_facts"})
_PULLS = frozenset({"fetch", "synchronize"})  # write on the controller


def short_name(action: str) -> str:
    return action.removeprefix("ansible.builtin.").removeprefix("ansible.legacy.")


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


class ModelledAction:
    """In the place of the action plugin: asks the model what the module would do."""

    def __init__(self, executor: SimulatedExecutor, templar: Any) -> None:
        self._executor, self._templar = executor, templar

    def cleanup(self, force: bool = False) -> None:
        pass

    def run(self, tmp: None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        executor, variables = self._executor, dict(task_vars or {})
        task, scene = executor._task, executor.scene
        short = short_name(executor.module())
        host = executor._host.name
        if short in _FACTS and not task.delegate_to:
            return self._facts(host)
        if short in _PASSIVE:
            scene.journal.count(host, task._uuid, "modelled")
            return {"changed": False, OPEN: executor.rest()}
        if short in _PULLS:
            scene.writes_here = True
        call = executor.call(variables)
        failure = ""
        try:
            source = sources.bring(
                short=short,
                task=task,
                args=call.args,
                task_vars=variables,
                templar=self._templar,
                read=scene.journal.read,
            )
        except sources.MissingSource as missing:
            source = Unknown(f"the content of {missing.name}")
            if scene.writes_here:
                text = f"{missing.name} is not on the controller now; an earlier task may put it there"
            else:
                text = failure = f"Could not find or access '{missing.name}' on the Ansible Controller."
            scene.moment.note("missing-source", text)
        except sources.BrokenTemplate as broken:
            source = Unknown("a template that cannot be rendered")
            text = "hidden, the task has no_log" if call.no_log else str(broken)
            scene.moment.note("template-error", text)
            if not scene.moment.touched:
                failure = text
        if failure and call.certainty == "certain":
            scene.moment.sure = True
            scene.journal.count(host, task._uuid, "modelled")
            return {"failed": True, "changed": False, "msg": failure}
        return self._answer(scene.run(_with_source(call, source), executor.target(variables)), host)

    def _facts(self, host: str) -> dict[str, Any]:
        scene = self._executor.scene
        scene.journal.count(host, self._executor._task._uuid, "modelled")
        facts = scene.facts.get(host)
        if not facts:
            scene.moment.factless.add(host)
            return {
                "changed": False,
                "ansible_facts": {OPEN: Unknown("the facts of the host, which were not gathered")},
            }
        return {"changed": False, "ansible_facts": dict(facts)}

    def _answer(self, result: Result, host: str) -> dict[str, Any]:
        executor = self._executor
        scene, task = executor.scene, executor._task
        scene.journal.count(host, task._uuid, "opaque" if result.opaque else "modelled")
        possible = bool(scene.moment.reasons)
        values = {key: value for key, value in result.values.items() if not isinstance(value, Unknown)}
        if result.opaque:
            scene.moment.doubts.append(str(scene.moment.ref))
        if result.failed:
            text = "hidden, the task has no_log" if task.no_log else result.failed
            if not possible:
                scene.moment.sure = True
                return {**values, "failed": True, "changed": False, "msg": text, OPEN: executor.rest()}
            scene.moment.note("possible-failure", f"if it runs, it fails: {text}")
        if result.changed is None and not task.changed_when:
            scene.moment.unsure = True
        answer: dict[str, Any] = {
            **values,
            "changed": result.changed is not False,
            "failed": False,
            OPEN: executor.rest(),
        }
        if result.facts:
            answer["ansible_facts"] = dict(result.facts)
        return answer


def _with_source(call: Call, source: sources.Source) -> Call:
    from dataclasses import replace  # noqa: PLC0415

    return replace(call, source=source)


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
            return str(name)
        known = self._host if name == self._host.name else self._variable_manager._inventory.hosts.get(name)
        if known is None or getattr(known, "implicit", False):
            return CONTROLLER
        return str(name)

    def call(self, variables: Mapping[str, Any], args: Mapping[str, Any] | None = None) -> Call:
        task, reasons = self._task, self.scene.moment.reasons
        environment: dict[str, str] = {}
        for part in task.environment or []:
            if isinstance(part, dict):
                environment.update({plain_text(key): plain_text(value) for key, value in part.items()})
        become_user = task.become_user if task.become else None
        return Call(
            module=self.scene.module_name(task, self.module()),
            args=plain(task.args if args is None else args),
            task=self.ref(),
            certainty="possible" if reasons else "certain",
            why="depends on " + " and on ".join(dict.fromkeys(reasons)) if reasons else "",
            facts=variables.get("ansible_facts") or {},
            environment=environment,
            become_user=plain_text(become_user) if become_user else "root",
            no_log=task.no_log is not False,
        )

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
        elif not result.skipped and self._task.action in (
            *constants._ACTION_INCLUDE_TASKS,
            *constants._ACTION_INCLUDE_ROLE,
        ):
            self.scene.journal.count(self._host.name, self._task._uuid, "modelled")
        if moment.doubts:
            self.doubt.failing(self._task, moment.doubts[0])
        if self._task.notify and result.changed and not result.failed:
            unsure = [f"whether {self.ref()} changes anything"] if moment.unsure else []
            self.doubt.notified(self._host, self._task, moment.reasons or unsure)
        moment.end()
        return result.native

    def _failed(self, result: compat.TaskOutcome) -> compat.TaskOutcome:
        """A failure that rests on what is unknown, or on a task that may not run, must not end the host."""
        moment, scene = self.scene.moment, self.scene
        text = "hidden, the task has no_log" if self._task.no_log is not False else result.message
        if moment.touched and not moment.sure:
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
            return Watched(handler, moment), context
        moment.phase = "after"
        return ModelledAction(self, templar), None


def _engines(key: str) -> bool:
    """Keys of a result that the engine itself needs."""
    return key in (OPEN, OVERLAY, "changed", "failed", "include", "include_args") or key.startswith(
        ("_ansible", "ansible_", "add_host", "add_group", "exception", "warnings", "deprecations")
    )


class Watched:
    """A controller-side action under its own name; unknown conditions inside it become doubts."""

    def __init__(self, handler: Any, moment: Any) -> None:
        self._handler, self._moment = handler, moment

    def run(self, *args: Any, **kwargs: Any) -> Any:
        with self._moment.during("action"):
            result = self._handler.run(*args, **kwargs)
        self._moment.phase = "after"
        return result

    def cleanup(self, force: bool = False) -> None:
        self._handler.cleanup(force)


class Passing:
    """A ``fail`` that may not be reached: noted, not followed."""

    def __init__(self, executor: SimulatedExecutor, text: str) -> None:
        self._executor, self._text = executor, text

    def run(self, *_: Any, **__: Any) -> dict[str, Any]:
        moment = self._executor.scene.moment
        moment.note("possible-failure", f"{self._text}, which depends on {' and on '.join(moment.reasons)}")
        moment.phase = "after"
        return {"changed": False, "failed": False}

    def cleanup(self, force: bool = False) -> None:
        pass


def _why(*values: Any) -> str:
    from aisafe.simulation.conditions import first_unknown  # noqa: PLC0415

    return f"depends on {next(first_unknown(value).why for value in values if is_unknown(value))}"


def task_ref(task: Any, scene: Scene) -> TaskRef:
    name = task.get_name()
    path, _, line = str(task.get_path()).rpartition(":")
    return TaskRef(
        name=plain_text(name), path=scene.journal.display_path(path), line=int(line) if line.isdigit() else 1
    )
