"""What stands in the place of ansible's action plugins: the models, and a watch over those that really run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aisafe.effects.api import Call, Result
from aisafe.model import Unknown
from aisafe.simulation import sources
from aisafe.simulation.unknowns import OPEN

if TYPE_CHECKING:
    from aisafe.simulation.executor import SimulatedExecutor

OVERLAY = "_aisafe_overlay"
"""Key of a result: what the registered variable holds in the place of what the engine was told."""

_PASSIVE = frozenset({"pause", "wait_for_connection", "meta"})
_FACTS = frozenset({"setup", "gather_facts"})
_PULLS = frozenset({"fetch", "ansible.posix.synchronize"})  # write on the controller


def short_name(action: str) -> str:
    return action.removeprefix("ansible.builtin.").removeprefix("ansible.legacy.")


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
                scene.moment.note("possible-failure", text)
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
        facts = dict(result.facts)
        if result.untold:
            scene.moment.untold[host] = f"{scene.moment.ref} ({result.untold}) may set"
            facts[OPEN] = Unknown(f"what {scene.moment.untold[host]}")
        if facts:
            answer["ansible_facts"] = facts
        return answer


def _with_source(call: Call, source: sources.Source) -> Call:
    return replace(call, source=source)


class Watched:
    """A controller-side action under its own name; unknown conditions inside it become doubts."""

    def __init__(self, handler: Any, moment: Any, name: str) -> None:
        self._handler, self._moment, self._name = handler, moment, name

    def run(self, *args: Any, **kwargs: Any) -> Any:
        with self._moment.during("action"):
            result = self._handler.run(*args, **kwargs)
        if self._name in ("fail", "assert") and result.get("failed"):
            self._moment.sure = True  # an unknown condition holds, so a known one does not
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
