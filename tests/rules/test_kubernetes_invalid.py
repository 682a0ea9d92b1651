"""Manifests against the cluster's version, and a library that may not be there."""

from __future__ import annotations

import json

import pytest

from aisafe.config import Settings
from aisafe.formats import kubernetes
from aisafe.model import Manifest
from tests.cases import forecast, found, state, task
from tests.formats.test_kubernetes import DEPLOYMENT

SCALER = {
    "apiVersion": "autoscaling/v2beta2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
    "spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "web"}},
}  # fmt: skip
"""Served until 1.25 (kubernetes.io, Deprecated API Migration Guide)."""


def manifest(document: object, where: str = "") -> Manifest:
    return Manifest(where=where, task=task("Deploy", 9), document=json.dumps(document))


def test_a_valid_one_is_silent_and_an_invalid_one_blocks() -> None:
    bad = manifest({**DEPLOYMENT, "apiVersion": "extensions/v1beta1"}, "/etc/k8s/web.yml")
    (finding,) = found("kubernetes-invalid", state(), forecast(manifests=(manifest(DEPLOYMENT), bad)))
    assert (finding.severity, finding.task, finding.evidence) == ("error", bad.task, ("in /etc/k8s/web.yml",))
    assert "Deployment shop/web" in finding.message


@pytest.mark.parametrize(("version", "findings"), [("1.25", 0), ("1.26", 1), ("v1.31", 1)])
def test_the_version_of_the_cluster_counts(version: str, findings: int) -> None:
    plan = forecast(manifests=(manifest(SCALER),))
    listed = found("kubernetes-invalid", state(), plan, settings=Settings(kubernetes_version=version))
    assert len(listed) == findings


def test_without_the_library_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes, "library", lambda: None)
    (finding,) = found("kubernetes-invalid", state(), forecast(manifests=(manifest(DEPLOYMENT),)))
    assert finding.severity == "note"
    assert "aisafe[kubernetes]" in finding.fix
    assert found("kubernetes-invalid", state(), forecast()) == []


@pytest.mark.parametrize("version", ["1.2", "1.99"])
def test_a_version_without_schemas_is_said(version: str) -> None:
    plan = forecast(manifests=(manifest(DEPLOYMENT),))
    (finding,) = found("kubernetes-invalid", state(), plan, settings=Settings(kubernetes_version=version))
    assert finding.severity == "warning"
    assert version in finding.message
