"""The one extension mechanism: a named table that the modules of one package fill through a decorator."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Generic, TypeVar

T = TypeVar("T")


class Registry(Generic[T]):
    """Items of one kind, by name, found in the modules of one package.

    The package is imported at the first read, so a file dropped into it is registered without any list to edit.
    """

    def __init__(self, package: str) -> None:
        self._package = package
        self._items: dict[str, T] = {}
        self._loaded = False
        self._broken: Exception | None = None

    def add(self, name: str, item: T) -> T:
        """Enter ``item`` under ``name``; raises ValueError when the name is taken."""
        if name in self._items:
            raise ValueError(f"{self._package}: {name!r} is registered twice")
        self._items[name] = item
        return item

    def _load(self) -> dict[str, T]:
        """Every entry. A module that cannot be imported makes every look-up fail, not only the first."""
        if self._broken is not None:
            raise self._broken
        if not self._loaded:
            try:
                for module in pkgutil.iter_modules(import_module(self._package).__path__):
                    import_module(f"{self._package}.{module.name}")
            except Exception as error:
                self._broken = error
                raise
            self._loaded = True
        return self._items

    def __iter__(self) -> Iterator[tuple[str, T]]:
        return iter(sorted(self._load().items()))

    def __contains__(self, name: str) -> bool:
        return name in self._load()

    def get(self, name: str) -> T | None:
        if self._broken is None and name in self._items:
            return self._items[name]
        return self._load().get(name)
