"""Compose, Swarm and Podman as foreseen, against what the same tasks bring on a real host; then a second run.

Debian 12 has docker-compose 1 and Podman 4.3 without quadlets: those are forecast on what the host has, and a play with
one is foreseen to fail there.
"""

from __future__ import annotations

from pathlib import Path

from aisafe.effects.services import services_of
from aisafe.model import Holder, HostState
from aisafe.occupancy import clashes, live_entries
from aisafe.transport.pool import SessionPool
from tests.hosts.test_effects import Task, foresee, really, state_of
from tests.hosts.test_effects import pool as pool  # noqa: PLC0414  the fixture
from tests.testbed import Host

SLOW = 600
"""Seconds that an installation may take on a busy machine."""

INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "
FILES = {
    "/srv/shop/docker-compose.yml": """
x-base: &base
  image: "busybox:${TAG:?which}"
  command: httpd -f -p 80
version: "3.7"
services:
  web:
    <<: *base
    ports: ["8080:80", "127.0.0.1:${PORT:-8100}-8101:81-82", {target: 53, published: 5300, protocol: udp}]
    env_file: web.env
  side: {<<: *base, network_mode: "service:web", command: sleep 1000}
  named: {<<: *base, container_name: own, network_mode: host, command: httpd -f -p 8300, depends_on: [web]}
""",
    "/srv/shop/docker-compose.override.yml": "version: '3.7'\nservices: {web: {ports: ['8200:80'], command: httpd -f -p 81}}\n",
    "/srv/shop/.env": "TAG=1.36\nCOMPOSE_PROJECT_NAME=My-shop\n",
    "/srv/shop/web.env": "A=b\n",
    "/etc/systemd/system/shop2.service": """[Service]
Type=oneshot
RemainAfterExit=yes
WorkingDirectory=/srv/shop2
ExecStart=/usr/bin/docker-compose up -d
[Install]
WantedBy=multi-user.target
""",
    "/srv/shop2/docker-compose.yml": "version: '3.7'\nservices:\n"
    "  web: {image: 'busybox:1.36', command: sleep 999, ports: ['8400:80']}\n",
}


def put(path: str, content: str) -> list[Task]:
    folder = path.rpartition("/")[0]
    return [("ansible.builtin.file", {"path": folder, "state": "directory", "mode": "0755"}),
            ("ansible.builtin.copy", {"dest": path, "content": content, "mode": "0644"})]  # fmt: skip


COMPOSE: list[Task] = [
    *(task for path, content in FILES.items() for task in put(path, content)),
    ("ansible.builtin.command", {"_raw_params": "docker-compose up -d", "chdir": "/srv/shop"}),
    ("ansible.builtin.systemd", {"name": "shop2", "state": "started", "enabled": True, "daemon_reload": True}),
    ("community.docker.docker_swarm", {"state": "present", "advertise_addr": "127.0.0.1"}),
    ("community.docker.docker_swarm_service", {
        "name": "agent", "image": "busybox:1.36", "command": "sleep 1000", "resolve_image": False,
        "publish": [{"published_port": 8500, "target_port": 80, "mode": "host"}]}),
    ("community.docker.docker_image_tag", {"name": "busybox:1.36", "repository": ["mine:1"]}),
]  # fmt: skip
POD = """
apiVersion: v1
kind: Pod
metadata: {name: played}
spec:
  containers:
  - {name: web, image: "localhost/busybox:1.36", args: [sleep, "1000"], ports: [{containerPort: 80, hostPort: 9300}]}
"""
PODMAN: list[Task] = [
    ("containers.podman.podman_network", {"name": "front"}),
    ("containers.podman.podman_container", {
        "name": "web", "image": "localhost/busybox:1.36", "command": "httpd -f -p 80",
        "ports": ["9000:80", "127.0.0.1:9001:81/udp"],
        "network": ["front"], "restart_policy": "always", "volumes": ["data:/data", "/srv:/x:ro"]}),
    ("containers.podman.podman_container", {
        "name": "nethost", "image": "localhost/busybox:1.36", "command": "httpd -f -p 9100", "network": "host"}),
    ("containers.podman.podman_pod", {"name": "shop", "ports": ["9200-9201:80-81"], "state": "created"}),
    ("containers.podman.podman_container", {
        "name": "member", "image": "localhost/busybox:1.36", "command": "sleep 1000", "pod": "shop"}),
    *put("/srv/pod.yml", POD),
    ("containers.podman.podman_play", {"kube_file": "/srv/pod.yml", "state": "started"}),
    ("ansible.builtin.copy", {
        "dest": "/etc/systemd/system/unit.service", "mode": "0644",
        "content": "[Service]\nType=forking\nEnvironment=PODMAN_SYSTEMD_UNIT=%n\n"
                   "ExecStart=/usr/bin/podman run -d --replace --name inunit -p 9400:80 localhost/busybox:1.36 sleep 1000\n"}),
    ("ansible.builtin.systemd", {"name": "unit", "state": "started", "daemon_reload": True}),
]  # fmt: skip


def held(state: HostState) -> dict[str, str]:
    """Socket -> who holds it, of the ports that these tests use."""
    return {str(entry.socket): entry.holder.name if entry.holder else "?" for entry in live_entries(state)
            if 5300 <= entry.socket.port <= 9999}  # fmt: skip


def converged(
    host: Host, pool: SessionPool, directory: Path, tasks: list[Task]
) -> tuple[dict[str, str], dict[str, str]]:
    """Run ``tasks`` for real: (socket -> holder as claimed, as found). Whether each task changes is compared as well."""
    before = state_of(host, pool)
    forecast, changes = foresee(before, pool, tasks)
    assert not clashes(before, forecast)
    did = really(host, tasks, directory)
    assert [said for said in changes if said is not None] == [
        one for one, said in zip(did, changes, strict=True) if said is not None
    ]
    after = state_of(host, pool)
    again, changes = foresee(after, pool, tasks)
    certain = [str(effect) for effect in again.effects if effect.certainty == "certain" and effect.kind != "command"]
    assert not [claim for claim in again.claims if claim.certainty == "certain"], certain
    assert not certain
    assert not clashes(after, again)
    claimed = {str(claim.socket): claim.holder.name for claim in forecast.claims if 5300 <= claim.socket.port <= 9999}
    return claimed, held(after)


def test_compose_and_swarm(host: Host, pool: SessionPool, tmp_path: Path) -> None:
    host.run(INSTALL + "docker-compose", timeout=SLOW)
    claimed, found = converged(host, pool, tmp_path, COMPOSE)
    node = "docker.service"
    assert claimed == {
        "0.0.0.0:8080/tcp": "my-shop_web_1", "127.0.0.1:8100/tcp": "my-shop_web_1", "127.0.0.1:8101/tcp": "my-shop_web_1",
        "0.0.0.0:5300/udp": "my-shop_web_1", "0.0.0.0:8200/tcp": "my-shop_web_1", "[::]:8300/tcp": "own",
        "0.0.0.0:8400/tcp": "shop2.service", "[::]:7946/tcp": node, "[::]:7946/udp": node, "0.0.0.0:8500/tcp": "agent",
    }  # fmt: skip
    assert set(found) == set(claimed)


def test_podman(host: Host, pool: SessionPool, tmp_path: Path) -> None:
    host.run(INSTALL + "podman netavark aardvark-dns catatonit", timeout=SLOW)
    host.run("printf '[storage]\\ndriver = \"vfs\"\\nrunroot = \"/run/containers/storage\"\\n"
             "graphroot = \"/var/lib/containers/storage\"\\n' >/etc/containers/storage.conf")  # fmt: skip
    host.run("docker save busybox:1.36 -o /tmp/b.tar && podman load -q -i /tmp/b.tar")
    claimed, found = converged(host, pool, tmp_path, PODMAN)
    assert claimed == {
        "0.0.0.0:9000/tcp": "web", "127.0.0.1:9001/udp": "web", "[::]:9100/tcp": "nethost", "0.0.0.0:9200/tcp": "shop-infra",
        "0.0.0.0:9201/tcp": "shop-infra", "0.0.0.0:9300/tcp": "played-infra", "0.0.0.0:9400/tcp": "unit.service",
    }  # fmt: skip
    assert found == {**claimed, "0.0.0.0:9400/tcp": "inunit"}

    state = state_of(host, pool)
    names = {service.holder for service in services_of(state)}
    assert Holder(kind="unit", name="unit.service") in names
    assert Holder(kind="container", name="inunit") not in names
    taken: list[Task] = [
        ("community.docker.docker_container", {"name": "d", "image": "busybox:1.36", "ports": ["9000:80"]})
    ]
    forecast, _ = foresee(state, pool, taken)
    (clash,) = clashes(state, forecast)
    assert {holder.name for holder in clash.pair if holder} == {"web", "d"}
