"""Recorded hosts: what comes back, what is masked, and that it is said that nobody was asked."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aisafe.config import Settings
from aisafe.errors import UsageError
from aisafe.judge import exit_code, judge
from aisafe.model import Collected, HostState
from aisafe.recorded import recorded, save
from tests.cases import forecast, listens, state, unit

SECRETS = unit(
    "shop.service", environment={"DB_PASSWORD": "hunter2", "PORT": "8080"},
    commands=(("/usr/bin/shop", "--token", "hunter2", "--port=1"),),
)  # fmt: skip


def kept(tmp_path: Path, before: HostState) -> Path:
    path = tmp_path / "state.json"
    save(Collected(states={"web1": before}, facts={"web1": {"ansible_os_family": "Debian"}}), path)
    return path


def test_what_hosts_have_in_common_is_one_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aisafe.recorded._SMALL", 0)
    one = state(units=[unit("a.service")])
    facts = {"ansible_dns": {"nameservers": ["10.0.0.1"]}}
    collected = Collected(
        states={name: replace(one, host=name) for name in ("h1", "h2")}, facts={"h1": facts, "h2": dict(facts)}
    )
    save(collected, tmp_path / "s.json")
    read = recorded(str(tmp_path / "s.json"))
    assert read.states == collected.states
    assert read.facts == collected.facts
    assert read.states["h1"].units is read.states["h2"].units


def test_what_is_saved_comes_back_without_secrets(tmp_path: Path) -> None:
    path = kept(tmp_path, state(listens("tcp 0.0.0.0:80", "unit shop.service"), units=[SECRETS]))
    assert path.stat().st_mode & 0o777 == 0o600
    assert "hunter2" not in path.read_text(encoding="utf-8")
    found = recorded(str(path)).collect(["web1"])
    again = found.states["web1"]
    assert again.listeners == (listens("tcp 0.0.0.0:80", "unit shop.service"),)
    assert again.units["shop.service"].environment == {"DB_PASSWORD": "***", "PORT": "8080"}
    assert found.facts == {"web1": {"ansible_os_family": "Debian"}}


def test_that_it_was_not_asked_and_its_age_are_said_and_do_not_block(tmp_path: Path) -> None:
    taken = datetime.now(UTC) - timedelta(days=3, minutes=5)
    found = recorded(str(kept(tmp_path, HostState(host="web1", taken_at=taken)))).collect(["web1"])
    verdict = judge(found.states, forecast(), settings=Settings())
    (finding,) = verdict.findings
    assert "state.json recorded it" in finding.message
    assert "3 days ago" in finding.message
    assert exit_code(verdict) == 0


def test_a_host_that_is_not_recorded_blocks(tmp_path: Path) -> None:
    found = recorded(str(kept(tmp_path, state()))).collect(["web2"])
    verdict = judge(found.states, forecast(host="web2"), settings=Settings())
    assert exit_code(verdict) == 23
    assert "state.json does not hold it" in verdict.findings[0].message
    assert "aisafe state save" in verdict.findings[0].fix


def test_nothing_known_is_said_once_a_host_and_no_file_is_absent() -> None:
    nothing = recorded("none")
    found = nothing.collect(["web1"])
    verdict = judge(found.states, forecast(), settings=Settings())
    assert [item.rule for item in verdict.findings] == ["blind-spot"]
    assert exit_code(verdict) == 0
    assert nothing.read("web1", ["/etc/x"])["/etc/x"].kind == "unseen"


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", json.dumps({"schema": "aisafe-state/1"}), json.dumps({"schema": "other"}),
        json.dumps({"schema": "aisafe-state/1", "states": [], "facts": {}}),
    ],
)  # fmt: skip
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="holds no recorded state"):
        recorded(str(path))


def test_a_missing_file_is_told() -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        recorded("/nowhere/state.json")
