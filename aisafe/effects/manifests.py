"""The Kubernetes manifests that the run writes to files, or gives to the cluster itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from aisafe.effects.api import Call
from aisafe.formats.kubernetes import manifests, resources
from aisafe.model import Manifest, is_unknown

if TYPE_CHECKING:
    from aisafe.effects.predicted import PredictedHost

_GIVEN = "kubernetes manifests"


def remember(call: Call, host: PredictedHost) -> None:
    """What ``kubernetes.core.k8s`` is given: definition, or src on the host. Unknown parts are left out, and no_log."""
    if call.no_log or call.args.get("state") == "absent":
        return
    kept: list[Manifest] = host.memory.setdefault(_GIVEN, [])
    definition = call.args.get("definition", call.args.get("resource_definition"))
    src = call.args.get("src")
    if isinstance(definition, str):
        kept += [_made(item, call, "") for item in manifests(definition)]
    elif definition is not None and not is_unknown(definition):
        kept += [_made(item, call, "") for item in resources(definition)]
    if isinstance(src, str) and (text := host.file(src, follow=True).text) is not None:
        kept += [_made(item, call, src) for item in manifests(text)]


def manifests_of(host: PredictedHost) -> tuple[Manifest, ...]:
    """Each once: those given to the cluster, then those in YAML files that the run leaves on the host."""
    found = dict.fromkeys([*host.memory.get(_GIVEN, ()), *_in_files(host)])
    return tuple(found)


def _in_files(host: PredictedHost) -> Iterator[Manifest]:
    for path, file in host.files.all_changed().items():
        if path.endswith((".yml", ".yaml", ".json")) and file.kind == "file" and file.text is not None:
            for item in manifests(file.text):
                yield Manifest(where=path, task=file.task, document=json.dumps(item, default=str, sort_keys=True))


def _made(item: object, call: Call, where: str) -> Manifest:
    return Manifest(where=where, task=call.task, document=json.dumps(item, default=str, sort_keys=True))
