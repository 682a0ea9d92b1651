from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aisafe.effects.api import Result
from aisafe.effects.predicted import PredictedHost
from aisafe.model import Image, Unit
from tests.effects.living import BUSYBOX, brief, container, forecast, good, living, service
from tests.effects.scenes import run

POD_IMAGE = Image(id="pb", tags=("docker.io/library/busybox:1.36",), engine="podman")
FILE = b"services: {web: {image: 'busybox:1.36', ports: ['${PORT:-8080}:80']}, job: {image: 'busybox:1.36', depends_on: [web]}}"
PROD = b"services: {web: {ports: !override ['9090:80']}, x: {image: 'busybox:1.36', profiles: [p], ports: ['1:1']}}"


def host_with(**more: Any) -> PredictedHost:
    files = {"/srv/shop/compose.yml": FILE, "/srv/shop/prod.yml": PROD, "/srv/shop/e.env": b"PORT=7000"}
    pod = b"{kind: Pod, metadata: {name: k}, spec: {containers: ["
    kube = pod + b"{name: c, image: 'busybox:1.36', ports: [{containerPort: 1, hostPort: 7}]}]}}"
    files |= {"/srv/k.yml": kube, **more.pop("files", {})}
    given = {"ipv6": False, "images": (BUSYBOX, POD_IMAGE), **more}
    return living(*given.pop("units", ()), files=files, **given)


def shell(host: PredictedHost, text: str, **args: Any) -> Result:
    return run(host, "ansible.builtin.shell", {"_raw_params": text, **args})


UP = ["create shop_default", "create shop-web-1 0.0.0.0:8080/tcp", "create shop-job-1"]


@pytest.mark.parametrize(
    ("text", "chdir", "effects"),
    [
        ("docker compose up -d", "/srv/shop", UP), ("cd /srv/shop && docker compose up -d", None, UP),
        ("docker compose -f /srv/shop/compose.yml up -d --build --remove-orphans", None, UP),
        ("docker compose -f compose.yml -f prod.yml --profile p up -d web x", "/srv/shop",
         ["create shop_default", "create shop-web-1 0.0.0.0:9090/tcp", "create shop-x-1 0.0.0.0:1/tcp"]),
        ("docker compose --env-file e.env -p other up -d web", "/srv/shop",
         ["create other_default", "create other-web-1 0.0.0.0:7000/tcp"]),
        ("docker-compose up -d web", "/srv/shop", ["create shop_default", "create shop-web-1 0.0.0.0:8080/tcp"]),
        ("podman-compose up -d web", "/srv/shop", ["create shop_default", "create shop_web_1 0.0.0.0:8080/tcp"]),
        ("podman compose up -d web", "/srv/shop", ["create shop_default", "create shop-web-1 0.0.0.0:8080/tcp"]),
        ("PORT=99 docker compose up -d web", "/srv/shop", ["create shop_default", "create shop-web-1 0.0.0.0:99/tcp"]),
        ("PORT=$X docker compose up -d web", "/srv/shop", ["create shop_default", "create shop-web-1 ~"]),
        ("export PORT=99; docker compose up -d web", "/srv/shop", ["create shop_default", "create shop-web-1 0.0.0.0:99/tcp"]),
        ("docker compose up --no-start web", "/srv/shop", ["create shop_default", "create shop-web-1"]),
        ("docker compose run --rm --service-ports web ls", "/srv/shop",
         ["create shop-web-run-(new) 0.0.0.0:8080/tcp", "remove shop-web-run-(new)"]),
        ("docker compose ps", "/srv/shop", []), ("docker compose start", "/srv/shop", []),
        ("docker compose pull", "/srv/shop", ["pull busybox:1.36?", "pull busybox:1.36?"]),
        ("podman run -d --name a -p 80:80 busybox:1.36", None, ["create a 0.0.0.0:80/tcp"]),
        ("podman run -d --pod new:p -p 80:80 --name a busybox:1.36", None, ["create p-infra 0.0.0.0:80/tcp", "create a"]),
        ("podman pod create --name p -p 80:80 && podman run -d --pod p --name a busybox:1.36", None,
         ["create p-infra", "start p-infra 0.0.0.0:80/tcp", "create a"]),
        ("podman kube play /srv/k.yml", None, ["create k-infra 0.0.0.0:7/tcp", "create k-c"]),
        ("docker network create n && docker volume create v", None, ["create n", "create v"]),
        ("docker exec db pg_isready -U x", None, []), ("docker exec -i db psql", None, ["run db?"]),
        ("docker system prune -f", None, []), ("docker system prune -af", None, ["remove busybox:1.36"]),
    ],
)  # fmt: skip
def test_command_lines(text: str, chdir: str | None, effects: list[str]) -> None:
    args = {"chdir": chdir} if chdir else {}
    assert brief(good(shell(host_with(), text, **args)).effects) == effects


def test_docker_compose_of_version_1() -> None:
    host = host_with(packages={"docker-compose": "1.29.2-3"})
    assert brief(good(shell(host, "docker-compose up -d web", chdir="/srv/shop")).effects)[-1].startswith(
        "create shop_web_1"
    )


def test_a_project_goes_up_again_and_down() -> None:
    host = host_with()
    good(shell(host, "docker compose up -d", chdir="/srv/shop"))
    assert good(shell(host, "docker compose up -d", chdir="/srv/shop")).effects == ()
    restarted = good(shell(host, "docker compose restart web", chdir="/srv/shop"))
    assert brief(restarted.effects) == ["restart shop-web-1 0.0.0.0:8080/tcp"]
    assert brief(good(shell(host, "docker compose exec -T web ls", chdir="/srv/shop")).effects) == ["run shop-web-1"]
    assert brief(good(shell(host, "docker compose rm -sf job", chdir="/srv/shop")).effects) == [
        "stop shop-job-1",
        "remove shop-job-1",
    ]
    assert brief(good(shell(host, "docker compose down", chdir="/srv/shop")).effects) == [
        "remove shop-web-1",
        "remove shop_default",
    ]
    assert not forecast(host).claims


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("docker compose up", "in a directory that is not known"), ("docker -H tcp://x run y", "another engine"),
        ("docker compose frob", "frob is not understood"), ("docker run $IMAGE", "only the host's shell knows"),
        ("podman pod rm --all", "that the engine chooses"), ("nerdctl run x", "nerdctl is not understood"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_opaque(text: str, words: str) -> None:
    args = {"chdir": "/srv/shop"} if "frob" in text else {}
    assert words in shell(host_with(), text, **args).opaque


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        ("docker rm old", False), ("docker rm runs", True), ("docker rm -f runs", False), ("docker stop none", True),
        ("docker rm -f none", False), ("podman rm --ignore none", False), ("docker network create net", True),
        ("docker compose -f /srv/none.yml up", True), ("docker rmi none", True),
    ],
)  # fmt: skip
def test_what_fails(text: str, fails: bool) -> None:
    host = host_with(containers=(container("old", state="exited"), container("runs")), networks=("net",))
    assert bool(shell(host, text).failed) is fails


def test_swarm_command_lines() -> None:
    host = host_with(files={"/srv/s.yml": b"services: {a: {image: x, ports: ['81:80']}}"})
    assert brief(good(shell(host, "docker swarm init --advertise-addr eth0")).effects) == [
        "change docker.service [::]:2377/tcp [::]:7946/tcp [::]:7946/udp"]  # fmt: skip
    assert brief(good(shell(host, "docker stack deploy --prune -c /srv/s.yml st")).effects) == [
        "create st_a [::]:81/tcp"
    ]
    create = "docker service create -d --name w -p 82:80 --publish published=83,target=1,mode=host busybox:1.36 sleep 5"
    assert brief(good(shell(host, create)).effects) == ["create w [::]:82/tcp 0.0.0.0:83/tcp"]
    assert brief(good(shell(host, "docker service rm w && docker stack rm st")).effects) == ["remove w", "remove st_a"]
    assert good(shell(host, "docker service ls")).effects == ()


def test_renamed() -> None:
    host = host_with()
    good(shell(host, "docker run -d --name a -p 1:1 busybox:1.36"))
    good(shell(host, "docker rename a b"))
    assert [(claim.holder.name, claim.socket.port) for claim in forecast(host).claims] == [("b", 1)]


COMPOSE_UNIT = Unit(
    name="shop.service", unit_file_state="enabled", type="oneshot", working_directory="/srv/shop",
    commands=(("/usr/bin/docker", "compose", "up", "-d"),), fragment_path="/etc/systemd/system/shop.service",
)  # fmt: skip


def test_compose_in_a_unit() -> None:
    host = host_with(units=(COMPOSE_UNIT,))
    assert [str(socket) for socket in service(host, "shop.service").sockets] == ["0.0.0.0:8080/tcp"] or not service(
        host, "shop.service").sockets_known  # fmt: skip
    result = good(run(host, "ansible.builtin.systemd", {"name": "shop", "state": "started"}))
    assert brief(result.effects) == ["start shop.service 0.0.0.0:8080/tcp"]


def test_a_live_container_of_the_unit_is_no_other_service() -> None:
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web",
              "com.docker.compose.project.working_dir": "/srv/shop"}  # fmt: skip
    web = container("shop-web-1", labels=labels)
    live = replace(COMPOSE_UNIT, active_state="active", sub_state="exited")
    host = host_with(units=(live,), containers=(web,))
    assert "shop-web-1" not in {one.holder.name for one in forecast(host).services}
    other = replace(live, working_directory="/srv/else")
    assert "shop-web-1" in {one.holder.name for one in forecast(host_with(units=(other,), containers=(web,))).services}
