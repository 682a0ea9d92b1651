"""The suite's own arithmetic: what counts as foreseen, missed and wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fidelity.compare import KINDS, Tally, compare
from tests.fidelity.run import HERE, Outcome, _in_memory, catalogue, sources
from tests.fidelity.table import shortcomings, table
from tests.fidelity.truth import Brought, packages_of, same

EMPTY: dict[str, dict[str, Any]] = {
    kind: {}
    for kind in (*KINDS, "manual", "owned")
}  # fmt: skip


def facts(**more: Any) -> dict[str, Any]:
    return {**EMPTY, **more}


def entry(sha: str, mode: str = "644") -> dict[str, Any]:
    return {"type": "f", "sha256": sha, "mode": mode, "owner": "root:root", "target": None, "stamp": None}


def told(
    effects: tuple[dict[str, Any], ...] = (),
    contents: dict[str, Any] | None = None,
    claims: tuple[dict[str, Any], ...] = (),
    services: tuple[dict[str, Any], ...] = (),
) -> dict[str, Any]:
    host = {"effects": list(effects), "claims": list(claims), "services": list(services)}
    return {"forecast": {"hosts": {"h": host}}, "contents": {"h": contents or {}}}


def effect(kind: str, action: str, name: str, certainty: str = "certain") -> dict[str, Any]:
    return {"kind": kind, "action": action, "name": name, "certainty": certainty, "paths": [], "frees": []}


def final(sha: str | None, certainty: str = "certain", **more: Any) -> dict[str, Any]:
    return {
        "type": "f", "certainty": certainty, "sha256": sha, "mode": "644", "owner": "root:root", "target": None,
        "reason": "", **more,
    }  # fmt: skip


def run(before: dict[str, Any], forecast: dict[str, Any], after: dict[str, Any]) -> dict[str, Tally]:
    return compare(before, forecast, after, Brought(), "h")


def test_a_file_is_foreseen_with_its_content() -> None:
    found = run(
        facts(),
        told((effect("file", "create", "/etc/a"),), {"/etc/a": final("1")}),
        facts(file={"/etc/a": entry("1")}),
    )
    for kind in ("file", "content", "mode"):
        assert (found[kind].happened, found[kind].found, found[kind].right) == (1, 1, 1), kind


@pytest.mark.parametrize(
    ("there", "kind"),
    [({"/etc/a": entry("2")}, "content"), ({"/etc/a": entry("1", "600")}, "mode"), ({}, "file")],
)
def test_what_was_certain_and_is_not_so_counts_by_itself(there: dict[str, Any], kind: str) -> None:
    found = run(facts(), told((effect("file", "create", "/etc/a"),), {"/etc/a": final("1")}), facts(file=there))
    assert [name for name, tally in found.items() if tally.wrong_certain] == [kind]


def test_a_file_that_nobody_spoke_of_is_missed() -> None:
    found = run(facts(), told(), facts(file={"/etc/a": entry("1")}))["file"]
    assert (found.happened, found.found, found.missed) == (1, 0, ["/etc/a (made)"])


def test_a_file_without_an_effect_is_not_foreseen() -> None:
    found = run(facts(), told(contents={"/etc/a": final("1")}), facts(file={"/etc/a": entry("1")}))["file"]
    assert (found.happened, found.found, found.said) == (1, 0, 0)


def test_a_possibility_that_does_not_come_true_is_wrong_but_not_certain() -> None:
    found = run(
        facts(), told((effect("file", "create", "/etc/a", "possible"),), {"/etc/a": final("1", "possible")}), facts()
    )["file"]
    assert (found.said, found.right, len(found.wrong), found.wrong_certain) == (1, 0, 1, [])


def test_files_of_packages_are_not_of_tasks() -> None:
    after = facts(
        file={"/etc/pkg": entry("1"), "/etc/a": entry("2"), "/var/lib/pkg/db": entry("3")},
        user={"pkg": "pkg:x", "eve": "eve:x"},
    )
    of_package = Brought(paths=frozenset({"/etc/pkg"}), scripts="adduser --system pkg\nmkdb /var/lib/pkg/db")
    found = compare(facts(), told(), after, of_package, "h")
    assert found["file"].missed == ["/etc/a (made)"]
    assert found["user"].missed == ["eve (come)"]


def test_what_lay_below_a_removed_directory_went_with_it() -> None:
    before = facts(file={"/opt/a": {**entry(""), "type": "d", "sha256": None}, "/opt/a/b": entry("1")})
    forecast = told((effect("file", "remove", "/opt/a"),), {"/opt/a": final(None, type="")})
    found = run(before, forecast, facts())["file"]
    assert (found.happened, found.found, found.missed) == (2, 2, [])


def unit(active: str, enabled: str, invocation: str = "") -> dict[str, str]:
    return {"active": active, "enabled": enabled, "invocation": invocation}


def test_units() -> None:
    before = facts(unit={"a.service": unit("inactive", "disabled"), "b.service": unit("active", "enabled", "1")})
    after = facts(unit={"a.service": unit("active", "enabled", "2"), "b.service": unit("active", "enabled", "3")})
    start, enable, restart = (
        effect("unit", action, name)
        for action, name in (("start", "a.service"), ("enable", "a.service"), ("restart", "b.service"))
    )
    all_right = run(before, told((start, enable, restart)), after)["unit"]
    assert (all_right.happened, all_right.found, all_right.right, all_right.wrong_certain) == (3, 3, 3, [])
    missed = run(before, told((start,)), after)["unit"]
    assert missed.missed == ["a.service: enabled enabled", "b.service: restarted yes"]
    wrong = run(before, told((start, enable, restart)), before)["unit"]
    assert len(wrong.wrong_certain) == 3


def claim(address: str, port: int, certainty: str = "certain", ipv6_only: bool = False) -> dict[str, Any]:
    socket = {"protocol": "tcp", "address": address, "port": port, "ipv6_only": ipv6_only}
    return {"socket": socket, "certainty": certainty, "holder": {"kind": "unit", "name": "a.service"}}


def test_sockets_are_compared_as_ss_writes_them() -> None:
    after = facts(socket={"tcp 0.0.0.0:80": "a", "tcp [::]:80": "a", "tcp *:90": "b", "tcp 127.0.0.1:1": "c"})
    claims = (claim("0.0.0.0", 80), claim("::", 80, ipv6_only=True), claim("::", 90), claim("0.0.0.0", 91))
    found = run(facts(), told(claims=claims), after)["socket"]
    assert (found.happened, found.found, found.said, found.right) == (4, 3, 4, 3)
    assert found.missed == ["tcp 127.0.0.1:1 c"]
    assert found.wrong_certain == ["tcp 0.0.0.0:91 of a.service"]


def test_a_socket_that_went_away_unforeseen_is_missed() -> None:
    found = run(facts(socket={"tcp 0.0.0.0:80": "a"}), told(), facts())["socket"]
    assert found.missed == ["tcp 0.0.0.0:80 a is gone"]


def test_the_table_names_what_fell_short() -> None:
    plays = catalogue()[:2]
    good, bad = (Outcome(play.name, tallies={"file": Tally()}) for play in plays)
    full = {kind: Tally() for kind in ("file", "content", "mode", "unit", "socket", "package", "container", "image",
                                       "network", "volume", "user", "group")}  # fmt: skip
    good.tallies = full
    bad.tallies = {**full, "file": Tally(happened=2, found=1, said=2, right=1, missed=["/a"], wrong_certain=["/b"])}
    text, fine = table(plays, {good.name: good, bad.name: bad}, {})
    assert "| file | 2 | 1 | 0.500 | 2 | 1 | 0.500 | 1 |" in text
    assert f"- {bad.name}:" in text
    assert f"- {good.name}:" not in text
    assert not fine


def test_the_catalogue_is_whole() -> None:
    from tests.fidelity.run import HERE

    plays = catalogue()
    assert len({play.name for play in plays}) == len(plays) >= 40
    for play in plays:
        assert (HERE / "plays" / play.playbook).is_file(), play.name
        assert all(source in sources() for source in play.source), play.name


def test_what_a_mount_shows_is_not_made_by_the_run() -> None:
    after = facts(file={"/srv/logs/a": entry("1"), "/srv/other": entry("1")}, mount={"/srv/logs": None})
    assert run(facts(), told(), after)["file"].missed == ["/srv/other (made)"]


def test_a_container_counts_as_said_in_the_start_of_its_unit() -> None:
    start = {**effect("unit", "start", "web.service"), "detail": "published by container web that web.service runs"}
    found = run(facts(), told((start,)), facts(container={"web": {"running": True}, "other": {"running": True}}))
    assert (found["container"].found, found["container"].missed) == (1, ["other (come)"])


def test_what_packages_bring_alone_is_the_same_in_all_but_the_data_of_services() -> None:
    assert same(entry("1"), entry("1"), "/etc/a")
    assert not same(entry("1"), entry("2"), "/etc/a")
    assert not same(entry("1", "600"), entry("1"), "/etc/a")
    assert same(entry("1"), entry("2"), "/var/lib/redis/dump.rdb")


def test_a_second_run_that_fails_as_it_was_blocked_is_no_shortcoming() -> None:
    again = {"blocked_by": ["x"], "certain": ["y"], "unsure": 0, "changed": 0, "changed_tasks": [], "exit_code": 2}
    play = catalogue()[0]
    assert shortcomings(play, Outcome(play.name, again=again)) == []
    went_on = Outcome(play.name, again={**again, "exit_code": 0})
    assert shortcomings(play, went_on) == ["second run blocked: x", "second run, said and not so: y"]


def test_tasks_that_change_only_the_memory_of_ansible() -> None:
    assert _in_memory(HERE / "plays" / "rolling.yml") == {"By fact"}


def test_a_package_that_is_held_is_installed() -> None:
    listed = "a\t1.0\tii \nb\t2.0\thi \nc\t3.0\trc \n"
    assert packages_of(listed) == {"a": "1.0", "b": "2.0 hold"}


def test_a_directory_at_the_top_counts() -> None:
    root = {"type": "d", "sha256": None, "mode": "755", "owner": "root:root", "target": None, "stamp": None}
    final_root = {**final(None), "type": "d", "mode": None}
    found = run(
        facts(file={"/srv": root}),
        told((effect("file", "change", "/srv", "possible"),), {"/srv": final_root}),
        facts(file={"/srv": {**root, "mode": "775"}}),
    )
    assert (found["file"].found, found["file"].missed) == (1, [])


def test_what_maintainer_scripts_make_is_the_packages() -> None:
    def link(target: str) -> dict[str, Any]:
        return {**entry(""), "type": "l", "sha256": None, "target": target}

    came = Brought(paths=frozenset({"/etc/apache2/mods-available/ssl.load"}), packages=frozenset({"libpam-runtime"}))
    after = facts(
        file={
            "/etc/apache2/mods-enabled/ssl.load": link("../mods-available/ssl.load"),
            "/usr/bin/lzcat": link("/etc/alternatives/lzcat"),
            "/etc/systemd/system/redis.service": link("/lib/systemd/system/redis-server.service"),
            "/etc/pam.d/common-session": entry("1"),
            "/etc/mine": link("/etc/other"),
        }
    )
    assert compare(facts(), told(), after, came, "h")["file"].missed == ["/etc/mine (made)"]


def test_units_of_packages_that_nobody_asked_for_are_not_counted() -> None:
    unit = {"active": "active", "enabled": "enabled", "invocation": "1"}
    after = facts(
        unit={
            "asked.service": unit,
            "needed.service": unit,
            "off.timer": {**unit, "active": "inactive", "enabled": "masked"},
        },
        owned={
            f"/usr/lib/systemd/system/{name}": name.split(".")[0]
            for name in ("asked.service", "needed.service", "off.timer")
        },
        package={"asked": "1", "needed": "1", "off": "1"},
        manual={"asked", "off"},
    )
    missed = compare(facts(), told(), after, Brought(), "h")["unit"].missed
    assert missed == ["asked.service: active active", "asked.service: enabled enabled"]


def test_a_package_that_goes_and_comes_back_is_as_it_was() -> None:
    there = facts(package={"docker.io": "1"}, manual={"docker.io"})
    effects = (effect("package", "remove", "docker.io"), effect("package", "install", "docker.io"))
    assert not compare(there, told(effects), there, Brought(), "h")["package"].wrong_certain


def test_a_directory_that_is_left_out_is_not_judged_and_lib_is_usr_lib() -> None:
    contents = {"/var/lib/db/main": final("1"), "/lib/systemd/system/a.service": final("2")}
    effects = tuple(effect("file", "create", path) for path in contents)
    after = facts(file={"/usr/lib/systemd/system/a.service": entry("2")})
    tally = compare(facts(), told(effects, contents), after, Brought(), "h", without=["/var/lib/db"])["file"]
    assert (tally.said, tally.right, tally.missed) == (1, 1, [])
