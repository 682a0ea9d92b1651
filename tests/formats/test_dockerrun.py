from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from aisafe.formats import dockerfile
from aisafe.formats.dockerrun import inherited, parse
from aisafe.formats.ports import published_sockets
from aisafe.model import Mount


def test_a_whole_line() -> None:
    line = (
        "/usr/bin/docker --context x container run -dit --rm --name web -p8080:80 --publish 127.0.0.1:53:53/udp -e A=b "
        "--env-file /e -v /a:/b:ro --mount type=volume,src=v,dst=/c --restart=on-failure:3 -l k=v --entrypoint /x "
        "img:1 a -p 3"
    )
    order = parse(tuple(shlex.split(line)))
    assert order is not None
    assert [str(port.socket) for port in published_sockets(order.ports, ipv6=False)] == [
        "0.0.0.0:8080/tcp",
        "127.0.0.1:53/udp",
    ]
    assert (order.name, order.image, order.command, order.entrypoint) == ("web", "img:1", ("a", "-p", "3"), ("/x",))
    assert (order.environment, order.environment_files, order.labels) == ({"A": "b"}, ("/e",), {"k": "v"})
    assert [(mount.type, mount.source, mount.target) for mount in order.mounts] == [
        ("bind", "/a", "/b"),
        ("volume", "v", "/c"),
    ]
    assert (order.restart_policy, order.removed_at_exit, order.only_create) == ("on-failure", True, False)


def test_volumes_of_another_one() -> None:
    order = parse(("podman", "run", "--volumes-from=data:ro,b", "--volumes-from", "c", "-v", "/a:/d/", "img"))
    assert order is not None
    assert order.volumes_from == ("data:ro", "b", "c")
    lent = {"data": [Mount(type="bind", source="/x", target="/d")], "b": [Mount(type="bind", source="/y", target="/e")],
            "c": [Mount(type="volume", source="v", target="/e"), Mount(type="volume", source="w", target="/f")]}  # fmt: skip
    assert inherited(order, lambda name: lent[name]) == (lent["b"][0], lent["c"][1])
    assert inherited(replace(order, mounts=()), lambda name: lent[name])[0] == replace(lent["data"][0], read_only=True)


@pytest.mark.parametrize("flag", ["--net=host", "--network host"])
def test_network(flag: str) -> None:
    order = parse(tuple(f"podman run {flag} -P img".split()))
    assert order is not None
    assert (order.network_mode, order.publish_all, order.command) == ("host", True, None)


@pytest.mark.parametrize("line", ["docker ps", "docker", "ls run", "docker stop web", "docker compose up"])
def test_no_new_container(line: str) -> None:
    assert parse(tuple(line.split())) is None


@pytest.mark.parametrize("line", ["docker run -p x:80 img", "docker run -d"])
def test_problems(line: str) -> None:
    order = parse(tuple(line.split()))
    assert order is not None
    assert order.problems


def test_dockerfile() -> None:
    text = (
        "FROM golang AS build\nRUN go build\nCMD x\nFROM scratch\n# comment\n"
        "COPY --from=build /out/agent \\\n  /usr/bin/\n"
        'EXPOSE 9100 53/udp\nENTRYPOINT ["/usr/bin/agent"]\nCMD --a b\n'
    )
    recipe = dockerfile.read(text)
    assert (recipe.base, recipe.entrypoint, recipe.exposed) == ("scratch", ("/usr/bin/agent",), ("9100/tcp", "53/udp"))
    assert recipe.command == ("/bin/sh", "-c", "--a b")
    assert recipe.copied == {"/usr/bin/agent": "/out/agent"}
