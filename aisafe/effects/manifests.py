"""Kubernetes manifests of a run: those that a module or kubectl gives to a cluster, and those in files that it writes."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from aisafe.effects.api import Call
from aisafe.formats.manifests import BadManifest, flat, objects, without_texts
from aisafe.model import Manifest, TaskRef, Unknown, is_unknown

if TYPE_CHECKING:
    from aisafe.effects.predicted import PredictedHost

_ENDINGS = (".yml", ".yaml", ".json")


def give(host: PredictedHost, manifests: Iterable[Manifest]) -> None:
    """Remember what a task gives to a cluster."""
    host.memory.setdefault("manifests", []).extend(manifests)


def of_path(host: PredictedHost, path: str, call: Call, *, strict: bool) -> Iterator[Manifest]:
    host.memory.setdefault("manifest-files", set())
    found = host.file(path, follow=True)
    paths = [path]
    if found.kind == "directory":
        paths = [posixpath.join(path, entry) for entry in host.files.entries(path) if entry.endswith(_ENDINGS)]
        host.prefetch(paths)
    for place in paths:
        host.memory["manifest-files"].add(place)
        found = host.file(place, follow=True)
        if found.exists is False:
            yield unread(call.task, place, "it is not there", call=call)
        elif found.content is None or found.certainty != "certain":
            yield unread(call.task, place, "its content is not known", call=call)
        else:
            yield from read(found.content, call.task, place, call=call, strict=strict)


def written(host: PredictedHost) -> tuple[Manifest, ...]:
    """All of the run, at its end: what was given to a cluster, and what lies in files that it wrote and gave to nothing."""
    found: list[Manifest] = list(host.memory.get("manifests", ()))
    for path, file in host.files.all_changed().items():
        if not path.endswith(_ENDINGS) or file.kind != "file" or file.task is None or path in given_files(host):
            continue
        text = file.content.partial if isinstance(file.content, Unknown) else file.text
        if text is None or not all(f"\n{key}:" in f"\n{text}" for key in ("apiVersion", "kind")):
            continue
        found += read(file.content, file.task, path)
    return tuple(dict.fromkeys(found))


def given_files(host: PredictedHost) -> set[str]:
    given: set[str] = host.memory.get("manifest-files", set())
    return given


def read(
    given: Any, task: TaskRef, where: str, *, call: Call | None = None, strict: bool = False
) -> Iterator[Manifest]:
    """``call``: of the task that gives it to a cluster; None when it only lies in a file."""
    if is_unknown(given):
        unknown = given if isinstance(given, Unknown) else Unknown("a part of it")
        yield unread(task, where, f"it {depends(unknown)}", call=call)
        return
    text = given.decode("utf-8", "replace") if isinstance(given, bytes) else given
    try:
        found = objects(text) if isinstance(text, str) else tuple(flat(_with_texts_read(text)))
    except BadManifest as error:
        yield unread(task, where, str(error), call=call)
        return
    for item in found:
        yield Manifest(
            task=task, where=where, given=call is not None, strict=strict, certainty=call.certainty if call else "possible",
            document=json.dumps(without_texts(item), sort_keys=True, default=lambda other: "***"),
        )  # fmt: skip


def _with_texts_read(value: Any) -> Any:
    """``definition`` may be a list in which each one is a text or an object."""
    if isinstance(value, list):
        return [list(objects(item)) if isinstance(item, str) else item for item in value]
    return value


def unread(task: TaskRef, where: str, reason: str, *, call: Call | None) -> Manifest:
    return Manifest(task=task, where=where, given=call is not None, unread=reason,
                    certainty=call.certainty if call else "possible")  # fmt: skip


def depends(unknown: Unknown) -> str:
    return f"depends on {unknown.why}"
