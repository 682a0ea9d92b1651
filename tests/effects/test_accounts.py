from __future__ import annotations

from typing import Any

import pytest

from aisafe.model import BlindSpot, Unknown, User
from tests.effects.scenes import ROOT, directory, predicted, run

BOB = User(name="bob", uid=1000, gid=1000, home="/home/bob", shell="/bin/sh", groups=("users",))
OWN_GROUPS = {"/etc/login.defs": b"UMASK 022\nUSERGROUPS_ENAB yes\n"}
STATE = {"users": {"root": ROOT, "bob": BOB}, "groups": {"root": 0, "bob": 1000, "users": 100}}


@pytest.mark.parametrize(
    ("args", "effects", "changed"),
    [
        ({"name": "bob"}, [], False),
        ({"name": "bob", "shell": "/bin/sh", "uid": 1000, "group": "bob", "groups": "users"}, [], False),
        ({"name": "bob", "shell": "/bin/bash"}, ["user change bob certain"], True),
        ({"name": "bob", "groups": ["users", "root"], "append": True}, ["user change bob certain"], True),
        ({"name": "bob", "groups": [], "append": True}, [], False),
        ({"name": "bob", "groups": "root"}, ["user change bob certain"], True),
        ({"name": "bob", "password": "$6$x"}, ["user change bob possible"], None),
        ({"name": "bob", "password": "$6$x", "update_password": "on_create"}, [], False),
        ({"name": "bob", "state": "absent"}, ["user remove bob certain", "group remove bob certain"], True),
        (
            {"name": "bob", "state": "absent", "remove": True},
            ["user remove bob certain", "group remove bob certain", "file remove /home/bob certain"],
            True,
        ),
        ({"name": "eve", "state": "absent"}, [], False),
        (
            {"name": "eve"},
            ["user create eve certain", "group create eve certain", "file create /home/eve certain"],
            True,
        ),
        ({"name": "eve", "group": "users", "create_home": False, "system": True}, ["user create eve certain"], True),
    ],
)
def test_user(args: dict[str, Any], effects: list[str], changed: bool | None) -> None:
    host = predicted({"/home/bob": directory("/home/bob"), **OWN_GROUPS}, **STATE)
    result = run(host, "user", args)
    assert [f"{one.kind} {one.action} {one.name} {one.certainty}" for one in result.effects] == effects
    assert result.changed is changed
    assert run(host, "user", {key: value for key, value in args.items() if key != "password"}).changed is False


def test_a_new_home_is_filled_from_the_skeleton() -> None:
    host = predicted({"/etc/skel/.profile": b"umask 027\n", "/etc/skel/.config/app": b"x"}, **STATE)
    result = run(host, "user", {"name": "eve", "group": "users"})
    assert [effect.name for effect in result.effects] == [
        "eve", "/home/eve", "/home/eve/.config", "/home/eve/.config/app", "/home/eve/.profile",
    ]  # fmt: skip
    made = host.file("/home/eve/.profile")
    assert (made.content, made.owner, made.group, made.mode) == (b"umask 027\n", "eve", "users", 0o644)


def test_without_groups_of_their_own_accounts_bring_and_take_none() -> None:
    host = predicted({"/etc/login.defs": b"USERGROUPS_ENAB no\n"}, **STATE)
    for args in ({"name": "eve"}, {"name": "bob", "state": "absent"}):
        assert [effect for effect in run(host, "user", args).effects if effect.kind == "group"] == []


def test_a_user_that_the_run_makes_may_own_files() -> None:
    host = predicted(**STATE)
    assert (
        "failed to look up user eve" in run(host, "file", {"path": "/srv/x", "state": "touch", "owner": "eve"}).failed
    )
    run(host, "user", {"name": "eve"})
    assert run(host, "file", {"path": "/srv/x", "state": "touch", "owner": "eve"}).failed == ""
    assert host.file("/srv/x").owner == "eve"


def test_a_name_that_may_come_from_a_directory_service_is_no_certain_failure() -> None:
    host = predicted({"/etc/nsswitch.conf": b"passwd: files sss\ngroup: files sss\n"}, **STATE)
    assert run(host, "file", {"path": "/srv/x", "state": "touch", "owner": "eve"}).failed == ""


def test_accounts_that_could_not_be_seen_are_possible() -> None:
    host = predicted(blind_spots=(BlindSpot(kind="user", reason="no rights"),))
    assert run(host, "group", {"name": "ops"}).changed is None


@pytest.mark.parametrize(
    ("args", "changed"),
    [
        ({"name": "bob"}, False),
        ({"name": "bob", "gid": 1000}, False),
        ({"name": "bob", "gid": 7}, True),
        ({"name": "ops"}, True),
        ({"name": "ops", "state": "absent"}, False),
        ({"name": "users", "state": "absent"}, True),
    ],
)
def test_group(args: dict[str, Any], changed: bool) -> None:
    host = predicted(**STATE)
    assert run(host, "group", args).changed is changed
    assert run(host, "group", args).changed is False


def test_authorized_key_of_a_user() -> None:
    host = predicted({"/home/bob": directory("/home/bob")}, **STATE)
    args = {"user": "bob", "key": "ssh-ed25519 AAAA me"}
    result = run(host, "ansible.posix.authorized_key", args)
    assert [one.name for one in result.effects] == ["/home/bob/.ssh", "/home/bob/.ssh/authorized_keys"]
    found = host.file("/home/bob/.ssh/authorized_keys")
    assert (found.content, found.mode, found.owner, found.group) == (b"ssh-ed25519 AAAA me\n", 0o600, "bob", "bob")
    assert run(host, "ansible.posix.authorized_key", args).changed is False
    unknown = run(host, "ansible.posix.authorized_key", {"user": "bob", "key": Unknown("the output of 'key'")})
    assert unknown.changed is None
    assert "eve" in run(host, "ansible.posix.authorized_key", {"user": "eve", "key": "ssh-ed25519 AAAA me"}).failed


def test_the_account_of_a_package_that_came_before_has_no_new_home() -> None:
    host = predicted()
    run(host, "apt", {"name": "haproxy"})
    [group] = run(host, "group", {"name": "haproxy"}).effects
    assert group.certainty == "possible"
    result = run(host, "user", {"name": "haproxy", "system": True})
    assert [(effect.kind, effect.certainty) for effect in result.effects] == [("user", "possible")]
    other = run(host, "user", {"name": "shop"})
    assert ("user", "certain") in [(effect.kind, effect.certainty) for effect in other.effects]
