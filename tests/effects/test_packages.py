"""Packages: what is installed already changes nothing; what an installation starts on Debian is told."""

from __future__ import annotations

from typing import Any

import pytest

from aisafe.effects.predicted import PredictedHost
from aisafe.knowledge.reading import read
from aisafe.model import BlindSpot, Unit, Unknown, is_unknown
from tests.effects.scenes import predicted, run

HTOP = {"htop": "3.2.2-2", "libc6": "2.36-9"}


@pytest.mark.parametrize(
    ("args", "effects", "changed"),
    [
        ({"name": "htop"}, [], False),
        ({"name": ["htop", "libc6"], "state": "present"}, [], False),
        ({"name": "htop,tree"}, ["install tree certain"], True),
        ({"name": "htop=3.2.2-2"}, [], False),
        ({"name": "htop=3.2.2-1"}, ["upgrade htop certain"], True),
        ({"name": "htop>=3.2.2-2"}, [], False),
        ({"name": "htop>=3.3"}, ["upgrade htop possible"], None),
        ({"name": "htop=3.*"}, ["upgrade htop possible"], None),
        ({"name": "htop", "state": "latest"}, ["upgrade htop possible"], None),
        ({"name": "tree", "state": "latest"}, ["install tree certain"], True),
        ({"name": "htop", "state": "absent"}, ["remove htop certain"], True),
        ({"name": "tree", "state": "absent"}, [], False),
        ({"name": "tree", "state": "absent", "purge": True}, [], False),
        ({"name": "tree", "only_upgrade": True}, [], False),
        ({"name": "*", "state": "latest"}, ["upgrade all packages possible"], None),
        ({"name": "lib*"}, ["install lib* possible"], None),
        ({"upgrade": "dist"}, ["upgrade all packages possible"], None),
        ({"deb": "/tmp/htop_3.2.2-2_amd64.deb"}, [], False),
        ({"deb": "https://x.example/tree_2.1_amd64.deb?a=b"}, ["install tree certain"], True),
        ({"deb": "/tmp/some.deb"}, ["install some.deb possible"], None),
        ({"name": "htop", "state": "build-dep"}, ["install what builds htop possible"], None),
        ({"update_cache": True}, ["change /var/lib/apt/lists possible"], None),
        ({"update_cache": True, "name": "htop"}, ["change /var/lib/apt/lists possible"], False),
        ({"autoremove": True}, ["remove autoremove possible"], None),
    ],
)
def test_apt(args: dict[str, Any], effects: list[str], changed: bool | None) -> None:
    result = run(predicted(packages=HTOP), "apt", args)
    assert [f"{one.action} {one.name} {one.certainty}" for one in result.effects] == effects
    assert result.changed is changed


def test_a_second_run_finds_the_package() -> None:
    host = predicted()
    assert run(host, "apt", {"name": "tree"}).changed is True
    assert run(host, "apt", {"name": "tree", "state": "latest"}).changed is False
    assert run(host, "package", {"name": "tree"}, facts={"pkg_mgr": "apt"}).changed is False


def test_packages_that_could_not_be_seen_are_possible() -> None:
    host = predicted(blind_spots=(BlindSpot(kind="package", reason="dpkg is locked"),))
    result = run(host, "apt", {"name": "tree"})
    assert result.changed is None
    assert "dpkg is locked" in result.effects[0].why


def test_fresh_lists_are_not_fetched() -> None:
    host = predicted()
    stamp = host.state.taken_at.timestamp() - 60
    lists = host.file("/var/lib/apt/lists")
    host.files._live["/var/lib/apt/lists"] = type(lists)(path=lists.path, kind="directory", mtime=stamp)
    assert run(host, "apt", {"update_cache": True, "cache_valid_time": 3600}).effects == ()
    assert run(host, "apt", {"update_cache": True, "cache_valid_time": 30}).changed is None


def test_debian_starts_what_it_installs_and_stops_what_it_removes() -> None:
    host = predicted()
    result = run(host, "apt", {"name": "nginx"})
    assert [f"{one.kind} {one.action} {one.name}" for one in result.effects] == [
        "package install nginx", "unit enable nginx.service", "unit start nginx.service",
    ]  # fmt: skip


def test_removal_stops_what_runs() -> None:
    live = Unit(name="nginx.service", active_state="active", sub_state="running", unit_file_state="enabled")
    host = predicted(packages={"nginx": "1.22"}, units={"nginx.service": live})
    result = run(host, "apt", {"name": "nginx", "state": "absent"})
    assert [f"{one.kind} {one.action} {one.name}" for one in result.effects] == [
        "unit stop nginx.service", "unit disable nginx.service", "package remove nginx",
    ]  # fmt: skip


def units(host: PredictedHost, **args: Any) -> list[str]:
    return [f"{one.action} {one.name}" for one in run(host, "apt", args).effects if one.kind == "unit"]


def test_what_debian_does_not_start() -> None:
    assert units(predicted(), name="grafana") == []
    assert units(predicted(), name="ufw") == ["enable ufw.service"]
    assert units(predicted(), name="cron") == ["enable cron.service", "start cron.service"]
    assert units(predicted(), name="nginx", policy_rc_d=101) == ["enable nginx.service"]
    forbidding = predicted({"/usr/sbin/policy-rc.d": b"#!/bin/sh\nexit 101\n"})
    assert units(forbidding, name="nginx") == ["enable nginx.service"]


def test_dnf_starts_nothing() -> None:
    host = predicted(os={"id": "fedora"})
    result = run(host, "dnf", {"name": ["nginx", "@web", "/tmp/x.rpm"]})
    assert [f"{one.kind} {one.action} {one.name} {one.certainty}" for one in result.effects] == [
        "package install nginx certain", "package install @web possible", "package install x.rpm possible",
    ]  # fmt: skip


def test_package_of_a_manager_that_is_not_known_is_opaque() -> None:
    assert "pkgng" in run(predicted(os={"id": "freebsd"}), "package", {"name": "x", "use": "pkgng"}).opaque


def test_unknown_name_is_opaque() -> None:
    result = run(predicted(), "apt", {"name": Unknown("the output of 'which'")})
    assert result.changed is None
    assert "the output of 'which'" in result.opaque


def test_pip_into_a_new_virtualenv() -> None:
    result = run(predicted(), "pip", {"name": "flask", "virtualenv": "/srv/venv"})
    assert result.changed is True
    assert result.effects[-1].paths == ("/srv/venv",)
    assert run(predicted(), "pip", {"name": "flask"}).changed is None


def test_what_packages_start_is_well_formed_and_sourced() -> None:
    table = read("packages.json")
    assert len(table) >= 40
    for name, entry in table.items():
        assert set(entry) <= {"units", "umbrellas", "enabled", "stands_for", "started", "capability", "source"}, name
        assert len(entry["source"]) > 10, name
        assert all("." in unit for unit in [*entry.get("units", []), *entry.get("enabled", [])]), name


@pytest.mark.parametrize(
    ("module", "args"),
    [
        ("lineinfile", {"path": "/etc/new/new.conf", "line": "x", "regexp": "^x"}),
        ("copy", {"dest": "/etc/new/conf.d/a.conf", "content": "a\n", "mode": "0644", "owner": "newd"}),
        ("file", {"src": "/etc/new/mods-available/m", "dest": "/etc/new/mods-enabled/m", "state": "link"}),
        ("user", {"name": "eve", "group": "newd"}),
    ],
)
def test_what_a_package_brings_is_not_certainly_missing(module: str, args: dict[str, Any]) -> None:
    """A file or an account that the live host lacks is there after an installation: no certain failure comes of it."""
    host = predicted()
    assert run(host, module, args).failed
    run(host, "apt", {"name": "new"})
    result = run(host, module, args)
    assert (result.failed, result.opaque) == ("", "")
    assert result.effects


def test_after_an_installation_stat_does_not_know_but_a_whole_file_is_certain() -> None:
    host = predicted()
    run(host, "apt", {"name": "new"})
    stat = run(host, "stat", {"path": "/etc/new/new.conf"})
    assert "stat" not in stat.values or is_unknown(stat.values["stat"])
    assert run(host, "stat", {"path": "/root/mine"}).values["stat"] == {"exists": False}
    (effect,) = run(host, "copy", {"dest": "/etc/new.conf", "content": "a\n"}).effects
    assert (effect.action, effect.certainty) == ("create", "certain")
    (effect,) = run(host, "file", {"path": "/etc/new.d", "state": "directory"}).effects
    assert effect.certainty == "possible"


def test_a_unit_that_a_package_starts_and_does_not_enable() -> None:
    effects = run(predicted(), "apt", {"name": "apache2"}).effects
    assert [effect.action for effect in effects if effect.name == "apache-htcacheclean.service"] == ["start"]


def test_a_purge_of_what_was_never_there_removes_nothing() -> None:
    host = predicted({"/var/lib/dpkg/info/xinetd.list": b""})
    run(host, "command", {"cmd": "/opt/anything"})
    result = run(host, "apt", {"name": ["inetd", "xinetd"], "state": "absent", "purge": True})
    assert [(effect.name, effect.certainty) for effect in result.effects] == [("xinetd", "certain")]
