"""Containers that took each other's names."""

from __future__ import annotations

from typing import Any

from aisafe.agent import docker_restore


class Engine:
    """Names of containers, each held once."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def post(self, path: str, query: dict[str, Any]) -> None:
        assert query["name"] not in self.names.values(), "already in use"
        self.names[path.split("/")[2]] = query["name"]


def test_swapped_names_are_free_for_their_owners() -> None:
    before = {
        "containers": {"aa": {"Id": "1" * 64}, "bb": {"Id": "2" * 64}, "cc": {"Id": "3" * 64}, "gone": {"Id": "4" * 64}}
    }
    present = {"1" * 64: "bb", "2" * 64: "aa", "3" * 64: "cc"}
    engine = Engine(present)
    assert docker_restore._out_of_the_way(engine, before, present) == []  # type: ignore[arg-type]
    assert present == {"1" * 64: "aisafe-" + "1" * 12, "2" * 64: "aisafe-" + "2" * 12, "3" * 64: "cc"}


def test_only_a_new_container_is_without_a_limit_again() -> None:
    def container(status: str, **host: object) -> dict[str, object]:
        return {"State": {"Status": status}, "HostConfig": {"CpuShares": 0, "PidsLimit": None, **host}}

    plain = container("running", Memory=64)
    assert not docker_restore._past_return(plain, container("exited", Memory=128)), "an update takes it back"
    assert docker_restore._past_return(plain, container("running", Memory=64, CpuShares=512))
    assert docker_restore._past_return(plain, container("running", Memory=64, PidsLimit=100))
    assert docker_restore._past_return(container("created"), container("running")), "nothing makes it unstarted"
