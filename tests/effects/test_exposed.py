"""Secrets in files that everybody can read at the end of the run."""

from __future__ import annotations

import pytest

from aisafe.effects.api import LiveFile
from aisafe.model import Coverage
from tests.effects.scenes import predicted, regular, run

CLOSED = LiveFile(path="/srv/shop", kind="directory", mode=0o750, owner="root", group="root")
SECRET = "DB_PASSWORD=hunter2\n"


def exposed(*tasks, files=None) -> list[tuple[str, tuple[str, ...]]]:
    host = predicted({"/root": LiveFile(path="/root", kind="directory", mode=0o700), **(files or {})})
    for module, args in tasks:
        run(host, module, args)
    return [(item.path, item.names) for item in host.forecast(Coverage()).exposed]


@pytest.mark.parametrize(
    ("args", "names"),
    [
        ({"dest": "/etc/shop.env", "mode": "0644"}, ("DB_PASSWORD",)),
        ({"dest": "/etc/shop.env"}, ("DB_PASSWORD",)),
        ({"dest": "/etc/shop.env", "mode": "0640"}, ()),
        ({"dest": "/root/shop.env", "mode": "0644"}, ()),
        ({"dest": "/srv/shop/env", "mode": "0644"}, ()),
    ],
)
def test_by_the_modes_of_the_file_and_of_what_is_above_it(args: dict[str, str], names: tuple[str, ...]) -> None:
    found = exposed(("copy", {"content": SECRET, **args}), files={"/srv/shop": CLOSED})
    assert found == ([(args["dest"], names)] if names else [])


def test_as_it_is_at_the_end() -> None:
    write = ("copy", {"dest": "/srv/env", "content": SECRET, "mode": "0644"})
    assert exposed(write, ("file", {"path": "/srv/env", "mode": "0600"})) == []
    assert exposed(write, ("file", {"path": "/srv/env", "state": "absent"})) == []
    assert exposed(
        ("file", {"path": "/srv/env", "mode": "0644"}), files={"/srv/env": regular("/srv/env", SECRET.encode(), 0o600)}
    )


def test_what_was_so_before_is_not_of_this_run() -> None:
    live = {"/srv/env": regular("/srv/env", SECRET.encode())}
    assert exposed(("copy", {"dest": "/srv/env", "content": SECRET, "mode": "0644"}), files=live) == []
