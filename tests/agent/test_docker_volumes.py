"""Anonymous volumes come back with the container they belong to; Docker's engine is played."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from aisafe.agent import docker, docker_volumes
from aisafe.agent.engine import EngineError
from aisafe.agent.store import Run, Store

OLD, NEW = "0" * 64, "1" * 64


def container(ident: str, volume: str, **host: Any) -> dict[str, Any]:
    mounts = [
        {"Type": "volume", "Name": "data", "Source": "/d", "Destination": "/data", "RW": True},
        {"Type": "volume", "Name": volume, "Source": "/a/" + volume, "Destination": "/anon", "RW": True},
    ]
    return {"Id": ident, "Name": "/box", "Mounts": mounts, "HostConfig": {"Binds": ["data:/data"], **host}, "Config": {},
            "NetworkSettings": {}, "State": {"Running": True, "Paused": False}, "Image": "i"}  # fmt: skip


def state(ident: str, volume: str, **host: Any) -> docker.State:
    volumes = {name: {"Name": name, "CreatedAt": "then", "Driver": "local"} for name in ("data", volume)}
    return {"containers": {"box": container(ident, volume, **host)}, "volumes": volumes, "images": {}, "networks": {}}


class Engine:
    """Volumes as directories; what was made and removed."""

    def __init__(self, place: Path) -> None:
        self.place, self.told = place, []  # type: ignore[var-annotated]

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.told.append("make " + body["Name"])
        (self.place / body["Name"]).mkdir()
        return {"Mountpoint": str(self.place / body["Name"])}

    def get(self, path: str) -> dict[str, Any]:
        found = self.place / path.rpartition("/")[2]
        if not found.is_dir():
            raise EngineError("none", 404)
        return {"Mountpoint": str(found)}

    def delete(self, path: str) -> None:
        self.told.append("remove " + path.rpartition("/")[2])


@pytest.fixture
def run(tmp_path: Path) -> Run:
    store = Store(str(tmp_path / "lib"), str(tmp_path / "run"))
    store.prepare()
    run = store.run("r1")
    run.create(holder={})
    Path(run.file("volumes")).mkdir()
    return run


def packed(run: Run, name: str, text: str) -> None:
    source = Path(run.file("source"))
    source.mkdir(exist_ok=True)
    (source / "file").write_text(text)
    subprocess.run(["tar", "-C", str(source), "-cf", run.file("volumes", name + ".tar"), "."], check=True)


def test_only_what_nobody_asked_for_by_name_is_anonymous() -> None:
    assert docker_volumes.anonymous(state("1", OLD)) == {("box", "/anon"): OLD}
    asked = [{"Type": "volume", "Source": OLD, "Target": "/anon"}]
    assert docker_volumes.anonymous(state("1", OLD, Mounts=asked)) == {}
    assert docker_volumes.anonymous(state("1", OLD, VolumesFrom=["other"])) == {}


def test_another_random_name_is_no_difference() -> None:
    assert docker.differences(state("1", OLD), state("2", NEW)) == []
    assert docker.differences(state("1", "logs"), state("2", "more"))


def test_the_data_comes_from_the_snapshot_or_from_the_volume_that_was_left(run: Run, tmp_path: Path) -> None:
    engine = Engine(tmp_path / "volumes")
    for name in (OLD, NEW):
        (engine.place / name).mkdir(parents=True)
    (engine.place / NEW / "of the image").touch()
    packed(run, OLD, "kept")
    made = container("2", NEW)
    made["Mounts"][1]["Source"] = str(engine.place / NEW)
    (engine.place / OLD / "file").write_text("newer")
    docker_volumes.give(run, engine, container("1", OLD), made)  # type: ignore[arg-type]
    assert [(path.name, path.read_text()) for path in (engine.place / NEW).iterdir()] == [("file", "newer")]
    assert engine.told == ["remove " + OLD]
    (engine.place / OLD / "file").unlink()
    (engine.place / OLD).rmdir()
    docker_volumes.give(run, engine, container("1", OLD), made)  # type: ignore[arg-type]
    assert (engine.place / NEW / "file").read_text() == "kept"


def test_named_volumes_are_made_again_and_those_of_a_container_are_left_to_it(run: Run, tmp_path: Path) -> None:
    engine = Engine(tmp_path / "volumes")
    engine.place.mkdir()
    packed(run, "data", "kept")
    now: docker.State = {"containers": {}, "volumes": {}, "images": {}, "networks": {}}
    assert docker_volumes.restore(run, engine, state("1", OLD), now) == []  # type: ignore[arg-type]
    assert engine.told == ["make data"]
    assert (engine.place / "data/file").read_text() == "kept"
