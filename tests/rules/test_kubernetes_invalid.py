"""Manifests against the schemas that come with kubernetes-validate."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from aisafe.config import Settings
from aisafe.model import Finding, Manifest
from aisafe.rules import kubernetes_invalid
from tests.cases import forecast, found, state, task

POD = {"containers": [{"name": "a", "image": "***"}]}
DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"},
    "spec": {"replicas": 3, "selector": {}, "template": {"metadata": {}, "spec": POD}},
}  # fmt: skip


def manifest(document: dict[str, Any] | None = None, **given: Any) -> Manifest:
    text = json.dumps(document) if document else ""
    return Manifest(**{"task": task(), "where": "/opt/shop.yml", "given": True, "document": text, **given})


def judged(*manifests: Manifest, version: str = "1.31") -> list[Finding]:
    plan = forecast(manifests=manifests)
    return found("kubernetes-invalid", state(), plan, settings=Settings(kubernetes_version=version))


def of(api: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": "shop"}, **more}


@pytest.mark.parametrize(
    ("document", "version", "says"),
    [
        (DEPLOYMENT, "1.31", ""),
        (DEPLOYMENT, "v1.31.4", ""),
        (DEPLOYMENT, "", ""),
        (DEPLOYMENT, "1.99", ""),
        (DEPLOYMENT, "1.2", ""),  # older than any schema that is known
        ({**DEPLOYMENT, "spec": {**DEPLOYMENT["spec"], "replicas": "***"}}, "1.31",
         "Deployment shop in /opt/shop.yml is not valid: spec.replicas: a text is not of type 'integer', 'null'; the cluster "
         "refuses it (judged as Kubernetes 1.31)."),
        ({**DEPLOYMENT, "spec": {"template": {"spec": POD}}}, "1.31", "'selector' is a required property"),
        (of("v1", "ConfigMap", data={"port": 0}), "1.31", "data.port: a number where a text is wanted"),
        (of("extensions/v1beta1", "Ingress"), "1.31", "extensions/v1beta1 is not served since Kubernetes 1.22"),
        (of("batch/v1beta1", "CronJob"), "1.25", "batch/v1beta1 is not served since Kubernetes 1.25"),
        (of("batch/v1beta1", "CronJob"), "1.24", ""),  # served then
        (of("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"), "1.29", "is only served from Kubernetes 1.30"),
        (of("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"), "1.30", ""),
        (of("flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema"), "1.32", "not served since Kubernetes 1.32"),
        (of("cert-manager.io/v1", "Certificate", spec={"x": 1}), "1.31", ""),  # a custom resource
        (of("kustomize.config.k8s.io/v1beta1", "Kustomization"), "1.31", ""),
        (of("v1", "Config", clusters=[]), "1.31", ""),  # a kubeconfig
    ],
)  # fmt: skip
def test_what_a_cluster_refuses(document: dict[str, Any], version: str, says: str) -> None:
    findings = judged(manifest(document), version=version)
    assert len(findings) == bool(says)
    assert all(says in item.message and item.severity == "error" and item.when == "now" for item in findings)


@pytest.mark.parametrize(
    "given", [{"given": False}, {"certainty": "possible"}], ids=["only written", "may not be applied"]
)
def test_what_may_not_reach_a_cluster_warns(given: dict[str, Any]) -> None:
    (finding,) = judged(manifest(of("batch/v1beta1", "CronJob"), **given))
    assert (finding.severity, finding.when) == ("warning", "possible")
    assert "a cluster may refuse it" in finding.message
    assert finding.fix == "Use batch/v1."


def test_an_ended_api_warns_where_the_cluster_is_not_known() -> None:
    assert [item.severity for item in judged(manifest(of("batch/v1beta1", "CronJob")), version="")] == ["warning"]


@pytest.mark.parametrize(
    ("strict", "version", "severity"), [(True, "1.31", "error"), (True, "", "warning"), (False, "1.31", "warning")]
)
def test_an_unknown_field_is_refused_by_kubectl_only(strict: bool, version: str, severity: str) -> None:
    service = of("v1", "Service", spec={"portz": []})
    (finding,) = judged(manifest(service, strict=strict), version=version)
    assert finding.severity == severity
    assert "'portz' was unexpected" in finding.message


def test_a_wrong_type_behind_an_unknown_field_is_found() -> None:
    service = of("v1", "Service", spec={"portz": [], "ports": [{"port": "***"}]})
    (finding,) = judged(manifest(service))
    assert (finding.severity, "spec.ports.0.port" in finding.message) == ("error", True)


def test_what_was_not_read_is_said() -> None:
    (finding,) = judged(manifest(unread="it depends on the output of 'x'"))
    assert finding.severity == "note"
    assert finding.message == (
        "/opt/shop.yml was not judged as a Kubernetes manifest: it depends on the output of 'x'."
    )


def test_without_the_library_it_is_said_once_and_ended_apis_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    kubernetes_invalid._fault.cache_clear()
    monkeypatch.setitem(sys.modules, "kubernetes_validate", None)
    try:
        findings = judged(manifest(DEPLOYMENT), manifest(of("v1", "Service")), manifest(of("batch/v1beta1", "CronJob")))
    finally:
        kubernetes_invalid._fault.cache_clear()
    assert [item.severity for item in findings] == ["error", "note"]
    assert findings[1].message == "2 Kubernetes objects were not judged: kubernetes-validate is not installed."
    assert "aisafe[kubernetes]" in findings[1].fix
