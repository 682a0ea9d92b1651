"""The run closes the door it came through."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aisafe.model import Access, Effect, HostState, Login, Obstacle
from tests.cases import effect, forecast, found, service, state, task, unit

SSH = state(units=[unit("ssh.service", main_pid=31)])
BY_SOCKET = state(units=[unit("ssh.socket"), unit("ssh.service", unit_file_state="disabled")])
STOP, DISABLE = effect("stop", "unit ssh.service"), effect("disable", "unit ssh.service")
PURGE = replace(effect("remove", "unit openssh-server"), kind="package", holder=None)
LOGIN = Login(user="ann", method="publickey", key="AAAA", port=22)


@pytest.mark.parametrize(
    ("before", "effects", "expected"),
    [
        (SSH, [STOP], [("error", "now")]),
        (SSH, [STOP, DISABLE], [("error", "now")]),
        (SSH, [DISABLE], [("error", "boot")]),
        (SSH, [effect("mask", "unit ssh.service")], [("error", "boot")]),
        (SSH, [PURGE], [("error", "now")]),
        (SSH, [STOP, effect("start", "unit ssh.service")], []),
        (SSH, [DISABLE, effect("enable", "unit ssh.service")], []),
        (SSH, [effect("restart", "unit ssh.service")], []),
        (SSH, [effect("stop", "unit nginx.service")], []),
        (SSH, [effect("stop", "unit ssh.service", certainty="possible", why="a command")], [("warning", "possible")]),
        (BY_SOCKET, [STOP], []),
        (BY_SOCKET, [STOP, effect("stop", "unit ssh.socket")], [("error", "now")]),
        (state(), [STOP], []),
    ],
)
def test_where_the_login_is_not_known(
    before: HostState, effects: list[Effect], expected: list[tuple[str, str]]
) -> None:
    assert [(item.severity, item.when) for item in found("ssh-lockout", before, forecast(*effects))] == expected


def test_the_predicted_service_counts_when_there_is_one() -> None:
    up = service("unit ssh.service", active=True, at_boot=True, by_run=True)
    assert not found("ssh-lockout", SSH, forecast(STOP, services=[up]))
    down = service("unit ssh.service", active=False, at_boot=True, by_run=True)
    (finding,) = found("ssh-lockout", SSH, forecast(STOP, services=[down]))
    assert finding.parties[0].pid == 31
    assert "--aisafe-accept=ssh-lockout" in finding.fix


def no(part: str, reason: str = "so it is", **given: Any) -> Obstacle:
    return Obstacle(part=part, reason=reason, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        ({}, []),
        ({"now": [no("key")], "boot": [no("key")]}, [("error", "now")]),
        ({"boot": [no("socket")]}, [("error", "boot")]),
        ({"now": [no("key")], "boot": [no("key"), no("server")]}, [("error", "now"), ("error", "boot")]),
        ({"before": [no("key")], "now": [no("key")], "boot": [no("key")]}, []),
        ({"before": [no("key")], "now": [no("key"), no("account")]}, [("error", "now")]),
        ({"now": [no("server")], "boot": [no("server"), no("socket")]}, [("error", "now")]),
        ({"now": [no("authentication", certainty="possible")]}, [("warning", "possible")]),
        ({"now": [no("firewall", certainty="possible")]}, [("note", "possible")]),
        ({"now": [no("firewall", certainty="possible"), no("become")]}, [("error", "now")]),
        ({"cut": [no("firewall")], "now": [no("firewall")], "boot": []}, [("error", "now")]),
        ({"cut": [no("firewall")]}, [("error", "now")]),
    ],
)
def test_obstacles(access: dict[str, list[Obstacle]], expected: list[tuple[str, str]]) -> None:
    plan = forecast(access=Access(login=LOGIN, **{name: tuple(items) for name, items in access.items()}))
    assert sorted((item.severity, item.when) for item in found("ssh-lockout", SSH, plan)) == sorted(expected)


@pytest.mark.parametrize(
    ("obstacle", "fix", "module"),
    [
        (no("firewall", "ufw does not let in port 22/tcp"), "Let port 22/tcp in", "community.general.ufw"),
        (no("firewall", "firewalld does not let in port 22/tcp"), "Let port", "ansible.posix.firewalld"),
        (no("firewall", "iptables does not let in port 22/tcp"), "Let port", "ansible.builtin.iptables"),
        (no("key", "our key is not there"), "Keep the key", ""),
        (no("socket", "listens elsewhere"), "both ports", ""),
        (no("configuration", "sshd does not start"), "sshd -t -f %s", ""),
    ],
)
def test_the_way_out_fits(obstacle: Obstacle, fix: str, module: str) -> None:
    plan = forecast(access=Access(login=LOGIN, now=(replace(obstacle, task=task(line=4)),)))
    (finding,) = found("ssh-lockout", SSH, plan)
    assert fix in finding.fix
    assert module in finding.yaml
    assert finding.task == task(line=4)
    assert finding.message.startswith("ann cannot log in by SSH any more once this run has ended: ")
    assert finding.evidence[0] == "this run is in as ann through port 22 by publickey"


def test_a_change_of_the_network_warns() -> None:
    change = Effect(kind="file", action="change", name="/etc/netplan/50.yaml", task=task())
    (finding,) = found("ssh-lockout", SSH, forecast(change))
    assert (finding.severity, finding.when) == ("warning", "possible")
    assert not found("ssh-lockout", SSH, forecast(replace(change, certainty="possible")))


def test_no_task_before_it_helps_against_one_that_takes_the_rule_away() -> None:
    gone = replace(effect("remove", "unit ufw", line=4), kind="firewall", holder=None)
    closed = replace(no("firewall", "ufw does not let in port 22/tcp"), task=gone.task)
    (finding,) = found("ssh-lockout", SSH, forecast(gone, access=Access(login=LOGIN, now=(closed,))))
    assert finding.yaml == ""
    assert "Leave the rule" in finding.fix
