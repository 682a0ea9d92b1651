"""What the agent answers is what the controller's models read. The agent's own tests run with Python 3.8, which these cannot."""

from __future__ import annotations

import json

import pytest

from aisafe.agent import containers, podman, state_ops
from aisafe.agent.failure import AgentFailure
from aisafe.model import Container, HostState, Image
from aisafe.model.codec import load
from tests.agent.test_podman import installed  # noqa: F401  a fixture
from tests.agent.test_state_parts import _inspect


@pytest.mark.usefixtures("installed")
def test_containers_pods_and_images() -> None:
    found, blind = podman.podman()
    assert blind == []
    containers = {name: load(Container, entry) for name, entry in found["containers"].items()}
    assert list(containers) == ["web", "shop-infra", "in"]
    web = containers["web"]
    assert (web.engine, web.image, web.restart_policy, web.command) == (
        "podman",
        "localhost/busybox:1.36",
        "always",
        ("httpd", "-f"),
    )
    assert [str(port.socket) for port in web.ports] == ["0.0.0.0:8081/tcp"]  # conmon holds no IPv6
    assert web.environment_names == ("A",)
    assert (containers["shop-infra"].pod, containers["shop-infra"].command) == ("shop", ("/catatonit", "-P"))
    assert (containers["in"].ports, containers["in"].command) == ((), ("/x", "y", "httpd", "-f"))
    (image,) = (load(Image, entry) for entry in found["images"])
    assert (image.engine, image.tags, image.command) == ("podman", ("localhost/busybox:1.36",), ("sh",))
    assert (found["podman_networks"], found["podman_volumes"]) == (["podman"], ["data"])


def test_container() -> None:
    found = containers.container(_inspect())
    assert "SECRET=x" not in json.dumps(found)
    model = load(Container, found)
    assert (model.name, model.pid, model.restart_policy, model.health, model.exit_code) == (
        "web",
        7,
        "always",
        "healthy",
        None,
    )
    assert [str(port.socket) for port in model.ports] == ["127.0.0.1:53/udp", "0.0.0.0:32768/tcp", "[::]:32768/tcp"]
    assert model.ports[2].socket.ipv6_only
    assert model.command == ("/e", "-p", "80")
    assert model.environment_names == ("PATH", "SECRET")
    assert (model.mounts[0].source, model.mounts[0].read_only) == ("data", True)


def test_stopped_container() -> None:
    """Its ports are those that it will take; what the engine chooses then is not known."""
    stopped = _inspect(State={"Status": "exited", "Running": False, "Pid": 0, "ExitCode": 3})
    model = load(Container, containers.container(stopped))
    assert [str(port.socket) for port in model.ports] == ["127.0.0.1:53/udp"]
    assert (model.exit_code, model.pid, model.active) == (3, None, False)


def test_image() -> None:
    model = load(
        Image, containers.image({"Id": "sha256:1", "RepoTags": None, "Config": {"Cmd": ["x"], "Entrypoint": None}})
    )
    assert (model.tags, model.command, model.entrypoint) == ((), ("x",), ())


def test_state_is_a_host_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever part fails, the document loads, and the part is a blind spot."""

    def broken(cache: str) -> None:
        raise RuntimeError("no luck")

    def failing() -> None:
        raise AgentFailure("x", "packages are gone")

    monkeypatch.setattr(state_ops.systemd, "units", broken)
    monkeypatch.setattr(state_ops.packages, "packages", failing)
    monkeypatch.setattr(state_ops.containers, "docker", lambda: (containers.NOTHING, []))
    state = load(HostState, dict(state_ops.state({"files": ["/"]}, lambda text: None), host="h"))
    spots = {spot.kind: spot for spot in state.blind_spots}
    assert spots["unit"].reason == "units could not be read: RuntimeError: no luck"
    assert spots["unit"].blocks
    assert (spots["package"].reason, spots["package"].blocks) == ("packages are gone", False)
    assert "no luck" in state.agent_checks["systemd"]
    assert state.taken_at.tzinfo is not None
    assert state.boot_id.count("/") == 1
    assert "root" in state.users
