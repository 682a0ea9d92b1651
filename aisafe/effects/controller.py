"""Modules that the engine runs on the controller, or that only wait: nothing on the host comes of them."""

from __future__ import annotations

from aisafe.effects.api import Call, Result, model
from aisafe.effects.predicted import PredictedHost


@model(
    "ansible.builtin.add_host",
    "ansible.builtin.assert",
    "ansible.builtin.async_status",
    "ansible.builtin.debug",
    "ansible.builtin.fail",
    "ansible.builtin.gather_facts",
    "ansible.builtin.group_by",
    "ansible.builtin.import_playbook",
    "ansible.builtin.import_role",
    "ansible.builtin.import_tasks",
    "ansible.builtin.include_role",
    "ansible.builtin.include_tasks",
    "ansible.builtin.include_vars",
    "ansible.builtin.meta",
    "ansible.builtin.pause",
    "ansible.builtin.set_fact",
    "ansible.builtin.set_stats",
    "ansible.builtin.setup",
    "ansible.builtin.validate_argument_spec",
    "ansible.builtin.wait_for_connection",
    "ansible.builtin.mount_facts",
)
def nothing(call: Call, host: PredictedHost) -> Result:
    return Result(changed=False)
