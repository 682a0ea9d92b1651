"""Images whose content changes without the playbook changing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aisafe.model import Asked, Finding
from aisafe.rules import Case, rule

MOVING = frozenset(
    "latest stable edge main master nightly dev develop rolling testing unstable current lts mainline alpine slim".split()
)
"""Tags that by their name, as registries use them, are moved from version to version."""


@rule("unpinned-image", severity="warning", stage="forecast")
def unpinned_image(case: Case) -> Iterator[Finding]:
    """A container's image has no tag, or one that its maker moves: what runs depends on the day it was pulled.

    The same play brings another version on the next host, and a roll-back of the play brings the old one back on none.
    An image that is on the host already, or that the run builds, is a note.

    Wrong:

        - name: Run the dashboard
          community.docker.docker_container:
            name: grafana
            image: grafana/grafana

    Right:

        - name: Run the dashboard
          community.docker.docker_container:
            name: grafana
            image: grafana/grafana:11.2.0
    """
    for asked in case.forecast.asked:
        tag = _tag(asked.image)
        if asked.image and tag is not None and not asked.image_built:
            yield _finding(case, asked, tag)


def _tag(image: str) -> str | None:
    """The moving tag ('' for none at all), None for an image that is pinned or not known."""
    if "@" in image or "⟦" in image or re.fullmatch(r"(sha256:)?[0-9a-f]{12,64}", image):
        return None
    _, colon, tag = image.rpartition("/")[2].partition(":")
    return tag if not colon or tag.lower() in MOVING else None


def _finding(case: Case, asked: Asked, tag: str) -> Finding:
    how = f"has the tag {tag}, which its maker moves" if tag else "has no tag, which means latest"
    return case.find(
        f"{asked.who} runs {asked.image}: it {how}, so that what runs depends on the day it was pulled.",
        severity="note" if asked.image_here else None, when="possible", task=asked.task,
        fix=f"Name a version: {asked.image.removesuffix(':' + tag) if tag else asked.image}:VERSION, or a digest.",
    )  # fmt: skip
