"""All hosts or none: arm, beat, confirm and roll back against agents that answer from memory."""

from __future__ import annotations

import threading
import time

import pytest

from aisafe.effects.images import PRUNED
from aisafe.errors import AgentError, HostError, Locked, Unreachable
from aisafe.guard import Guard, Scope, roll_back, scope_of
from aisafe.model import Effect, HostForecast, TaskRef

TASK = TaskRef(name="t", path="p.yml", line=1)


class Agent:
    """One host's agent: remembers what it was asked, and fails where it is told to."""

    def __init__(self, host, *, fails=None):
        self.host, self.fails, self.calls, self.state = host, dict(fails or {}), [], "idle"
        self._lock = threading.Lock()

    def call(self, op, args=None, *, progress=None, timeout=0.0):
        with self._lock:
            self.calls.append(op)
            if op in self.fails:
                raise self.fails[op]
            if op == "arm":
                self.state = "armed"
                return {"shell": "/var/lib/aisafe/bin/sh"}
            if op == "confirm":
                self.state = "confirmed"
            if op == "rollback":
                self.state = "rolled-back"
            return {"run": {"state": self.state, "residue": [], "seconds": 1.5}}


class Agents:
    def __init__(self, *agents):
        self.agents = {agent.host: agent for agent in agents}
        self.fresh_calls = []

    def session(self, host):
        return self.agents[host]

    def fresh(self, host):
        self.fresh_calls.append(host)
        return self.agents[host]


def guard(agents, **more):
    more.setdefault("deadline", 60)
    return Guard(agents, run="r1", scopes=dict.fromkeys(agents.agents, Scope()), holder={}, say=lambda _t: None, **more)


def test_confirmed_hosts_are_asked_over_fresh_connections():
    agents = Agents(Agent("a"), Agent("b"))
    with guard(agents) as armed:
        assert armed.shells == {"a": "/var/lib/aisafe/bin/sh", "b": "/var/lib/aisafe/bin/sh"}
        armed.confirm()
    assert {h: r.outcome for h, r in armed.results.items()} == {"a": "confirmed", "b": "confirmed"}
    assert sorted(agents.fresh_calls) == ["a", "b"]


def test_leaving_unconfirmed_rolls_every_host_back():
    agents = Agents(Agent("a"), Agent("b"))
    with guard(agents) as armed:
        armed.reason = "a check failed"
    assert {h: r.outcome for h, r in armed.results.items()} == {"a": "rolled-back", "b": "rolled-back"}


def test_one_host_that_cannot_confirm_rolls_all_back():
    bad = Agent("b", fails={"confirm": AgentError("b", "no", code="not-armed")})
    agents = Agents(Agent("a"), bad)
    with guard(agents) as armed:
        armed.confirm()
    assert agents.agents["a"].state == "rolled-back"
    assert armed.results["a"].outcome == "rolled-back"


def test_a_host_out_of_reach_is_never_called_confirmed():
    gone = Agent("b")
    agents = Agents(Agent("a"), gone)

    def unreachable(host):
        if host == "b":
            raise Unreachable("b", "no route")
        return agents.agents[host]

    agents.fresh = unreachable
    with guard(agents) as armed:
        armed.confirm()
    assert "confirm" not in agents.agents["a"].calls
    assert {r.outcome for r in armed.results.values()} == {"rolled-back"}


def test_a_host_without_python_is_asked_until_it_has_mended_itself(monkeypatch):
    monkeypatch.setattr("aisafe.guard.time.sleep", lambda seconds: None)
    agents = Agents(Agent("a"))
    tries = iter(range(100))

    def broken(host):
        if next(tries) < 3:
            raise HostError("a", "no Python was found")
        return agents.agents[host]

    agents.session = agents.fresh = broken
    said = {"run": "r1", "reason": "test", "deadline": 1.0, "say": lambda text: None}
    assert roll_back(agents, "a", **said, guarded=False).outcome == "unknown"
    agents.agents["a"].state = "armed"
    tries = iter(range(100))
    assert roll_back(agents, "a", **said).outcome == "rolled-back"


def test_a_host_that_cannot_be_armed_releases_the_others():
    agents = Agents(Agent("a"), Agent("b", fails={"arm": AgentError("b", "no rsync", code="no-rsync")}))
    with pytest.raises(HostError, match="no rsync"), guard(agents):
        pytest.fail("nothing may be applied")
    assert agents.agents["a"].state == "rolled-back"
    assert "rollback" not in agents.agents["b"].calls


def test_a_host_that_is_taken_is_locked():
    agents = Agents(Agent("a", fails={"arm": AgentError("a", "held by ann since noon", code="locked")}))
    with pytest.raises(Locked, match="ann") as caught, guard(agents):
        pytest.fail("nothing may be applied")
    assert caught.value.exit_code == 24


def test_beats_go_on_and_a_lost_host_is_noticed():
    agent = Agent("a")
    with guard(Agents(agent), deadline=0.4) as armed:
        time.sleep(0.5)
        assert agent.calls.count("beat") >= 2
        agent.fails["beat"] = AgentError("a", "the run is rolled back", code="not-armed")
        assert armed.lost.wait(5)
    assert "rolled itself back" in armed.reason


def test_an_interrupt_rolls_back_and_goes_no_further():
    agents = Agents(Agent("a"))
    with guard(agents) as armed:
        raise KeyboardInterrupt
    assert armed.results["a"].outcome == "rolled-back"
    assert armed.reason == "interrupted"


def test_residue_is_incomplete():
    agent = Agent("a")
    plain = agent.call

    def call(op, args=None, **more):
        answer = plain(op, args, **more)
        if op == "status":
            answer["run"]["residue"] = ["/etc/x: mode"]
        return answer

    agent.call = call
    with guard(Agents(agent)) as armed:
        pass
    assert armed.results["a"].outcome == "rollback-incomplete"
    assert armed.results["a"].residue == ("/etc/x: mode",)


@pytest.mark.parametrize(
    ("effects", "wide", "paths"),
    [
        ([], False, ()),
        ([{"kind": "file", "name": "/opt/x", "paths": ("/opt/x",)}], False, ("/opt/x",)),
        ([{"kind": "package", "name": "nginx"}], True, ()),
        ([{"kind": "command", "name": "make", "certainty": "opaque"}], True, ()),
        ([{"kind": "file", "name": "⟦x⟧", "paths": ("⟦x⟧",), "certainty": "opaque"}], True, ()),
    ],
)
def test_the_scope_follows_the_forecast(effects, wide, paths):
    made = tuple(Effect(action="change", task=TASK, **effect) for effect in effects)
    scope = scope_of(HostForecast(host="a", effects=made))
    assert (scope.wide, scope.paths) == (wide, paths)


def test_what_the_run_starts_is_told_so_that_its_data_is_covered():
    words = (("start", "nginx.service"), ("enable", "shop.service"), ("stop", "cron.service"), ("start", "⟦x⟧"))
    made = tuple(Effect(kind="unit", action=action, name=name, task=TASK) for action, name in words)
    assert scope_of(HostForecast(host="a", effects=made)).units == ("nginx.service", "shop.service")


def test_images_that_a_prune_takes_are_saved_whole():
    made = tuple(Effect(kind="image", action="remove", name=name, detail=detail, task=TASK)
                 for name, detail in (("shop:1", PRUNED), ("shop:2", "")))  # fmt: skip
    scope = scope_of(HostForecast(host="a", effects=made))
    assert (scope.images, scope.saved) == (("shop:1", "shop:2"), ("shop:1",))
