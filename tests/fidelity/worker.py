"""The simulation's child, which also tells what every file that the run touches would hold in the end.

The product keeps contents to itself (a digest of a short secret gives it away); the suite asks the library.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from typing import Any, BinaryIO

from aisafe.model import Unknown
from aisafe.simulation import wire, worker
from aisafe.simulation.scene import Scene

LONGEST = 20_000
"""Bytes of a content that is handed on whole, to be shown where it differs."""

_contents: dict[str, Any] = {}
_forecasts, _send = Scene.forecasts, wire.send


def _remembering(scene: Scene) -> Any:
    for name, forecast in _forecasts(scene):
        _contents.update((host, _files(there)) for host, there in scene._hosts.items())
        yield name, forecast


def _telling(pipe: BinaryIO, message: Mapping[str, Any]) -> None:
    if "forecast" in message:
        message = {**message, "contents": _contents}
    _send(pipe, message)


def _files(host: Any) -> dict[str, Any]:
    return {
        path: {
            "type": {"file": "f", "directory": "d", "link": "l", "absent": ""}.get(file.kind, "?"),
            "certainty": file.certainty,
            "sha256": hashlib.sha256(file.content).hexdigest() if isinstance(file.content, bytes) else None,
            "text": file.text if isinstance(file.content, bytes) and len(file.content) < LONGEST else None,
            "mode": None if file.mode is None else f"{file.mode:o}",
            "owner": f"{file.owner}:{file.group}" if file.owner and file.group else None,
            "target": file.target or None,
            "reason": file.reason or (file.content.why if isinstance(file.content, Unknown) else ""),
        }
        for path, file in host.files.all_changed().items()
    }


Scene.forecasts = _remembering  # type: ignore[method-assign]
wire.send = _telling

if __name__ == "__main__":
    worker.main(sys.argv[1:])
