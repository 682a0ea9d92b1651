from __future__ import annotations

from typing import Any

import pytest

from aisafe.model import Image
from tests.effects.living import BUSYBOX, brief, container, good, living
from tests.effects.scenes import run


@pytest.mark.parametrize(
    ("module", "args", "told"),
    [
        ("docker_image", {"name": "busybox:1.36", "source": "pull"}, []),
        ("docker_image", {"name": "busybox", "tag": "1.36", "source": "local"}, []),
        ("docker_image", {"name": "new", "source": "pull"}, ["pull new:latest"]),
        ("docker_image", {"name": "busybox:1.36", "source": "pull", "force_source": True}, ["pull busybox:1.36?"]),
        ("docker_image", {"name": "busybox:1.36", "state": "absent"}, ["remove busybox:1.36"]),
        ("docker_image_pull", {"name": "busybox:1.36", "pull": "not_present"}, []),
        ("docker_image_pull", {"name": "busybox:1.36"}, ["pull busybox:1.36?"]),
        ("docker_image_remove", {"name": "none"}, []),
        ("docker_network", {"name": "there"}, []),
        ("docker_network", {"name": "new"}, ["create new"]),
        ("docker_network", {"name": "there", "state": "absent"}, ["remove there"]),
        ("docker_network", {"name": "there", "driver": "macvlan"}, ["change there?"]),
        ("docker_volume", {"name": "there"}, []),
        ("docker_volume", {"name": "new"}, ["create new"]),
        ("docker_volume", {"name": "there", "state": "absent"}, ["remove there"]),
        ("docker_container_info", {"name": "web"}, []),
    ],
)
def test_images_networks_volumes(module: str, args: dict[str, Any], told: list[str]) -> None:
    host = living(images=(BUSYBOX, Image(id="sha256:x")), networks=("there",), volumes=("there",))
    result = good(run(host, f"community.docker.{module}", args))
    assert brief(result.effects) == told
    if module == "docker_volume" and told == ["remove there"]:
        assert not result.effects[0].reversible


def test_looking_tells_what_exists() -> None:
    host = living(containers=(container("web"),))
    for name, exists in (("web", True), ("other", False)):
        result = good(run(host, "community.docker.docker_container_info", {"name": name}))
        assert (result.changed, result.values["exists"]) == (False, exists)
