"""What services need of what the run ends, and where they keep data."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from aisafe.model import Container, Coverage, Holder, HostForecast, Listener, Mount, Socket, Unit
from tests.effects.scenes import predicted, run

APP = Unit(name="app.service", active_state="active", unit_file_state="enabled", commands=(("/opt/app/run",),),
           requires=("base.service",), working_directory="/srv/app")  # fmt: skip
BASE = Unit(name="base.service", active_state="active", commands=(("/bin/sleep", "9"),))
NGINX = Unit(name="nginx.service", active_state="active", commands=(("/usr/sbin/nginx",),))
SIDE = Container(
    name="side", id="2" * 64, image="busybox", network_mode=f"container:{'1' * 64}",
    mounts=(Mount(type="bind", source="/srv/files", target="/files"),),
)  # fmt: skip
MAIN = Container(name="main", id="1" * 64, image="busybox", networks=("back",))
PROMETHEUS = ("/usr/bin/prometheus", "--storage.tsdb.path=/var/lib/prometheus")


def after(*tasks, **state) -> HostForecast:
    files = state.pop("files", {})
    there = predicted({"/opt/app/run": b"x", "/srv/files/a": b"", "/etc/nginx/nginx.conf": b"", **files}, **state)
    for module, args in tasks:
        run(there, module, args)
    return there.forecast(Coverage())


def needs(*tasks, **state) -> list[tuple[str, str, str]]:
    return [(need.who.name, need.kind, need.name) for need in after(*tasks, **state).needs]


UNITS = {unit.name: unit for unit in (APP, BASE, NGINX)}
BOXES = {"main": MAIN, "side": SIDE}


def test_units() -> None:
    stop = ("systemd_service", {"name": "base", "state": "stopped"})
    assert needs(stop, units=UNITS) == [("app.service", "unit", "base.service")]
    assert needs(("file", {"path": "/opt/app", "state": "absent"}), units=UNITS) == [
        ("app.service", "path", "/opt/app/run")
    ]
    assert needs(("copy", {"dest": "/etc/motd", "content": "x"}), units=UNITS) == []


def test_containers() -> None:
    remove = ("community.docker.docker_container", {"name": "main", "state": "absent"})
    assert needs(remove, containers=BOXES) == [("side", "container", "main")]
    assert needs(("file", {"path": "/srv/files", "state": "absent"}), containers=BOXES) == [
        ("side", "path", "/srv/files")
    ]


def test_containers_of_podman() -> None:
    boxes = {name: replace(box, engine="podman") for name, box in BOXES.items()}
    stop = ("containers.podman.podman_container", {"name": "main", "state": "stopped", "image": "busybox"})
    assert needs(stop, containers=boxes) == [("side", "container", "main")]


def test_upstreams() -> None:
    socket = Socket(protocol="tcp", address=ip_address("127.0.0.1"), port=3000)
    conf = b"http { server {\n location / { proxy_pass http://localhost:3000; }\n} }\n"
    found = needs(
        ("systemd_service", {"name": "base", "state": "stopped"}), units={"nginx.service": NGINX, "base.service": BASE},
        files={"/etc/nginx/nginx.conf": conf},
        listeners=(Listener(socket=socket, holder=Holder(kind="unit", name="base.service")),),
    )  # fmt: skip
    assert found == [("nginx.service", "socket", "localhost:3000")]


def test_directories() -> None:
    unit = Unit(
        name="prometheus.service",
        active_state="active",
        commands=(PROMETHEUS,),
        directories=("/var/lib/prometheus",),
    )
    volumes = ["/var/lib/prometheus:/prometheus", "/etc/localtime:/etc/localtime:ro"]
    play = ("community.docker.docker_container", {"name": "new", "image": "prom/prometheus:v2", "volumes": volumes})
    found = after(play, units={unit.name: unit}).directories
    assert {(item.who.name, item.path, item.own) for item in found} == {
        ("prometheus.service", "/var/lib/prometheus", True),
        ("new", "/var/lib/prometheus", True),
    }
    assert after(("copy", {"dest": "/etc/motd", "content": "x"}), units={unit.name: unit}).directories == ()


def test_directories_of_another_container() -> None:
    old = Container(name="old", id="3" * 64, image="prom/prometheus:v2", command=("/bin/prometheus",),
                    mounts=(Mount(type="volume", source="metrics", target="/prometheus"),
                            Mount(type="bind", source="/srv/files", target="/files")))  # fmt: skip
    for module, engine in (("community.docker.docker", "docker"), ("containers.podman.podman", "podman")):
        boxes = {"old": replace(old, engine=engine)}
        new = {"name": "new", "image": "prom/prometheus:v2", "command": "x"}
        for given, own in (([], set()), (["old"], {("metrics", True), ("/srv/files", False)}), (["old:ro"], set())):
            found = after((f"{module}_container", {**new, "volumes_from": given}), containers=boxes).directories
            assert {(item.path, item.own) for item in found if item.who.name == "new"} == own, (module, given)
