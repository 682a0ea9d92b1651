from __future__ import annotations

import pytest

from aisafe.formats.compose import BadCompose, project_name, read
from aisafe.formats.ports import published_sockets

TEXT = """
name: shop
services:
  web:
    image: nginx:${TAG:-1.25}
    container_name: front
    ports:
      - 2222:22
      - "80:80"
      - 127.0.0.1:8000-8001:9000-9001/udp
      - {target: 53, published: "53", protocol: udp, host_ip: 127.0.0.1}
      - "9000"
      - target: 90
    environment: {A: 1, B: }
    restart: unless-stopped
    volumes: ["./x:/x:ro", "data:/d", /anonymous]
    networks: [front]
  db: {image: postgres, network_mode: host, ports: ["5:5"], restart: no, command: postgres -c "a b", profiles: [all]}
networks: {front: , there: {external: true, name: outside}}
volumes: {data: {name: kept}}
"""


def test_services() -> None:
    project = read([TEXT], {})
    web, database = project.services["web"].order, project.services["db"].order
    assert web.image == "nginx:1.25"
    assert [str(port.socket) for port in published_sockets(web.ports, ipv6=False)] == [
        "0.0.0.0:2222/tcp", "0.0.0.0:80/tcp", "127.0.0.1:8000/udp", "127.0.0.1:8001/udp", "127.0.0.1:53/udp",
    ]  # fmt: skip
    assert (web.restart_policy, web.environment) == ("unless-stopped", {"A": "1"})
    assert [(mount.type, mount.source, mount.target, mount.read_only) for mount in web.mounts] == [
        ("bind", "/x", "/x", True), ("volume", "data", "/d", False),
    ]  # fmt: skip
    assert (database.ports, database.restart_policy) == ((), "no")
    assert database.command == ("postgres", "-c", "a b")
    assert project.services["db"].profiles == ("all",)
    assert (project.container_name("web"), project.container_name("db", 2)) == ("front", "shop-db-2")
    assert (project.networks, project.volumes) == ({"front": "", "there": "outside"}, {"data": "kept"})
    assert project.external == {"outside"}


def test_volumes_of_another_service() -> None:
    services = 'a: {image: x, volumes_from: [b, "c:ro", "container:old:ro"]}, b: {image: x}, c: {image: x, container_name: own}'
    project = read([f"{{name: shop, services: {{{services}}}}}"], {})
    assert project.order("a").volumes_from == ("shop-b-1", "own:ro", "old:ro")
    assert project.chosen(["a"]) == ("b", "c", "a")


def test_files_are_merged() -> None:
    low = "services: {a: {image: x, ports: ['1:1'], environment: {A: '1'}, command: [a]}}"
    high = "services: {a: {image: y, ports: ['2:2'], environment: {B: '2'}, command: [b]}, c: {image: z}}"
    order = read([low, high], {}).services["a"].order
    assert (order.image, [port.host_port for port in order.ports], order.command) == ("y", [1, 2], ("b",))
    assert order.environment == {"A": "1", "B": "2"}


@pytest.mark.parametrize("text", ["services: [", "- a", "services: {a: [x]}", "services: {a: {image: '${N:?needed}'}}"])
def test_refused(text: str) -> None:
    with pytest.raises(BadCompose):
        read([text], {})


def test_a_port_that_is_not_understood_is_a_problem() -> None:
    project = read(["services: {a: {image: b, ports: ['x:1', '5:5/sctp', {published: 1}]}}"], {})
    assert len(project.problems) == 3


@pytest.mark.parametrize(("path", "name"), [("/opt/My App", "myapp"), ("/srv/_x.y/", "xy"), ("/a/b-c_1", "b-c_1")])
def test_project_name(path: str, name: str) -> None:
    assert project_name(path) == name
