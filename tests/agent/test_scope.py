from __future__ import annotations

import pytest

from aisafe.agent.scope import Scope, ancestors, within


def closeness(scope: Scope, path: str) -> str:
    """As a walk meets it: each directory's closeness decides over what is in it."""
    near = "exact" if "/" in scope.roots else "way"
    for place in [*reversed(ancestors(path)[:-1]), path]:
        if near == "shell":
            return ""
        near = scope.closeness(place, near)
        if not near:
            return ""
    return near


@pytest.mark.parametrize(
    ("named", "wide", "path", "expected"),
    [
        ((), False, "/etc/ssh/sshd_config", "exact"),
        ((), False, "/root", "way"),
        ((), False, "/root/.bashrc", ""),
        ((), False, "/opt/agent", ""),
        (("/opt/agent",), False, "/opt", "way"),
        (("/opt/agent",), False, "/opt/agent/x", "exact"),
        (("/opt/agent/",), False, "/opt/other", ""),
        ((), True, "/root/.bashrc", "exact"),
        ((), True, "/var/log", "loose"),
        ((), True, "/var/log/nginx/access.log", "loose"),
        ((), True, "/var/log/journal", "shell"),
        ((), True, "/var/log/journal/x", ""),
        (("/var/log/app",), True, "/var/log/app/x", "exact"),
        (("/var/log/app",), False, "/var/log/app/x", "exact"),
        ((), True, "/var/lib/docker/overlay2", ""),
        (("/var/lib/docker/x",), False, "/var/lib/docker/x", ""),
        (("/tmp/build",), False, "/tmp/build/x", "exact"),
        (("/tmp/build",), False, "/tmp", "way"),
        ((), True, "/tmp/x", ""),
        ((), True, "/home/ann/.ansible", ""),
        ((), True, "/home/ann/.ssh/authorized_keys", "exact"),
        ((), True, "/proc/1", ""),
        ((), True, "/var/lib/aisafe/runs", ""),
    ],
)
def test_closeness(named: tuple[str, ...], wide: bool, path: str, expected: str) -> None:
    assert closeness(Scope(named=named, wide=wide), path) == expected


def test_what_is_never_covered_is_told() -> None:
    assert Scope(named=["/proc/sys/net", "/opt/x"]).refused == ("/proc/sys/net",)


def test_live_data_is_left_out_unless_the_run_names_it() -> None:
    live = ["/var/lib/mysql"]
    assert closeness(Scope(wide=True, live=live), "/var/lib/mysql/ibdata1") == ""
    assert closeness(Scope(wide=True, live=live), "/var/lib/mysql") == "shell"
    assert closeness(Scope(wide=True, live=live, named=["/var/lib/mysql"]), "/var/lib/mysql/ibdata1") == "exact"


def test_an_ancestor_in_which_something_is_made_all_the_time_stays_an_ancestor() -> None:
    scope = Scope(named=["/opt/a/x"])
    assert (closeness(scope, "/opt/a"), scope.timed("/opt/a")) == ("way", True)
    scope.volatile.update(("/opt/a", "/opt/a/x/busy"))
    assert (closeness(scope, "/opt/a"), scope.timed("/opt/a")) == ("way", False)
    assert closeness(scope, "/opt/a/y") == ""
    assert closeness(scope, "/opt/a/x/f") == "exact"
    assert closeness(scope, "/opt/a/x/busy/f") == "loose"


def test_a_record_gives_the_same_scope() -> None:
    scope = Scope(named=["/opt/x"], wide=True, live=["/var/lib/db"])
    scope.volatile.add("/var/lib/x/busy")
    assert Scope.load(scope.record()).record() == scope.record()


def test_within() -> None:
    assert within("/a/b", "/a")
    assert within("/a", "/")
    assert not within("/ab", "/a")
