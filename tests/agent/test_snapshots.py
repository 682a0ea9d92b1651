"""Two snapshots with other scopes are compared where both looked; other aspects tell what could not be compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aisafe.agent import aspects, command
from aisafe.agent.aspects import Aspect
from aisafe.agent.differences import compare
from aisafe.agent.lines import Entry
from aisafe.agent.scope import Scope
from aisafe.agent.snapshots import _covered, outside
from aisafe.agent.store import Run, Store


def entry(path: str, **more: Any) -> Entry:
    return {"p": path, "t": "f", "m": 0o644, "u": 0, "g": 0, **more}


def test_only_what_both_watch_is_compared_and_the_rest_is_counted() -> None:
    narrow, wide = Scope(), Scope(wide=True)
    before = [entry("/etc/a", h="1"), entry("/etc/gone", h="1"), entry("/opt", t="d", k="way")]
    now = [entry("/etc/a", h="2"), entry("/opt", t="d", mt=5), entry("/opt/x", h="3")]
    skipped: list[str] = []
    found = list(_covered(compare(before, now), narrow, wide, skipped.append))
    assert [(one.op, one.path) for one in found] == [("~", "/etc/a"), ("-", "/etc/gone")]
    assert skipped == ["/opt/x"]


def test_the_time_of_a_directory_on_the_way_is_no_difference() -> None:
    before = [entry("/etc", t="d", mt=1), entry("/root", t="d", mt=1, k="way")]
    now = [entry("/etc", t="d", mt=2), entry("/root", t="d", mt=2, k="way")]
    assert [outside(one) for one in compare(before, now)] == [False, True]
    now[1]["m"] = 0o777
    assert not any(outside(one) for one in compare(before, now))


@pytest.mark.parametrize(
    ("path", "watched"),
    [("/etc/shop/x", True), ("/opt/x", False), ("/srv/shop/x", True), ("/srv/other", False), ("/srv/shop/data/x", False),
     ("/var/lib/docker/x", False)],
)  # fmt: skip
def test_what_a_scope_watches_from_its_place_alone(path: str, watched: bool) -> None:
    assert Scope(named=["/srv/shop"], live=["/srv/shop/data"]).watches(path) is watched


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    store = Store(str(tmp_path / "lib"), str(tmp_path / "run"))
    store.prepare()
    run = store.run("r1")
    run.create(holder={})

    def fails() -> Any:
        raise command.CommandFailed(["systemctl"], 1, "Connection timed out")

    def same(_before: Any, _now: Any) -> list[str]:
        return [] if _before == _now else ["it differs"]

    known = {
        "units": Aspect("units", fails, same),
        "containers": Aspect("docker", lambda: {"c": 1}, same),
        "firewall": Aspect("firewall", lambda: 1, same),
        "network": Aspect("network", lambda: 1, same),
    }
    monkeypatch.setattr(aspects, "ASPECTS", known)
    aspects.keep(run, "", {"units": {}, "firewall": 2})
    return run


@pytest.mark.parametrize("there", [True, False])
def test_what_was_not_kept_or_not_seen_is_said(run: Run, monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    monkeypatch.setattr(aspects.Engine, "there", lambda: there)
    lines, unseen = aspects.differences(aspects.kept(run), aspects.live)
    assert lines == ["it differs"]
    assert [line.split(":")[0] for line in unseen] == ["units", *["containers"] * there, "network"]
    assert "Connection timed out" in unseen[0]
