"""Which module a task really means, when files beside the playbook may stand in the way of ansible's own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import ansible
from ansible.plugins.loader import module_loader

_PACKAGE = os.path.dirname(os.path.realpath(ansible.__file__)) + os.sep
LOCAL = "local."
"""Prefix of the name under which a module or action beside the playbook goes to the models: none knows it."""


@dataclass(slots=True)
class Modules:
    """``actions``: names of action plugins that were refused -> where they lie."""

    actions: Mapping[str, str]
    _names: dict[tuple[str, str], str] = field(default_factory=dict)

    def name(self, task: Any, resolved: str) -> str:
        """The fully qualified name for the models. A module of the same name in a ``library`` directory, or an action
        in ``action_plugins``, comes before ansible's own: it gets a name of its own."""
        key = (str(task.action), resolved)
        if key not in self._names:
            self._names[key] = self._find(task, resolved)
        return self._names[key]

    def _find(self, task: Any, resolved: str) -> str:
        short = resolved.removeprefix("ansible.builtin.").removeprefix("ansible.legacy.")
        if "." in short:
            return resolved
        if str(task.action).startswith("ansible.builtin."):
            return f"ansible.builtin.{short}"
        if short in self.actions:
            return f"{LOCAL}action_plugins.{short}"
        found = module_loader.find_plugin_with_context(str(task.action), collection_list=task.collections)
        path = getattr(found, "plugin_resolved_path", None)
        if path and not os.path.realpath(path).startswith(_PACKAGE):
            return f"{LOCAL}library.{short}"
        return f"ansible.builtin.{short}"
