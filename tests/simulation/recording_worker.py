"""The simulation's child with recording models: every call becomes an effect; the engine is tested by itself."""

from __future__ import annotations

import json
import sys
import types
from typing import Any

from aisafe.effects import api
from aisafe.effects.api import Call, Result
from aisafe.model import BlindSpot, Certainty, Coverage, Effect, HostForecast, HostState, Unknown


def _text(source: Any) -> Any:
    if isinstance(source, tuple):
        return [
            [file.name, str(file.content) if isinstance(file.content, Unknown) else file.content.decode()]
            for file in source
        ]
    return None if source is None else str(source)


class PredictedHost:
    def __init__(self, state: HostState, *, facts: Any, read: Any) -> None:
        self.state, self.read = state, read
        self._effects: list[Effect] = []

    def _keep(self, call: Call, certainty: Certainty) -> Effect:
        detail = {
            "args": call.args, "source": _text(call.source), "env": dict(call.environment), "become": call.become_user,
            "no_log": call.no_log, "facts": sorted(call.facts),
            "sizes": [file.size for file in call.source] if isinstance(call.source, tuple) else [],
        }  # fmt: skip
        effect = Effect(
            kind="command", action="run", name=call.module, task=call.task, seq=len(self._effects), certainty=certainty,
            why=call.why, detail=json.dumps(detail, default=str, ensure_ascii=False),
        )  # fmt: skip
        self._effects.append(effect)
        return effect

    def opaque(self, call: Call, reason: str) -> Result:
        return Result(effects=(self._keep(call, "opaque"),), changed=None, opaque=reason)

    def record(self, call: Call, result: Result) -> Result:
        self._keep(call, call.certainty)
        return result

    def forecast(self, coverage: Coverage, blind_spots: tuple[BlindSpot, ...] = ()) -> HostForecast:
        return HostForecast(
            host=self.state.host, coverage=coverage, effects=tuple(self._effects), blind_spots=self.state.blind_spots
        )


def _changes(call: Call, host: Any) -> Result:
    return Result(changed=True, values={"dest": call.args.get("dest")})


def _reads(call: Call, host: Any) -> Result:
    path = str(call.args["path"])
    return Result(changed=False, values={"stat": {"exists": host.read([path])[path].kind != "absent"}})


MODELS = {
    **{
        f"ansible.builtin.{name}": _changes for name in ["copy", "template", "file", "systemd", "unarchive", "assemble"]
    },
    "community.docker.docker_container": _changes,
    "ansible.builtin.service": lambda call, host: Result(changed=None),
    "ansible.builtin.stat": _reads,
    "ansible.builtin.getent": lambda call, host: Result(changed=False, facts={"getent_passwd": {"root": ["0"]}}),
    "ansible.builtin.raw": lambda call, host: Result(failed="no such program"),
    "ansible.builtin.slurp": lambda call, host: Result(changed=False, values={"content": "Zm9v"}),
}

_module = types.ModuleType("aisafe.effects.predicted")
_module.PredictedHost = PredictedHost  # type: ignore[attr-defined]
sys.modules["aisafe.effects.predicted"] = _module
api.MODELS._items.update(MODELS)
api.MODELS._loaded = True

if __name__ == "__main__":
    from aisafe.simulation.worker import main

    main(sys.argv[1:])
