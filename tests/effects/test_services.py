from __future__ import annotations

from typing import Any

import pytest

from aisafe.effects.services import restarts, services_of, started_by_units
from aisafe.effects.unitstore import UnitStore
from aisafe.model import BlindSpot, Image, Unit
from tests.effects.living import DOCKER, EXPORTER, container, exporter_host, forecast, listener, living, port
from tests.effects.scenes import directory, run


def test_a_unit_and_a_container_of_one_program() -> None:
    ne = container("ne", image="quay.io/prometheus/node-exporter:v1", ports=(port("0.0.0.0", 9101, 9100),), pid=70)
    found = {item.holder.name: item for item in services_of(exporter_host(containers=(ne,)).state)}
    unit, box = found[EXPORTER.name], found["ne"]
    assert unit.program == box.program == "node_exporter"
    assert (unit.pid, box.pid, unit.live, box.live) == (49, 70, True, True)
    assert ([str(item) for item in unit.sockets], [str(item) for item in box.sockets]) == (
        ["[::]:9100/tcp"], ["0.0.0.0:9101/tcp"],
    )  # fmt: skip
    assert (unit.at_boot, box.at_boot, unit.by_run, box.by_run) == (True, False, False, False)


@pytest.mark.parametrize(
    ("policy", "state", "boots"),
    [
        ("always", "running", True), ("always", "exited", True), ("unless-stopped", "running", True),
        ("unless-stopped", "exited", False), ("unless-stopped", "created", True), ("on-failure", "running", False),
        ("no", "running", False),
    ],
)  # fmt: skip
def test_restart_policies(policy: str, state: str, boots: bool) -> None:
    box = container("a", restart_policy=policy, state=state)
    assert restarts(box) is boots
    at_boot = {item.holder.name for item in services_of(living(containers=(box,)).state) if item.at_boot}
    assert ("a" in at_boot) is boots


def test_nothing_boots_without_the_engine() -> None:
    fields = {name: getattr(DOCKER, name) for name in Unit.__dataclass_fields__}
    disabled = Unit(**{**fields, "unit_file_state": "disabled"})
    box = container("a", restart_policy="always")
    (found,) = [item for item in services_of(living(disabled, containers=(box,)).state) if item.holder.name == "a"]
    assert not found.at_boot


@pytest.mark.parametrize(
    ("unit", "boots"),
    [
        ({"unit_file_state": "enabled"}, True),
        ({"unit_file_state": "disabled"}, None),
        ({"unit_file_state": "static"}, None),
        ({"unit_file_state": "enabled", "load_state": "masked"}, None),
        ({"unit_file_state": "disabled", "triggered_by": ("a.socket",)}, True),
    ],
)
def test_units_at_boot(unit: dict[str, Any], boots: bool | None) -> None:
    socket = Unit(name="a.socket", unit_file_state="enabled", listen=("ListenStream=[::]:81",), triggers=("a.service",))
    host = living(Unit(name="a.service", commands=(("/usr/bin/agent", "--port", "81"),), **unit), socket)
    found = {item.holder.name: item for item in services_of(host.state)}
    assert (found["a.service"].at_boot if "a.service" in found else None) is boots
    assert [str(item) for item in found["a.socket"].sockets] == ["[::]:81/tcp"]


def test_a_container_that_a_unit_runs_is_the_units() -> None:
    web = Unit(name="web.service", active_state="active", commands=(("/usr/bin/docker", "run", "--name", "web", "x"),))
    box = container("web", ports=(port("0.0.0.0", 80, 80),))
    host = living(web, containers=(box,), listeners=(listener("web", "0.0.0.0", 80, kind="container"),))
    assert started_by_units(host.state.units.values()) == {"web": "web.service"}
    for services in (services_of(host.state), forecast(host).services):
        found = {item.holder.name: item for item in services}
        assert "web" not in found
        assert [str(item) for item in found["web.service"].sockets] == ["0.0.0.0:80/tcp"]


def test_blind_listeners_leave_sockets_open() -> None:
    state = living(EXPORTER, blind_spots=(BlindSpot(kind="listener", reason="no rights"),)).state
    (found,) = [item for item in services_of(state) if item.holder.name == EXPORTER.name]
    assert not found.sockets_known


def test_a_stopped_container_tells_what_it_would_hold() -> None:
    box = container(
        "a", state="exited", restart_policy="always", network_mode="host", command=("httpd", "-f", "-p", "81")
    )
    (found,) = [item for item in services_of(living(containers=(box,)).state) if item.holder.name == "a"]
    assert ([str(item) for item in found.sockets], found.active) == (["[::]:81/tcp"], False)


def test_secrets_in_a_command_are_masked() -> None:
    unit = Unit(name="a.service", active_state="active", commands=(("/bin/a", "--password", "hunter2"),))
    box = container("b", command=("x", "postgres://u:hunter2@db/x"))
    assert "hunter2" not in str(services_of(living(unit, containers=(box,)).state))


def test_the_image_tells_the_program_of_an_id() -> None:
    image = Image(id="sha256:ab", tags=("prom/prometheus:v2",))
    box = container("p", image="sha256:ab", image_id="sha256:ab")
    (found,) = [
        item for item in services_of(living(containers=(box,), images=(image,)).state) if item.holder.name == "p"
    ]
    assert found.program == "prometheus"


def test_files_of_sleeping_units_are_read_only_when_they_matter() -> None:
    sleeping = Unit(name="nginx.service", unit_file_state="enabled", commands=(("/usr/sbin/nginx",),))
    files = {
        "/etc/nginx/nginx.conf": b"http { server { listen 8081; } }",
        "/etc/nginx/conf.d": directory("/etc/nginx/conf.d"),
    }
    host = living(sleeping, files=dict(files))
    (idle,) = [item for item in forecast(host).services if item.holder.name == "nginx.service"]
    assert not idle.sockets_known
    run(host, "community.docker.docker_container", {"name": "a", "image": "nginx", "published_ports": ["8081:80"]})
    (near,) = [item for item in forecast(host).services if item.holder.name == "nginx.service"]
    assert ([str(item) for item in near.sockets], near.sockets_known) == (["0.0.0.0:8081/tcp"], True)


def test_an_untouched_host_needs_no_files_at_all() -> None:
    host = exporter_host(containers=(container("a", ports=(port("0.0.0.0", 1, 1),)),))
    host.files._read = None  # type: ignore[assignment]  # any read would raise
    assert {item.holder.name for item in forecast(host).services} == {EXPORTER.name, "docker.service", "a"}
    assert isinstance(host.units, UnitStore)
