from __future__ import annotations

import hashlib
from typing import Any

import pytest

from aisafe.effects.fetching import plain_url
from aisafe.model import Unknown
from tests.effects.scenes import directory, predicted, run

URL = "https://user:pass@example.org/dl/tool.tgz?token=s3cret"
THERE = hashlib.sha256(b"tool").hexdigest()


@pytest.mark.parametrize(
    ("args", "name", "changed"),
    [
        ({"dest": "/srv/new"}, "/srv/new", True),
        ({"dest": "/srv/old"}, None, False),
        ({"dest": "/srv/old", "force": True}, "/srv/old", None),
        ({"dest": "/srv/old", "checksum": f"sha256:{THERE}"}, None, False),
        ({"dest": "/srv/old", "checksum": "sha256:00"}, "/srv/old", True),
        ({"dest": "/srv"}, "/srv/tool.tgz", True),
        ({"dest": "/srv/old", "mode": "0755"}, "/srv/old", True),
    ],
)
def test_get_url(args: dict[str, Any], name: str | None, changed: bool | None) -> None:
    result = run(predicted({"/srv/old": b"tool"}), "get_url", {"url": URL, **args})
    assert [one.name for one in result.effects] == ([name] if name else [])
    assert result.changed is changed
    assert "s3cret" not in repr(result.effects)
    assert all(one.reversible for one in result.effects)


def test_get_url_of_something_unknown() -> None:
    result = run(predicted(), "get_url", {"url": Unknown("the output of 'latest'"), "dest": "/srv/x"})
    assert [(one.name, one.certainty) for one in result.effects] == [("/srv/x", "certain")]
    assert run(predicted(), "get_url", {"url": Unknown("x"), "dest": "/srv"}).opaque


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_request_that_sends_is_not_undone(method: str) -> None:
    [effect] = run(predicted(), "uri", {"url": URL, "method": method, "body": "s3cret"}).effects
    assert (effect.kind, effect.name, effect.reversible) == (
        "command",
        f"{method} https://example.org/dl/tool.tgz",
        False,
    )


def test_a_request_that_reads() -> None:
    assert run(predicted(), "uri", {"url": URL}).effects == ()
    assert [one.name for one in run(predicted(), "uri", {"url": URL, "dest": "/srv/x"}).effects] == ["/srv/x"]


def test_unarchive() -> None:
    host = predicted({"/srv/app": directory("/srv/app")})
    result = run(host, "unarchive", {"src": "x.tgz", "dest": "/srv/app"})
    assert ([one.paths for one in result.effects], result.changed) == ([("/srv/app",)], None)
    assert "existing dir" in run(host, "unarchive", {"src": "x.tgz", "dest": "/srv/none"}).failed
    assert run(host, "unarchive", {"src": "x.tgz", "dest": "/srv/none", "creates": "/srv/app"}).changed is False


def test_git() -> None:
    host = predicted({"/srv/there/.git/config": b""})
    assert run(host, "git", {"repo": URL, "dest": "/srv/new"}).changed is True
    assert run(host, "git", {"repo": URL, "dest": "/srv/there"}).changed is None
    assert run(host, "git", {"repo": URL, "dest": "/srv/there", "update": False}).changed is False
    assert "s3cret" not in repr(run(host, "git", {"repo": URL, "dest": "/srv/new"}).effects)


def test_plain_url() -> None:
    assert plain_url("http://u:p@h.example:8080/a/b?c=d#e") == "http://h.example:8080/a/b"
