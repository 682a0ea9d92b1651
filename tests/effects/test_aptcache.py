"""Apt's own lists: what they do not name fails before the run, what they name has a version; what moves them ends both."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from aisafe.effects import aptcache
from aisafe.effects.api import LiveFile
from aisafe.effects.predicted import PredictedHost
from tests.effects.living import forecast
from tests.effects.scenes import predicted, run

DAY = 86_400.0
LISTS: dict[str, dict[str, Any]] = {
    "tree": {"candidate": "1.22-9", "versions": ["1.22-9", "1.22-8"]},
    "libc6": {"candidate": "2.36-9", "versions": ["2.36-9"]},
    "libfontconfig": {"providers": ["libfontconfig1"]},
    "libfontconfig1": {"candidate": "2.14", "versions": ["2.14"]},
    "mail-transport-agent": {"providers": ["postfix", "exim4-daemon-light"]},
    "docker.io": {"candidate": "20.10", "versions": ["20.10"]},
    "containerd": {"candidate": "1.6", "versions": ["1.6"]},
}
NEEDS = {"docker.io": ["containerd", "libc6"]}


def host_with(*, age: float = DAY, complete: bool = True, packages: Mapping[str, str] | None = None) -> PredictedHost:
    plain = predicted(packages=packages or {}, directories=["/etc/apt/sources.list.d"])
    questions: list[str] = []

    def answer(path: str) -> LiveFile:
        questions.append(path)
        if path.startswith("apt-needs:"):
            told: Any = NEEDS.get(path.removeprefix("apt-needs:"), [])
        else:
            nothing = {"candidate": None, "versions": [], "providers": []}
            told = {**nothing, **LISTS.get(path.removeprefix("apt:"), {}), "complete": complete}
        return LiveFile(path=path, kind="file", content=json.dumps(told).encode())

    fetched = plain.state.taken_at.timestamp() - age
    lists = LiveFile(path=aptcache.LISTS, kind="directory", mode=0o755, owner="root", group="root", mtime=fetched)

    def read(paths: Sequence[str]) -> dict[str, LiveFile]:
        asked = {path: answer(path) for path in paths if path.startswith("apt")}
        asked |= {path: lists for path in paths if path == lists.path}
        return {**plain.files._read([path for path in paths if path not in asked]), **asked}

    return PredictedHost(plain.state, facts={}, read=read)


def told(host: PredictedHost, args: dict[str, Any], module: str = "apt") -> list[str]:
    result = run(host, module, args)
    return [result.failed] if result.failed else [f"{one.action} {one.name} {one.certainty}" for one in result.effects]


@pytest.mark.parametrize(
    ("args", "effects"),
    [
        ({"name": "tree"}, ["install tree certain"]),
        ({"name": "grafana"}, ["No package matching 'grafana' is available"]),
        ({"name": ["tree", "grafana"]}, ["No package matching 'grafana' is available"]),
        ({"name": "tree=1.22*"}, ["install tree certain"]),
        ({"name": "tree=1.25-1"}, ["no available installation candidate for tree=1.25-1"]),
        ({"name": "libfontconfig"}, ["install libfontconfig1 certain"]),
        ({"name": "mail-transport-agent"}, ["install mail-transport-agent possible"]),
        ({"name": "libc6", "state": "latest"}, []),
        ({"name": "grafana", "state": "absent"}, []),
        ({"name": "grafana", "update_cache": True}, ["No package matching 'grafana' is available"]),
    ],
)
def test_what_apt_would_do(args: dict[str, Any], effects: list[str]) -> None:
    assert told(host_with(packages={"libc6": "2.36-9"}), args) == effects


def test_a_newer_version_in_the_lists_is_certain() -> None:
    assert told(host_with(packages={"libc6": "2.36-8"}), {"name": "libc6", "state": "latest"}) == [
        "upgrade libc6 certain"
    ]


def test_fetched_lists_may_bring_newer_versions() -> None:
    host = host_with(packages={"libc6": "2.36-9"})
    run(host, "apt", {"update_cache": True})
    assert told(host, {"name": "libc6", "state": "latest"}) == ["upgrade libc6 possible"]
    assert told(host, {"name": "tree=1.25-1"}) == ["install tree certain"]


@pytest.mark.parametrize(("age", "complete"), [(90 * DAY, True), (DAY, False)])
def test_old_or_missing_lists_say_nothing_of_what_a_refresh_brings(age: float, complete: bool) -> None:
    host = host_with(age=age, complete=complete)
    assert told(host, {"name": "grafana"}) == ["No package matching 'grafana' is available"]
    run(host, "apt", {"update_cache": True})
    assert told(host, {"name": "grafana"}) == ["install grafana certain"]


@pytest.mark.parametrize(
    ("module", "args"),
    [
        (
            "copy",
            {"dest": "/etc/apt/sources.list.d/grafana.list", "content": "deb https://apt.grafana.com stable main\n"},
        ),
        ("command", {"cmd": "/opt/add-our-repositories"}),
        ("apt", {"deb": "https://repo.example.org/some-release_1_all.deb"}),
    ],
)
def test_a_source_that_the_run_may_have_added_ends_what_is_known(module: str, args: dict[str, Any]) -> None:
    host = host_with()
    run(host, module, args)
    assert told(host, {"name": "grafana"}) == ["install grafana certain"]


def test_taking_a_source_away_brings_no_package() -> None:
    host = host_with()
    run(host, "file", {"path": "/etc/apt/sources.list.d/old.list", "state": "absent"})
    assert told(host, {"name": "grafana"}) == ["No package matching 'grafana' is available"]


def test_a_host_that_cannot_tell_is_taken_to_have_the_package() -> None:
    plain = predicted()
    unseen = LiveFile(path="apt:grafana", kind="unseen", reason="apt-cache exited 100")

    def read(paths: Sequence[str]) -> dict[str, LiveFile]:
        return {path: unseen if path == unseen.path else found for path, found in plain.files._read(paths).items()}

    host = PredictedHost(plain.state, facts={}, read=read)
    assert told(host, {"name": "grafana"}) == ["install grafana certain"]
    [spot] = [spot for spot in forecast(host).blind_spots if spot.kind == "package"]
    assert "apt-cache exited 100" in spot.reason
    assert not spot.blocks  # should it not be there, the run fails and is undone


@pytest.mark.parametrize("word", ["/tmp/some.deb", "grafana/stable", "grafana:i386", "grafana-", "graf.na"])
def test_what_is_no_plain_name_does_not_fail(word: str) -> None:
    assert not run(host_with(), "command", {"cmd": f"apt-get install -y {word}"}).failed


def test_a_command_fails_as_well() -> None:
    result = run(host_with(), "command", {"cmd": "apt-get install -y grafana"})
    assert "No package matching 'grafana' is available" in result.failed
    assert not result.effects
    hidden = run(host_with(), "command", {"cmd": "apt-get install -y grafana"}, no_log=True)
    assert "grafana" not in hidden.failed


def test_what_was_removed_comes_back_with_what_needs_it() -> None:
    host = host_with(packages={"docker.io": "20.10", "containerd": "1.6", "libc6": "2.36-9"})
    run(host, "apt", {"name": ["docker.io", "containerd"], "state": "absent"})
    assert "containerd" not in host.packages
    assert [line for line in told(host, {"name": "docker.io"}) if line.startswith("install")] == [
        "install containerd certain",
        "install docker.io certain",
    ]
