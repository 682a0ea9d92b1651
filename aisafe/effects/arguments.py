"""Module arguments as AnsibleModule reads them: types, aliases, defaults; an Unknown stays one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aisafe.model import Unknown, is_unknown

_TRUE = {"y", "yes", "on", "1", "true", "t"}
_FALSE = {"n", "no", "off", "0", "false", "f"}


class BadArgument(ValueError):
    """An argument that the module itself refuses: the task is certain to fail with this message."""


class UnknownArgument(Exception):
    """An argument that a model cannot do without is not known before the run."""

    def __init__(self, value: Unknown, name: str) -> None:
        super().__init__(f"{name} is not known before the run: {value.why}")
        self.value = value


class Arguments:
    """Typed access to ``args``. Every name may be followed by its aliases; the first one given counts."""

    def __init__(self, args: Mapping[str, Any]) -> None:
        self._args = args

    def raw(self, *names: str) -> Any:
        return next((self._args[name] for name in names if self._args.get(name) is not None), None)

    def unknown(self, *names: str) -> Unknown | None:
        """The Unknown in any of ``names``, None when all are known."""
        return next((_first(self._args[name]) for name in names if is_unknown(self._args.get(name))), None)

    def given(self, *names: str) -> bool:
        return self.raw(*names) is not None

    def text(self, *names: str) -> str | None:
        """Raises UnknownArgument."""
        value = self._known(*names)
        return None if value is None else as_text(value)

    def word(self, *names: str, default: str) -> str:
        value = self.text(*names)
        return default if value is None else value

    def need(self, *names: str) -> str:
        """Raises BadArgument when none is given."""
        value = self.text(*names)
        if value is None:
            raise BadArgument(f"missing required arguments: {names[0]}")
        return value

    def flag(self, *names: str, default: bool = False) -> bool:
        """A boolean (``yes``, ``on``, ``1``…). Raises BadArgument for anything else."""
        value = self._known(*names)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        word = str(value).strip().lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise BadArgument(f"argument '{names[0]}' is of type str and we were unable to convert to bool")

    def number(self, *names: str) -> int | None:
        value = self._known(*names)
        try:
            return None if value is None else int(value)
        except (TypeError, ValueError):
            raise BadArgument(f"argument '{names[0]}' is not an integer") from None

    def words(self, *names: str) -> tuple[str, ...]:
        """A list; text is split at commas, as AnsibleModule does for type list."""
        value = self._known(*names)
        if value is None:
            return ()
        if isinstance(value, str):
            return tuple(word.strip() for word in value.split(",")) if value else ()
        if isinstance(value, Sequence):
            return tuple(as_text(word) for word in value)
        return (as_text(value),)

    def _known(self, *names: str) -> Any:
        value = self.raw(*names)
        if is_unknown(value):
            raise UnknownArgument(_first(value) or Unknown("it"), names[0])
        return value


def _first(value: object) -> Unknown | None:
    if isinstance(value, Unknown):
        return value
    if isinstance(value, Mapping):
        return next((found for item in (*value, *value.values()) if (found := _first(item))), None)
    if isinstance(value, (list, tuple, set, frozenset)):
        return next((found for item in value if (found := _first(item))), None)
    return None


def as_text(value: object) -> str:
    """As AnsibleModule converts to type str; a boolean keeps Python's spelling."""
    return value.decode(errors="surrogateescape") if isinstance(value, bytes) else str(value)


def as_bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")
