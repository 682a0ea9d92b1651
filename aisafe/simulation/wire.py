"""JSON lines over a pair of pipes, between the controller's process and its child. Imports no ansible."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from aisafe.effects.api import LiveFile
    from aisafe.model.codec import Parts

HOST_TIME = 1.0
"""Seconds that each further host adds to the time limit of a forecast; 60 tasks take 0.2 of them."""


class Closed(Exception):
    """The other side is gone."""


def send(pipe: BinaryIO, message: Mapping[str, Any]) -> None:
    """Write one message; raises Closed when nobody reads any more."""
    try:
        pipe.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
        pipe.flush()
    except (BrokenPipeError, ValueError):
        raise Closed from None


def receive(pipe: BinaryIO, parts: Parts | None = None) -> dict[str, Any]:
    """The next message; raises Closed at the end of the stream."""
    line = pipe.readline()
    if not line.endswith(b"\n"):
        raise Closed
    message: dict[str, Any] = json.loads(line, object_hook=parts)
    return message


def dump_file(file: LiveFile) -> dict[str, Any]:
    data = {name: getattr(file, name) for name in file.__dataclass_fields__}
    data["content"] = None if file.content is None else base64.b64encode(file.content).decode()
    return data


def unseen(reason: str, host: str, paths: Sequence[str]) -> Mapping[str, LiveFile]:
    """What is told of live files where none can be read."""
    from aisafe.effects.api import LiveFile  # noqa: PLC0415  (see aisafe.simulation.client)

    return {path: LiveFile(path=path, kind="unseen", reason=reason) for path in paths}


def load_file(data: Mapping[str, Any]) -> LiveFile:
    from aisafe.effects.api import LiveFile  # noqa: PLC0415  (see aisafe.simulation.client)

    given = dict(data)
    given["content"] = None if data["content"] is None else base64.b64decode(data["content"])
    given["entries"] = tuple(data["entries"])
    return LiveFile(**given)
