"""A digest of what a task is given, so that a saved plan can tell whether its variables have moved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from aisafe.effects.api import Call, LiveFile, SourceFile
from aisafe.model import TaskMark, Unknown


def mark(call: Call, salt: str) -> TaskMark:
    """Of module, arguments, what it brings along, environment and certainty; of a task with no_log only of its module."""
    given: list[Any] = [call.module]
    if not call.no_log:
        given += [call.args, call.source, call.environment, call.certainty, call.become_user]
    return TaskMark(task=call.task, digest=_hash(json.dumps(_plain(given)).encode(), salt))


def mark_file(file: LiveFile, salt: str) -> str:
    """Of what a forecast knows of a live file; what lies in a directory counts where the forecast looked at it itself."""
    head = f"{file.kind} {file.mode:o} {file.owner} {file.group} {file.target}\0"
    size = b"" if file.content is not None else str(file.size).encode()
    return _hash(head.encode() + (file.content if file.content is not None else size), salt)


def _plain(value: object) -> Any:
    """As JSON has it, the same for equal values; what is unknown by what it depends on."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Unknown):
        return ["unknown", value.why]
    if isinstance(value, SourceFile):
        return [value.name, _plain(value.content), value.mode, value.directory]
    if isinstance(value, Mapping):
        return sorted([str(key), _plain(item)] for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.hex() if isinstance(value, bytes) else repr(value)


def _hash(data: bytes, salt: str) -> str:
    return blake2b(data, key=salt.encode()[:64], digest_size=16).hexdigest()
