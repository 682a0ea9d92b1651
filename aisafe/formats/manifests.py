"""Kubernetes manifests: YAML or JSON to objects, read as kubectl reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from aisafe.model.forecast import HIDDEN_TEXT

LARGEST = 1 << 20
"""Characters of a file that is looked at: what etcd takes for one object is about as much."""
MOST_NODES = 200_000
_KEPT = ("apiVersion", "kind", "name", "namespace")
_VALUES = ("data", "stringData", "binaryData")


class BadManifest(ValueError):
    """Not YAML, or not objects of Kubernetes."""


class _Loader(yaml.SafeLoader):
    """What the Go library reads otherwise than PyYAML: ``12:30``, ``2024-01-31`` and ``=`` are texts (sigs.k8s.io/yaml)."""


def _number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    if ":" in node.value:
        return node.value
    make = loader.construct_yaml_int if node.tag.endswith(":int") else loader.construct_yaml_float
    return make(node)


def _as_written(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    return str(node.value)


for _tag, _make in (("int", _number), ("float", _number), ("timestamp", _as_written), ("value", _as_written)):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _make)


def objects(text: str) -> tuple[Mapping[str, Any], ...]:
    """Every object of every document, those of a ``kind: List`` one by one. Raises BadManifest."""
    if len(text) > LARGEST:
        raise BadManifest("it is too large to be looked at")
    try:
        documents = [document for document in yaml.load_all(text, Loader=_Loader) if document is not None]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise BadManifest(f"it is not YAML{where}: {getattr(error, 'problem', None) or 'cannot be parsed'}") from None
    found = tuple(item for document in documents for item in flat(document))
    _measure(list(found))
    return found


def _measure(value: object) -> None:
    """Refuse what aliases blow up, or what holds itself. Raises BadManifest."""
    left, count = [value], 0
    while left:
        item = left.pop()
        count += 1
        if count > MOST_NODES:
            raise BadManifest("it has too many parts to be looked at")
        left += item.values() if isinstance(item, Mapping) else item if isinstance(item, list) else ()


def flat(document: object) -> Iterator[Mapping[str, Any]]:
    """The objects in a document. Raises BadManifest for what has no apiVersion and kind."""
    if isinstance(document, list):
        for item in document:
            yield from flat(item)
        return
    if not isinstance(document, Mapping) or not all(
        isinstance(document.get(key), str) for key in ("apiVersion", "kind")
    ):
        raise BadManifest("it has a document without apiVersion and kind")
    if document["kind"] == "List" and isinstance(document.get("items"), list):
        yield from flat(document["items"])
    else:
        yield document


def without_texts(value: Any, key: str = "", *, hide: bool = False) -> Any:
    """The same shape and types with every text hidden but those that name the object, and every value of ``data``.

    No schema of Kubernetes judges another text (they have no patterns, and no choices but apiVersion and kind), and any of
    them may be a secret.
    """
    if isinstance(value, Mapping):
        return {str(name): without_texts(item, str(name), hide=hide or key in _VALUES) for name, item in value.items()}
    if isinstance(value, list):
        return [without_texts(item, hide=hide) for item in value]
    if isinstance(value, str):
        return value if key in _KEPT and not hide else HIDDEN_TEXT
    return type(value)() if hide and isinstance(value, int | float) else value
