"""The corpus of attacks: each leaves no trace on the controller, judging it ends, and something says so.

That the attacks bite is proved beside it: plain ``ansible-playbook --check`` lets them through.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aisafe.config import Settings
from aisafe.errors import AisafeError, HostError, Unreachable
from aisafe.judge import judge
from aisafe.model import Connection, HostState
from aisafe.simulation.client import Simulation
from aisafe.transport.hostconfig import route
from aisafe.transport.pipe import Pipe
from aisafe.transport.session import begin
from tests.simulation.attacks import Attack, Bundle
from tests.simulation.attacks.all import BUNDLES

ANSIBLE = Path(sys.executable).with_name("ansible-playbook")
EVERY = [attack for bundle in BUNDLES for attack in bundle.attacks]


def test_the_corpus_is_what_the_readme_says() -> None:
    names = [attack.name for attack in EVERY]
    assert len(set(names)) == len(names)
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert f"{len(names)} attacks" in readme


@dataclass
class Place:
    """A project with attacks in it, on a machine of which everything around it is watched."""

    top: Path
    url: str
    reached: list[str] = field(default_factory=list)

    @property
    def project(self) -> Path:
        return self.top / "project"

    @property
    def home(self) -> Path:
        return self.top / "home"

    def canary(self, attack: Attack) -> Path:
        return self.top / "canaries" / attack.name.replace(" ", "-").replace("'", "")

    def text(self, template: str, attack: Attack) -> str:
        for word, value in (("CANARY", self.canary(attack)), ("URL", f"{self.url}{self.canary(attack).name}"),
                            ("OUTSIDE", self.top / "private.ini")):  # fmt: skip
            template = template.replace(word, str(value))
        return template

    def build(self, bundle: Bundle) -> None:
        for directory in (self.project, self.home, self.top / "canaries"):
            directory.mkdir()
        (self.top / "private.ini").write_text("[b]\na = private\n", encoding="utf-8")
        (self.top / "private.ini").chmod(0o600)
        plays = []
        for attack in bundle.attacks:
            for name, text in attack.files.items():
                path = self.project / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(self.text(text, attack), encoding="utf-8")
                path.chmod(0o755 if text.startswith("#!") else 0o644)
            if attack.make is not None:
                attack.make(self.project)
            if attack.play:
                lines = self.text(attack.play, attack).splitlines()
                head = [f"- name: {attack.name}", "hosts: h1,localhost", "gather_facts: false", "ignore_errors: true"]
                plays.append("\n  ".join([*head, *lines]))
        if not (self.project / "site.yml").exists():
            plays = plays or ["- {name: nothing, hosts: all, gather_facts: false, tasks: []}"]
            (self.project / "site.yml").write_text("\n".join(plays) + "\n", encoding="utf-8")

    def environ(self, bundle: Bundle) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE")}
        first = bundle.attacks[0]
        return {**kept, "HOME": str(self.home), **{key: self.text(text, first) for key, text in bundle.environ.items()}}

    def words(self, bundle: Bundle) -> list[str]:
        named = [] if bundle.inventory is None else ["-i", bundle.inventory]
        return [*named, *(self.text(word, bundle.attacks[0]) for word in bundle.argv), "site.yml"]

    def watched(self) -> dict[str, tuple[int, int, int]]:
        """All there is but /tmp's own: path -> mode, size, time of change."""
        found = {}
        for path in sorted(self.top.rglob("*")):
            info = path.lstat()
            found[str(path)] = (info.st_mode, info.st_size, info.st_mtime_ns)
        return found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with listening() as (url, reached):
        yield Place(top=tmp_path, url=url, reached=reached)


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """An address on loopback, and what came to it."""
    reached: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(5)
                    reached.append(connection.recv(4096).decode(errors="replace"))
                    connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/", reached
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def foresee(place: Place, bundle: Bundle) -> list[str]:
    """What judging says, a line each: the findings, or the error in which it ends."""
    with Simulation(
        argv=place.words(bundle), cwd=place.project, environ=place.environ(bundle), time_limit=bundle.seconds,
        memory_limit=bundle.memory,
    ) as simulation:  # fmt: skip
        if bundle.fails:
            with pytest.raises(AisafeError) as caught:
                simulation.target()
            return [str(caught.value)]
        target = simulation.target()
        ways = list(ways_of(target.connections.values())) if bundle.connects else []
        states = {name: HostState(host=name, taken_at=datetime.now(UTC)) for name in target.connections}
        forecast = simulation.forecast(states=states, facts={}, read=lambda host, paths: {})
    assert "hunter2" not in repr(forecast)
    verdict = judge(states, forecast, lint=(), settings=Settings())
    return ways + [
        f"{item.rule} {item.task.name if item.task else ''} {item.message} {item.fix} {item.evidence}"
        for item in verdict.findings
    ]


def ways_of(connections: Iterable[Connection]) -> Iterator[str]:
    """What stands against connecting, for each host; otherwise the command that would start the agent there."""
    for connection in connections:

        def start(line: str, _terminal: bool, host: str = connection.host) -> Pipe:
            raise Unreachable(host, f"{host} would run: {line.partition(chr(10))[0]}")

        try:
            way = route(connection)
            yield f"{connection.host}: {way.proxy_command}"
            begin(connection, start, is_root=False)
        except HostError as error:
            yield str(error)


@pytest.mark.parametrize("bundle", BUNDLES, ids=str)
def test_attacks(place: Place, bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    place.build(bundle)
    monkeypatch.chdir(place.project)
    before = place.watched()
    said = foresee(place, bundle)
    assert place.watched() == before, "something was written"
    assert place.reached == [], "something reached out"
    silent = [
        attack.name for attack in bundle.attacks
        if not any(re.search(place.text(attack.says, attack), line) for line in said)
    ]  # fmt: skip
    assert not silent, "\n".join(["nothing is said of:", *silent, "but:", *said])


BITING = [bundle for bundle in BUNDLES if any(attack.bites for attack in bundle.attacks)]


@pytest.mark.parametrize("bundle", BITING, ids=str)
def test_without_aisafe_they_bite(place: Place, bundle: Bundle) -> None:
    """The test of the test: each canary works."""
    place.build(bundle)
    done = subprocess.run(
        [ANSIBLE, "--check", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}", *place.words(bundle)],
        cwd=place.project, env=place.environ(bundle), capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, timeout=300,
    )  # fmt: skip
    tame = [
        attack.name for attack in bundle.attacks
        if attack.bites and not place.canary(attack).exists()
        and not any(place.canary(attack).name in line for line in place.reached)
    ]  # fmt: skip
    assert not tame, "\n".join(["no trace of:", *tame, done.stdout[-6000:], done.stderr[-6000:]])
