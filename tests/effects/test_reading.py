"""Modules that look: what the prediction knows is told exactly, what it does not is an Unknown, never an absence."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from aisafe.effects.api import LiveFile
from aisafe.model import BlindSpot, Unit, Unknown, User, is_unknown
from tests.effects.scenes import ROOT, predicted, regular, run, this_machine
from tests.effects.test_same_as_module import really

BOB = User(name="bob", uid=1000, gid=1000, home="/home/bob", shell="/bin/sh", groups=("users",))


@pytest.mark.parametrize("name", ["file", "link", "folder", "nowhere"])
def test_stat_tells_what_the_module_tells(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text\n")
    (tmp_path / "file").chmod(0o4751)
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "folder").mkdir()
    told = run(this_machine(), "stat", {"path": str(tmp_path / name)}).values["stat"]
    real = really("stat", {"path": str(tmp_path / name)})["stat"]
    assert set(real) <= set(told)
    for key, value in told.items():
        assert isinstance(value, Unknown) or value == real[key], key
    assert not isinstance(told["exists"], Unknown)


def test_stat_of_what_could_not_be_seen_says_nothing() -> None:
    host = predicted({"/etc/x": LiveFile(path="/etc/x", kind="unseen", reason="permission denied")})
    assert run(host, "stat", {"path": "/etc/x"}).values == {}


def test_stat_sees_what_the_run_did() -> None:
    host = predicted({"/etc/x": b"old"})
    run(host, "copy", {"content": "new", "dest": "/etc/x", "mode": "0600"})
    told = run(host, "stat", {"path": "/etc/x"}).values["stat"]
    assert (told["checksum"], told["mode"], told["size"]) == (hashlib.sha1(b"new").hexdigest(), "0600", 3)
    assert isinstance(told["mtime"], Unknown)
    run(host, "file", {"path": "/etc/x", "state": "absent"})
    assert run(host, "stat", {"path": "/etc/x"}).values == {"stat": {"exists": False}}


def test_slurp() -> None:
    host = predicted({"/etc/x": b"a\xff"})
    assert base64.b64decode(run(host, "slurp", {"src": "/etc/x"}).values["content"]) == b"a\xff"
    assert "File not found" in run(host, "slurp", {"src": "/etc/y"}).failed
    run(host, "copy", {"content": Unknown("x"), "dest": "/etc/z"})
    assert "content" not in run(host, "slurp", {"src": "/etc/z"}).values


@pytest.mark.parametrize(
    "args",
    [
        {"patterns": "*.log"},
        {"patterns": "*.log", "recurse": True},
        {"file_type": "directory"},
        {"file_type": "any", "recurse": True},
        {"patterns": "^a.*$", "use_regex": True},
        {"excludes": "*.log", "hidden": True},
        {"recurse": True, "depth": 2},
    ],
)
def test_find_finds_what_the_module_finds(args: dict[str, Any], tmp_path: Path) -> None:
    for name in ("a.log", "b.txt", ".h", "d/c.log", "d/e/f.log"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    told = run(this_machine(), "find", {"paths": str(tmp_path), **args}).values
    real = really("find", {"paths": str(tmp_path), **args})
    assert sorted(one["path"] for one in told["files"]) == sorted(one["path"] for one in real["files"])
    assert told["matched"] == real["matched"]
    assert told.get("examined", real["examined"]) == real["examined"]
    shown = {one["path"]: one for one in told["files"]}
    for one in real["files"]:
        assert set(one) == set(shown[one["path"]])


def test_find_by_age_says_nothing() -> None:
    assert run(predicted(), "find", {"paths": "/etc", "age": "1d"}).values == {}


def test_getent() -> None:
    host = predicted(users={"root": ROOT, "bob": BOB}, groups={"root": 0, "bob": 1000, "users": 100})
    told = run(host, "getent", {"database": "passwd", "key": "bob"}).facts["getent_passwd"]["bob"]
    assert (told[0], told[1], told[2], told[4], told[5]) == ("x", "1000", "1000", "/home/bob", "/bin/sh")
    assert run(host, "getent", {"database": "group", "key": "100"}).facts == {
        "getent_group": {"users": ["x", "100", "bob"]}
    }
    assert set(run(host, "getent", {"database": "passwd"}).facts["getent_passwd"]) == {"root", "bob"}
    assert "could not be found" in run(host, "getent", {"database": "passwd", "key": "eve"}).failed
    assert run(host, "getent", {"database": "passwd", "key": "eve", "fail_key": False}).facts == {
        "getent_passwd": {"eve": None}
    }
    assert is_unknown(run(host, "getent", {"database": "hosts", "key": "x"}).facts["getent_hosts"])


def test_package_facts() -> None:
    host = predicted(packages={"htop": "3.2"})
    run(host, "apt", {"name": "tree"})
    facts = run(host, "package_facts", {}).facts["packages"]
    assert (facts["htop"][0]["version"], facts["htop"][0]["source"]) == ("3.2", "apt")
    assert isinstance(facts["tree"][0]["version"], Unknown)
    blind = predicted(blind_spots=(BlindSpot(kind="package", reason="no dpkg"),))
    assert is_unknown(run(blind, "package_facts", {}).facts["packages"])


def test_service_facts() -> None:
    units = {
        "a.service": Unit(name="a.service", active_state="active", sub_state="running", unit_file_state="enabled"),
        "b.service": Unit(name="b.service", unit_file_state="disabled"),
        "c.service": Unit(name="c.service", active_state="failed", sub_state="failed", unit_file_state="enabled"),
        "d.timer": Unit(name="d.timer", active_state="active"),
    }
    told = run(predicted(units=units), "service_facts", {}).facts["services"]
    assert told == {
        "a.service": {"name": "a.service", "state": "running", "status": "enabled", "source": "systemd"},
        "b.service": {"name": "b.service", "state": "stopped", "status": "disabled", "source": "systemd"},
        "c.service": {"name": "c.service", "state": "stopped", "status": "failed", "source": "systemd"},
    }


def test_looking_changes_nothing() -> None:
    host = predicted({"/etc/x": regular("/etc/x", b"")})
    for module, args in {"ping": {}, "wait_for": {"port": 80}, "meta": {}, "set_fact": {"a": 1}, "setup": {}}.items():
        assert run(host, module, args) == run(host, module, args)
        assert run(host, module, args).effects == ()
    assert os.sep == "/"


def test_facts_that_are_not_looked_at_are_unknown_and_not_absent() -> None:
    assert isinstance(run(predicted(), "mount_facts", {}).facts["mount_points"], Unknown)
    assert run(predicted(), "setup", {}).untold
