"""Room for images and packages."""

from __future__ import annotations

import pytest

from aisafe.model import Effect, Shortage, Space
from tests.cases import forecast, found, state, task


def brings(kind: str, action: str) -> Effect:
    return Effect(kind=kind, action=action, name="x", task=task())  # type: ignore[arg-type]


def space(path: str, free_mib: int, *also: str) -> Space:
    return Space(path=path, type="ext4", total=10**12, free=free_mib << 20, also=also)


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
        ([brings("image", "pull")], [Space(path="/", type="nfs", total=None, free=None)], ""),
        ([brings("image", "pull")], [space("/", 9000), space("/data", 500, "/var/lib/docker")], "/data"),
    ],
)
def test_cases(effects: list[Effect], spaces: list[Space], where: str) -> None:
    findings = found("disk-space", state(spaces=tuple(spaces)), forecast(*effects))
    assert len(findings) == bool(where)
    assert all(f"only 500 MiB are free on {where}," in item.message for item in findings)


def short(**given: object) -> Shortage:
    return Shortage(
        **{"path": "/srv", "type": "tmpfs", "free": 4 << 20, "needed": 9 << 20, "task": task("Bring it"),  # type: ignore[arg-type]
           "writes": ("Bring it: 9.0 MiB to /srv/film",), **given}
    )  # fmt: skip


def test_what_does_not_fit_blocks() -> None:
    (item,) = found("disk-space", state(), forecast(shortages=(short(),)))
    assert (item.severity, item.when, item.task) == ("error", "now", task("Bring it"))
    assert item.message == (
        "/srv has 4.0 MiB free, and the run writes 9.0 MiB to it: 'Bring it' (site.yml:10) fails: no space left on device."
    )
    assert item.evidence == ("/srv is tmpfs with 4194304 bytes free before the run", "Bring it: 9.0 MiB to /srv/film")
    assert "Make room on /srv" in item.fix


def test_what_may_not_fit_warns_and_says_why() -> None:
    given = short(certainty="possible", why="'Clean' (site.yml:3) may make room", needed=(4 << 20) + 1)
    (item,) = found("disk-space", state(), forecast(shortages=(given,)))
    assert (item.severity, item.when) == ("warning", "possible")
    assert "has 4194304 bytes free, and the run writes 4194305 bytes" in item.message
    assert "may find it full; 'Clean' (site.yml:3) may make room." in item.message
