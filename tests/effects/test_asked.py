"""What services ask of the host, worked out from what the run makes of units, containers, files and accounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from aisafe.effects.api import Call
from aisafe.effects.predicted import PredictedHost
from aisafe.model import Asked, Coverage, Image
from tests.effects.scenes import TASK, predicted, run

UNIT = """[Service]
User=shop
Group=shop
EnvironmentFile=/etc/default/shop
EnvironmentFile=-/etc/default/maybe
Environment=DB_PASSWORD=abc PORT=80 OTHER_TOKEN=$LATER
WorkingDirectory=/srv/shop
ExecStart=/usr/local/bin/shop --api-token=abc --password-file=/x --secret ${SECRET} --port 80
MemoryMax=1G
"""


DIRECTORIES = ("/etc/systemd/system", "/etc/default", "/srv", "/usr/local/bin", "/bin")


def debian(files: Mapping[str, bytes] | None = None, **state: Any) -> PredictedHost:
    return predicted(files, directories=DIRECTORIES, **state)


def asked(host: PredictedHost) -> dict[str, Asked]:
    return {item.who.name: item for item in host.forecast(Coverage()).asked}


def write(host: PredictedHost, path: str, text: str) -> None:
    host.put(Call(module="copy", args={}, task=TASK), path, content=text.encode())


def start(host: PredictedHost, text: str = UNIT) -> Asked:
    write(host, "/etc/systemd/system/shop.service", text)
    run(host, "systemd_service", {"name": "shop", "state": "started", "daemon_reload": True})
    return asked(host)["shop.service"]


def test_a_unit_that_lacks_everything() -> None:
    found = start(debian())
    assert [(item.kind, item.name, item.fatal) for item in found.absent] == [
        ("path", "/usr/local/bin/shop", True), ("path", "/etc/default/shop", True), ("path", "/srv/shop", True),
        ("user", "shop", True), ("group", "shop", True),
    ]  # fmt: skip
    assert found.in_sight == ("--api-token", "Environment=DB_PASSWORD")
    assert found.memory_limit == 1 << 30


def test_a_unit_for_which_the_run_brings_all() -> None:
    host = debian()
    run(host, "group", {"name": "shop"})
    run(host, "user", {"name": "shop", "group": "shop"})
    write(host, "/usr/local/bin/shop", "x")
    write(host, "/etc/default/shop", "A=1\n")
    run(host, "file", {"path": "/srv/shop", "state": "directory"})
    assert start(host).absent == ()


@pytest.mark.parametrize(
    ("task", "left"),
    [
        (("apt", {"name": "shop"}), ["/srv/shop"]),
        (("command", {"cmd": "/opt/install.sh"}), []),
    ],
)
def test_what_may_have_come_unseen_is_not_missed(task: tuple[str, dict[str, Any]], left: list[str]) -> None:
    host = debian()
    run(host, *task)
    assert [item.name for item in start(host).absent] == left


def test_a_dynamic_user_need_not_exist() -> None:
    found = start(debian({"/bin/true": b""}), "[Service]\nDynamicUser=yes\nUser=shop\nExecStart=/bin/true\n")
    assert found.absent == ()


def test_a_unit_that_is_only_enabled_asks_nothing_yet() -> None:
    host = debian()
    write(host, "/etc/systemd/system/shop.service", UNIT)
    assert asked(host) == {}


CONTAINER = {
    "name": "prom", "image": "prom/prometheus", "memory": "2g", "memory_reservation": "512m", "command": ["--token", "abc"],
    "volumes": ["/etc/prom.yml:/etc/prometheus/prometheus.yml", "/srv/data:/prometheus", "named:/x", "/etc:/host:ro"],
}  # fmt: skip


def test_a_container() -> None:
    host = debian()
    run(host, "community.docker.docker_container", CONTAINER)
    found = asked(host)["prom"]
    assert [(item.name, item.fatal) for item in found.absent] == [("/etc/prom.yml", True), ("/srv/data", False)]
    assert (found.image, found.image_here, found.image_built) == ("prom/prometheus", False, False)
    assert (found.memory_limit, found.memory_reserved) == (2 << 30, 512 << 20)
    assert found.in_sight == ("--token",)


@pytest.mark.parametrize(
    "path", ["/srv/conf.d:/etc/nginx/conf.d", "/srv/example.org:/var/www/example.org", "/srv/.ssh:/root/.ssh"]
)
def test_a_directory_with_a_dot_in_its_name_is_no_file(path: str) -> None:
    host = debian()
    run(host, "community.docker.docker_container", {"name": "web", "image": "nginx:1.27", "volumes": [path]})
    assert [item.fatal for item in asked(host)["web"].absent] == [False]


@pytest.mark.parametrize(
    ("given", "limit"),
    [
        ({"command": ["java", "-Xms1g", "-Xmx4g", "-jar", "x.jar"]}, 4 << 30),
        ({"env": {"JAVA_OPTS": "-Dx=1 -Xmx512m"}}, 512 << 20),
        ({"env": {"JAVA_OPTS": "-Xmx4g"}, "memory": "1g"}, 1 << 30),  # the container's own limit is what counts
        ({"command": ["java", "-jar", "x.jar"]}, None),
    ],
)
def test_the_heap_of_a_java_program(given: dict[str, Any], limit: int | None) -> None:
    host = debian()
    run(host, "community.docker.docker_container", {"name": "x", "image": "x:1", **given})
    assert asked(host)["x"].memory_limit == limit


def test_an_image_that_is_there() -> None:
    host = debian(images=(Image(id="sha256:1", tags=("prom/prometheus:latest",)),))
    run(host, "community.docker.docker_container", CONTAINER)
    assert asked(host)["prom"].image_here


def test_an_untouched_host_asks_nothing() -> None:
    assert asked(debian()) == {}
