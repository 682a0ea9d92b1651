"""The sockets that the models foresee, against those that the same tasks bring on a real host; then a second run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from aisafe.collect import collect
from aisafe.effects.api import Call, SourceFile, predict
from aisafe.effects.predicted import PredictedHost
from aisafe.effects.services import services_of
from aisafe.model import Connection, Coverage, HostForecast, HostState, TaskRef
from aisafe.occupancy import clashes, live_entries
from aisafe.transport.pool import SessionPool
from tests.testbed import Host, inventory

Task = tuple[str, Mapping[str, Any]]

UNIT = """[Unit]
Description=An agent
[Service]
EnvironmentFile=/etc/default/agent
ExecStart=/usr/bin/prometheus-node-exporter \\
    --web.listen-address=${ADDRESS}:9200 $MORE
[Install]
WantedBy=multi-user.target
"""
AGENT: list[Task] = [
    ("ansible.builtin.copy", {"dest": "/etc/default/agent", "content": "ADDRESS=127.0.0.1\n", "mode": "0644"}),
    ("ansible.builtin.copy", {"dest": "/etc/systemd/system/agent.service", "content": UNIT, "mode": "0644"}),
    ("ansible.builtin.systemd_service", {"name": "agent", "state": "started", "enabled": True, "daemon_reload": True}),
]
CONTAINER: list[Task] = [
    ("community.docker.docker_container", {
        "name": "node-exporter", "image": "prom/node-exporter:v1.5.0", "restart_policy": "unless-stopped",
        "published_ports": ["9100:9100", "127.0.0.1:9300-9301:9300-9301", "9100:9100/udp"], "volumes": ["/:/host:ro"],
    }),
]  # fmt: skip
HOST_NETWORK: list[Task] = [
    ("community.docker.docker_container", {
        "name": "exporter", "image": "prom/node-exporter:v1.5.0", "network_mode": "host", "pull": "never",
        "command": ["--web.listen-address=:9091"],
    }),
]  # fmt: skip
UNIT_WITH_CONTAINER: list[Task] = [
    ("ansible.builtin.copy", {
        "dest": "/etc/systemd/system/web.service", "mode": "0644",
        "content": "[Service]\nExecStartPre=-/usr/bin/docker rm -f web\nExecStart=/usr/bin/docker run --rm --name web "
                   "-p 8080:80 busybox:1.36 httpd -f -p 80\n",
    }),
    ("ansible.builtin.systemd_service", {"name": "web", "state": "started", "daemon_reload": True}),
]  # fmt: skip
PACKAGED: list[Task] = [
    ("ansible.builtin.service", {"name": "nginx", "state": "started", "enabled": True}),
    ("ansible.builtin.service", {"name": "prometheus-node-exporter", "state": "started", "enabled": True}),
]
COMPOSE: list[Task] = [
    ("ansible.builtin.copy", {
        "dest": "/etc/compose.yml", "mode": "0644",
        "content": "services:\n  web:\n    image: busybox:${TAG:-1.36}\n    command: httpd -f -p 80\n"
                   "    ports: ['8081:80', {target: 53, published: '5353', protocol: udp}]\n",
    }),
]  # fmt: skip


@pytest.fixture
def pool(host: Host) -> Iterator[SessionPool]:
    with SessionPool({host.name: connection(host)}) as made:
        yield made


def connection(host: Host) -> Connection:
    known = next(option for option in host.ssh_options() if option.startswith("UserKnownHostsFile="))
    return Connection(
        host=host.name, address=host.address, port=host.port, user=host.user, private_key_file=str(host.key),
        common_args=f"-o {known}", python="/usr/bin/python3",
    )  # fmt: skip


def state_of(host: Host, pool: SessionPool) -> HostState:
    found = collect({host.name: connection(host)}, sessions=pool).states[host.name]
    assert not [spot for spot in found.blind_spots if spot.blocks], found.blind_spots
    return found


def foresee(state: HostState, pool: SessionPool, tasks: list[Task]) -> tuple[HostForecast, list[bool | None]]:
    predicted = PredictedHost(state, facts={}, read=lambda paths: pool.read(state.host, paths))
    results = []
    for number, (module, args) in enumerate(tasks, start=1):
        content = args.get("content")
        source = (SourceFile(name="", content=content.encode()),) if isinstance(content, str) else None
        task = TaskRef(name=f"task {number}", path="play.yml", line=number)
        results.append(predict(Call(module=module, args=args, task=task, source=source), predicted))
    assert not [result.opaque or result.failed for result in results if result.opaque or result.failed]
    return predicted.forecast(Coverage()), [result.changed for result in results]


def really(host: Host, tasks: list[Task], directory: Path) -> list[bool]:
    """Run ``tasks`` with ansible-playbook; what each said of 'changed'."""
    listed = [{"name": f"Task {number}", module: dict(args)} for number, (module, args) in enumerate(tasks, start=1)]
    play = [{"hosts": "all", "gather_facts": False, "tasks": listed}]
    (directory / "play.yml").write_text(yaml.safe_dump(play))
    (directory / "hosts.ini").write_text(inventory([host]))
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", "hosts.ini", "play.yml"],
        cwd=directory, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default", "ANSIBLE_NOCOLOR": "1",
             "ANSIBLE_HOST_KEY_CHECKING": "True"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return [line.startswith("changed:") for line in done.stdout.splitlines() if line.startswith(("changed:", "ok:"))]


def told(forecast: HostForecast) -> list[str]:
    return sorted(
        f"{claim.socket}{' v6only' if claim.socket.ipv6_only else ''} {claim.certainty}" for claim in forecast.claims
    )


@pytest.mark.parametrize(
    ("tasks", "sockets"),
    [
        pytest.param(AGENT, ["127.0.0.1:9200/tcp certain"], id="unit-with-environment-file"),
        pytest.param(
            CONTAINER,
            ["0.0.0.0:9100/tcp certain", "0.0.0.0:9100/udp certain", "127.0.0.1:9300/tcp certain",
             "127.0.0.1:9301/tcp certain"],
            id="container",
        ),
        pytest.param(HOST_NETWORK, ["[::]:9091/tcp certain"], id="container-on-the-hosts-network"),
        pytest.param(
            UNIT_WITH_CONTAINER, ["0.0.0.0:8080/tcp certain"], id="docker-run-in-a-unit"
        ),
        pytest.param(
            PACKAGED,
            ["0.0.0.0:80/tcp certain", "[::]:80/tcp v6only certain", "[::]:9100/tcp certain"],
            id="packaged-units",
        ),
    ],
)  # fmt: skip
def test_foreseen_sockets_are_there_and_a_second_run_is_clean(
    host: Host, pool: SessionPool, tmp_path: Path, tasks: list[Task], sockets: list[str]
) -> None:
    before = state_of(host, pool)
    forecast, changes = foresee(before, pool, tasks)
    assert told(forecast) == sockets
    assert not clashes(before, forecast)

    assert really(host, tasks, tmp_path) == changes
    for port in {claim.socket.port for claim in forecast.claims}:
        host.run(f"for i in $(seq 100); do ss -Hltun | grep -q ':{port} ' && break; sleep 0.1; done")
    after = state_of(host, pool)
    there = live_entries(after)
    for claim in forecast.claims:
        same = [entry for entry in there if entry.socket == claim.socket]
        assert same, (str(claim.socket), [str(entry.socket) for entry in there])
    claimed = {claim.socket for claim in forecast.claims}
    names = {entry.holder.name for entry in there if entry.holder and entry.socket in claimed}
    holders = {claim.holder.name for claim in forecast.claims}
    assert names in (holders, {"web"})  # the unit web.service runs the container web

    again, changes = foresee(after, pool, tasks)
    assert not again.claims
    assert [effect for effect in again.effects if effect.certainty == "certain"] == []
    assert changes == [False] * len(tasks) == really(host, tasks, tmp_path)


def test_the_program_is_the_same_as_a_unit_and_as_a_container(host: Host, pool: SessionPool, tmp_path: Path) -> None:
    host.run("systemctl start prometheus-node-exporter")
    host.run("docker run -d --name node-exporter --network none prom/node-exporter:v1.5.0")
    found = {service.holder.name: service for service in services_of(state_of(host, pool))}
    assert found["prometheus-node-exporter.service"].program == found["node-exporter"].program == "node_exporter"
    assert [str(socket) for socket in found["prometheus-node-exporter.service"].sockets] == ["[::]:9100/tcp"]
    assert found["node-exporter"].sockets == ()
    assert not found["node-exporter"].at_boot
    assert found["ssh.service"].program == "sshd"


def test_a_container_on_a_units_port_clashes(host: Host, pool: SessionPool) -> None:
    host.run("systemctl start prometheus-node-exporter")
    before = state_of(host, pool)
    forecast, _ = foresee(before, pool, CONTAINER)
    (clash,) = clashes(before, forecast)
    assert clash.certain
    assert {holder.name for holder in clash.pair if holder} == {"prometheus-node-exporter.service", "node-exporter"}

    stop = {"name": "prometheus-node-exporter", "state": "stopped", "enabled": False}
    stopped: list[Task] = [("ansible.builtin.systemd", stop), *CONTAINER]
    forecast, changes = foresee(before, pool, stopped)
    assert not clashes(before, forecast)
    assert changes == [True, True]
    gone = next(item for item in forecast.services if item.holder.name == "prometheus-node-exporter.service")
    assert (gone.active, gone.at_boot, gone.by_run, gone.live) == (False, False, True, True)


def test_a_changed_configuration_is_seen_before_its_reload(host: Host, pool: SessionPool) -> None:
    host.run("systemctl start nginx")
    before = state_of(host, pool)
    site = "server { listen 8090; listen 127.0.0.1:8091 ssl; return 200; }\n"
    tasks: list[Task] = [
        ("ansible.builtin.copy", {"dest": "/etc/nginx/conf.d/site.conf", "content": site, "mode": "0644"}),
        ("ansible.builtin.service", {"name": "nginx", "state": "reloaded"}),
    ]
    forecast, _ = foresee(before, pool, tasks)
    assert told(forecast) == [
        "0.0.0.0:80/tcp certain", "0.0.0.0:8090/tcp certain", "127.0.0.1:8091/tcp certain",
        "[::]:80/tcp v6only certain",
    ]  # fmt: skip


def test_compose_files_of_the_host(host: Host, pool: SessionPool) -> None:
    """Without the docker compose plugin on the host nothing can be applied; the forecast needs only the file."""
    up = {"project_src": "/etc", "files": ["compose.yml"]}
    tasks: list[Task] = [*COMPOSE, ("community.docker.docker_compose_v2", up)]
    forecast, _ = foresee(state_of(host, pool), pool, tasks)
    assert told(forecast) == ["0.0.0.0:5353/udp certain", "0.0.0.0:8081/tcp certain"]
    assert {claim.holder.name for claim in forecast.claims} == {"etc-web-1"}


def test_published_ports_as_the_engine_opens_them(host: Host, pool: SessionPool) -> None:
    """docker run -p opens both families where the host has ::1; the test hosts have not."""
    host.run("docker run -d --name both -p 8070:80 busybox:1.36 sleep 600")
    listed = json.loads(host.run("docker inspect both").stdout)[0]["HostConfig"]["PortBindings"]
    assert listed == {"80/tcp": [{"HostIp": "", "HostPort": "8070"}]}
    state = state_of(host, pool)
    predicted = PredictedHost(state, facts={}, read=lambda paths: pool.read(state.host, paths))
    call = Call(module="command", args={}, task=TaskRef(name="run", path="play.yml", line=1))
    (effect,) = predicted.containers.docker_run(call, ["docker", "run", "-d", "-p", "8070:80", "busybox:1.36"])
    real = {item.socket for item in state.listeners if item.socket.port == 8070}
    assert set(effect.binds) == real
