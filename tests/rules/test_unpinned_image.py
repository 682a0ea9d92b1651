"""Images that change without the playbook changing."""

from __future__ import annotations

from typing import Any

import pytest

from aisafe.model import Asked
from tests.cases import forecast, found, holder, state, task


def severities(image: str, **given: Any) -> list[str]:
    asked = Asked(who=holder("container web"), task=task(), image=image, **given)
    return [item.severity for item in found("unpinned-image", state(), forecast(asked=(asked,)))]


@pytest.mark.parametrize(
    "image", ["nginx", "nginx:latest", "registry.lan:5000/team/web", "ghcr.io/x/y:main", "grafana/grafana:LATEST"]
)
def test_moving(image: str) -> None:
    assert severities(image) == ["warning"]
    assert severities(image, image_here=True) == ["note"]
    assert severities(image, image_built=True) == []


@pytest.mark.parametrize(
    "image",
    ["nginx:1.27", "registry.lan:5000/web:2", "nginx@sha256:" + "a" * 64, "nginx:latest@sha256:" + "a" * 64, "", "a" * 64,
     "nginx:⟦version⟧", "redis:7-alpine"],
)  # fmt: skip
def test_pinned_or_not_known(image: str) -> None:
    assert severities(image) == []


def test_the_way_out_names_the_image_without_its_tag() -> None:
    asked = Asked(who=holder("container web"), task=task(), image="lan:5000/nginx:latest")
    (finding,) = found("unpinned-image", state(), forecast(asked=(asked,)))
    assert "lan:5000/nginx:VERSION" in finding.fix
