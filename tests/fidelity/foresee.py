"""`aisafe plan --aisafe-format=json` in the present directory, and beside its document all that the child told.

    python -m tests.fidelity.foresee OUTPUT ANSIBLE-PLAYBOOK-ARGUMENTS…

OUTPUT gets the forecast whole (services and paths too) and the final state of each file that the run touches.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from aisafe.launch import playbook
from aisafe.simulation.client import Simulation


def main(arguments: list[str]) -> int:
    """The exit code of `aisafe plan`; OUTPUT stays away when there was no forecast."""
    output, *rest = arguments
    told: dict[str, Any] = {}
    hosts: dict[str, Any] = {}
    receive = Simulation._next

    def remembering(simulation: Simulation, *given: Any) -> dict[str, Any]:
        message = receive(simulation, *given)
        if "host" in message:
            hosts[message["host"]] = message["of"]
        if "forecast" in message:
            told.update({**message, "forecast": {**message["forecast"], "hosts": hosts}})
        return message

    Simulation.worker = "tests.fidelity.worker"
    Simulation._next = remembering  # type: ignore[method-assign]
    code = playbook([*rest, "--aisafe-format=json"], plan_only=True)
    if told:
        Path(output).write_text(json.dumps(told), encoding="utf-8")
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
