"""Containers as hosts: what is run, and what is refused. tests/hosts/test_connections.py does it for real."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisafe.errors import HostError, Unreachable
from aisafe.model import Connection
from aisafe.transport import container

FAKE = """#!/bin/sh
echo "$@" >> {log}
case "$*" in *gone*) echo "Error: No such container: gone" >&2; exit 1;; esac
case "$*" in *"-u deploy"*) echo 1000;; *) echo 0;; esac
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a docker of our own writes how it was called."""
    log = tmp_path / "asked"
    program = tmp_path / "docker"
    program.write_text(FAKE.format(log=log), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return log


def begun(monkeypatch: pytest.MonkeyPatch, **given: str) -> tuple[bool, list[str]]:
    """Whether it is taken for root, and the words that start the agent."""
    found: dict[str, object] = {}

    def begin(connection: Connection, start: object, *, is_root: bool) -> str:
        found.update(root=is_root, start=start)
        return "session"

    argv: list[list[str]] = []
    monkeypatch.setattr(container, "begin", begin)
    monkeypatch.setattr(container, "ProcessPipe", argv.append)
    assert container.open_container(Connection(host="box", address="box-1", **given), "docker") == "session"  # type: ignore[comparison-overlap]
    found["start"]("agent", False)  # type: ignore[operator]
    with pytest.raises(Unreachable, match="su, and doas with a password, need a terminal"):
        found["start"]("agent", True)  # type: ignore[operator]
    return bool(found["root"]), argv[0][1:]


def test_the_container_is_entered_as_the_user_of_the_inventory(asked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert begun(monkeypatch) == (True, ["exec", "-i", "box-1", "/bin/sh", "-c", "agent"])
    assert begun(monkeypatch, user="deploy") == (
        False,
        ["exec", "-i", "-u", "deploy", "box-1", "/bin/sh", "-c", "agent"],
    )
    assert asked.read_text().splitlines()[0] == "exec -i box-1 id -u"


def test_what_cannot_be_reached_is_told(asked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        Unreachable, match=r"docker does not reach the container gone: Error: No such container: gone\."
    ):
        container.open_container(Connection(host="box", address="gone"), "docker")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Unreachable, match="there is no podman in PATH"):
        container.open_container(Connection(host="box", address="box"), "podman")


def test_the_inventory_adds_nothing_to_the_command_line(asked: Path) -> None:
    with pytest.raises(HostError, match="were not used before they are judged"):
        container.open_container(Connection(host="box", address="box", extra_args="--config /tmp/x"), "docker")
    assert not asked.exists()
