from __future__ import annotations

import pytest

from aisafe.formats.kubeplay import BadKube, command, read
from aisafe.formats.ports import published_sockets

TEXT = """
apiVersion: v1
kind: Pod
metadata: {name: shop}
spec:
  containers:
  - {name: web, image: nginx, command: [nginx], args: [-g], ports: [{containerPort: 80, hostPort: 8080}, {containerPort: 81}]}
  - {name: dns, image: bind, ports: [{containerPort: 53, hostPort: 53, hostIP: 127.0.0.1, protocol: UDP}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: db}
spec: {template: {spec: {hostNetwork: true, containers: [{name: pg, image: postgres}]}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: x}
"""


def test_pods() -> None:
    orders = {order.name: order for order in read(TEXT)}
    assert list(orders) == ["shop-infra", "shop-web", "shop-dns", "db-pod-infra", "db-pod-pg"]
    sockets = [str(port.socket) for port in published_sockets(orders["shop-infra"].ports, ipv6=False)]
    assert sockets == ["0.0.0.0:8080/tcp", "127.0.0.1:53/udp"]
    assert (orders["shop-web"].entrypoint, orders["shop-web"].command) == (("nginx",), ("-g",))
    assert (orders["shop-web"].network_mode, orders["db-pod-pg"].network_mode) == ("container:shop-infra", "host")


def test_publish_goes_over_the_file() -> None:
    (infra, *_) = read(TEXT, publish=("9090:80",))
    assert sorted(port.host_port or 0 for port in infra.ports) == [53, 9090]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("podman kube play /a.yml", ("/a.yml", (), (), False)), ("podman play kube --down /a.yml", ("/a.yml", (), (), True)),
        ("podman kube play --replace --network x --publish 1:2 a.yml", ("a.yml", ("1:2",), ("x",), False)),
        ("podman kube down a.yml", ("a.yml", (), (), True)), ("podman run x", None), ("kubectl apply -f a.yml", None),
    ],
)  # fmt: skip
def test_command(text: str, expected: object) -> None:
    assert command(tuple(text.split())) == expected


def test_refused() -> None:
    with pytest.raises(BadKube, match="not YAML"):
        read("a: [")
