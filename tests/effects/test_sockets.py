from __future__ import annotations

import pytest

from aisafe.effects import sockets
from aisafe.effects.sockets import Engine, publishes_ipv6
from aisafe.formats.dockerrun import ContainerOrder
from aisafe.formats.serverconfig import Reader
from aisafe.model import Image, Unit
from tests.effects.living import IF_INET6


@pytest.mark.parametrize(
    ("command", "kind", "told", "known"),
    [
        (("/usr/bin/agent", "--port", "81"), "simple", "[::]:81/tcp", True),
        (("/usr/bin/agent",), "simple", "", False),
        (("/usr/bin/backup", "now"), "oneshot", "", True),
        (("/usr/bin/docker", "run", "--net", "host", "prom/prometheus"), "simple", "[::]:9090/tcp", True),
        (("/usr/bin/docker", "run", "-p", "1:1", "x"), "oneshot", "0.0.0.0:1/tcp [::]:1/tcp", True),
        (("/usr/bin/docker", "start", "-a", "web"), "simple", "", False),
        (("/usr/bin/docker", "compose", "up"), "simple", "", False),
        (("/usr/bin/docker-compose", "up"), "oneshot", "", False),
        (("/usr/bin/docker", "rm", "web"), "oneshot", "", True),
        (("/usr/bin/agent", "--port", "⟦the output of x⟧"), "simple", "", False),
    ],
)
def test_units(command: tuple[str, ...], kind: str, told: str, known: bool) -> None:
    found = sockets.of_unit(Unit(name="a.service", type=kind, commands=(command,)))
    assert (" ".join(map(str, found.sockets)), found.known, bool(found.why)) == (told, known, not known)


def test_a_missing_environment_file_matters_only_when_it_is_used() -> None:
    flags = Unit(name="a.service", commands=(("/bin/prometheus",),), environment_files=("/etc/default/a",))
    assert sockets.of_unit(flags).known
    used = Unit(name="a.service", commands=(("/bin/prometheus", "$ARGS"),), environment_files=("-/etc/default/a",))
    assert not sockets.of_unit(used).known
    absent = sockets.of_unit(used, read=Reader(text=lambda path: None))
    assert (absent.known, [str(item) for item in absent.sockets]) == (True, ["[::]:9090/tcp"])


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("ListenStream=9090", "[::]:9090/tcp"),
        ("ListenStream=127.0.0.1:80", "127.0.0.1:80/tcp"),
        ("ListenDatagram=[::]:53", "[::]:53/udp"),
        ("ListenStream=/run/docker.sock", ""),
        ("ListenFIFO=/run/x", ""),
        ("ListenStream=vsock::22", ""),
    ],
)
def test_socket_units(entry: str, told: str) -> None:
    found = sockets.of_unit(Unit(name="a.socket", listen=(entry,)))
    assert (" ".join(map(str, found.sockets)), found.known) == (told, True)


def test_other_units_hold_nothing() -> None:
    assert sockets.of_unit(Unit(name="a.timer")).known


def test_entrypoint_and_command_as_the_engine_puts_them_together() -> None:
    image = Image(id="sha256:x", tags=("x:latest",), entrypoint=("/e",), command=("c",))
    assert sockets.argv_of(ContainerOrder(image="x"), image) == ("/e", "c")
    assert sockets.argv_of(ContainerOrder(image="x", command=("d",)), image) == ("/e", "d")
    assert sockets.argv_of(ContainerOrder(image="x", entrypoint=("/f",)), image) == ("/f",)
    assert sockets.image_named("x", [image]) is sockets.image_named("docker.io/library/x", [image]) is image
    assert sockets.image_named("x:2", [image]) is None


def test_the_image_decides_what_an_open_command_runs() -> None:
    image = Image(id="sha256:x", tags=("mycorp/x:latest",), entrypoint=("/bin/prometheus-node-exporter",))
    order = ContainerOrder(image="mycorp/x", network_mode="host")
    found = sockets.of_order(order, engine=Engine(images=(image,)))
    assert [str(item) for item in found.sockets] == ["[::]:9100/tcp"]
    assert not sockets.of_order(order).known


@pytest.mark.parametrize(
    ("table", "seen", "both"),
    [(IF_INET6.decode(), True, True), ("", True, False), (None, True, False), (None, False, True)],
)
def test_publishing_on_ipv6(table: str | None, seen: bool, both: bool) -> None:
    assert publishes_ipv6(table, seen=seen) is both
