"""Kubernetes manifests: found in YAML, kept without secrets, and validated offline with the library kubernetes-validate.

The library brings the JSON Schemas of each version (an extra: ``pip install aisafe[kubernetes]``). What it has no schema
for (custom resources) is not known, and not wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

MASK = "***"
GROUPS = (
    "v1", "apps/", "batch/", "extensions/", "policy/", "autoscaling/", "networking.k8s.io/", "rbac.authorization.k8s.io/",
    "storage.k8s.io/", "apiextensions.k8s.io/", "admissionregistration.k8s.io/", "certificates.k8s.io/", "scheduling.k8s.io/",
    "coordination.k8s.io/", "discovery.k8s.io/", "node.k8s.io/", "events.k8s.io/", "flowcontrol.apiserver.k8s.io/",
)  # fmt: skip
"""Groups of the API that Kubernetes itself serves; any other belongs to a custom resource."""
_VERSIONS = ("v1", "v2", "v1beta1", "v2beta2", "v1beta2", "v1beta3")


def manifests(text: str) -> tuple[Mapping[str, Any], ...]:
    """The documents of a YAML text that are Kubernetes resources, those within a List each by itself; () for other YAML."""
    if "apiVersion" not in text or "kind" not in text or "⟦" in text:
        return ()
    try:
        documents = list(yaml.load_all(text, Loader=yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError):
        return ()
    return tuple(found for document in documents for found in resources(document))


def resources(document: object) -> Iterator[Mapping[str, Any]]:
    """What of a loaded document is a resource."""
    if isinstance(document, list):
        for item in document:
            yield from resources(item)
    elif isinstance(document, Mapping) and isinstance(document.get("kind"), str) and isinstance(
        document.get("apiVersion"), str
    ):  # fmt: skip
        if document["kind"].endswith("List") and isinstance(document.get("items"), list):
            yield from resources(document["items"])
        else:
            yield _without_values(document)


def _without_values(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without what a Secret or ConfigMap holds, and what stands as a value of an environment variable."""
    if document["kind"] in ("Secret", "ConfigMap"):
        hidden = {key: {name: MASK if isinstance(item, str) else item for name, item in value.items()}
                  for key, value in document.items()
                  if key in ("data", "stringData", "binaryData") and isinstance(value, Mapping)}  # fmt: skip
        return {**document, **hidden}
    return {key: _masked_env(value) for key, value in document.items()}


def _masked_env(value: object) -> object:
    if isinstance(value, list):
        return [_masked_env(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if set(value) == {"name", "value"} and isinstance(value["value"], str):
        return {"name": value["name"], "value": MASK}
    return {key: _masked_env(item) for key, item in value.items()}


def named(document: Mapping[str, Any]) -> str:
    """``Deployment shop/web``."""
    meta = document.get("metadata")
    meta = meta if isinstance(meta, Mapping) else {}
    return f"{document['kind']} {'/'.join(str(meta[key]) for key in ('namespace', 'name') if meta.get(key))}".rstrip()


def library() -> Any:
    """The module kubernetes_validate, None where it is not installed."""
    try:
        import kubernetes_validate  # type: ignore[import-untyped]  # noqa: PLC0415  an extra, and 0.2 s
    except ImportError:
        return None
    return kubernetes_validate


def latest() -> str:
    """The newest version whose schemas the library has."""
    return str(library().latest_version())


def knows(version: str) -> bool:
    """Whether the library has the schemas of this version."""
    checker = library()
    try:
        checker.validate({"apiVersion": "v1", "kind": "Namespace"}, version)
    except (IndexError, checker.utils.VersionNotSupportedError):  # older than its oldest; newer than its newest
        return False
    return True


def problem(document: Mapping[str, Any], version: str) -> str:
    """Why Kubernetes ``version`` (``1.31``) does not take the resource, '' when it does or when that is not known."""
    checker = library()
    try:
        checker.validate(dict(document), version, strict=True)
    except checker.SchemaNotFoundError:
        return _not_served(document, version)
    except checker.ValidationError as error:
        where = ".".join(str(step) for step in error.path)
        return f"{where or 'the manifest'}: {error.message}"
    return ""


def _not_served(document: Mapping[str, Any], version: str) -> str:
    """A kind that is served, but not at this apiVersion; anything else may be a custom resource."""
    given = document["apiVersion"]
    if not (given == "v1" or given.startswith(GROUPS[1:])):
        return ""
    served = [other for other in _others(given) if _known({"apiVersion": other, "kind": document["kind"]}, version)]
    if not served:
        return ""
    return f"{document['kind']} is not served as {given} any more, but as {', '.join(served)}"


def _others(given: str) -> Iterator[str]:
    groups = [group.rstrip("/") for group in GROUPS if group != "v1"]
    for candidate in ("v1", *(f"{group}/{version}" for group in groups for version in _VERSIONS)):
        if candidate != given:
            yield candidate


def _known(document: Mapping[str, Any], version: str) -> bool:
    checker = library()
    try:
        checker.validate(dict(document), version)
    except checker.SchemaNotFoundError:
        return False
    except checker.ValidationError:
        return True
    return True
