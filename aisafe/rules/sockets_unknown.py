"""Something is started, and nobody can say on which ports it listens."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Finding, Party
from aisafe.rules import Case, rule


@rule("sockets-unknown", severity="warning", stage="forecast")
def sockets_unknown(case: Case) -> Iterator[Finding]:
    """A service is started of which the sockets could not be worked out, so that a conflict could not be foreseen.

    Wrong:

        - name: Start the agent
          ansible.builtin.systemd_service:
            name: agent.service        # ExecStart=/opt/agent/run.sh
            state: started

    Right:

        - name: Start the agent
          ansible.builtin.systemd_service:
            name: agent.service        # ExecStart=/opt/agent/agent --listen=127.0.0.1:9100
            state: started
    """
    starts = {
        effect.holder: effect
        for effect in case.forecast.effects
        if effect.holder and not effect.sockets_known and effect.action in ("start", "restart", "create", "enable")
    }
    if not starts:
        return
    effects = list(starts.values())
    yield case.find(
        f"On which ports {', '.join(map(str, starts))} will listen is not known, so that a conflict can't be foreseen.",
        when="possible",
        task=effects[0].task,
        parties=tuple(
            Party(kind=effect.holder.kind, name=effect.holder.name, live=False, task=effect.task)
            for effect in effects
            if effect.holder
        ),
        evidence=tuple(f"{effect.task}: {effect.detail or effect.why or effect.name}" for effect in effects),
        fix="Give the address on the command line of the unit, or publish the ports of the container.",
    )
