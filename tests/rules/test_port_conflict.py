"""A socket that the run binds is held at that moment."""

from __future__ import annotations

import pytest
import yaml

from aisafe.model import Effect, Listener
from tests.cases import container, effect, forecast, found, listens, service, state, story, task, unit


def brings(*sockets: str, **given: object) -> Effect:
    return effect("create", "container app", *sockets, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("held", "wanted", "clashes"),
    [
        ("tcp 0.0.0.0:80", "tcp 0.0.0.0:80", True),
        ("tcp 0.0.0.0:80", "tcp 127.0.0.1:80", True),
        ("tcp 127.0.0.1:80", "tcp 0.0.0.0:80", True),
        ("tcp 127.0.0.1:80", "tcp 127.0.0.1:80", True),
        ("tcp 127.0.0.1:80", "tcp 127.0.0.2:80", False),
        ("tcp 192.0.2.1:80", "tcp 127.0.0.1:80", False),
        ("tcp [::]:80", "tcp 0.0.0.0:80", True),
        ("tcp 0.0.0.0:80", "tcp [::]:80", True),
        ("tcp [::]:80", "tcp 127.0.0.1:80", True),
        ("tcp6only [::]:80", "tcp 0.0.0.0:80", False),
        ("tcp 0.0.0.0:80", "tcp6only [::]:80", False),
        ("tcp6only [::]:80", "tcp [::1]:80", True),
        ("tcp [::1]:80", "tcp 127.0.0.1:80", False),
        ("tcp [::1]:80", "tcp [::]:80", True),
        ("tcp [::ffff:127.0.0.1]:80", "tcp 127.0.0.1:80", True),
        ("tcp 0.0.0.0:80", "udp 0.0.0.0:80", False),
        ("udp 0.0.0.0:53", "udp 127.0.0.53:53", True),
        ("tcp 0.0.0.0:80", "tcp 0.0.0.0:81", False),
    ],
)
def test_overlap(held: str, wanted: str, clashes: bool) -> None:
    before = state(listens(held, "unit nginx.service", pid=7))
    assert bool(found("port-conflict", before, forecast(brings(wanted)))) is clashes


STOP = effect("stop", "unit nginx.service")
APP = brings("tcp 0.0.0.0:80")
NGINX = listens("tcp 0.0.0.0:80", "unit nginx.service", pid=7)
OLD = listens("tcp 0.0.0.0:80", "unit docker.service", process="docker-proxy")


@pytest.mark.parametrize(
    ("name", "live", "effects", "expected"),
    [
        ("stopped first", NGINX, [effect("stop", "unit nginx.service", frees=["unit nginx.service"]), APP], []),
        ("stopped first, told by its action only", NGINX, [STOP, APP], []),
        ("stopped too late", NGINX, [APP, STOP], ["error"]),
        (
            "stopped by a package's removal",
            NGINX,
            [effect("stop", "unit other.service", frees=["unit nginx.service"]), APP],
            [],
        ),
        (
            "perhaps stopped",
            NGINX,
            [effect("stop", "unit nginx.service", certainty="possible", why="a command"), APP],
            ["warning"],
        ),
        (
            "stopped by something opaque",
            NGINX,
            [effect("stop", "unit nginx.service", certainty="opaque", why="a command"), APP],
            ["warning"],
        ),
        ("perhaps brought", NGINX, [brings("tcp 0.0.0.0:80", certainty="possible", why="a command")], ["warning"]),
        ("its own restart", NGINX, [effect("restart", "unit nginx.service", "tcp 0.0.0.0:80")], []),
        (
            "its own move to a wildcard",
            listens("tcp 127.0.0.1:80", "unit nginx.service"),
            [effect("restart", "unit nginx.service", "tcp 0.0.0.0:80")],
            [],
        ),
        ("moved away by the run first", NGINX, [effect("restart", "unit nginx.service", "tcp 0.0.0.0:8080"), APP], []),
        (
            "perhaps moved away",
            NGINX,
            [effect("restart", "unit nginx.service", "tcp 0.0.0.0:8080", certainty="possible"), APP],
            ["warning"],
        ),
        (
            "its container made again",
            OLD,
            [effect("create", "container old", "tcp 0.0.0.0:80", frees=["container old"])],
            [],
        ),
        ("a container removed first", OLD, [effect("remove", "container old"), APP], []),
        ("a container under another name", OLD, [APP], ["error"]),
        (
            "its own socket unit",
            listens("tcp 0.0.0.0:22", "unit ssh.socket"),
            [effect("restart", "unit ssh.service", "tcp 0.0.0.0:22")],
            [],
        ),
        (
            "in the way after both restart",
            NGINX,
            [APP, effect("restart", "unit nginx.service", "tcp 0.0.0.0:80")],
            ["error"],
        ),
        ("a holder that could not be seen", listens("tcp 0.0.0.0:80", None), [APP], ["error"]),
        ("nothing bound", NGINX, [effect("enable", "container app")], []),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_order_and_ownership(name: str, live: Listener, effects: list[Effect], expected: list[str]) -> None:
    before = state(live, units=[unit("ssh.socket")], containers=[container("old", "tcp 0.0.0.0:80")])
    if live is not OLD:
        before = state(live, units=[unit("ssh.socket")])
    assert [item.severity for item in found("port-conflict", before, forecast(*effects))] == expected, name


def test_a_stopped_service_leaves_its_socket_unit_listening() -> None:
    before = state(listens("tcp 0.0.0.0:22", "unit ssh.socket"), units=[unit("ssh.socket"), unit("ssh.service")])
    plan = forecast(effect("stop", "unit ssh.service"), brings("tcp 0.0.0.0:22"))
    assert found("port-conflict", before, plan)


def test_an_unseen_holder_may_be_the_one_that_restarts() -> None:
    before = state(listens("tcp 0.0.0.0:80", None), root=False)
    plan = forecast(
        effect("restart", "unit nginx.service", "tcp 0.0.0.0:80"), services=[service("unit nginx.service", live=True)]
    )
    assert [item.severity for item in found("port-conflict", before, plan)] == ["warning"]


@pytest.mark.parametrize(
    ("engine", "words"),
    [("podman", "Podman would leave the container"), ("swarm", "the swarm would try"), ("", "Docker")],
)
def test_the_message_names_the_engine(engine: str, words: str) -> None:
    before = state(listens("tcp 0.0.0.0:80", "unit nginx.service"))
    plan = forecast(effect("create", "container web", "tcp 0.0.0.0:80", engine=engine))
    (finding,) = found("port-conflict", before, plan)
    assert words.lower() in finding.message.lower()


def test_the_story_names_everything() -> None:
    states, plan = story()
    (finding,) = found("port-conflict", states["web1"], plan)
    assert finding.message == (
        "container node-exporter binds 0.0.0.0:9100/tcp, but unit prometheus-node-exporter.service (pid 49) holds "
        "[::]:9100/tcp at that moment. Docker would leave the container behind as 'Created'."
    )
    unit_party, container_party = finding.parties
    assert (unit_party.kind, unit_party.name, unit_party.pid, unit_party.live, unit_party.task) == (
        "unit", "prometheus-node-exporter.service", 49, True, None,
    )  # fmt: skip
    assert (container_party.kind, container_party.name, container_party.live) == ("container", "node-exporter", False)
    assert container_party.task == finding.task == task("Run the exporter as a container", 14)
    assert finding.evidence[0].startswith("live: [::]:9100/tcp is held by prometheus-node, pid 49")
    assert "published 0.0.0.0:9100/tcp -> 9100" in finding.evidence[1]
    (fix,) = yaml.safe_load(finding.yaml)
    assert fix["ansible.builtin.systemd_service"] == {
        "name": "prometheus-node-exporter.service", "state": "stopped", "enabled": False,
    }  # fmt: skip


def test_the_suggested_task_solves_it() -> None:
    states, plan = story()
    exporter = "unit prometheus-node-exporter.service"
    put_in = [effect("stop", exporter, line=9), effect("disable", exporter, line=9), *plan.hosts["web1"].effects]
    assert not found("port-conflict", states["web1"], forecast(*put_in, services=plan.hosts["web1"].services))


def test_a_live_container_of_the_same_program_is_to_be_removed() -> None:
    before = state(OLD, containers=[container("old", "tcp 0.0.0.0:80")])
    plan = forecast(
        effect("start", "unit nginx.service", "tcp 0.0.0.0:80"),
        services=[
            service("container old", program="nginx"),
            service("unit nginx.service", program="nginx", by_run=True),
        ],
    )
    (finding,) = found("port-conflict", before, plan)
    (fix,) = yaml.safe_load(finding.yaml)
    assert fix["community.docker.docker_container"] == {"name": "old", "state": "absent"}
    assert "the service dies" in finding.message


def test_another_program_gets_a_free_port() -> None:
    before = state(NGINX, listens("tcp 127.0.0.1:81", "unit a.service"))
    (finding,) = found("port-conflict", before, forecast(brings("tcp 0.0.0.0:80", detail="published ports 80:8080")))
    assert yaml.safe_load(finding.yaml) == {"ports": ["82:8080"]}
    assert finding.fix == (
        "Publish app on port 82 instead of 80 (it is free), or stop unit nginx.service before 'Do it' (site.yml:10)."
    )
