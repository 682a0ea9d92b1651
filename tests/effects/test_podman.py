from __future__ import annotations

from typing import Any

import pytest

from aisafe.effects.api import Result
from aisafe.effects.predicted import PredictedHost
from aisafe.model import Container, Image, Unit, Unknown
from tests.effects.living import brief, container, forecast, good, listener, living, port, service
from tests.effects.scenes import run

BUSY = Image(id="pb", tags=("docker.io/library/busybox:1.36",), command=("sh",), engine="podman")
RESTARTS = Unit(name="podman-restart.service", unit_file_state="enabled")
TASK = {
    "name": "web",
    "image": "busybox:1.36",
    "command": "httpd -f -p 80",
    "ports": ["8080:80"],
    "restart_policy": "always",
}


def host_with(*containers: Container, **more: Any) -> PredictedHost:
    return living(*more.pop("units", ()), containers=containers, images=(*more.pop("images", ()), BUSY), **more)


def podman(host: PredictedHost, kind: str = "container", **args: Any) -> Result:
    return run(host, f"containers.podman.podman_{kind}", args)


def web(**more: Any) -> Container:
    given = {"engine": "podman", "image": "docker.io/library/busybox:1.36", "image_id": "pb", "network_mode": "bridge",
             "networks": ("podman",), "ports": (port("0.0.0.0", 8080, 80),), "restart_policy": "always",
             "command": ("httpd", "-f", "-p", "80"), **more}  # fmt: skip
    return container(given.pop("name", "web"), **given)


def test_made_and_again() -> None:
    host = host_with(units=(RESTARTS,))
    result = good(podman(host, **TASK))
    assert brief(result.effects) == ["create web 0.0.0.0:8080/tcp"]
    assert not result.effects[0].reversible
    assert good(podman(host, **TASK)).changed is False
    assert (service(host, "web").at_boot, service(host, "web").active) == (True, True)
    assert [str(claim.socket) for claim in forecast(host).claims] == ["0.0.0.0:8080/tcp"]


def test_what_runs_as_asked_stays() -> None:
    host = host_with(web())
    assert good(podman(host, **TASK)).changed is False
    assert host.containers.get("web").container is None  # Docker's are others


@pytest.mark.parametrize(
    ("args", "effects"),
    [
        ({"ports": ["8081:80"]}, ["change web 0.0.0.0:8081/tcp"]), ({"command": "sleep 5"}, ["change web 0.0.0.0:8080/tcp"]),
        ({"network": "host", "ports": []}, ["change web [::]:80/tcp"]), ({"state": "stopped"}, ["stop web"]),
        ({"state": "absent"}, ["remove web"]), ({"force_restart": True}, ["restart web 0.0.0.0:8080/tcp"]),
        ({"recreate": True}, ["change web 0.0.0.0:8080/tcp"]), ({"state": "created"}, []), ({"network": "podman"}, []),
        ({"image": "docker.io/library/busybox:1.36"}, []), ({"network": "other"}, ["change web 0.0.0.0:8080/tcp"]),
    ],
)  # fmt: skip
def test_over_one_that_runs(args: dict[str, Any], effects: list[str]) -> None:
    assert brief(good(podman(host_with(web()), **{**TASK, **args})).effects) == effects


def test_what_cannot_be_compared_is_possible() -> None:
    assert good(podman(host_with(web()), **TASK, memory="1g")).changed is None


def test_failures_and_what_is_not_modelled() -> None:
    host = host_with()
    assert "image is not specified" in podman(host, name="x").failed
    assert "publish: 'x' is no port" in podman(host, name="x", image="y", ports=["x:1"]).failed
    unknown = good(podman(host, name="x", image="busybox:1.36", ports=Unknown("a result")))
    assert not unknown.effects[-1].sockets_known


def test_a_pod_and_its_members() -> None:
    host = host_with()
    assert brief(good(podman(host, "pod", name="shop", ports=["8080:80"])).effects) == ["create shop-infra"]
    result = good(podman(host, name="web", image="busybox:1.36", pod="shop", command="httpd -f"))
    assert brief(result.effects) == ["start shop-infra 0.0.0.0:8080/tcp", "create web"]
    assert good(podman(host, "pod", name="shop", state="started", ports=["8080:80"])).changed is False
    assert brief(good(podman(host, "pod", name="shop", state="absent")).effects) == ["remove shop-infra", "remove web"]
    assert not forecast(host).claims


def test_a_live_pod_stays_as_it_is() -> None:
    infra = web(name="shop-infra", pod="shop", command=("/catatonit", "-P"), image="localhost/podman-pause:4.3.1-0")
    host = host_with(infra, web(name="w", pod="shop", ports=(), network_mode="container:abc"))
    assert good(podman(host, "pod", name="shop", state="started", ports=["8080:80"])).changed is False
    assert good(podman(host, **{**TASK, "name": "w", "ports": None, "pod": "shop"})).changed is False
    result = good(podman(host, "pod", name="shop", state="started", ports=["8081:80"]))
    assert brief(result.effects) == ["change shop-infra 0.0.0.0:8081/tcp"]


KUBE = """
kind: Pod
metadata: {name: p}
spec: {containers: [{name: c, image: 'busybox:1.36', ports: [{containerPort: 1, hostPort: 7}]}]}
"""


def test_play() -> None:
    host = host_with(files={"/srv/p.yml": KUBE.encode()})
    args = {"kube_file": "/srv/p.yml", "state": "started"}
    assert brief(good(podman(host, "play", **args)).effects) == ["create p-infra 0.0.0.0:7/tcp", "create p-c"]
    assert good(podman(host, "play", **args)).changed is False
    assert brief(good(podman(host, "play", kube_file="/srv/p.yml", state="absent")).effects) == [
        "remove p-c",
        "remove p-infra",
    ]
    assert "none.yml is not there" in podman(host, "play", kube_file="/srv/none.yml").failed


def test_quadlet_state_writes_the_file_once() -> None:
    host = host_with(files={"/etc/containers/systemd/.keep": b""})
    args = {
        **TASK,
        "state": "quadlet",
        "env": {"A": "x y"},
        "quadlet_options": ["[Install]", "WantedBy=default.target"],
    }
    result = good(podman(host, **args))
    assert [(effect.action, effect.name) for effect in result.effects] == [
        ("create", "/etc/containers/systemd/web.container")
    ]
    text = host.file("/etc/containers/systemd/web.container").text
    assert text == ("[Container]\nContainerName=web\nEnvironment='A=x y'\nExec=httpd -f -p 80\nImage=busybox:1.36\n"
                    "PublishPort=8080:80\n[Install]\nWantedBy=default.target\n")  # fmt: skip
    assert good(podman(host, **args)).changed is False
    started = good(run(host, "ansible.builtin.systemd", {"name": "web", "state": "started", "daemon_reload": True}))
    assert brief(started.effects) == ["start web.service 0.0.0.0:8080/tcp"]
    assert good(podman(host, "network", name="front", state="quadlet")).changed is True
    assert good(podman(host, **args, memory="1g")).changed is None


def test_a_name_that_docker_has_too() -> None:
    host = host_with(container("web", image_id="x"), web(name="web (podman)"))
    assert good(podman(host, **TASK)).changed is False


def test_generate_systemd() -> None:
    host = host_with(web())
    result = good(podman(host, "generate_systemd", name="web", dest="/etc/systemd/system"))
    assert [effect.name for effect in result.effects] == ["/etc/systemd/system/container-web.service"]
    assert good(podman(host, "generate_systemd", name="web", dest="/etc/systemd/system")).changed is False
    made = good(podman(host, **{**TASK, "name": "new"}, generate_systemd={"path": "/etc/systemd/system", "new": True}))
    assert made.effects[-1].name == "/etc/systemd/system/container-new.service"


def test_networks_volumes_images_and_credentials() -> None:
    host = living(images=(BUSY,), podman_networks=("front",))
    assert good(podman(host, "network", name="front")).changed is False
    assert brief(good(podman(host, "volume", name="v")).effects) == ["create v"]
    assert good(podman(host, "image", name="busybox", tag="1.36")).changed is False
    assert brief(good(podman(host, "image", name="nginx", tag="1")).effects) == ["pull nginx:1"]
    login = good(podman(host, "login", registry="r", username="u", password="hush"))
    assert "hush" not in repr(login.effects)
    assert good(podman(host, "container_info", name=["web"])).values == {"containers": []}
    assert len(good(podman(host, "image_info", name=["busybox:1.36", "none:1"])).values["images"]) == 1


def test_a_container_whose_network_another_has_is_not_removed() -> None:
    other = container("side", engine="podman", image="docker.io/library/busybox:1.36", network_mode="container:web")
    for args in ({"state": "absent"}, {"recreate": True}, {"command": "sleep 5"}):
        refused = podman(host_with(web(), other), **{**TASK, **args})
        assert "web has dependent containers which must be removed before it: side" in refused.failed
    assert brief(good(podman(host_with(web(), other), **{**TASK, "state": "stopped"})).effects) == ["stop web"]
    host = host_with(web(), other)
    assert brief(good(podman(host, name="web", state="absent", delete_depend=True)).effects) == [
        "remove side",
        "remove web",
    ]
    assert brief(good(podman(host_with(web()), name="web", state="absent")).effects) == ["remove web"]


def test_a_network_in_use_is_not_removed_unless_by_force() -> None:
    host = living(containers=(web(networks=("front",)),), podman_networks=("front", "back"))
    assert '"front" has associated containers' in podman(host, "network", name="front", state="absent").failed
    assert brief(good(podman(host, "network", name="back", state="absent")).effects) == ["remove back"]
    forced = podman(host, "network", name="front", state="absent", force=True)
    assert brief(good(forced).effects) == ["remove web", "remove front"]


def test_conmon_holds_the_port_for_its_container() -> None:
    host = host_with(web(), listeners=(listener("web", "0.0.0.0", 8080, kind="container"),))
    result = good(podman(host, name="other", image="busybox:1.36", ports=["8080:80"]))
    assert brief(result.effects) == ["create other 0.0.0.0:8080/tcp"]
    assert [claim.holder.name for claim in forecast(host).claims] == ["other"]
