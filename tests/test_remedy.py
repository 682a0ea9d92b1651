"""The suggested YAML is what it claims to be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from aisafe.model import Holder
from aisafe.remedy import disable, free_port, other_port, remove_container, stop_and_disable, stop_for_good
from tests.cases import container, effect, forecast, listens, sock, state, unit


def test_stop_and_disable() -> None:
    assert stop_and_disable("x.service") == (
        "- name: Stop and disable x.service\n"
        "  ansible.builtin.systemd_service:\n"
        "    name: x.service\n"
        "    state: stopped\n"
        "    enabled: false\n"
    )


def test_a_socket_unit_is_stopped_first() -> None:
    host = state(units=[unit("x.service", triggered_by=("x.socket", "x.timer"))])
    names = [
        task["ansible.builtin.systemd_service"]["name"] for task in yaml.safe_load(stop_and_disable("x.service", host))
    ]
    assert names == ["x.socket", "x.service"]


@pytest.mark.parametrize(
    ("name", "given", "module", "what"),
    [
        ("web", {}, "community.docker.docker_container", "web"),
        ("web", {"engine": "podman"}, "containers.podman.podman_container", "web"),
        ("web (podman)", {"engine": "podman"}, "containers.podman.podman_container", "web"),
        ("shop-infra", {"engine": "podman", "pod": "shop"}, "containers.podman.podman_pod", "shop"),
        ("a.1.x", {"labels": {"com.docker.swarm.service.name": "a"}}, "community.docker.docker_swarm_service", "a"),
    ],
)
def test_a_container_is_removed_by_its_engine(name: str, given: dict[str, object], module: str, what: str) -> None:
    host = state(containers=[container(name, **given)])
    (task,) = yaml.safe_load(stop_for_good(Holder(kind="container", name=name), host).yaml)
    assert task[module] == {"name": what, "state": "absent"}


def test_a_bare_process_has_words_only() -> None:
    assert stop_for_good(Holder(kind="process", name="nc")).yaml == ""


def test_free_port_skips_what_is_held_brought_or_stopped() -> None:
    host = state(
        listens("tcp 127.0.0.1:81", "unit a.service"), containers=[container("old", "tcp 0.0.0.0:82", state="exited")]
    )
    plan = forecast(effect("start", "unit b.service", "tcp 0.0.0.0:83"))
    assert free_port(sock("tcp 0.0.0.0:80"), host, plan.hosts["web1"]) == 84
    assert free_port(sock("udp 0.0.0.0:80"), host, plan.hosts["web1"]) == 81
    assert free_port(sock("tcp 0.0.0.0:65535"), host, plan.hosts["web1"]) is None


@pytest.mark.parametrize(
    ("who", "where", "given", "fix", "yaml_text"),
    [
        (
            "app",
            "tcp 0.0.0.0:80",
            {"detail": "ports 80:8080"},
            "publish app on port 81 instead of 80",
            'ports:\n  - "81:8080"\n',
        ),
        (
            "app",
            "udp 127.0.0.1:80",
            {"detail": "ports 127.0.0.1:80:53/udp"},
            "port 81",
            'ports:\n  - "127.0.0.1:81:53/udp"\n',
        ),
        (
            "app",
            "tcp 0.0.0.0:80",
            {"detail": "published 0.0.0.0:80/tcp -> 8080 of container app"},
            "port 81",
            'ports:\n  - "81:8080"\n',
        ),
        ("app", "tcp 0.0.0.0:80", {}, "publish app on port 81 instead of 80", ""),
        (
            "x.service",
            "tcp 0.0.0.0:80",
            {"argv": ["x", "--web.listen-address=:80"]},
            "81: --web.listen-address=:81",
            "",
        ),
        ("x.service", "tcp 0.0.0.0:80", {"argv": ["x", "--port", "80"]}, "port 81: --port 81", ""),
        ("x.service", "tcp 0.0.0.0:80", {"argv": ["x", "--workers=180"]}, "listen on port 81", ""),
    ],
)
def test_other_port(who: str, where: str, given: dict[str, object], fix: str, yaml_text: str) -> None:
    kind = "unit" if who.endswith(".service") else "container"
    found = other_port(Holder(kind=kind, name=who), sock(where), 81, **given)  # type: ignore[arg-type]
    assert fix in found.fix
    assert found.yaml == yaml_text


def test_every_suggested_task_passes_ansible_lint(tmp_path: Path) -> None:
    tasks = stop_and_disable("x.service") + disable("y.service") + remove_container("old")
    play = "---\n- name: Try the suggestions\n  hosts: all\n  tasks:\n" + "".join(
        f"    {line}\n" for line in tasks.splitlines()
    )
    (tmp_path / "play.yml").write_text(play, encoding="utf-8")
    bin = Path(sys.executable).parent
    env = {**os.environ, "PATH": f"{bin}:{os.environ['PATH']}", "NO_COLOR": "1"}
    done = subprocess.run(
        [bin / "ansible-lint", "--offline", "--profile", "production", "play.yml"],
        cwd=tmp_path, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
