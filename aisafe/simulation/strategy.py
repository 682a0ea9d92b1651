"""ansible's linear strategy, with tasks run inline by :class:`SimulatedExecutor` instead of in worker processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible._internal._templating import _engine
from ansible.playbook.block import Block
from ansible.playbook.handler import Handler
from ansible.plugins.loader import get_plugin_loader_namespace
from ansible.plugins.strategy import linear

from aisafe.model import Unknown
from aisafe.simulation import compat
from aisafe.simulation.actions import short_name
from aisafe.simulation.executor import Doubt, SimulatedExecutor, task_ref
from aisafe.simulation.pertask import Copies
from aisafe.simulation.scene import Scene

RESCUE = "⟦the rescue of the block⟧"
"""Name of the block that holds a second copy of a rescue section, at the end of the block it belongs to."""


class NoQueue:
    """In the place of the queue to the main process: nobody listens to what a task says while it runs."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


class Course:
    """What the strategies of all plays share: doubts about includes, handlers and rescues, and what was reached."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.strategy: Any = None
        self.reached: dict[str, set[str]] = {}  # task -> hosts
        self._failing: dict[tuple[str, str], str] = {}
        self._notified: dict[str, dict[str, list[str] | None]] = {}
        self._firing: dict[str, dict[str, list[str] | None]] = {}
        self.doubt = Doubt(includes={}, handlers=self.outer, notified=self.notified, failing=self.failing)

    def notified(self, host: Any, task: Any, reasons: list[str]) -> None:
        """A changed task notifies; a handler is certain when one of its notifiers is."""
        for name in task.notify:
            known = self._notified.setdefault(host.name, {})
            if not reasons or (name in known and known[name] is None):
                known[name] = None
            else:
                known[name] = [*(known.get(name) or []), *reasons]

    def flush(self, host: str) -> None:
        self._firing[host] = self._notified.pop(host, {})

    def outer(self, task: Any, host: str) -> list[str]:
        """Why a handler, or a task of a rescue section, is only possible."""
        reasons: list[str] = []
        if (why := self.rescue_reason(task, host)) is not None:
            reasons.append(why)
        if isinstance(task, Handler):
            names = {task.name, task.get_name(include_role_fqcn=False), task.get_name(), *(task.listen or [])}
            calls = [
                why
                for source in (self._firing.get(host, {}), self._notified.get(host, {}))
                for name, why in source.items()
                if name in names
            ]
            if calls and all(why is not None for why in calls):
                reasons += [reason for why in calls for reason in why or []]
        return reasons

    def failing(self, task: Any, reason: str) -> None:
        """The outcome of ``task`` is not known: the rescue section around it may run."""
        parent = task._parent
        while parent is not None:
            if isinstance(parent, Block) and parent.rescue:
                self._failing.setdefault((self.scene.moment.host, parent._uuid), reason)
                return
            parent = parent._parent

    def rescue_reason(self, task: Any, host: str) -> str | None:
        """None outside of a copied rescue section; else why it may run ('' when nothing says that it does)."""
        parent = task._parent
        while parent is not None:
            if isinstance(parent, Block) and parent.name == RESCUE:
                reason = self._failing.get((host, parent._parent._uuid))
                return f"whether {reason} succeeds" if reason else ""
            parent = parent._parent
        return None


def rescued(task: Any) -> bool:
    parent = task._parent
    while parent is not None:
        if isinstance(parent, Block) and parent.rescue:
            return True
        parent = parent._parent
    return False


class SimulatedStrategy(linear.StrategyModule):  # type: ignore[misc]
    """Order, hosts, blocks, handlers and includes are the linear strategy's own."""

    course: Course

    def __init__(self, tqm: Any) -> None:
        super().__init__(tqm)
        self._step = False
        self.debugger_active = False
        self.course.strategy = self
        self._copies = Copies()
        self._executor = type(
            "Executor", (SimulatedExecutor,), {"scene": self.course.scene, "doubt": self.course.doubt}
        )

    def _get_next_task_lockstep(self, hosts: Any, iterator: Any) -> Any:
        host_tasks = super()._get_next_task_lockstep(hosts, iterator)
        for host, task in host_tasks[:1]:
            if isinstance(task.run_once, str):
                variables = self._variable_manager.get_vars(play=iterator._play, host=host, task=task)
                engine = _engine.TemplateEngine(loader=self._loader, variables=variables)
                if isinstance(engine.template(task.run_once), Unknown):
                    self.course.scene.journal.note(
                        "assumed",
                        "'run_once' cannot be known; it was taken to be false",
                        task=task_ref(task, self.course.scene),
                    )
                    task.run_once = False
        return host_tasks

    def _queue_task(self, host: Any, task: Any, task_vars: Any, play_context: Any) -> None:
        course = self.course
        if task.debugger not in (None, "never"):
            course.scene.journal.note("assumed", "nobody uses its debugger", task=task_ref(task, course.scene))
            task.debugger = "never"
        copied = self._copies.of(task)  # executor and post_validate change it
        self._queued_task_cache[(host.name, task._uuid)] = {
            "host": host,
            "task": task,
            "task_vars": task_vars,
            "play_context": play_context,
        }
        course.reached.setdefault(task._uuid, set()).add(host.name)
        self._note_across(host.name, task)
        if course.rescue_reason(task, host.name) == "":
            self._results.append(compat.skipped_result(host, copied))
            self._pending_results += 1
            return
        result = compat.run_task(
            make=self._executor,
            host=host,
            task=copied,
            task_vars=task_vars,
            play_context=play_context,
            loader=self._loader,
            plugins=get_plugin_loader_namespace(),
            queue=_QUEUE,
            variable_manager=self._variable_manager,
        )
        self._note_failure(host, copied, compat.strategy_result(result))
        self._results.append(result)
        self._pending_results += 1

    def _note_across(self, host: str, task: Any) -> None:
        """A task that runs once for all hosts, or brings new ones: in waves it would be another thing."""
        scene = self.course.scene
        if task.run_once:
            text = "it runs once for all hosts, and in waves once in each of them"
            scene.journal.note("run-once", text, host=host, task=task_ref(task, scene))
        if short_name(str(task.action)) == "add_host":
            text = "it adds a host to the run, and every wave would leave that host out"
            scene.journal.note("outside-waves", text, host=host, task=task_ref(task, scene))

    def _note_failure(self, host: Any, task: Any, result: compat.TaskOutcome) -> None:
        if not result.failed:
            return
        message = next((item.message for item in compat.loop_outcomes(result) if item.failed), "") or result.message
        if task.no_log is not False:
            message = "the message is hidden, the task has no_log"
        reference = task_ref(task, self.course.scene)
        if task.ignore_errors:
            text = f"it fails, and the play goes on all the same (ignore_errors): {message}"
            self.course.scene.journal.note("assumed", text, host=host.name, task=reference)
        elif rescued(task):
            self.course.scene.journal.note(
                "possible-failure", f"it fails, and the block's rescue runs: {message}", host=host.name, task=reference
            )
        else:
            self.course.scene.journal.note("predicted-failure", message, host=host.name, task=reference)

    def _execute_meta(self, task: Any, play_context: Any, iterator: Any, target_host: Any) -> Any:
        if self.course.rescue_reason(task, target_host.name) is not None:
            return []
        action = task.args.get("_raw_params")
        moment = self.course.scene.moment
        moment.begin(target_host.name, task, task_ref(task, self.course.scene), "meta")
        try:
            if action == "reset_connection":
                return []
            if action == "refresh_inventory":
                moment.note("assumed", "the inventory is read again during the run; it was taken to stay the same")
                return []
            if action == "flush_handlers":
                self.course.flush(target_host.name)
            return super()._execute_meta(task, play_context, iterator, target_host)
        finally:
            moment.end()

    def run(self, iterator: Any, play_context: Any) -> Any:
        result = super().run(iterator, play_context)
        for name in set(iterator.get_failed_hosts()):
            for block in iterator.get_state_for_host(name)._blocks[1:]:  # the first one is ansible's own
                for task in _tasks(block):
                    self._count_unreached(name, task)
        return result

    def _count_unreached(self, host: str, task: Any) -> None:
        reached = self.course.reached.get(task._uuid, set())
        if task.run_once and reached:
            return
        if host not in reached:
            self.course.scene.journal.count(host, task._uuid, "not_reached")


def _tasks(block: Any) -> Iterator[Any]:
    """The tasks of a block that a host goes through when nothing fails."""
    if block.name == RESCUE:
        return
    for item in [*block.block, *block.always]:
        if isinstance(item, Block):
            yield from _tasks(item)
        elif not item.implicit and item._get_meta() is None:
            yield item


_QUEUE = NoQueue()
