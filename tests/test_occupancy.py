"""Who holds which socket."""

from __future__ import annotations

import pytest

from aisafe.model import HostState, Listener
from aisafe.occupancy import clashes, live_entries, same_party
from tests.cases import container, effect, forecast, holder, listens, state, unit


@pytest.mark.parametrize(
    ("listener", "owner"),
    [
        (listens("tcp 0.0.0.0:80", "unit nginx.service"), "unit nginx.service"),
        (listens("tcp 0.0.0.0:8080", "unit docker.service", process="docker-proxy"), "container app"),
        (listens("tcp [::]:8080", "process docker-proxy", process="docker-proxy"), "container app"),
        (listens("tcp 127.0.0.1:2375", "unit docker.service", process="dockerd"), "unit docker.service"),
        (listens("tcp 0.0.0.0:90", "process agent", pid=70), "unit agent.service"),
        (listens("tcp 0.0.0.0:91", None, pid=71), "container app"),
        (listens("tcp 0.0.0.0:92", "process x", pid=99), "process x"),
        (listens("tcp 0.0.0.0:93", None), None),
    ],
)
def test_real_owner(listener: Listener, owner: str | None) -> None:
    host = state(
        listener, units=[unit("agent.service", main_pid=70)],
        containers=[container("app", "tcp 0.0.0.0:8080", "tcp [::]:8080", pid=71)],
    )  # fmt: skip
    assert live_entries(host)[0].holder == (holder(owner) if owner else None)


def test_a_published_port_without_a_listener_is_held() -> None:
    host = state(containers=[container("app", "tcp 0.0.0.0:8080"), container("old", "tcp 0.0.0.0:81", state="exited")])
    assert [(str(item.holder), item.socket.port) for item in live_entries(host)] == [("container app", 8080)]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("unit ssh.service", "unit ssh.service", True),
        ("unit ssh.service", "unit ssh.socket", True),
        ("unit a.service", "unit b.socket", True),
        ("unit a.service", "unit c.socket", False),
        ("unit a.service", "unit a.timer", False),
        ("unit a.service", "container a.service", False),
    ],
)
def test_same_party(one: str, other: str, expected: bool) -> None:
    host: HostState = state(units=[unit("b.socket", triggers=("a.service",))])
    assert same_party(holder(one), holder(other), host) is expected
    assert same_party(holder(other), holder(one), host) is expected


def test_one_clash_a_pair_and_port_with_all_its_sockets() -> None:
    plan = forecast(effect("create", "container app", "tcp 0.0.0.0:80", "tcp [::]:80"))
    (clash,) = clashes(state(listens("tcp [::]:80", "unit nginx.service")), plan.hosts["web1"])
    assert len(clash.sockets) == 2


def test_a_certain_clash_replaces_a_possible_one() -> None:
    plan = forecast(
        effect("start", "unit a.service", "tcp 0.0.0.0:80", certainty="possible", line=1),
        effect("restart", "unit a.service", "tcp 0.0.0.0:80", line=2),
    )
    (clash,) = clashes(state(listens("tcp [::]:80", "unit nginx.service")), plan.hosts["web1"])
    assert clash.certain


def test_a_unit_and_the_container_its_docker_run_starts_are_one() -> None:
    run = ("/usr/bin/docker", "run", "--rm", "--name", "shop", "-p", "80:80", "shop:1")
    host = state(units=[unit("shop.service", commands=(run,))])
    assert same_party(holder("unit shop.service"), holder("container shop"), host)
    assert not same_party(holder("unit shop.service"), holder("container other"), host)


def test_a_guessed_socket_clashes_only_possibly() -> None:
    plan = forecast(effect("start", "unit shop.service", "tcp 0.0.0.0:80", sockets_known=False))
    (clash,) = clashes(state(listens("tcp 0.0.0.0:80", "unit nginx.service")), plan.hosts["web1"])
    assert not clash.certain
