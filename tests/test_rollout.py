"""Wave after wave, with a site that answers from memory; the first failure ends it, and each host's state is told."""

from __future__ import annotations

import threading
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from aisafe.config import Settings
from aisafe.errors import AgentError, HostError, Locked
from aisafe.model import Applied, Forecast, HostForecast, HostResult, HostState, Target
from aisafe.model.run import Connection
from aisafe.pipeline import Ask, run
from tests.test_pipeline import Log, View

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOSTS = ("h1", "h2", "h3", "h4")


class Guard:
    def __init__(self, site):
        self.site, self.lost, self.reason, self.shells, self.results = site, threading.Event(), "", {}, {}

    def __enter__(self):
        wrong = self.site.all.arming.get(self.site.limit)
        if wrong is not None:
            self.results = self.site.all.released
            raise wrong
        self.site.did(f"arm {self.site.name}")
        return self

    def __exit__(self, *_error):
        if not self.results:
            self.site.did(f"roll back {self.site.name}")
            outcome = self.site.all.ends_as
            self.results = {host: HostResult(host=host, outcome=outcome) for host in self.site.limit}

    def confirm(self):
        self.site.did(f"confirm {self.site.name}")
        seen = [host for host in self.site.limit if host not in self.site.all.unseen]
        self.results = {host: HostResult(host=host, outcome="confirmed") for host in seen}


class Site:
    """``codes``: hosts of a wave -> ansible-playbook's exit code; ``arming``: -> the error of its guard."""

    def __init__(self, **more):
        self.limit, self.all, self.done = HOSTS, self, []
        self.codes, self.arming, self.released, self.ends_as, self.unseen = {}, {}, {}, "rolled-back", ()
        self.__dict__.update(more)

    @property
    def name(self):
        return "+".join(self.limit)

    def did(self, what):
        self.all.done.append(what)

    def only(self, hosts):
        few = copy(self)
        few.limit = tuple(hosts)
        return few

    def target(self):
        return Target(connections={host: Connection(host=host) for host in HOSTS})

    def start_lint(self):
        return lambda: ()

    def collect(self, *, fresh=False):
        checks = {"rsync": "", "systemd": "", "root": ""}
        return {host: HostState(host=host, taken_at=NOW, root=True, agent_checks=checks) for host in self.limit}

    def forecast(self, states):
        self.did("forecast")
        return Forecast(hosts={host: HostForecast(host=host) for host in HOSTS})

    def guard(self, forecast, *, run):
        assert set(forecast.hosts) == set(self.limit)
        return Guard(self)

    def apply(self, *, shells, results, stop):
        assert results.parent.is_dir()
        self.did(f"apply {self.name}")
        return Applied(exit_code=self.all.codes.get(self.limit, 0), started_at=NOW, ended_at=NOW)

    def checks(self):
        return ()

    def pause(self, seconds):
        pass


class Shown(View):
    def note(self, text):
        self.seen.append(text)


def go(site, tmp_path, *waves):
    log, view = Log(tmp_path), Shown()
    outcome = run(Ask(settings=Settings(settle=0, waves=waves)), site, log, view)
    return outcome, log, view


def test_each_wave_is_confirmed_before_the_next_begins(tmp_path):
    site = Site()
    outcome, log, view = go(site, tmp_path, "1", "50%")
    assert (outcome.exit_code, outcome.word) == (0, "confirmed")
    assert site.done == [
        "forecast", "arm h1", "apply h1", "confirm h1", "arm h2+h3", "apply h2+h3", "confirm h2+h3",
        "arm h4", "apply h4", "confirm h4",
    ]  # fmt: skip
    assert {host: (result.outcome, result.detail) for host, result in outcome.hosts.items()} == {
        "h1": ("confirmed", "in wave 1"), "h2": ("confirmed", "in wave 2"), "h3": ("confirmed", "in wave 2"),
        "h4": ("confirmed", "in wave 3"),
    }  # fmt: skip
    assert {"verdict", "wave1-applied", "wave1-proof", "wave2-applied", "wave3-proof", "proof"} <= set(log.kept)
    assert "3 waves: 1: h1; 2: h2, h3; 3: h4" in view.seen


@pytest.mark.parametrize(("ends_as", "code"), [("rolled-back", 21), ("rollback-incomplete", 22)])
def test_the_first_failure_ends_it(tmp_path, ends_as, code):
    site = Site(codes={("h2", "h3"): 2}, ends_as=ends_as)
    outcome, log, _view = go(site, tmp_path, "1", "50%")
    assert outcome.exit_code == code
    assert site.done[-1] == "roll back h2+h3"
    assert {host: result.outcome for host, result in outcome.hosts.items()} == {
        "h1": "confirmed", "h2": ends_as, "h3": ends_as, "h4": "untouched",
    }  # fmt: skip
    assert outcome.hosts["h4"].detail == "wave 3 was not begun"
    for words in ("stopped at wave 2 of 3", "Confirmed, and left so: h1.", "Not touched: h4.", "run-failed"):
        assert words in outcome.message
    assert any(finding.rule == "run-failed" for finding in log.kept["proof"].findings)


def test_a_later_wave_that_cannot_be_armed_leaves_the_earlier_as_they_are(tmp_path):
    error = Locked("Run r0 holds h2.", state="This run changed nothing on the host.")
    site = Site(arming={("h2",): error})
    outcome, _log, _view = go(site, tmp_path, "1")
    assert (outcome.exit_code, outcome.word) == (21, "rolled-back"), "1 host is confirmed: not 24, which says untouched"
    assert [outcome.hosts[host].outcome for host in HOSTS] == ["confirmed", "untouched", "untouched", "untouched"]
    assert "Run r0 holds h2" in outcome.message


def test_what_was_armed_before_another_could_not_be_is_told_as_it_is(tmp_path):
    released = {"h3": HostResult(host="h3", outcome="unknown", detail="it does not answer")}
    site = Site(arming={("h2", "h3"): AgentError("h2", "no rsync", code="no-rsync")}, released=released)
    outcome, _log, _view = go(site, tmp_path, "1", "50%")
    assert outcome.exit_code == 22
    assert [outcome.hosts[host].outcome for host in HOSTS] == ["confirmed", "untouched", "unknown", "untouched"]


def test_an_interrupt_between_waves_does_not_say_that_nothing_was_changed(tmp_path):
    outcome, _log, _view = go(Site(arming={("h2",): KeyboardInterrupt()}), tmp_path, "1")
    assert outcome.exit_code == 21
    assert "Confirmed, and left so: h1." in outcome.message
    assert "interrupted" in outcome.message


def test_a_host_that_was_applied_without_a_guard_is_not_called_untouched(tmp_path):
    outcome, _log, _view = go(Site(unseen=("h2",)), tmp_path, "1", "50%")
    assert [outcome.hosts[host].outcome for host in HOSTS] == ["confirmed", "unguarded", "confirmed", "confirmed"]


def test_the_first_wave_fails_as_a_run_does(tmp_path):
    with pytest.raises(HostError):
        go(Site(arming={("h1",): AgentError("h1", "no rsync", code="no-rsync")}), tmp_path, "1")


def test_one_wave_is_a_run_like_any_other(tmp_path):
    site = Site()
    outcome, log, _view = go(site, tmp_path, "100%")
    assert outcome.word == "confirmed"
    assert "applied" in log.kept
    assert "arm h1+h2+h3+h4" in site.done


def test_a_plan_shows_them_and_touches_nothing(tmp_path):
    log, view, site = Log(tmp_path), Shown(), Site()
    outcome = run(replace(Ask(settings=Settings(waves=("1",))), plan_only=True), site, log, view)
    assert outcome.word == "planned"
    assert site.done == ["forecast"]
    assert any("4 waves" in str(text) for text in view.seen)
