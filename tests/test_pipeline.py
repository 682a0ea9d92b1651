"""The straight line, with a site that answers from memory."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest

from aisafe.config import Settings
from aisafe.model import (
    Applied,
    BlindSpot,
    Claim,
    Effect,
    Forecast,
    Holder,
    HostForecast,
    HostResult,
    HostState,
    Listener,
    Service,
    Socket,
    Target,
    TaskRef,
)
from aisafe.model.run import Connection
from aisafe.pipeline import Ask, run

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TASK = TaskRef(name="Start it", path="site.yml", line=3)
SOCKET = Socket(protocol="tcp", address=ip_address("0.0.0.0"), port=9090)
UNIT = Holder(kind="unit", name="shop.service")


def state(*listeners, blind=()):
    checks = {"rsync": "", "systemd": "", "root": ""}
    return HostState(host="web1", taken_at=NOW, root=True, listeners=listeners, agent_checks=checks, blind_spots=blind)


def starting(socket=SOCKET):
    effect = Effect(kind="unit", action="start", name=UNIT.name, task=TASK, holder=UNIT, binds=(socket,))
    return Forecast(
        hosts={
            "web1": HostForecast(
                host="web1",
                effects=(effect,),
                claims=(Claim(socket=socket, holder=UNIT, certainty="certain", task=TASK),),
                services=(Service(holder=UNIT, sockets=(socket,), by_run=True, task=TASK),),
            )
        }
    )


class Guard:
    def __init__(self, site):
        self.site, self.lost, self.reason, self.shells, self.results = site, threading.Event(), "", {}, {}

    def __enter__(self):
        self.site.did.append("arm")
        return self

    def __exit__(self, *_error):
        if not self.results:
            self.site.did.append("roll back")
            self.results = {"web1": HostResult(host="web1", outcome="rolled-back")}

    def confirm(self):
        self.site.did.append("confirm")
        self.results = {"web1": HostResult(host="web1", outcome="confirmed")}


@dataclass
class Site:
    before: HostState = field(default_factory=state)
    after: HostState = field(default_factory=state)
    planned: Forecast = field(default_factory=lambda: Forecast(hosts={"web1": HostForecast(host="web1")}))
    code: int = 0
    check: bool = False
    hosts: tuple[str, ...] = ("web1",)
    did: list[str] = field(default_factory=list)
    view: View | None = None

    def target(self):
        return Target(connections={host: Connection(host=host) for host in self.hosts}, check=self.check)

    def start_lint(self):
        return lambda: ()

    def collect(self, *, fresh=False):
        applied = "apply" in self.did
        return {"web1": self.after if applied else self.before}

    def forecast(self, states):
        return self.planned

    def guard(self, forecast, *, run):
        return Guard(self)

    def apply(self, *, shells, results, stop):
        assert self.view is None or not self.view.moving, "ansible has the terminal now"
        self.did.append("apply")
        return Applied(exit_code=self.code, started_at=NOW, ended_at=NOW)

    def checks(self):
        return ()

    def pause(self, seconds):
        pass


class Log:
    def __init__(self, directory):
        self.id, self.directory, self.kept = "r1", directory, {}

    def keep(self, stage, value):
        self.kept[stage] = value
        return value


class View:
    def __init__(self):
        self.seen, self.moving = [], False

    def stage(self, text):
        self.seen.append(text)
        self.moving = True

    def rest(self):
        self.moving = False

    def plan(self, states, forecast, verdict, exit_code):
        self.moving = False
        self.seen.append(("plan", verdict.word, exit_code))

    def proof(self, verdict):
        self.seen.append(("proof", verdict.word))


def go(site, tmp_path, *, plan_only=False, settle=0):
    log = Log(Path(tmp_path))
    site.view = View()
    outcome = run(Ask(settings=Settings(settle=settle), plan_only=plan_only), site, log, site.view)
    return outcome, site.did, log


def held(holder, socket=SOCKET):
    return Listener(socket=socket, holder=holder, pid=7)


def test_a_good_run_is_confirmed(tmp_path):
    outcome, did, log = go(Site(), tmp_path)
    assert (outcome.exit_code, outcome.word, did) == (0, "confirmed", ["arm", "apply", "confirm"])
    assert {"target", "before", "forecast", "verdict", "applied", "proof"} <= set(log.kept)


def test_a_conflict_stops_before_anything(tmp_path):
    site = Site(before=state(held(Holder(kind="unit", name="other.service"))), planned=starting())
    outcome, did, _log = go(site, tmp_path)
    assert (outcome.exit_code, outcome.word, did) == (20, "blocked", [])
    assert outcome.hosts["web1"].outcome == "untouched"


def test_a_host_that_cannot_be_seen_is_too_blind(tmp_path):
    site = Site(before=state(blind=(BlindSpot(kind="host", reason="no route to host"),)))
    outcome, did, _log = go(site, tmp_path)
    assert (outcome.exit_code, did) == (23, [])


def test_a_failed_run_is_rolled_back(tmp_path):
    outcome, did, _log = go(Site(code=2), tmp_path)
    assert (outcome.exit_code, outcome.word, did) == (21, "rolled-back", ["arm", "apply", "roll back"])
    assert outcome.message


def test_a_run_that_does_not_hold_is_rolled_back(tmp_path, monkeypatch):
    monkeypatch.setattr("aisafe.pipeline.PATIENCE", 0)
    outcome, did, _log = go(Site(planned=starting()), tmp_path)
    assert (outcome.exit_code, did) == (21, ["arm", "apply", "roll back"])
    assert "not-listening" in outcome.message


@pytest.mark.parametrize(("code", "exit_code"), [(0, 0), (2, 2)])
def test_check_runs_ansibles_check_without_a_guard(tmp_path, code, exit_code):
    outcome, did, _log = go(Site(check=True, code=code), tmp_path)
    assert (outcome.exit_code, outcome.word, did) == (exit_code, "checked", ["apply"])


def test_check_of_a_blocked_play_says_so(tmp_path):
    site = Site(before=state(held(Holder(kind="unit", name="other.service"))), planned=starting(), check=True)
    outcome, did, _log = go(site, tmp_path)
    assert (outcome.exit_code, did) == (20, ["apply"])


@dataclass
class Shut(Site):
    """Nobody can log in any more after the run; the connection from before it lives on."""

    opens_again: bool = False

    def collect(self, *, fresh=False):
        if "apply" not in self.did or not fresh or (self.opens_again and "refused" in self.did):
            return super().collect()
        self.did.append("refused")
        spot = BlindSpot(kind="host", reason="web1 cannot be reached", blocks=True)
        return {"web1": HostState(host="web1", taken_at=NOW, blind_spots=(spot,))}

    def pause(self, seconds):
        time.sleep(seconds)


@pytest.mark.parametrize(("opens_again", "word"), [(False, "rolled-back"), (True, "confirmed")])
def test_the_old_connection_does_not_hide_that_nobody_can_log_in(tmp_path, opens_again, word):
    runs = Effect(kind="command", action="run", name="harden", task=TASK)
    planned = Forecast(hosts={"web1": HostForecast(host="web1", effects=(runs,))})
    outcome, _, _ = go(Shut(planned=planned, opens_again=opens_again), tmp_path, settle=1)
    assert outcome.word == word


def test_a_plan_touches_nothing(tmp_path):
    outcome, did, _log = go(Site(), tmp_path, plan_only=True)
    assert (outcome.exit_code, outcome.word, did) == (0, "planned", [])


def test_a_run_on_no_host_of_the_inventory_passes_through(tmp_path):
    outcome, did, _log = go(Site(hosts=(), code=3), tmp_path)
    assert (outcome.exit_code, outcome.word, did) == (3, "passed-through", ["apply"])


def test_the_record_of_the_target_holds_no_password(tmp_path):
    site = Site()
    site.target = lambda: Target(
        connections={"web1": Connection(host="web1", password="s3cret", become_password="s3cret")}
    )
    _outcome, _did, log = go(site, tmp_path)
    assert "s3cret" not in repr(log.kept["target"])
