from __future__ import annotations

import shlex

import pytest

from aisafe.effects import identity
from aisafe.model import Unit


@pytest.mark.parametrize(
    ("name", "line", "program"),
    [
        ("prometheus-node-exporter", "/usr/bin/prometheus-node-exporter", "node_exporter"),
        ("metrics", "/opt/node_exporter-1.8.2.linux-amd64/node_exporter --x", "node_exporter"),
        ("metrics", "/usr/bin/docker run --rm quay.io/prometheus/node-exporter", "node_exporter"),
        ("metrics", "/bin/sh -c 'exec /usr/bin/podman run prom/prometheus'", "prometheus"),
        ("prometheus", "/usr/bin/python3 /opt/mock.py", "prometheus"),
        ("agent", "/usr/bin/python3 /opt/agent/app.py", "agent"),
        ("agent", "/usr/bin/python3 -m http.server", ""),
        ("agent", "/bin/sleep 60", ""),
        ("ssh", "/usr/sbin/sshd -D", "sshd"),
        ("my-tool", "/usr/local/bin/My-Tool", "my_tool"),
    ],
)
def test_units(name: str, line: str, program: str) -> None:
    unit = Unit(name=f"{name}.service", commands=(tuple(shlex.split(line)),))
    assert identity.of_unit(unit, {}).program == program


def test_evidence_says_from_what() -> None:
    unit = Unit(name="metrics.service", commands=(("/usr/bin/docker", "run", "prom/node-exporter"),))
    assert identity.of_unit(unit, {}).evidence == "runs a container: image prom/node-exporter"


def test_the_container_of_a_unit() -> None:
    unit = Unit(
        name="a.service", commands=(("/usr/bin/docker", "run", "--name", "${NAME}", "x"),), environment={"NAME": "a"}
    )
    order = identity.container_of_unit(unit)
    assert order is not None
    assert order.name == "a"
    assert identity.container_of_unit(Unit(name="b.service", commands=(("/bin/b",),))) is None
