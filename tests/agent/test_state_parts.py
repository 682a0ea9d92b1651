"""Packages, containers, files, file systems, checks, and what an earlier run left."""

from __future__ import annotations

import base64
import http.server
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aisafe.agent import checks, containers, facts, files, packages, pending, spaces
from aisafe.agent.engine import EngineError
from aisafe.agent.failure import AgentFailure
from aisafe.agent.store import boot_id
from aisafe.agent.watchdog import boottime

DPKG = """\
Package: dpkg
Status: install ok installed
Architecture: amd64
Version: 1.21

Package: nginx
Status: install ok installed
Architecture: all
Version: 1.22-9
Description: small, but
 Version: of nothing

Package: libc6
Status: install ok installed
Architecture: i386
Version: 2.36

Package: old
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: broken
Status: install reinstreq half-installed
Architecture: amd64
Version: 1
"""


def test_dpkg() -> None:
    assert packages.parse_status(DPKG) == {"dpkg": "1.21", "nginx": "1.22-9", "libc6:i386": "2.36"}


def test_no_package_manager(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(packages, "DPKG", str(tmp_path / "none"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AgentFailure, match="neither dpkg nor rpm"):
        packages.packages()


def _inspect(**changes: Any) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "Id": "f" * 64,
        "Name": "/web",
        "Image": "sha256:1",
        "RestartCount": 2,
        "State": {
            "Status": "running",
            "Running": True,
            "Pid": 7,
            "ExitCode": 0,
            "Error": "",
            "StartedAt": "2026-01-01T00:00:00Z",
            "Health": {"Status": "healthy"},
        },
        "Config": {
            "Image": "nginx:1",
            "Env": ["SECRET=x", "PATH=/bin"],
            "Entrypoint": ["/e"],
            "Cmd": ["-p", "80"],
            "Labels": {"a": "b"},
            "ExposedPorts": {"80/tcp": {}},
        },
        "HostConfig": {
            "RestartPolicy": {"Name": "always"},
            "NetworkMode": "bridge",
            "PortBindings": {
                "80/tcp": [{"HostIp": "", "HostPort": ""}],
                "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "53"}],
            },
        },
        "NetworkSettings": {
            "Networks": {"bridge": {}},
            "Ports": {
                "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "32768"}, {"HostIp": "::", "HostPort": "32768"}],
                "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "53"}],
                "443/tcp": None,
            },
        },
        "Mounts": [
            {
                "Type": "volume",
                "Name": "data",
                "Source": "/var/lib/docker/volumes/data/_data",
                "Destination": "/d",
                "RW": False,
            }
        ],
    }
    answer.update(changes)
    return answer


def test_secret_changes_hash() -> None:
    other = _inspect()
    other["Config"] = dict(other["Config"], Env=["SECRET=y", "PATH=/bin"])
    assert containers.container(_inspect())["config_hash"] != containers.container(other)["config_hash"]


@pytest.mark.parametrize(
    "error", ["Docker does not answer on /var/run/docker.sock: Connection refused", "…: Permission denied"]
)
def test_dead_docker_is_blind(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def dead(engine: object) -> None:
        raise EngineError(error)

    monkeypatch.setattr(containers, "_installed", lambda: True)
    monkeypatch.setattr(containers, "_ask", dead)
    monkeypatch.setattr(containers.os.path, "exists", lambda path: True)
    found, blind = containers.docker()
    assert found["containers"] == {}
    assert [(spot["kind"], spot["reason"], spot["blocks"]) for spot in blind] == [("container", error, True)]
    assert blind[0]["fix"]


def test_no_docker_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "_installed", lambda: False)
    assert containers.docker() == (containers.NOTHING, [])


def test_files(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"\xff\0")
    (tmp_path / "text").chmod(0o640)
    (tmp_path / "link").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    look = {name: files.look(str(tmp_path / name)) for name in ("text", "link", "pipe", "none", "text/below")}
    assert base64.b64decode(look["text"]["content"]) == b"\xff\0"
    assert (look["text"]["kind"], look["text"]["mode"], look["text"]["size"]) == ("file", 0o640, 2)
    assert (look["link"]["kind"], look["link"]["target"]) == ("link", "nowhere")
    assert [look[name]["kind"] for name in ("pipe", "none", "text/below")] == ["other", "absent", "absent"]
    assert files.look(str(tmp_path))["entries"] == ["link", "pipe", "text"]
    large = files.look(str(tmp_path / "text"), 1)
    assert (large["kind"], large["content"]) == ("file", None)
    assert "limit" in large["reason"]
    assert files.look("/bad\0name")["kind"] == "unseen"


def test_unreadable_is_unseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files.os, "lstat", refuse)
    assert files.look("/etc/shadow") == {"path": "/etc/shadow", "kind": "unseen", "reason": "Permission denied"}


def test_spaces(tmp_path: Path) -> None:
    table = tmp_path / "mounts"
    room = tmp_path / "a b"
    room.mkdir()
    escaped = str(room).replace(" ", "\\040")
    table.write_text(
        f"server:/y {escaped} nfs rw 0 0\n/dev/x {escaped} ext4 rw 0 0\ntmpfs {tmp_path} tmpfs rw 0 0\nproc /proc proc rw 0 0\n"
        "server:/x /mnt nfs rw 0 0\noverlay /var/lib/docker/overlay2/1/merged overlay rw 0 0\n/dev/y /not/there ext4 rw 0 0\n"
    )
    one, network = spaces.spaces(str(table))
    assert (one["path"], one["also"]) == (str(room), [str(tmp_path)]), "each file system once, pseudo ones left out"
    assert 0 < one["free"] <= one["total"]
    assert (network["path"], network["total"], network["free"]) == ("/mnt", None, None), (
        "not asked: it may never answer"
    )


@pytest.fixture
def web() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response({"/ok": 200, "/moved": 302, "/gone": 410}.get(self.path, 404))
            self.send_header("Location", "/gone")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_checks(web: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"127.0.0.1:{unused.getsockname()[1]}"
        found = checks.run(
            {
                "tcp": [web, closed],
                "http": [
                    f"http://{web}/ok",
                    f"http://{web}/moved",
                    f"http://{web}/gone",
                    "file:///etc/passwd",
                    {"target": f"http://{web}/gone", "status": 410},
                ],
                "command": ["true", "echo first >&2; echo last >&2; exit 4", {"target": "sleep 9", "timeout": 0.1}],
            }
        )
    assert [entry["ok"] for entry in found] == [True, False, True, True, False, False, True, True, False, False]
    whys = [entry["why"] for entry in found if not entry["ok"]]
    assert whys[0] == "Connection refused"
    assert "410" in whys[1]
    assert "http://" in whys[2]
    assert whys[3] == "exit code 4: last"
    assert "did not end within 0.1 s" in whys[4]
    assert checks.run({}) == []


def _run(base: Path, name: str, state: str, *, heard: bool = False, age: int = 0) -> None:
    path = base / "runs" / name
    path.mkdir(parents=True)
    (path / f"is-{state}").touch()
    (path / "state.json").write_text(
        json.dumps({"since": "2026-01-01T00:00:00+00:00", "holder": {"user": "ann", "host": "c"}})
    )
    if heard:
        (path / "acknowledged").touch()
    os.utime(path, (1000 - age, 1000 - age))


@pytest.mark.parametrize(
    ("runs", "armed", "want"),
    [
        pytest.param([], "", None, id="none"),
        pytest.param([("a", "armed", False)], "a", ("a", "armed"), id="armed"),
        pytest.param([("a", "rolled-back", False)], "", ("a", "rolled-back"), id="unheard"),
        pytest.param([("a", "rolled-back", True)], "", None, id="heard"),
        pytest.param([("b", "confirmed", False), ("a", "rolled-back", False)], "", None, id="superseded"),
        pytest.param(
            [("b", "snapshotting", False), ("a", "rollback-incomplete", False)],
            "",
            ("a", "rollback-incomplete"),
            id="aborted since",
        ),
        pytest.param([], "lost", ("lost", "unknown"), id="dangling"),
    ],
)
def test_unfinished(
    tmp_path: Path, runs: list[tuple[str, str, bool]], armed: str, want: tuple[str, str] | None
) -> None:
    for age, (name, state, heard) in enumerate(runs):
        _run(tmp_path, name, state, heard=heard, age=age)
    if armed:
        (tmp_path / "runs").mkdir(exist_ok=True)
        (tmp_path / "pending").symlink_to(tmp_path / "runs" / armed)
    blind: list[dict[str, Any]] = []
    found = pending.unfinished(blind, str(tmp_path))
    assert (found and (found["run"], found["state"])) == want
    assert blind == []
    if found and runs:
        assert found["holder"] == "host c, user ann"


@pytest.mark.parametrize(
    ("state", "ago", "boot", "want"),
    [("armed", 20.0, True, {"silent": 20.0, "deadline": 60.0}), ("armed", 20.0, False, {}),
     ("rolling-back", 20.0, True, {})],
)  # fmt: skip
def test_how_long_a_controller_has_been_silent(
    tmp_path: Path, state: str, ago: float, boot: bool, want: dict[str, float]
) -> None:
    _run(tmp_path, "r1", state, heard=False, age=0)
    (tmp_path / "pending").symlink_to(tmp_path / "runs" / "r1")
    text = {"boot_id": boot_id() if boot else "another", "at": boottime() + 60 - ago, "seconds": 60.0}
    (tmp_path / "runs" / "r1" / "deadline.json").write_text(json.dumps(text))
    found = pending.unfinished([], str(tmp_path)) or {}
    told = {name: found[name] for name in ("silent", "deadline") if name in found}
    assert told == pytest.approx(want, abs=1)


def test_facts_payload_is_needed_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "directory", lambda: str(tmp_path))
    with pytest.raises(AgentFailure) as caught:
        facts.start({"version": "0" * 64})
    assert caught.value.code == "no-payload"
    with pytest.raises(AgentFailure, match="damaged"):
        facts.start({"version": "0" * 64, "payload": base64.b64encode(b"print(1)").decode()})
    with pytest.raises(AgentFailure, match="no sha256"):
        facts.start({"version": "../../etc/passwd"})
    assert list(tmp_path.iterdir()) == []
