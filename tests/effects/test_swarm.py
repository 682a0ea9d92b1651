from __future__ import annotations

from typing import Any

from aisafe.effects.api import Result
from aisafe.effects.predicted import PredictedHost
from aisafe.model import SwarmService
from aisafe.occupancy import clashes
from tests.effects.living import brief, container, forecast, good, listener, living, port, socket
from tests.effects.scenes import run

PORTS = [
    {"published_port": 8200, "target_port": 80},
    {"published_port": 53, "target_port": 53, "protocol": "udp"},
]
WEB = {"name": "web", "image": "busybox:1.36", "publish": PORTS}
LIVE = SwarmService(
    name="web", image="busybox:1.36@sha256:abc", sockets=(socket("::", 8200), socket("::", 53, protocol="udp"))
)


def docker(host: PredictedHost, kind: str, **args: Any) -> Result:
    return run(host, f"community.docker.docker_{kind}", args)


def manager(*services: SwarmService, **more: Any) -> PredictedHost:
    return living(swarm_manager=True, swarm_services={one.name: one for one in services}, **more)


def test_init_opens_the_ports_of_a_manager() -> None:
    host = living()
    assert "not a swarm manager" in docker(host, "swarm_service", **WEB).failed
    result = good(docker(host, "swarm", state="present", advertise_addr="192.0.2.1"))
    assert brief(result.effects) == ["change docker.service [::]:2377/tcp [::]:7946/tcp [::]:7946/udp"]
    assert good(docker(host, "swarm", state="present")).changed is False
    assert brief(good(docker(host, "swarm_service", **WEB)).effects) == ["create web [::]:8200/tcp [::]:53/udp"]


def test_a_service_as_asked_stays() -> None:
    host = manager(LIVE)
    assert good(docker(host, "swarm_service", **WEB)).changed is False
    assert good(docker(host, "swarm_service", **WEB, env={"A": "b"})).changed is None
    assert not forecast(host).claims or all(claim.certainty == "possible" for claim in forecast(host).claims)
    moved = {**WEB, "publish": [{"published_port": 8300, "target_port": 80}]}
    assert brief(good(docker(host, "swarm_service", **moved)).effects) == ["change web [::]:8300/tcp"]
    assert brief(good(docker(host, "swarm_service", name="web", state="absent")).effects) == ["remove web"]
    assert good(docker(host, "swarm_service", name="web", state="absent")).changed is False


def test_the_task_of_a_service_is_the_same_party() -> None:
    labels = {"com.docker.swarm.service.name": "web"}
    task = container("web.1.x", labels=labels, ports=(port("0.0.0.0", 8200, 80),))
    held = (listener("web.1.x", "0.0.0.0", 8200, kind="container"), listener("nginx.service", "0.0.0.0", 8300))
    host = manager(LIVE, containers=(task,), listeners=held)
    good(docker(host, "swarm_service", **{**WEB, "image": "busybox:1.37"}))
    assert clashes(host.state, forecast(host)) == ()
    good(docker(host, "swarm_service", **{**WEB, "publish": [{"published_port": 8300, "target_port": 80}]}))
    (clash,) = clashes(host.state, forecast(host))
    assert (clash.certain, clash.held.holder and clash.held.holder.name) == (True, "nginx.service")


STACK = b"services: {a: {image: 'busybox:1.36', ports: ['${PORT:-81}:80'], deploy: {replicas: 2}}, b: {image: x}}"


def test_stack() -> None:
    host = manager(files={"/srv/stack.yml": STACK, "/srv/.env": b"PORT=9"})
    args = {"name": "shop", "compose": ["/srv/stack.yml"]}
    assert brief(good(docker(host, "stack", **args)).effects) == ["create shop_a [::]:81/tcp", "create shop_b"]
    assert good(docker(host, "stack", **args)).changed is False
    inline = {"services": {"a": {"image": "busybox:1.36", "ports": ["82:80"]}}}
    changed = good(docker(host, "stack", name="shop", compose=[inline], prune=True))
    assert brief(changed.effects) == ["change shop_a [::]:82/tcp", "remove shop_b"]
    assert brief(good(docker(host, "stack", name="shop", state="absent")).effects) == ["remove shop_a"]
    assert "no such" in docker(host, "stack", name="s", compose=["/srv/no.yml"]).failed or docker(
        host, "stack", name="s", compose=["/srv/no.yml"]).failed == "Cannot find Compose file /srv/no.yml"  # fmt: skip


def test_what_the_swarm_keeps_is_possible() -> None:
    host = manager()
    secret = good(docker(host, "secret", name="s", data="hush"))
    assert (brief(secret.effects), "hush" in repr(secret)) == (["create secret s?"], False)
    assert good(docker(host, "node", hostname="x", availability="drain")).changed is None
    assert good(docker(host, "swarm_info")).values["docker_swarm_manager"] is True
    assert good(docker(host, "swarm_service_info", name="web")).values == {"exists": False}
