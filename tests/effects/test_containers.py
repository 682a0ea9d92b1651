from __future__ import annotations

from typing import Any

import pytest

from aisafe.effects.api import Call, Result
from aisafe.effects.predicted import PredictedHost
from aisafe.model import BlindSpot, Container, Holder, Mount, Unknown
from tests.effects.living import (
    EXPORTER,
    brief,
    container,
    exporter_host,
    forecast,
    good,
    living,
    port,
    service,
)
from tests.effects.scenes import TASK, run

ASKED: dict[str, Any] = {
    "name": "web", "image": "busybox:1.36", "command": "httpd -f -p 80", "published_ports": ["8080:80"],
    "restart_policy": "unless-stopped", "volumes": ["/srv:/www:ro", "data:/data"], "labels": {"a": "b"},
    "network_mode": "bridge",
}  # fmt: skip
THERE = container(
    "web", command=("httpd", "-f", "-p", "80"), ports=(port("0.0.0.0", 8080, 80),), restart_policy="unless-stopped",
    mounts=(Mount(type="bind", source="/srv", target="/www", read_only=True),
            Mount(type="volume", source="data", target="/data"), Mount(type="volume", source="x", target="/more")),
    labels={"a": "b", "other": "label"}, network_mode="bridge", environment_names=("PATH", "A"), pid=7,
)  # fmt: skip


def ask(host: PredictedHost, **changes: Any) -> Result:
    return run(host, "community.docker.docker_container", {**ASKED, **changes})


def test_a_new_container() -> None:
    host = exporter_host()
    args = {
        "name": "ne",
        "image": "prom/node-exporter:v1",
        "published_ports": ["9100:9100"],
        "restart_policy": "always",
    }
    result = good(run(host, "community.docker.docker_container", args))
    assert brief(result.effects) == ["pull prom/node-exporter:v1", "create ne 0.0.0.0:9100/tcp"]
    assert result.effects[1].holder == Holder(kind="container", name="ne")
    assert "published 0.0.0.0:9100/tcp -> 9100 of container ne" in result.effects[1].detail
    again = good(run(host, "community.docker.docker_container", args))
    assert (again.effects, again.changed) == ((), False)
    found = service(host, "ne")
    assert (found.program, found.active, found.at_boot, found.by_run, found.live) == (
        service(host, EXPORTER.name).program, True, True, True, False,
    )  # fmt: skip
    assert {claim.certainty for claim in forecast(host).claims} == {"certain"}


def test_the_same_container_stays() -> None:
    result = good(ask(living(containers=(THERE,))))
    assert (result.effects, result.changed) == ((), False)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"image": "busybox:1.37"}, "image busybox:1.36 -> busybox:1.37"),
        ({"command": "httpd -f -p 81"}, "command"),
        ({"published_ports": ["8081:80"]}, "published ports 0.0.0.0:8081/tcp"),
        ({"published_ports": ["8080:80", "8443:443"]}, "published ports 0.0.0.0:8443/tcp"),
        ({"published_ports": ["127.0.0.1:8080:80"]}, "published ports 127.0.0.1:8080/tcp"),
        ({"network_mode": "host"}, "network_mode default -> host"),
        ({"restart_policy": "always"}, "restart_policy unless-stopped -> always"),
        ({"volumes": ["/other:/www"]}, "volumes /www"),
        ({"labels": {"a": "c"}}, "labels a"),
        ({"env": {"NEW": "1"}}, "env NEW"),
        ({"recreate": True}, "recreate is asked for"),
        ({"entrypoint": ["/bin/sh"]}, "command, entrypoint"),
    ],
)
def test_another_configuration_makes_it_anew(changes: dict[str, Any], why: str) -> None:
    result = good(ask(living(containers=(THERE,)), **changes))
    effect = result.effects[-1]
    assert (effect.action, effect.certainty, result.changed) == ("change", "certain", True)
    assert f"made anew: {why}" in effect.detail
    assert effect.frees == (Holder(kind="container", name="web"),)


@pytest.mark.parametrize(
    "changes",
    [{"env": {"A": "1"}}, {"memory": "1g"}, {"user": "nobody"}, {"volumes": Unknown("x")}, {"pull": "always"}],
)
def test_what_cannot_be_compared_is_possible(changes: dict[str, Any]) -> None:
    result = good(ask(living(containers=(THERE,)), **changes))
    assert result.changed is None
    assert {effect.certainty for effect in result.effects} == {"possible"}


@pytest.mark.parametrize("changes", [{"comparisons": {"*": "ignore"}, "command": "other"}, {"detach": True}])
def test_what_is_not_compared_changes_nothing(changes: dict[str, Any]) -> None:
    assert good(ask(living(containers=(THERE,)), **changes)).changed is False


@pytest.mark.parametrize(
    ("state", "there", "told"),
    [
        ("started", "running", []),
        ("started", "exited", ["start web 0.0.0.0:8080/tcp"]),
        ("healthy", "created", ["start web 0.0.0.0:8080/tcp"]),
        ("present", "exited", []),
        ("stopped", "running", ["stop web"]),
        ("stopped", "exited", []),
        ("absent", "running", ["remove web"]),
        ("absent", "exited", ["remove web"]),
        ("absent", None, []),
        ("present", None, ["create web"]),
        ("stopped", None, ["create web"]),
        ("started", None, ["create web 0.0.0.0:8080/tcp"]),
    ],
)
def test_states(state: str, there: str | None, told: list[str]) -> None:
    fields = {name: getattr(THERE, name) for name in Container.__dataclass_fields__}
    host = living(containers=(Container(**{**fields, "state": there}),) if there else ())
    result = good(ask(host, state=state))
    assert brief(result.effects) == told
    assert result.changed is bool(told)
    assert good(ask(host, state=state)).changed is False


def test_restart() -> None:
    assert brief(good(ask(living(containers=(THERE,)), restart=True)).effects) == ["restart web 0.0.0.0:8080/tcp"]


def test_a_removed_container_is_gone() -> None:
    host = living(containers=(THERE,))
    (effect,) = good(ask(host, state="absent")).effects
    assert effect.frees == (Holder(kind="container", name="web"),)
    found = service(host, "web")
    assert (found.active, found.at_boot, found.live) == (False, False, True)


@pytest.mark.parametrize(
    ("changes", "sockets", "known"),
    [
        ({"published_ports": ["127.0.0.1:7000-7001:7000-7001"]}, "127.0.0.1:7000/tcp 127.0.0.1:7001/tcp", True),
        ({"published_ports": ["80", "8000-8010:81"]}, "", True),
        ({"published_ports": ["[::1]:80:80/udp"]}, "[::1]:80/udp", True),
        ({"default_host_ip": "", "published_ports": ["80:80"]}, "0.0.0.0:80/tcp [::]:80/tcp", True),
        ({"published_ports": Unknown("x")}, "", False),
        ({"network_mode": "host"}, "[::]:80/tcp", True),
        ({"network_mode": "host", "command": "nc -lk -p 5000"}, "[::]:5000/tcp", True),
        ({"network_mode": "host", "image": "prom/prometheus", "command": None}, "[::]:9090/tcp", True),
        ({"network_mode": "host", "image": "mycorp/x", "command": None, "exposed_ports": ["81"]}, "[::]:81/tcp", False),
        ({"network_mode": "container:other"}, "", True),
        ({"network_mode": "none", "published_ports": []}, "", True),
    ],
)
def test_sockets(changes: dict[str, Any], sockets: str, known: bool) -> None:
    effect = good(ask(living(), **changes)).effects[-1]
    assert (" ".join(map(str, effect.binds)), effect.sockets_known) == (sockets, known)


def test_a_dead_engine_is_never_no_containers() -> None:
    host = living(blind_spots=(BlindSpot(kind="container", reason="connection refused"),))
    result = good(ask(host))
    assert result.changed is None
    assert brief(result.effects) == ["create web? 0.0.0.0:8080/tcp"]
    assert "connection refused" in result.effects[-1].why
    gone = good(run(living(blind_spots=host.state.blind_spots), "community.docker.docker_container",
                    {"name": "x", "state": "absent"}))  # fmt: skip
    assert (brief(gone.effects), gone.changed) == (["remove x?"], None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image": "none:1", "pull": "never"}, "Cannot find image with name none:1"),
        ({"image": None}, "Cannot create container when image is not specified"),
        ({"state": "up"}, "value of state must be one of"),
        ({"published_ports": ["x:y"]}, "published_ports"),
    ],
)
def test_certain_failures(changes: dict[str, Any], words: str) -> None:
    assert words in ask(living(), **changes).failed


def test_another_engine_is_not_modelled() -> None:
    assert ask(living(), docker_host="tcp://10.0.0.1:2375").opaque


def test_docker_run() -> None:
    host = living(containers=(THERE,))
    call = Call(module="command", args={}, task=TASK)
    line = "docker run -d --name new -p 9000:9000 busybox:1.36 httpd -f -p 9000"
    assert brief(host.containers.docker_run(call, line.split())) == ["create new 0.0.0.0:9000/tcp [::]:9000/tcp"]
    (taken,) = host.containers.docker_run(call, ["docker", "run", "-d", "--name", "web", "busybox:1.36"])
    assert (taken.certainty, taken.binds) == ("possible", ())
    assert host.containers.docker_run(call, ["docker", "ps"]) == ()


def test_docker_run_on_a_host_without_ipv6() -> None:
    host = living(ipv6=False)
    call = Call(module="command", args={}, task=TASK)
    assert brief(host.containers.docker_run(call, ["docker", "run", "-p", "1:1", "busybox:1.36"])) == [
        "create (unnamed, of busybox:1.36) 0.0.0.0:1/tcp"
    ]


@pytest.mark.parametrize(
    ("image", "command", "volumes", "program"),
    [
        ("quay.io/prometheus/node-exporter:v1", None, [], "node_exporter"),
        ("busybox:1.36", "/agent/prometheus-node-exporter", ["/usr/bin:/agent"], "node_exporter"),
        ("debian:12", "/x", ["/usr/bin/prometheus-node-exporter:/x"], "node_exporter"),
        ("busybox:1.36", "sleep 5", [], ""),
        ("mycorp/billing-agent:2", None, [], "billing_agent"),
        ("python:3.12", "python3 /opt/billing_agent/app.py", [], "billing_agent"),
    ],
)
def test_program(image: str, command: str | None, volumes: list[str], program: str) -> None:
    host = living()
    good(ask(host, image=image, command=command, volumes=volumes))
    assert service(host, "web").program == program


def test_a_built_image_tells_its_program() -> None:
    dockerfile = b'FROM scratch\nCOPY prometheus-node-exporter /agent\nEXPOSE 9100\nENTRYPOINT ["/agent"]\n'
    host = living(files={"/srv/agent/Dockerfile": dockerfile})
    built = good(run(host, "community.docker.docker_image_build", {"name": "mycorp/a", "path": "/srv/agent"}))
    assert brief(built.effects) == ["create mycorp/a:latest"]
    good(ask(host, image="mycorp/a", command=None))
    assert service(host, "web").program == "node_exporter"
