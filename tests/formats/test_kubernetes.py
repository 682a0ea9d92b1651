"""Manifests: found, stripped of secrets, and judged by Kubernetes' own schemas."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aisafe.formats.kubernetes import manifests, named, problem

DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "nginx:1.27",
                                     "env": [{"name": "TOKEN", "value": "hunter2"}]}]},
        },
    },
}  # fmt: skip


def changed(**given: Any) -> dict[str, Any]:
    return {**DEPLOYMENT, **given}


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (DEPLOYMENT, ""),
        (changed(apiVersion="extensions/v1beta1"), "Deployment is not served as extensions/v1beta1 any more, but as apps/v1"),
        (changed(apiVersion="apps/v1beta2"), "but as apps/v1"),
        (changed(spec={**DEPLOYMENT["spec"], "replicas": "three"}), "spec.replicas: 'three' is not of type"),
        (changed(spec={**DEPLOYMENT["spec"], "replcas": 3}), "spec: Additional properties are not allowed ('replcas'"),
        (changed(spec={"template": DEPLOYMENT["spec"]["template"]}), "spec: 'selector' is a required property"),
        ({"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": {"name": "x"}}, ""),
        ({"apiVersion": "apps/v1", "kind": "NoSuchThing"}, ""),
    ],
)  # fmt: skip
def test_problems(document: dict[str, Any], says: str) -> None:
    found = problem(document, "1.31")
    assert says in found
    assert bool(found) == bool(says)


def test_what_is_found_in_a_text() -> None:
    text = (
        "---\na: 1\n---\n"
        + json.dumps(DEPLOYMENT)
        + "\n---\napiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: Pod}]\n"
    )
    assert [named(item) for item in manifests(text)] == ["Deployment shop/web", "Pod"]


@pytest.mark.parametrize(
    "text", ["a: 1", "apiVersion: [kind", "apiVersion: v1\nkind: Pod\nx: ⟦the result of X⟧\n", "- kind"]
)
def test_other_texts_hold_none(text: str) -> None:
    assert manifests(text) == ()


def test_no_value_of_a_secret_is_kept() -> None:
    text = "\n---\n".join(
        json.dumps(item) for item in (
            {"apiVersion": "v1", "kind": "Secret", "stringData": {"p": "hunter2"}, "data": {"q": "aHVudGVyMg=="}},
            {"apiVersion": "v1", "kind": "ConfigMap", "data": {"c": "hunter2"}}, DEPLOYMENT,
        )
    )  # fmt: skip
    kept = json.dumps(manifests(text))
    assert "hunter2" not in kept
    assert "aHVudGVyMg" not in kept
    assert all(problem(item, "1.31") == "" for item in manifests(text))
