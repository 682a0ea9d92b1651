from __future__ import annotations

import pytest

from aisafe.agent import units

RUNNING = {
    "ActiveState": "active", "SubState": "running", "LoadState": "loaded", "InvocationID": "1", "Type": "simple",
    "StateChangeTimestampMonotonic": "10", "FragmentPath": "/etc/systemd/system/a.service",
    "DropInPaths": "", "MainPID": "0",
    "UnitFileState": "enabled", "NeedDaemonReload": "no",
}  # fmt: skip
DOWN = {**RUNNING, "ActiveState": "inactive", "SubState": "dead"}


@pytest.mark.parametrize(
    ("left", "changed", "rebooted", "why"),
    [
        ({}, set(), False, None),
        ({"ActiveState": "inactive"}, set(), False, "it was running and is inactive"),
        ({"ActiveState": "failed"}, set(), True, "it was running and is failed"),
        ({"InvocationID": "2"}, set(), False, "the run restarted it"),
        ({"InvocationID": "2", "StateChangeTimestampMonotonic": "1"}, set(), True, None),
        ({"StateChangeTimestampMonotonic": "11"}, set(), False, "the run reloaded it"),
        ({}, {"/etc/systemd/system/a.service"}, True, "the run changed its unit file"),
        ({"DropInPaths": "/etc/systemd/system/a.service.d/x.conf"}, set(), False, "the run changed its drop-ins"),
        ({}, {"/etc/default/a"}, False, "the run changed /etc/default/a"),
        ({}, {"/etc/a/sub/x.conf"}, False, "the run changed /etc/a/sub/x.conf"),
        ({}, {"/etc/ab/x.conf"}, False, None),
    ],
)
def test_what_is_restarted_and_why(left: dict[str, str], changed: set[str], rebooted: bool, why: str | None) -> None:
    found = units.to_restart(
        {"a.service": RUNNING},
        {"a.service": {**RUNNING, **left}},
        {"a.service": RUNNING},
        changed=changed,
        rebooted=rebooted,
    )
    assert found == ({} if why is None else {"a.service": why})


def test_a_unit_that_is_gone_was_running() -> None:
    assert units.to_restart({"a.service": RUNNING}, {}, {}, changed=set(), rebooted=False) == {
        "a.service": "it was running and is gone"
    }


@pytest.mark.parametrize(
    ("name", "extra", "stopped"),
    [
        ("new.service", {}, True),
        ("user@0.service", {}, False),
        ("aisafe-watchdog.service", {}, False),
        ("apt-daily.service", {"Type": "oneshot", "TriggeredBy": "apt-daily.timer"}, False),
        ("app.service", {"Type": "simple", "TriggeredBy": "app.timer"}, True),
        ("systemd-hostnamed.service", {"Type": "dbus", "UnitFileState": "static"}, False),
        ("ssh@1-10.0.0.1:22-10.0.0.2:5.service", {"TriggeredBy": "ssh.socket"}, False),
        ("srv-data.mount", {}, True),
        ("var-lib-docker-overlay2-x-merged.mount", {}, False),
    ],
)
def test_what_is_stopped(name: str, extra: dict[str, str], stopped: bool) -> None:
    assert units.to_stop({}, {name: {**RUNNING, **extra}}) == ([name] if stopped else [])


def test_failed_and_stopped_are_alike_but_not_running() -> None:
    failed = {**DOWN, "ActiveState": "failed"}
    assert units.differences({"a.service": failed}, {"a.service": DOWN}) == []
    assert units.differences({"a.service": failed}, {}) == []
    assert units.differences({"a.service": RUNNING}, {"a.service": failed}) == [
        "unit a.service is failed (dead) and was active (running)"
    ]


def test_directories_of_state_are_named_called_alike_or_of_the_package(tmp_path, monkeypatch) -> None:
    said = "FragmentPath=/lib/systemd/system/nginx.service\nStateDirectory=\n\n"
    said += "FragmentPath=/etc/x\nStateDirectory=one two:alias\n"
    monkeypatch.setattr(units.command, "run", lambda *_, **__: said)
    (tmp_path / "nginx-common.list").write_text(
        "/lib/systemd/system/nginx.service\n/var/lib/web\n/var/lib/web/deep\n/var/lib\n"
    )
    (tmp_path / "other.list").write_text("/var/lib/other\n")
    found = units.state_directories(["nginx.service", "shop@a.service"], str(tmp_path))
    assert [path for path in found if "private" not in path] == [
        "/var/lib/nginx", "/var/lib/one", "/var/lib/shop", "/var/lib/two", "/var/lib/web",
    ]  # fmt: skip
    assert units.state_directories([]) == []
