"""Room for what the run writes and brings."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.formats.sizes import words
from aisafe.model import Effect, Finding, Shortage, Space
from aisafe.rules import Case, rule

LOW = 1 << 30
"""Bytes that should be free where images or packages of unknown size are to go."""
_GROWS = {"image": ("pull", "create"), "package": ("install", "upgrade")}
_PLACES = {"image": "/var/lib/docker", "package": "/usr"}


@rule("disk-space", severity="warning", stage="forecast")
def disk_space(case: Case) -> Iterator[Finding]:
    """A file system does not hold what the run writes to it, or is nearly full where images or packages go.

    Files, templates and archives of the controller are counted in the order of the run; one that does not fit fails its task,
    which blocks. How large images and packages are is not known before they are fetched, so no size is invented: what is said
    is what is free. A full disk stops databases, logs and the engine itself, long after the run ended well.

    Wrong:

        - name: Bring the film            # 900 MiB, and 400 MiB are free on /srv
          ansible.builtin.copy: {src: film.mkv, dest: /srv/film.mkv}
        - name: Run the search engine     # 300 MiB are free under /var/lib/docker
          community.docker.docker_container:
            name: search
            image: opensearchproject/opensearch:2.17.0

    Right:

        - name: Bring the film            # 2 GiB are free on /data
          ansible.builtin.copy: {src: film.mkv, dest: /data/film.mkv}
        - name: Make room
          community.docker.docker_prune:
            images: true
        - name: Run the search engine
          community.docker.docker_container:
            name: search
            image: opensearchproject/opensearch:2.17.0
    """
    for shortage in case.forecast.shortages:
        yield _too_small(case, shortage)
    for kind, actions in _GROWS.items():
        bringing = [effect for effect in case.forecast.effects if effect.kind == kind and effect.action in actions]
        space = _space(case.before.spaces, _PLACES[kind])
        if bringing and space is not None and space.free is not None and space.free < LOW:
            yield _nearly_full(case, kind, bringing, space.path, space.free)


def _space(spaces: tuple[Space, ...], path: str) -> Space | None:
    """The file system that ``path`` lies on."""
    mounts = [(mount, space) for space in spaces for mount in (space.path, *space.also)]
    holding = [item for item in mounts if f"{path}/".startswith(item[0].rstrip("/") + "/")]
    return max(holding, key=lambda item: len(item[0]))[1] if holding else None


def _too_small(case: Case, short: Shortage) -> Finding:
    free, needed = words(short.free), words(short.needed)
    if free == needed:
        free, needed = f"{short.free} bytes", f"{short.needed} bytes"
    sure = short.certainty == "certain"
    fails = "fails: no space left on device" if sure else f"may find it full; {short.why}"
    return case.find(
        f"{short.path} has {free} free, and the run writes {needed} to it: {short.task} {fails}.",
        severity="error" if sure else "warning", when="now" if sure else "possible", task=short.task,
        evidence=(f"{short.path} is {short.type} with {short.free} bytes free before the run", *short.writes),
        fix=f"Make room on {short.path} first, or write it where there is more.",
    )  # fmt: skip


def _nearly_full(case: Case, kind: str, bringing: list[Effect], path: str, free: int) -> Finding:
    first = bringing[0]
    count = f"{len(bringing)} {kind}{'' if len(bringing) == 1 else 's'}"
    return case.find(
        f"The run brings {count}, and only {free >> 20} MiB are free on {path}, where they go.",
        when="possible", task=first.task, evidence=tuple(f"{item.task}: {item.action} {item.name}" for item in bringing[:5]),
        fix=f"Make room on {path} first.",
    )  # fmt: skip
