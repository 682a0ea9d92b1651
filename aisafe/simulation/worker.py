"""The child process: ansible's engine, with nothing behind it.

``python -P -m aisafe.simulation.worker IN OUT`` with the numbers of two pipes. It reads ``setup``, answers ``target``,
reads states and facts, one ``host`` after the other, asks for live files with ``read``, tells what becomes of each ``host``,
and ends with ``forecast``; an error ends it with ``error``.
"""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from aisafe.errors import AisafeError, UsageError
from aisafe.simulation import wire

if TYPE_CHECKING:
    from aisafe.effects.api import LiveFile
    from aisafe.model import HostForecast, HostState
    from aisafe.simulation.engine import Engine


_GARBAGE = 20_000
"""Objects made until the next search for cycles: with Python's 700, a sixth of a simulation was such searches.

None while the playbook is loaded: what is loaded stays, and the limit of memory holds.
"""


class Worker:
    """One simulation. ansible is imported on the way, after the configuration is in place."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source, self._sink = source, sink

    def run(self) -> None:
        setup = wire.receive(self._source)
        try:
            engine = self._load(setup)
            target = engine.target()
        except AisafeError as error:
            self._error(error)
            return
        from aisafe.model.codec import dump  # noqa: PLC0415
        from aisafe.simulation import safety  # noqa: PLC0415

        wire.send(self._sink, {"target": dump(target), "loaded": engine.loaded()})
        import aisafe.effects.api  # noqa: PLC0415  (the models are imported while the hosts are asked)

        _ = "ansible.builtin.copy" in aisafe.effects.api.MODELS
        gc.freeze()  # what is loaded by now stays to the end
        gc.enable()
        go = wire.receive(self._source)
        safety.limit(memory=setup["memory_limit"], seconds=setup["time_limit"] + wire.HOST_TIME * go["hosts"])
        read = partial(wire.unseen, go["unread"]) if go["unread"] else self._read
        states, facts = self._hosts(go["hosts"])
        forecast = engine.forecast(states=states, facts=facts, read=read, tell=self._tell)
        wire.send(self._sink, {"forecast": dump(forecast)})

    def _hosts(self, count: int) -> tuple[dict[str, HostState], dict[str, Any]]:
        """Their states and facts, of which equal parts are one object."""
        from aisafe.model.codec import Parts  # noqa: PLC0415
        from aisafe.model.host import HostState  # noqa: PLC0415

        parts, states, facts = Parts(), {}, {}
        for _ in range(count):
            of = wire.receive(self._source, parts if count > 1 else None)
            if of["state"] is not None:
                states[of["host"]] = parts.load(HostState, of["state"])
            if of["facts"] is not None:
                facts[of["host"]] = of["facts"]
        return states, facts

    def _tell(self, host: str, forecast: HostForecast) -> None:
        from aisafe.model.codec import dump  # noqa: PLC0415

        wire.send(self._sink, {"host": host, "of": dump(forecast)})

    def _load(self, setup: Mapping[str, Any]) -> Engine:
        from aisafe.simulation import safety  # noqa: PLC0415

        safety.limit(memory=setup["memory_limit"], seconds=setup["time_limit"])
        sys.modules["paramiko"] = None  # type: ignore[assignment]  # ansible imports it on the way (0.15 s); nothing connects
        if not setup["trust"]:
            _without_fact_collectors()
        from aisafe.simulation import compat  # noqa: PLC0415

        untested = compat.require_tested(allow_untested=setup["allow_untested"])
        try:
            from aisafe.simulation.engine import Engine  # noqa: PLC0415
        except ImportError as error:
            if untested:
                raise compat.lacking(error) from None
            raise
        except SystemExit as error:  # ansible.cli ends the process over a locale that is not UTF-8
            raise UsageError(str(error.code)) from None
        return Engine(setup)

    def _read(self, host: str, paths: Sequence[str]) -> Mapping[str, LiveFile]:
        wire.send(self._sink, {"read": host, "paths": list(paths)})
        answer = wire.receive(self._source)["files"]
        return {path: wire.load_file(data) for path, data in answer.items()}

    def _error(self, error: AisafeError) -> None:
        wire.send(
            self._sink,
            {
                "error": {
                    "kind": type(error).__name__,
                    "message": error.message,
                    "state": error.state,
                    "fix": error.fix,
                    "exit_code": int(error.exit_code),
                }
            },
        )


def main(arguments: Sequence[str]) -> NoReturn:
    """Exit code 0 when the last word was sent, 1 when the parent is gone or the engine broke."""
    gc.disable()  # until all is loaded
    gc.set_threshold(_GARBAGE)
    sys.dont_write_bytecode = True
    cwd = str(Path.cwd())
    sys.path[:] = [entry for entry in sys.path if entry not in ("", ".", cwd) or _holds_aisafe(entry)]
    source, sink = (int(number) for number in arguments)
    code = 0
    try:
        Worker(os.fdopen(source, "rb"), os.fdopen(sink, "wb")).run()
    except wire.Closed:
        code = 1
    except BaseException:  # the parent reports it, with the end of stderr when asked to
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    os._exit(code)  # exit handlers of ansible and multiprocessing would remove files


def _without_fact_collectors() -> None:
    """The action ``package`` imports all of ansible's fact collectors on the way (0.02 s); here nothing gathers facts."""
    from types import ModuleType  # noqa: PLC0415

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise RuntimeError("no facts are gathered in a simulation")

    stub = ModuleType("ansible.module_utils.facts.compat")
    stub.ansible_facts = stub.get_all_facts = refuse  # type: ignore[attr-defined]
    sys.modules[stub.__name__] = stub


def _holds_aisafe(entry: str) -> bool:
    return Path(entry or ".", "aisafe", "simulation", "worker.py").resolve() == Path(__file__).resolve()


if __name__ == "__main__":
    main(sys.argv[1:])
