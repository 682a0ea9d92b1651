"""What a rollback comes back to."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisafe.agent import targets
from aisafe.agent.store import Store, write_json


@pytest.fixture(autouse=True)
def no_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets.units, "units", dict)


def test_a_damaged_record_is_no_absent_one(tmp_path: Path) -> None:
    """Without a record there is nothing to bring back; with one that cannot be read nobody knows."""
    run = Store(base=str(tmp_path)).run("r1")
    Path(run.path).mkdir(parents=True)
    for name in ("units", "firewall"):
        write_json(run.file(name + ".json"), {})
    Path(run.file("settings.json")).write_text('{"net.core.som')
    goal = targets.Targets(run, engine=None, rebooted=False, confirmed=False)
    assert goal.settings == {}
    assert goal.network == {}
    assert len(goal.lost) == 1
    assert goal.lost[0].startswith("settings: how it was is not known, its record cannot be read: ")
