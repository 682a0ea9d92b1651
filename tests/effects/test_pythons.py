from __future__ import annotations

from typing import Any

import pytest

from tests.effects.scenes import directory, predicted, run

SITE = "/srv/venv/lib/python3.11/site-packages"
SYSTEM = "/usr/lib/python3/dist-packages"
FILES = {
    "/srv/venv/bin/activate": b"", SITE: directory(SITE, "Flask-3.0.0.dist-info", "flask", "ruamel.yaml-0.18.6.dist-info"),
    SYSTEM: directory(SYSTEM, "requests-2.28.1.egg-info", "PyYAML-6.0.egg-info"),
    "/usr/lib/python3": directory("/usr/lib/python3", "dist-packages"),
    "/srv/requirements.txt": b"# x\nflask==3.0.0\nruamel-yaml\n", "/srv/more.txt": b"flask==3.0.0\nrequests\n",
    "/srv/venv/lib": directory("/srv/venv/lib", "python3.11"),
}  # fmt: skip


def told(args: dict[str, Any]) -> list[str]:
    result = run(predicted(FILES), "pip", args)
    assert not result.failed, result.failed
    return [f"{one.action} {one.name} {one.certainty}" for one in result.effects if one.kind == "package"]


@pytest.mark.parametrize(
    "args",
    [
        {"name": "flask", "virtualenv": "/srv/venv"},
        {"name": ["FLASK==3.0.0", "ruamel_yaml"], "virtualenv": "/srv/venv"},
        {"name": "absent-one", "virtualenv": "/srv/venv", "state": "absent"},
        {"name": ["requests", "pyyaml"]},
        {"requirements": "/srv/requirements.txt", "virtualenv": "/srv/venv"},
        {"requirements": "requirements.txt", "chdir": "/srv", "virtualenv": "/srv/venv"},
    ],
)
def test_what_is_there_already_stays(args: dict[str, Any]) -> None:
    assert told(args) == []


@pytest.mark.parametrize(
    ("args", "effects"),
    [
        ({"name": "django", "virtualenv": "/srv/venv"}, ["install python django certain"]),
        ({"name": "flask==3.1.0", "virtualenv": "/srv/venv"}, ["install python flask==3.1.0 certain"]),
        ({"name": "flask>=2", "virtualenv": "/srv/venv"}, ["install python flask>=2 possible"]),
        ({"name": "flask", "virtualenv": "/srv/venv", "state": "latest"}, ["upgrade python flask possible"]),
        ({"name": "flask", "virtualenv": "/srv/venv", "state": "absent"}, ["remove python flask certain"]),
        ({"name": "docker"}, ["install python docker certain"]),
        ({"name": "git+https://x.example/y.git", "virtualenv": "/srv/venv"},
         ["install python git+https://x.example/y.git possible"]),
        ({"requirements": "/srv/more.txt", "virtualenv": "/srv/venv"}, ["install python -r /srv/more.txt possible"]),
        ({"name": "flask", "virtualenv": "/srv/new"}, ["install python flask certain"]),
    ],
)  # fmt: skip
def test_what_comes_and_goes(args: dict[str, Any], effects: list[str]) -> None:
    assert told(args) == effects


def test_a_second_run_finds_what_the_first_one_left() -> None:
    host = predicted(FILES)
    for args in ({"name": "x", "virtualenv": "/srv/new"}, {"name": "y==1", "virtualenv": "/srv/venv"}):
        assert run(host, "pip", args).changed is True
        assert run(host, "pip", args).changed is False


def test_where_no_python_was_seen_nothing_is_certain() -> None:
    [effect] = run(predicted(), "pip", {"name": "docker"}).effects
    assert effect.certainty == "possible"
