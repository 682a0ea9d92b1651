"""A host that the run changes without a guard."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Finding
from aisafe.rules import Case, rule


@rule("unguarded-host", severity="warning", stage="forecast")
def unguarded_host(case: Case) -> Iterator[Finding]:
    """A task runs on a host outside the inventory (the controller, mostly): no snapshot, and it is not undone.

    Wrong:

        - name: Tell the load balancer
          ansible.builtin.command: ./drain.sh {{ inventory_hostname }}
          delegate_to: localhost

    Right:

        - name: Tell the load balancer
          ansible.builtin.command: ./drain.sh {{ inventory_hostname }}
          delegate_to: balancer       # a host of the inventory
    """
    for note in case.noted("unguarded-host"):
        yield case.find(
            f"{note.message.rstrip('.')}: it has no snapshot, so what is done there is not undone.",
            task=note.task,
            fix="Put the host into the inventory, or see to it that the task can be repeated.",
        )
