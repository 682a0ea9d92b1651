"""A run whose scope is one directory of a test's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aisafe.agent.scope import Scope
from aisafe.agent.store import Run, Store

if TYPE_CHECKING:
    import pytest


def confined(top: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Run, Scope]:
    """The run, not created yet, with a store below ``base``; every record of a scope is read as this one."""
    store = Store(str(base / "lib"), str(base / "run"))
    store.prepare()
    scope = Scope(named=[str(top)])
    scope.roots = frozenset([str(top)])
    scope.ways = frozenset(map(str, top.parents))
    scope.shells -= {"/tmp", "/var/tmp", "/run"}
    monkeypatch.setattr(Scope, "load", lambda _record: scope)
    return store.run("r1"), scope
