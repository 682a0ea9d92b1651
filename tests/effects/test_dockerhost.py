from __future__ import annotations

import base64
from typing import Any

import pytest

from aisafe.effects.api import Result
from aisafe.effects.predicted import PredictedHost
from aisafe.model import BlindSpot, Image, is_unknown
from tests.effects.living import brief, container, good, living
from tests.effects.scenes import run

AUTH = base64.b64encode(b"me:hush").decode()
CONFIG = "/root/.docker/config.json"


def docker(host: PredictedHost, kind: str, **args: Any) -> Result:
    return run(host, f"community.docker.docker_{kind}", args)


def test_login_is_told_without_its_secret() -> None:
    host = living()
    args = {"registry_url": "r.example", "username": "me", "password": "hush"}
    result = good(docker(host, "login", **args))
    assert [effect.name for effect in result.effects][-2:] == ["/root/.docker", CONFIG]
    assert not [secret for secret in ("hush", AUTH) if secret in repr(result)]


def test_a_known_login_changes_nothing() -> None:
    config = f'{{"auths": {{"r.example": {{"auth": "{AUTH}"}}}}}}'.encode()
    host = living(files={CONFIG: config})
    args = {"registry_url": "r.example", "username": "me", "password": "hush"}
    assert good(docker(host, "login", **args)).changed is False
    assert good(docker(host, "login", **{**args, "password": "new"})).changed is True
    assert good(docker(host, "login", registry_url="other", state="absent")).changed is False
    helper = living(files={CONFIG: b'{"credsStore": "pass"}'})
    assert good(docker(helper, "login", **args)).changed is None


def test_prune() -> None:
    old = container("old", state="exited", networks=("net",))
    loose = (Image(id="sha256:0123456789abcdef"), Image(id="sha256:x", tags=("unused:1",)),
             Image(id="sha256:bb", tags=("busybox:1.36",)))  # fmt: skip
    host = living(containers=(old, container("runs")), networks=("net", "bridge"), volumes=("data",), images=loose)
    result = good(docker(host, "prune", containers=True, images=True, networks=True, volumes=True))
    assert brief(result.effects) == ["remove old", "remove 0123456789ab", "remove net", "remove data?"]
    assert not result.effects[-1].reversible
    assert brief(good(docker(host, "prune", images=True, images_filters={"dangling": False})).effects) == [
        "remove unused:1"
    ]
    assert good(docker(host, "prune", containers=True)).changed is False


def test_what_runs_inside_is_not_foreseen() -> None:
    host = living(containers=(container("db"), container("off", state="exited")))
    effect = good(docker(host, "container_exec", container="db", command="psql")).effects[0]
    assert (effect.action, effect.certainty, effect.reversible) == ("run", "certain", False)
    assert good(docker(host, "container_exec", container="off", command="x")).effects[0].certainty == "possible"
    assert "Could not find container none" in docker(host, "container_exec", container="none", command="x").failed
    assert good(docker(host, "container_copy_into", container="db", container_path="/x", content="y")).changed is None


def test_infos_are_answered() -> None:
    host = living(containers=(container("db"),), networks=("net",))
    found = good(docker(host, "container_info", name="db")).values
    assert (found["exists"], found["container"]["State"]["Running"]) == (True, True)
    assert is_unknown(found["container"]["NetworkSettings"])
    assert good(docker(host, "container_info", name="none")).values == {"exists": False, "container": None}
    assert good(docker(host, "image_info", name="none:1")).values == {"images": []}
    assert len(good(docker(host, "image_info", name="busybox:1.36")).values["images"]) == 1
    assert good(docker(host, "network_info", name="net")).values["exists"] is True
    assert good(docker(host, "volume_info", name="none")).values == {"exists": False, "volume": None}
    assert good(docker(host, "host_info", containers=True)).values["containers"][0]["Names"] == ["/db"]


def test_a_dead_engine_answers_nothing() -> None:
    spot = BlindSpot(kind="container", reason="Docker does not answer")
    host = living(blind_spots=(spot,))
    assert good(docker(host, "container_info", name="db")).values == {}
    assert good(docker(host, "host_info")).values == {}


@pytest.mark.parametrize(
    ("kind", "args", "effects", "changed"),
    [
        ("image_tag", {"name": "busybox:1.36", "repository": ["mine:1"]}, ["create mine:1"], True),
        ("image_push", {"name": "busybox:1.36"}, [], None),
        ("image_load", {"path": "/srv/a.tar"}, ["create of /srv/a.tar?"], True),
        ("image_export", {"names": ["busybox:1.36"], "path": "/srv/b.tar"}, ["create /srv/b.tar?"], True),
        ("plugin", {"plugin_name": "x/y", "state": "enable"}, ["enable plugin x/y?"], None),
    ],
)
def test_images_and_plugins(kind: str, args: dict[str, Any], effects: list[str], changed: bool | None) -> None:
    result = good(docker(living(files={"/srv/a.tar": b"x"}), kind, **args))
    assert (brief(result.effects), result.changed) == (effects, changed)


def test_tagged_again_changes_nothing() -> None:
    host = living()
    args = {"name": "busybox:1.36", "repository": ["mine:1"]}
    good(docker(host, "image_tag", **args))
    assert good(docker(host, "image_tag", **args)).changed is False
