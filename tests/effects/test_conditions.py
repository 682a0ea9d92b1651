"""Conditions of units: what certainly does not hold keeps a unit from starting, and `systemctl start` says nothing of it."""

from __future__ import annotations

import pytest

from aisafe.effects.conditions import unmet
from tests.effects.living import living
from tests.effects.scenes import predicted, run

CONTAINER = b"Name:\tsystemd\nCapBnd:\t00000000a80425fb\n"
MACHINE = b"Name:\tsystemd\nCapBnd:\t000001ffffffffff\n"
UNIT = "[Unit]\n{}\n[Service]\nExecStart=/usr/bin/prometheus-node-exporter\n[Install]\nWantedBy=multi-user.target\n"


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([("ConditionPathExists", "/etc/here")], ""),
        ([("ConditionPathExists", "/etc/not")], "ConditionPathExists=/etc/not"),
        ([("ConditionPathExists", "!/etc/here")], "ConditionPathExists=!/etc/here"),
        ([("ConditionPathExists", "|/etc/not"), ("ConditionPathExists", "|/etc/here")], ""),
        (
            [("ConditionPathExists", "|/etc/not"), ("ConditionFileNotEmpty", "|/etc/empty")],
            "ConditionPathExists=|/etc/not",
        ),
        ([("ConditionPathExists", "/run/not")], ""),
        ([("ConditionPathIsDirectory", "/etc/here")], "ConditionPathIsDirectory=/etc/here"),
        ([("ConditionPathExists", "/etc/%i")], ""),
        ([("ConditionKernelCommandLine", "quiet")], ""),
        ([("ConditionCapability", "CAP_SYS_TIME")], "ConditionCapability=CAP_SYS_TIME"),
        ([("ConditionCapability", "CAP_NET_BIND_SERVICE")], ""),
    ],
)
def test_conditions(conditions: list[tuple[str, str]], expected: str) -> None:
    host = predicted({"/etc/here": b"x", "/etc/empty": b"", "/proc/1/status": CONTAINER})
    assert unmet(conditions, host.files) == expected


@pytest.mark.parametrize(
    ("condition", "starts"), [("ConditionPathExists=/etc/switch", False), ("ConditionPathExists=", True)]
)
def test_a_unit_that_is_kept_back_is_not_foreseen_to_run(condition: str, starts: bool) -> None:
    host = living(files={"/etc/systemd/system/app.service": UNIT.format(condition).encode()})
    result = run(host, "systemd", {"name": "app", "state": "started", "enabled": True})
    assert [effect.action for effect in result.effects] == ["enable", *(["start"] if starts else [])]
    assert result.changed is True  # the module says so, whatever systemd made of it
    assert host.unit("app").unit.active is starts


@pytest.mark.parametrize(("status", "starts"), [(CONTAINER, False), (MACHINE, True)])
def test_a_packages_service_that_needs_a_capability(status: bytes, starts: bool) -> None:
    host = living(files={"/proc/1/status": status})
    result = run(host, "apt", {"name": "chrony"})
    assert ("start" in [effect.action for effect in result.effects]) is starts
    assert host.unit("chrony").unit.unit_file_state == "enabled"


def test_a_drop_in_takes_back_the_conditions_of_a_packages_unit() -> None:
    host = living(files={"/proc/1/status": CONTAINER})
    run(host, "apt", {"name": "systemd-timesyncd"})
    assert host.units.kept_back("systemd-timesyncd")
    folder = "/lib/systemd/system/systemd-timesyncd.service.d"
    run(host, "file", {"path": folder, "state": "directory"})
    run(host, "copy", {"dest": f"{folder}/override.conf", "content": "[Unit]\nConditionVirtualization=\n"})
    result = run(host, "service", {"name": "systemd-timesyncd", "state": "started", "enabled": True})
    assert not result.failed  # its ExecStart= is in the file that the package brings
    assert [effect.action for effect in result.effects] == ["start"]
