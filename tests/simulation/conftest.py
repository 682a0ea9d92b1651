from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aisafe.effects.api import LiveFile
from aisafe.model import Effect, Forecast, HostState, Target
from aisafe.simulation.client import Simulation

ROOT = Path(__file__).resolve().parents[2]


class Recording(Simulation):
    """With models that record: see recording_worker.py."""

    worker = "tests.simulation.recording_worker"


@dataclass
class Seen:
    target: Target
    forecast: Forecast
    asked: list[tuple[str, tuple[str, ...]]]

    def effects(self, host: str = "h1") -> tuple[Effect, ...]:
        return self.forecast.hosts[host].effects

    def calls(self, host: str = "h1") -> list[tuple[str, str]]:
        """(task, certainty) in order."""
        return [(effect.task.name, effect.certainty) for effect in self.effects(host)]

    def detail(self, task: str, host: str = "h1") -> dict[str, Any]:
        found = [effect for effect in self.effects(host) if effect.task.name == task]
        assert len(found) == 1, f"{task}: {found}"
        return json.loads(found[0].detail)

    def args(self, task: str, host: str = "h1") -> dict[str, Any]:
        return self.detail(task, host)["args"]

    def why(self, task: str, host: str = "h1") -> str:
        return next(effect.why for effect in self.effects(host) if effect.task.name == task)

    def notes(self, kind: str | None = None) -> list[tuple[str, str]]:
        return [(note.kind, note.message) for note in self.forecast.notes if kind in (None, note.kind)]


@dataclass
class Site:
    """A directory with a playbook in it."""

    path: Path
    child: type[Simulation] = Recording

    def write(self, name: str, text: str, mode: int = 0o644) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
        file.chmod(mode)
        return file

    def environ(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE")}
        home = self.path.parent / "home"
        home.mkdir(exist_ok=True)
        return {**kept, "HOME": str(home), **more}

    def simulation(self, argv: Sequence[str], environ: Mapping[str, str] | None = None, **options: Any) -> Simulation:
        return self.child(
            argv=argv,
            cwd=self.path,
            environ=environ or self.environ(),
            time_limit=options.pop("time_limit", 120),
            **options,
        )

    def target(self, *argv: str, environ: Mapping[str, str] | None = None, **options: Any) -> Target:
        with self.simulation(argv, environ, **options) as simulation:
            return simulation.target()

    def foresee(
        self,
        playbook: str | None = None,
        *argv: str,
        hosts: str = "h1,",
        facts: Mapping[str, Any] | None = None,
        present: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Seen:
        """Write ``site.yml`` (unless None), simulate it for hosts nothing is known of but ``facts``."""
        if playbook is not None:
            self.write("site.yml", playbook)
        asked: list[tuple[str, tuple[str, ...]]] = []

        def read(host: str, paths: Sequence[str]) -> dict[str, LiveFile]:
            asked.append((host, tuple(paths)))
            return {
                path: LiveFile(path=path, kind="file" if path in present else "absent", content=b"") for path in paths
            }

        inventory = ["-i", hosts] if hosts else []
        with self.simulation([*inventory, *argv, "site.yml"], environ, **options) as simulation:
            target = simulation.target()
            states = {name: HostState(host=name, taken_at=datetime.now(UTC)) for name in target.connections}
            known = {} if facts is None else dict.fromkeys(states, facts)
            forecast = simulation.forecast(states=states, facts=known, read=read)
            return Seen(target, forecast, asked)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    path = tmp_path / "site"
    path.mkdir()
    return Site(path)
