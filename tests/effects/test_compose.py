from __future__ import annotations

from typing import Any

import pytest

from aisafe.effects.api import Call, Result
from aisafe.effects.predicted import PredictedHost
from aisafe.model import Holder, Unknown
from tests.effects.living import brief, container, forecast, good, living, port, service
from tests.effects.scenes import TASK, run

FILE = "/srv/shop/compose.yml"
TEXT = """
services:
  web:
    image: busybox:${TAG:-1.36}
    command: httpd -f -p 80
    ports: ["8080:80"]
    restart: always
    volumes: ["data:/data", "./site:/www:ro"]
    depends_on: [db]
  db: {image: "busybox:1.36", network_mode: host, command: nc -lk -p 5432}
  debug: {image: other, profiles: [debug]}
volumes: {data: }
"""


def up(host: PredictedHost, **args: Any) -> Result:
    return run(host, "community.docker.docker_compose_v2", {"project_src": "/srv/shop", **args})


def shop(**more: Any) -> PredictedHost:
    return living(files={FILE: TEXT.encode(), **more.pop("files", {})}, **more)


def test_up_and_again() -> None:
    host = shop()
    result = good(up(host))
    assert brief(result.effects) == [
        "create shop_default", "create shop_data", "create shop-db-1 [::]:5432/tcp",
        "create shop-web-1 0.0.0.0:8080/tcp [::]:8080/tcp",
    ]  # fmt: skip
    assert good(up(host)).changed is False
    assert service(host, "shop-web-1").at_boot
    assert len(forecast(host).claims) == 3


def test_what_runs_as_asked_stays() -> None:
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
    web = container("shop-web-1", command=("httpd", "-f", "-p", "80"), restart_policy="always", labels=labels,
                    ports=(port("0.0.0.0", 8080, 80),), network_mode="shop_default")  # fmt: skip
    text = b"services: {web: {image: 'busybox:1.36', command: httpd -f -p 80, ports: ['8080:80'], restart: always}}"
    host = living(files={FILE: text}, containers=(web,), networks=("shop_default",), ipv6=False)
    assert good(up(host)).changed is False
    down = good(up(host, state="absent"))
    assert brief(down.effects) == ["remove shop-web-1", "remove shop_default"]
    assert down.effects[0].frees == (Holder(kind="container", name="shop-web-1"),)


def test_a_changed_port_makes_it_anew() -> None:
    host = shop()
    good(up(host))
    host.put(Call(module="copy", args={}, task=TASK), FILE, content=TEXT.replace("8080", "8081").encode())
    assert brief(good(up(host)).effects) == ["change shop-web-1 0.0.0.0:8081/tcp [::]:8081/tcp"]


def test_an_edit_that_shows_nowhere_is_possible() -> None:
    web = container("shop-web-1", network_mode="shop_default")
    host = living(
        files={FILE: b"services: {web: {image: 'busybox:1.36'}}"}, containers=(web,), networks=("shop_default",)
    )
    assert good(up(host)).changed is False
    host.put(
        Call(module="copy", args={}, task=TASK), FILE, content=b"services: {web: {image: 'busybox:1.36', init: true}}"
    )
    assert good(up(host)).changed is None


@pytest.mark.parametrize(
    ("args", "names"),
    [
        ({"services": ["db"]}, ["shop-db-1"]),
        ({"services": ["web"]}, ["shop-db-1", "shop-web-1"]),
        ({"services": ["web"], "dependencies": False}, ["shop-web-1"]),
        ({"profiles": ["debug"]}, ["shop-db-1", "shop-web-1", "shop-debug-1"]),
        ({"services": ["db"], "scale": {"db": 2}}, ["shop-db-1", "shop-db-2"]),
        ({"project_name": "other", "services": ["db"]}, ["other-db-1"]),
    ],
)
def test_which_services(args: dict[str, Any], names: list[str]) -> None:
    result = good(up(shop(), **args))
    assert [effect.name for effect in result.effects if effect.kind == "container"] == names


def test_variables_come_from_dotenv_and_the_environment() -> None:
    host = shop(files={"/srv/shop/.env": b"TAG=1.35\nCOMPOSE_PROJECT_NAME=named\n"})
    assert "pull busybox:1.35" in brief(good(up(host)).effects)
    assert host.containers.get("named-web-1").active


def test_a_definition_in_the_play() -> None:
    definition = {"services": {"a": {"image": "busybox:1.36", "ports": ["1:1"]}}}
    result = good(run(living(ipv6=False), "community.docker.docker_compose_v2",
                      {"project_name": "p", "definition": definition}))  # fmt: skip
    assert "create p-a-1 0.0.0.0:1/tcp" in brief(result.effects)


def test_stopped_and_restarted() -> None:
    host = shop()
    good(up(host, services=["db"]))
    assert brief(good(up(host, services=["db"], state="restarted")).effects) == ["restart shop-db-1 [::]:5432/tcp"]
    assert brief(good(up(host, services=["db"], state="stopped")).effects) == ["stop shop-db-1"]
    assert brief(good(up(host, services=["db"])).effects) == ["start shop-db-1 [::]:5432/tcp"]


def test_removed_volumes_do_not_come_back() -> None:
    host = shop()
    good(up(host))
    result = good(up(host, state="absent", remove_volumes=True))
    (volume,) = [effect for effect in result.effects if effect.kind == "volume"]
    assert (volume.name, volume.reversible) == ("shop_data", False)


@pytest.mark.parametrize(
    ("files", "args", "words"),
    [
        ({}, {}, '"/srv/shop" is not a directory'),
        ({"/srv/shop/x": b""}, {}, "does not contain compose.yaml"),
        ({FILE: b"services: ["}, {}, "the Compose file is refused: /srv/shop/compose.yml: not YAML"),
        ({FILE: b"services: {a: {image: '${NEEDED:?x}'}}"}, {}, "NEEDED is needed"),
        ({FILE: b"services: {a: {image: b}}"}, {"services": ["c"]}, "no such service: c"),
        ({FILE: b"services: {a: {image: b}}"}, {"files": ["none.yml"]}, "Cannot find Compose file /srv/shop/none.yml"),
    ],
)
def test_certain_failures(files: dict[str, bytes], args: dict[str, Any], words: str) -> None:
    assert words in up(living(files=dict(files)), **args).failed


def test_a_file_known_only_in_the_run_is_opaque() -> None:
    host = shop()
    host.put(Call(module="template", args={}, task=TASK), FILE, content=Unknown("x"))
    result = up(host)
    assert (result.changed, "known only in the run" in result.opaque) == (None, True)


def test_a_part_that_is_not_understood_leaves_the_sockets_open() -> None:
    text = b"services: {a: {image: 'busybox:1.36', ports: ['1:1', '2:2/sctp']}}"
    effect = good(up(living(files={FILE: text}))).effects[-1]
    assert not effect.sockets_known
