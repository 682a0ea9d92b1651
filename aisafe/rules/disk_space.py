"""Room for what the run brings."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Effect, Finding, Space
from aisafe.rules import Case, rule

LOW = 1 << 30
"""Bytes that should be free where images or packages of unknown size are to go."""
_GROWS = {"image": ("pull", "create"), "package": ("install", "upgrade")}
_PLACES = {"image": "/var/lib/docker", "package": "/usr"}


@rule("disk-space", severity="warning", stage="forecast")
def disk_space(case: Case) -> Iterator[Finding]:
    """The file system that images or packages go to is nearly full.

    How large they are is not known before they are fetched, so no size is invented: what is said is what is free. A full
    disk stops databases, logs and the engine itself, long after the run ended well.

    Wrong:

        - name: Run the search engine     # 300 MiB are free under /var/lib/docker
          community.docker.docker_container:
            name: search
            image: opensearchproject/opensearch:2.17.0

    Right:

        - name: Make room
          community.docker.docker_prune:
            images: true
        - name: Run the search engine
          community.docker.docker_container:
            name: search
            image: opensearchproject/opensearch:2.17.0
    """
    for kind, actions in _GROWS.items():
        bringing = [effect for effect in case.forecast.effects if effect.kind == kind and effect.action in actions]
        space = _space(case.before.spaces, _PLACES[kind])
        if bringing and space is not None and space.free < LOW:
            yield _finding(case, kind, bringing, space)


def _space(spaces: tuple[Space, ...], path: str) -> Space | None:
    """The file system that ``path`` lies on."""
    holding = [space for space in spaces if f"{path}/".startswith(space.path.rstrip("/") + "/")]
    return max(holding, key=lambda space: len(space.path), default=None)


def _finding(case: Case, kind: str, bringing: list[Effect], space: Space) -> Finding:
    first = bringing[0]
    count = f"{len(bringing)} {kind}{'' if len(bringing) == 1 else 's'}"
    return case.find(
        f"The run brings {count}, and only {space.free >> 20} MiB are free on {space.path}, where they go.",
        when="possible", task=first.task, evidence=tuple(f"{item.task}: {item.action} {item.name}" for item in bringing[:5]),
        fix=f"Make room on {space.path} first.",
    )  # fmt: skip
