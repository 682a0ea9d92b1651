"""Root's Podman as its own program tells it; the answers are those of Podman 4.3 and 5."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aisafe.agent import command, podman
from aisafe.agent.containers import NOTHING

WEB = {
    "Id": "a" * 64, "Name": "web", "Image": "9dd4", "ImageName": "localhost/busybox:1.36", "RestartCount": 0,
    "State": {"Status": "running", "Running": True, "Pid": 1446},
    "Config": {"Image": "localhost/busybox:1.36", "Entrypoint": "", "Cmd": ["httpd", "-f"], "Env": ["A=secret"], "Labels": None},
    "HostConfig": {"NetworkMode": "bridge", "RestartPolicy": {"Name": "always"},
                   "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8081"}]}},
    "NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "", "HostPort": "8081"}]}, "Networks": {"podman": {}}},
    "Mounts": [{"Type": "volume", "Name": "data", "Destination": "/data", "RW": True}],
}  # fmt: skip
INFRA = {
    **WEB,
    "Id": "b" * 64,
    "Name": "b5b7-infra",
    "Config": {**WEB["Config"], "Entrypoint": "/catatonit -P", "Cmd": None},
}  # type: ignore[dict-item]
MEMBER = {**WEB, "Id": "c" * 64, "Name": "in", "HostConfig": {**WEB["HostConfig"], "NetworkMode": "container:" + "b" * 64},  # type: ignore[dict-item]
          "Config": {**WEB["Config"], "Entrypoint": ["/x", "y"]}}  # type: ignore[dict-item]  # fmt: skip
LISTED = [{"Id": "a" * 64}, {"Id": "b" * 64, "IsInfra": True, "PodName": "shop"}, {"Id": "c" * 64, "PodName": "shop"}]
ANSWERS = {
    "ps": LISTED, "container": [WEB, INFRA, MEMBER], "image ls": [{"Id": "9dd4"}], "network": [{"name": "podman"}],
    "image inspect": [{"Id": "9dd4", "RepoTags": ["localhost/busybox:1.36"], "Config": {"Cmd": ["sh"]}}],
    "volume": [{"Name": "data"}],
}  # fmt: skip


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    def run(words: list[str], *, timeout: float = 0) -> str:
        key = " ".join(words[1:3]) if words[1] == "image" else words[1]
        return json.dumps(ANSWERS[key])

    monkeypatch.setattr(podman.shutil, "which", lambda name, path=None: "/usr/bin/podman")
    monkeypatch.setattr(podman.command, "run", run)
    monkeypatch.setattr(podman.os, "geteuid", lambda: 0)
    monkeypatch.setattr(podman, "STORAGE", str(tmp_path))
    monkeypatch.setattr(podman.glob, "glob", lambda pattern: [])


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    "failure", [command.CommandFailed(["podman", "ps"], 125, "database is locked"), ValueError("no JSON")]
)
def test_a_podman_that_does_not_answer_is_blind(failure: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(words: list[str], *, timeout: float = 0) -> str:
        raise failure

    monkeypatch.setattr(podman.command, "run", run)
    found, (spot,) = podman.podman()
    assert (found["containers"], spot["kind"], spot["blocks"]) == ({}, "podman", True)
    assert "does not tell its containers" in spot["reason"]


@pytest.mark.usefixtures("installed")
def test_containers_of_users_are_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    home = tmp_path / "home/ann/.local/share/containers/storage/overlay-containers"
    home.mkdir(parents=True)
    (home / "containers.json").write_text('[{"id": "x"}]')
    monkeypatch.setattr(podman.glob, "glob", lambda pattern: [str(home / "containers.json")])
    _, (spot,) = podman.podman()
    assert spot["reason"].endswith("home/ann holds containers of Podman that are not root's; they are not read")
    assert not spot["blocks"]
    (home / "containers.json").write_text("[]")
    assert podman.podman()[1] == []


@pytest.mark.usefixtures("installed")
def test_only_root_sees_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(podman.os, "geteuid", lambda: 1000)
    assert podman.podman()[1][0]["blocks"]


def test_without_podman_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(podman.shutil, "which", lambda name, path=None: None)
    found, blind = podman.podman()
    assert (found["containers"], blind) == ({}, [])


@pytest.mark.usefixtures("installed")
def test_the_same_name_in_both_engines() -> None:
    docker = {**NOTHING, "containers": {"web": {"name": "web"}}}
    joined = podman.joined(docker, podman.podman()[0])
    assert list(joined["containers"]) == ["web", "web (podman)", "shop-infra", "in"]
    assert joined["containers"]["web (podman)"]["name"] == "web (podman)"
