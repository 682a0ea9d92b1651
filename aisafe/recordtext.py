"""The text of a record: JSON without what may be secret, in pieces, with what many hosts have in common written once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from aisafe.masking import redacted
from aisafe.model.codec import MOST, dump

_JUDGED_BY_NAME = frozenset({"environment", "commands", "command", "argv"})
"""Keys of which :func:`aisafe.masking.redacted` looks at the whole value."""


def pieces(value: object) -> Iterator[str]:
    """The JSON text of ``redacted(dump(value))``: a line for each entry of a mapping, the outermost one or one in a model."""
    return _pieces(value, "", _Texts())


def _pieces(value: Any, key: str, texts: _Texts) -> Iterator[str]:
    model = is_dataclass(value)
    if not (model or isinstance(value, Mapping)) or key in _JUDGED_BY_NAME:
        yield texts.of(value, key)
        return
    items = {item.name: getattr(value, item.name) for item in fields(value)} if model else value
    yield "{"
    for index, (name, item) in enumerate(items.items()):
        yield f"{',' if index else ''}\n{json.dumps(str(name))}: "
        yield from _pieces(item, str(name), texts) if model else (texts.of(item, str(name)),)
    yield "}"


class _Texts:
    def __init__(self) -> None:
        self._known: dict[tuple[int, str], tuple[object, str]] = {}  # with what has the id, so that it stays that one's

    def of(self, value: Any, key: str) -> str:
        """The text of ``value``, which stands under ``key``."""
        model, mapping = is_dataclass(value), isinstance(value, Mapping)
        if not (model or mapping or isinstance(value, (tuple, list))):
            return json.dumps(dump(value))
        known = self._known.get((id(value), key))
        if known is not None:
            return known[1]
        if key in _JUDGED_BY_NAME:
            text = json.dumps(redacted({key: dump(value)})[key])
        elif key == "services" and not mapping:
            text = self._list([self._service(service) for service in value])
        elif model:
            text = self._object({item.name: getattr(value, item.name) for item in fields(value)})
        elif mapping:
            text = self._object(value)
        else:
            text = self._list([self.of(item, "") for item in value])
        if model or mapping:
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[(id(value), key)] = (value, text)
        return text

    def _service(self, service: Any) -> str:
        """One entry of ``services``, of whose command only the options are kept."""
        known = self._known.get((id(service), "services"))
        if known is None:
            text = json.dumps(redacted({"services": [dump(service)]})["services"][0])
            known = self._known[(id(service), "services")] = (service, text)
        return known[1]

    def _object(self, items: Mapping[Any, Any]) -> str:
        return (
            "{"
            + ", ".join(f"{json.dumps(str(name))}: {self.of(item, str(name))}" for name, item in items.items())
            + "}"
        )

    @staticmethod
    def _list(texts: list[str]) -> str:
        return "[" + ", ".join(texts) + "]"
