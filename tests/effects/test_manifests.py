"""Kubernetes manifests of a run, wherever they go."""

from __future__ import annotations

import json

import pytest

from aisafe.model import Coverage, Unknown
from tests.effects.scenes import TASK, Call, predicted, run

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}
TEXT = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n"


def test_in_a_file_that_the_run_writes() -> None:
    host = predicted()
    call = Call(module="copy", args={}, task=TASK)
    host.put(call, "/etc/pod.yml", content=TEXT.encode())
    host.put(call, "/etc/other.yml", content=b"a: 1\n")
    host.put(call, "/etc/later.yml", content=Unknown("the result of X"))
    (found,) = host.forecast(Coverage()).manifests
    assert (found.where, found.task, json.loads(found.document)) == ("/etc/pod.yml", TASK, POD)


@pytest.mark.parametrize(
    "given", [{"definition": POD}, {"definition": TEXT}, {"resource_definition": [POD]}, {"src": "/srv/pod.yml"}]
)
def test_given_to_the_cluster(given: dict[str, object]) -> None:
    host = predicted({"/srv/pod.yml": TEXT.encode()})
    run(host, "kubernetes.core.k8s", given)
    (found,) = host.forecast(Coverage()).manifests
    assert json.loads(found.document) == POD


@pytest.mark.parametrize("given", [{"definition": POD, "state": "absent"}, {"definition": Unknown("x")}])
def test_nothing_to_validate(given: dict[str, object]) -> None:
    host = predicted()
    run(host, "kubernetes.core.k8s", given)
    assert host.forecast(Coverage()).manifests == ()


def test_no_log_is_left_out() -> None:
    host = predicted()
    run(host, "kubernetes.core.k8s", {"definition": POD}, no_log=True)
    assert host.forecast(Coverage()).manifests == ()
