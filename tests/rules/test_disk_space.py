"""Room for images and packages."""

from __future__ import annotations

import pytest

from aisafe.model import Effect, Space
from tests.cases import forecast, found, state, task


def brings(kind: str, action: str) -> Effect:
    return Effect(kind=kind, action=action, name="x", task=task())  # type: ignore[arg-type]


def space(path: str, free_mib: int) -> Space:
    return Space(path=path, type="ext4", total=10**12, free=free_mib << 20)


@pytest.mark.parametrize(
    ("effects", "spaces", "where"),
    [
        ([brings("image", "pull")], [space("/", 500)], "/"),
        ([brings("image", "pull")], [space("/", 9000), space("/var/lib/docker", 500)], "/var/lib/docker"),
        ([brings("package", "install")], [space("/", 500), space("/var", 9000)], "/"),
        ([brings("image", "pull")], [space("/", 500), space("/var", 9000)], ""),
        ([brings("package", "remove")], [space("/", 5)], ""),
        ([brings("file", "create")], [space("/", 5)], ""),
        ([brings("image", "pull")], [], ""),
    ],
)
def test_cases(effects: list[Effect], spaces: list[Space], where: str) -> None:
    findings = found("disk-space", state(spaces=tuple(spaces)), forecast(*effects))
    assert len(findings) == bool(where)
    assert all(f"only 500 MiB are free on {where}," in item.message for item in findings)
