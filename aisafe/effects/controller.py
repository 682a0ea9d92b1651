"""Modules that the engine runs on the controller, or that only wait: nothing on the host comes of them."""

from __future__ import annotations

from aisafe.effects.api import Call, Result, model
from aisafe.effects.predicted import PredictedHost
from aisafe.model import Unknown


@model(
    "ansible.builtin.add_host",
    "ansible.builtin.assert",
    "ansible.builtin.async_status",
    "ansible.builtin.debug",
    "ansible.builtin.fail",
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
    "ansible.builtin.validate_argument_spec",
    "ansible.builtin.wait_for_connection",
)
def nothing(call: Call, host: PredictedHost) -> Result:
    return Result(changed=False)


@model("ansible.builtin.gather_facts", "ansible.builtin.setup")
def facts(call: Call, host: PredictedHost) -> Result:
    """Facts of another host than the task's own; those of its own are given by the simulation."""
    return Result(changed=False, untold=f"the facts of {host.state.host}")


@model("ansible.builtin.mount_facts")
def mount_facts(call: Call, host: PredictedHost) -> Result:
    names = ("mount_points", "aggregate_mounts")
    return Result(changed=False, facts={name: Unknown(f"{name} of the host") for name in names})
