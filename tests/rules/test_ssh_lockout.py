"""The run closes the door it came through."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aisafe.model import Effect, HostState
from tests.cases import effect, forecast, found, service, state, unit

SSH = state(units=[unit("ssh.service", main_pid=31)])
BY_SOCKET = state(units=[unit("ssh.socket"), unit("ssh.service", unit_file_state="disabled")])
STOP, DISABLE = effect("stop", "unit ssh.service"), effect("disable", "unit ssh.service")
PURGE = replace(effect("remove", "unit openssh-server"), kind="package", holder=None)


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
def test_cases(before: HostState, effects: list[Effect], expected: list[tuple[str, str]]) -> None:
    assert [(item.severity, item.when) for item in found("ssh-lockout", before, forecast(*effects))] == expected


def test_the_predicted_service_counts_when_there_is_one() -> None:
    up = service("unit ssh.service", active=True, at_boot=True, by_run=True)
    assert not found("ssh-lockout", SSH, forecast(STOP, services=[up]))
    down = service("unit ssh.service", active=False, at_boot=True, by_run=True)
    (finding,) = found("ssh-lockout", SSH, forecast(STOP, services=[down]))
    assert finding.parties[0].pid == 31
    assert "--aisafe-accept=ssh-lockout" in finding.fix
