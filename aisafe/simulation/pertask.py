"""What of a task is the same on every host: worked out once for a task, not once for each of its hosts."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

from ansible.module_utils.common.sentinel import Sentinel
from ansible.playbook.base import FieldAttributeBase
from ansible.playbook.block import Block
from ansible.playbook.loop_control import LoopControl
from ansible.playbook.task import Task

Patch = Callable[[Any, str, Any, str], None]

_MUTABLE = (list, dict, set, LoopControl)
_KEPT_AS_WRITTEN = frozenset({"module_defaults", "changed_when", "failed_when", "until", "loop"})
"""Keywords that ansible's own validation hands on untemplated (playbook/task.py)."""
_ONLY_TEMPLATED = frozenset({"environment", "name"})
"""Keywords with a validation of their own that does no more than templating."""
_NONE = object()


def constant(value: object) -> bool:
    """Whether templating cannot change the value."""
    if isinstance(value, str):
        return "{{" not in value and "{%" not in value and "{#" not in value and not value.startswith("#jinja2")
    if value is None or isinstance(value, (bool, int, float)):
        return True
    if isinstance(value, (list, tuple)):
        return all(constant(item) for item in value)
    if type(value) is dict:
        return all(constant(key) and constant(item) for key, item in value.items())
    return False


class Copies:
    """Copies of tasks for the hosts that run them, made of one that has its parents' keywords already.

    The strategy hands out one task to all hosts before the next; the executor changes what it is given. What of a task can
    be changed in place is copied for each host, as :meth:`ansible.playbook.base.FieldAttributeBase.copy` does.
    """

    def __init__(self) -> None:
        self._task: Any = None
        self._values: dict[str, Any] = {}
        self._mutable: list[tuple[str, Any]] = []

    def of(self, task: Any) -> Any:
        """A copy of ``task`` for one host."""
        if self._task is not task:
            self._learn(task)
        made = object.__new__(type(task))
        own = made.__dict__
        own.update(self._values)
        for name, value in self._mutable:
            own[name] = copy(value)
        return made

    def _learn(self, task: Any) -> None:
        first = task.copy(exclude_parent=True, exclude_tasks=True)
        first._parent = task._parent
        first.squash()
        self._task, self._values = task, vars(first)
        self._mutable = [
            (name, value) for name, value in self._values.items() if isinstance(value, _MUTABLE) and name != "_ds"
        ]


def validated_once(patch: Patch) -> None:
    """A keyword without a template has the same value every time the task runs."""
    known: dict[str, dict[str, tuple[Any, Any]]] = {}  # task -> keyword -> what was given, and what comes of it
    validate = FieldAttributeBase.post_validate

    def validated(self: Any, templar: Any) -> None:
        if isinstance(self, Block):  # an intermediate object: nothing but these is looked at
            before = known.setdefault(self._uuid, {})
            for name, attribute in self.fattributes.items():
                if attribute.always_post_validate and (value := getattr(self, name)) is not None:
                    _once(self, name, value, before, templar)
            self._finalized = True
        elif isinstance(self, Task):
            before, own = known.setdefault(self._uuid, {}), vars(self)
            for name, attribute in self.fattributes.items():
                value = own.get(f"_{name}", Sentinel) if self._squashed else Sentinel
                if value is Sentinel:
                    value = getattr(self, name)
                if value is not None or attribute.required:
                    _once(self, name, value, before, templar)
            self._finalized = True
        else:
            validate(self, templar)

    patch(FieldAttributeBase, "post_validate", validated, "more than 60 keywords of a task, nearly all constant")


def _once(item: Any, name: str, value: Any, before: dict[str, tuple[Any, Any]], templar: Any) -> None:
    given, result = before.get(name, (_NONE, None))
    kept = {field: getattr(value, field) for field in value.fattributes} if isinstance(value, LoopControl) else value
    if given is kept or (type(given) is type(kept) and given == kept):
        if result is not Sentinel:
            setattr(item, name, copy(result) if isinstance(result, (list, LoopControl)) else result)
        return
    found = item.post_validate_attribute(name, templar=templar)
    if found is not Sentinel:
        setattr(item, name, found)
    if _settled(item, name, kept):
        before[name] = (kept, copy(found) if isinstance(found, LoopControl) else found)


def _settled(item: Any, name: str, value: Any) -> bool:
    """Whether the keyword comes to the same on every host."""
    if name in _KEPT_AS_WRITTEN:
        return True
    own = hasattr(item, f"_post_validate_{name}")
    return (not own or name in _ONLY_TEMPLATED) and constant(value)
