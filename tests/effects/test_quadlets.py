"""Quadlets that the run writes: a daemon-reload makes services of them, which listen where the file says."""

from __future__ import annotations

from typing import Any

from aisafe.effects.api import Result
from aisafe.effects.predicted import PredictedHost
from aisafe.model import Holder, Unit
from tests.effects.living import brief, forecast, good, living
from tests.effects.scenes import run

WEB = "[Container]\nImage=docker.io/library/nginx:1.27\nPublishPort=8080:80\n[Install]\nWantedBy=multi-user.target\n"
FOLDER = "/etc/containers/systemd"


def copy(host: PredictedHost, name: str, content: str) -> Result:
    return good(run(host, "ansible.builtin.copy", {"dest": f"{FOLDER}/{name}", "content": content}))


def systemd(host: PredictedHost, **args: Any) -> Result:
    return run(host, "ansible.builtin.systemd", args)


def host_with(*units: Unit, **more: Any) -> PredictedHost:
    files = {f"{FOLDER}/.keep": b"", **more.pop("files", {})}
    return living(*units, files=files, **more)


def test_written_reloaded_and_started() -> None:
    host = host_with()
    copy(host, "web.container", WEB)
    assert "Could not find the requested service web" in systemd(host, name="web", state="started").failed
    result = good(systemd(host, name="web", state="started", daemon_reload=True, enabled=True))
    assert brief(result.effects) == ["start web.service 0.0.0.0:8080/tcp"]
    found = forecast(host)
    (claim,) = found.claims
    assert (claim.holder, str(claim.socket), claim.certainty) == (
        Holder(kind="unit", name="web.service"), "0.0.0.0:8080/tcp", "certain")  # fmt: skip
    (service,) = [one for one in found.services if one.holder.name == "web.service"]
    assert (service.at_boot, service.program, service.active) == (True, "nginx", True)


def test_without_install_it_does_not_start_at_boot() -> None:
    host = host_with()
    copy(host, "web.container", WEB.partition("[Install]")[0])
    good(systemd(host, name="web", state="started", daemon_reload=True))
    (service,) = [one for one in forecast(host).services if one.holder.name == "web.service"]
    assert not service.at_boot


def test_a_member_brings_its_pod() -> None:
    host = host_with()
    copy(host, "shop.pod", "[Pod]\nPublishPort=9000:80\n")
    copy(host, "web.container", "[Container]\nImage=docker.io/library/nginx:1.27\nPod=shop.pod\n")
    result = good(systemd(host, name="web", state="started", daemon_reload=True))
    assert brief(result.effects) == ["start shop-pod.service 0.0.0.0:9000/tcp", "start web.service"]


def test_kube() -> None:
    text = "{kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: x, ports: [{containerPort: 1, hostPort: 7}]}]}}"
    host = host_with(files={"/srv/p.yml": text.encode()})
    copy(host, "p.kube", "[Kube]\nYaml=/srv/p.yml\n")
    result = good(systemd(host, name="p", state="started", daemon_reload=True))
    assert brief(result.effects) == ["start p.service 0.0.0.0:7/tcp"]


LIVE = Unit(
    name="web.service", active_state="active", sub_state="running", unit_file_state="generated", type="notify",
    fragment_path="/run/systemd/generator/web.service",
    commands=(("/usr/bin/podman", "run", "--name", "systemd-web", "--replace", "--rm", "-d", "--publish", "8080:80",
               "docker.io/library/nginx:1.27"),),
)  # fmt: skip


def test_the_same_file_again_changes_nothing() -> None:
    host = host_with(LIVE, files={f"{FOLDER}/web.container": WEB.encode()})
    assert copy(host, "web.container", WEB).changed is False
    assert good(systemd(host, name="web", state="started", daemon_reload=True, enabled=True)).changed is False
    assert not forecast(host).claims


def test_a_change_counts_after_a_reload_and_restart() -> None:
    host = host_with(LIVE, files={f"{FOLDER}/web.container": WEB.encode()})
    copy(host, "web.container", WEB.replace("8080", "8081"))
    result = good(systemd(host, name="web", state="restarted", daemon_reload=True))
    assert brief(result.effects) == ["restart web.service 0.0.0.0:8081/tcp"]


def test_a_drop_in_counts_and_a_removed_one_is_gone() -> None:
    host = host_with(LIVE, files={f"{FOLDER}/web.container": WEB.encode()})
    good(run(host, "ansible.builtin.file", {"path": f"{FOLDER}/web.container.d", "state": "directory"}))
    copy(host, "web.container.d/port.conf", "[Container]\nPublishPort=8443:443\n")
    result = good(systemd(host, name="web", state="restarted", daemon_reload=True))
    assert brief(result.effects) == ["restart web.service 0.0.0.0:8080/tcp 0.0.0.0:8443/tcp"]
    good(run(host, "ansible.builtin.file", {"path": f"{FOLDER}/web.container", "state": "absent"}))
    good(systemd(host, name="web", state="stopped"))
    good(systemd(host, daemon_reload=True))
    assert "Could not find" in systemd(host, name="web", state="started").failed


def test_a_podman_without_quadlets_makes_no_service() -> None:
    host = host_with(packages={"podman": "4.3.1+ds1-8"})
    copy(host, "web.container", WEB)
    assert "Could not find" in systemd(host, name="web", state="started", daemon_reload=True).failed


def test_a_reference_that_is_not_there_leaves_it_open() -> None:
    host = host_with()
    copy(host, "web.container", WEB.replace("PublishPort", "Network=none.network\nPublishPort"))
    (effect,) = good(systemd(host, name="web", state="started", daemon_reload=True)).effects[-1:]
    assert not effect.sockets_known
