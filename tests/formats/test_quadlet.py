from __future__ import annotations

from collections.abc import Mapping

import pytest

from aisafe.formats import quadlet, unitfile
from aisafe.formats.dockerrun import parse, parse_pod
from aisafe.formats.quadlet import Generated
from aisafe.formats.unitfile import UnitFile, specifiers, split_commands


def generated(name: str, texts: Mapping[str, str]) -> Generated:
    def find(other: str) -> UnitFile | None:
        return unitfile.read(texts[other]) if other in texts else None

    return quadlet.generate(name, unitfile.read(texts[name]), find)


def argv(found: Generated) -> tuple[str, ...]:
    (command,) = split_commands(found.unit.last("Service", "ExecStart"), specifiers(found.name))
    return command


WEB = """
[Unit]
Description=x
[Container]
Image=docker.io/library/nginx:1.27
PublishPort=8080:80
PublishPort=127.0.0.1:8443:443/tcp
Network=front.network
Network=other
Volume=data.volume:/data:ro
Volume=/srv/x:/x
Environment=A=1 "B=two words"
Label=a=b
PodmanArgs=--cpus 2 -p 9000:9000
Exec=nginx -g "daemon off;"
[Service]
Restart=always
[Install]
WantedBy=multi-user.target
"""


def test_container() -> None:
    found = generated("web.container", {"web.container": WEB, "front.network": "[Network]\nNetworkName=the-front",
                                        "data.volume": "[Volume]"})  # fmt: skip
    order = parse(argv(found))
    assert order is not None
    assert (found.name, found.problems, order.problems) == ("web.service", (), ())
    assert (order.name, order.image, order.replaces) == ("systemd-web", "docker.io/library/nginx:1.27", True)
    assert [(str(port.address), port.host_port, port.container_port) for port in order.ports] == [
        ("None", 8080, 80), ("127.0.0.1", 8443, 443), ("None", 9000, 9000),
    ]  # fmt: skip
    assert order.networks == ("the-front", "other")
    assert [(mount.source, mount.target, mount.read_only) for mount in order.mounts] == [
        ("systemd-data", "/data", True), ("/srv/x", "/x", False),
    ]  # fmt: skip
    assert order.environment == {"A": "1", "B": "two words"}
    assert order.command == ("nginx", "-g", "daemon off;")
    assert found.pulls == ("front-network.service", "data-volume.service")
    assert found.unit.last("Service", "Restart") == "always"
    assert quadlet.starts_at_boot(found.unit)


def test_names_of_services_and_containers() -> None:
    texts = {
        "a.container": "[Container]\nImage=x\nContainerName=mine\nServiceName=other\nNetwork=host\nExec=httpd -f -p 80"
    }
    found = generated("a.container", texts)
    order = parse(argv(found))
    assert order is not None
    assert (found.name, order.name, order.network_mode, order.ports) == ("other.service", "mine", "host", ())
    assert not quadlet.starts_at_boot(found.unit)


@pytest.mark.parametrize(
    ("file_name", "service"),
    [
        ("a.container", "a.service"), ("a.kube", "a.service"), ("a.pod", "a-pod.service"), ("a.network", "a-network.service"),
        ("a.volume", "a-volume.service"), ("a@.container", "a@.service"), ("a@b.container", "a@b.service"),
        ("a@b.volume", "a-volume@b.service"), ("a.image", "a-image.service"), ("a.build", "a-build.service"),
    ],
)  # fmt: skip
def test_service_name(file_name: str, service: str) -> None:
    assert quadlet.service_name(file_name) == service


def test_a_pod_holds_the_ports_of_its_members() -> None:
    texts = {
        "shop.pod": "[Pod]\nPublishPort=8080:80\nNetwork=host",
        "web.container": "[Container]\nImage=x\nPod=shop.pod",
    }
    pod = parse_pod(argv(generated("shop.pod", texts)))
    member = generated("web.container", texts)
    order = parse(argv(member))
    assert pod is not None
    assert order is not None
    assert (pod.name, [port.host_port for port in pod.ports], pod.network_mode) == (
        "systemd-shop-infra",
        [8080],
        "host",
    )
    assert (order.pod, order.ports, order.network_mode) == ("systemd-shop", (), "container:systemd-shop-infra")
    assert member.pulls == ("shop-pod.service",)


def test_what_is_named_and_not_there_is_a_problem() -> None:
    found = generated("a.container", {"a.container": "[Container]\nImage=x.build\nNetwork=none.network"})
    assert found.problems == ("none.network, which a.container names, is not there",
                              "x.build, which a.container names, is not there")  # fmt: skip


@pytest.mark.parametrize(
    ("path", "yes"),
    [
        ("/etc/containers/systemd/web.container", True), ("/etc/containers/systemd/sub/web.pod", True),
        ("/usr/share/containers/systemd/x.kube", True), ("/etc/containers/systemd/web.conf", False),
        ("/etc/containers/web.container", False), ("/etc/systemd/system/web.service", False),
    ],
)  # fmt: skip
def test_where_they_lie(path: str, yes: bool) -> None:
    assert quadlet.is_quadlet(path) is yes
