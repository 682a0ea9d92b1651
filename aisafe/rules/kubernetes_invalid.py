"""Manifests that the cluster would refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator

from aisafe.formats import kubernetes
from aisafe.model import Finding, Manifest
from aisafe.rules import Case, rule


@rule("kubernetes-invalid", severity="error", stage="forecast")
def kubernetes_invalid(case: Case) -> Iterator[Finding]:
    """A Kubernetes manifest of the run is not valid, or asks for a version of the API that the cluster does not serve.

    Manifests in files that the run writes, and in the definition or src of kubernetes.core.k8s, are validated offline
    against the schemas of the cluster's version (kubernetes_version in .aisafe.yml; the newest known where it is not
    set). Custom resources are not known and not judged. It needs the extra aisafe[kubernetes]; a note says where it is missing.

    Wrong:

        - name: Run the shop
          kubernetes.core.k8s:
            definition:
              apiVersion: extensions/v1beta1     # removed with Kubernetes 1.16
              kind: Deployment
              metadata: {name: shop}

    Right:

        - name: Run the shop
          kubernetes.core.k8s:
            definition:
              apiVersion: apps/v1
              kind: Deployment
              metadata: {name: shop}
              spec:
                selector: {matchLabels: {app: shop}}
                template:
                  metadata: {labels: {app: shop}}
                  spec: {containers: [{name: shop, image: "shop:1.4"}]}
    """
    if not case.forecast.manifests:
        return
    if kubernetes.library() is None:
        yield case.find(
            f"The run brings Kubernetes manifests ({len(case.forecast.manifests)}), and they were not validated.",
            severity="note", when="possible", task=case.forecast.manifests[0].task,
            fix="pip install 'aisafe[kubernetes]'",
        )  # fmt: skip
        return
    version = case.settings.kubernetes_version or kubernetes.latest()
    if not kubernetes.knows(version):
        yield case.find(
            f"The schemas of Kubernetes {version} are not known here, so {len(case.forecast.manifests)} manifests of the run "
            "were not validated.", severity="warning", when="possible", task=case.forecast.manifests[0].task,
            fix="Correct kubernetes_version in .aisafe.yml, or install another version of kubernetes-validate.",
        )  # fmt: skip
        return
    for manifest in case.forecast.manifests:
        document = json.loads(manifest.document)
        why = kubernetes.problem(document, version)
        if why:
            yield _finding(
                case, manifest, f"{kubernetes.named(document)} is not valid for Kubernetes {version}: {why}."
            )


def _finding(case: Case, manifest: Manifest, message: str) -> Finding:
    return case.find(
        message, task=manifest.task, evidence=(f"in {manifest.where}",) if manifest.where else (),
        fix="Correct the manifest, or set kubernetes_version in .aisafe.yml to the cluster's.",
    )  # fmt: skip
