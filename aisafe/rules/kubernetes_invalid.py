"""Kubernetes manifests that the cluster would refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from aisafe.knowledge.kubernetes import ended, release
from aisafe.model import Finding, Manifest, Severity
from aisafe.model.forecast import HIDDEN_TEXT
from aisafe.rules import Case, rule

NO_LIBRARY, NO_SCHEMAS = "no library", "no schemas"
LONGEST = 160
"""Characters of what the schema says."""


@dataclass(frozen=True, slots=True)
class Fault:
    """``unknown_field``: only kubectl's strict validation refuses it; the cluster itself drops the field."""

    text: str
    unknown_field: bool = False


@rule("kubernetes-invalid", severity="error", stage="forecast")
def kubernetes_invalid(case: Case) -> Iterator[Finding]:
    """A Kubernetes manifest does not fit the schema of its kind, or asks for an API version that is no longer served.

    It is judged offline against the schemas of ``kubernetes_version`` (.aisafe.yml), or of the newest release that is known,
    with ``pip install 'aisafe[kubernetes]'``. What the run gives to a cluster blocks; what it only writes into a file
    warns, and so does a field that the cluster would drop. Custom resources are not judged, and a template of which a part is
    not known is skipped and said.

    Wrong:

        - name: Bring the shop
          kubernetes.core.k8s:
            definition:
              apiVersion: extensions/v1beta1   # ended with 1.16
              kind: Deployment
              metadata: {name: shop, namespace: shop}
              spec: {replicas: "three"}

    Right:

        - name: Bring the shop
          kubernetes.core.k8s:
            definition:
              apiVersion: apps/v1
              kind: Deployment
              metadata: {name: shop, namespace: shop}
              spec:
                replicas: 3
                selector: {matchLabels: {app: shop}}
                template:
                  metadata: {labels: {app: shop}}
                  spec: {containers: [{name: shop, image: "shop:1.4.2"}]}
    """
    asked = case.settings.kubernetes_version
    unjudged: list[Manifest] = []
    reason = ""
    for manifest in case.forecast.manifests:
        if manifest.unread:
            yield case.find(
                f"{manifest.where} was not judged as a Kubernetes manifest: {manifest.unread}.",
                severity="note", when="possible", task=manifest.task,
            )  # fmt: skip
            continue
        document = json.loads(manifest.document)
        gone = ended(document["apiVersion"], document["kind"])
        if gone is not None and not (asked and release(asked) < gone.release):
            yield _find(
                case, manifest, document, sure=bool(asked),
                text=f"{document['apiVersion']} is not served since Kubernetes {'.'.join(map(str, gone.release))}",
                fix=f"Use {gone.instead}.",
            )  # fmt: skip
            continue
        fault = _fault(manifest.document, asked, strict=True)
        if fault is not None and fault.text in (NO_LIBRARY, NO_SCHEMAS):
            unjudged.append(manifest)
            reason = fault.text
        elif fault is not None:
            sure = not fault.unknown_field or (manifest.strict and bool(asked))
            yield _find(
                case,
                manifest,
                document,
                text=fault.text,
                sure=sure,
                fix="Correct it as its documentation says: kubectl explain.",
            )
    if unjudged:
        old = reason == NO_SCHEMAS
        yield case.find(
            f"{len(unjudged)} Kubernetes objects were not judged: "
            + (f"there are no schemas of Kubernetes {asked} here." if old else "kubernetes-validate is not installed."),
            severity="note", when="possible", task=unjudged[0].task,
            fix="Correct kubernetes_version in .aisafe.yml." if old else "pip install 'aisafe[kubernetes]'",
        )  # fmt: skip


def _find(case: Case, manifest: Manifest, document: Any, *, text: str, fix: str, sure: bool) -> Finding:
    """An error where the run gives it to a cluster and it is sure to be refused."""
    blocks = manifest.given and sure and manifest.certainty == "certain"
    severity: Severity = "error" if blocks else "warning"
    name = str((document.get("metadata") or {}).get("name") or "")
    what = f"{document['kind']} {name}".strip()
    then = "the cluster refuses it" if blocks else "a cluster may refuse it"
    version = f" (judged as Kubernetes {case.settings.kubernetes_version})" if case.settings.kubernetes_version else ""
    return case.find(
        f"{what} in {manifest.where} is not valid: {text}; {then}{version}.",
        severity=severity, when="now" if blocks else "possible", task=manifest.task, fix=fix,
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _fault(document: str, version: str, *, strict: bool) -> Fault | None:
    """What the schema of ``version`` ('' the newest) says against an object; None for nothing, or for no schema."""
    try:
        from kubernetes_validate import utils  # noqa: PLC0415  an extra; what it costs is paid where there are manifests
    except ImportError:
        return Fault(NO_LIBRARY)
    known = utils.all_versions()
    fitting = [one for one in known if not version or release(one) <= release(version)]
    if not fitting:
        return Fault(NO_SCHEMAS)
    data = json.loads(document)
    try:
        utils.validate(data, fitting[-1], strict=strict)
    except utils.SchemaNotFoundError:
        return _not_served(data, fitting[-1], known)
    except utils.ValidationError as error:
        if strict and error.validator == "additionalProperties":
            worse = _fault(document, version, strict=False)
            return worse or Fault(_words(error), unknown_field=True)
        return Fault(_words(error))
    return None


def _not_served(data: Any, version: str, known: list[str]) -> Fault | None:
    """A kind that other releases have under the same API version; None for a custom resource, which none has."""
    from kubernetes_validate import utils  # noqa: PLC0415

    for other in known:
        try:
            utils.validate(data, other)
        except utils.SchemaNotFoundError:
            continue
        except utils.ValidationError:
            pass
        since = "only served from" if release(other) > release(version) else "no longer served, as it was in"
        return Fault(f"{data['apiVersion']} {data['kind']} is {since} Kubernetes {'.'.join(map(str, release(other)))}")
    return None


def _words(error: Any) -> str:
    place = ".".join(str(part) for part in error.absolute_path) or "the object"
    said = str(error.message).replace(repr(HIDDEN_TEXT), "a text")
    if isinstance(error.instance, int | float):  # a number may stand for another one, see without_texts
        said = f"{'a truth value' if isinstance(error.instance, bool) else 'a number'} where a {error.validator_value} is wanted"
        said = said.replace("['string', 'null']", "text").replace("['object', 'null']", "mapping")
    if len(said) > LONGEST:
        said = "it fits none of the forms that its schema allows"
    return f"{place}: {said}"
