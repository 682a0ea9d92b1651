from __future__ import annotations

import pytest

from aisafe.effects.api import LiveFile
from aisafe.effects.filetree import FileTree
from aisafe.effects.predicted import changed
from aisafe.model import BlindSpot, Coverage, Unknown
from tests.effects.scenes import TASK, Call, directory, predicted, regular, run

CALL = Call(module="ansible.builtin.copy", args={}, task=TASK)
PERHAPS = Call(module="ansible.builtin.copy", args={}, task=TASK, certainty="possible", why="if it rains")


def test_equal_is_no_effect_and_different_says_what() -> None:
    host = predicted({"/etc/a": b"1\n"})
    assert host.put(CALL, "/etc/a", content=b"1\n", mode=0o644, owner="root") == ()
    (effect,) = host.put(CALL, "/etc/a", content=b"2\n", mode=0o600)
    assert (effect.kind, effect.action, effect.certainty, effect.detail, effect.paths) == (
        "file", "change", "certain", "content, mode", ("/etc/a",),
    )  # fmt: skip
    assert host.put(CALL, "/etc/a", content=b"2\n", mode=0o600) == ()
    assert host.file("/etc/a").text == "2\n"
    assert host.file("/etc/a").task == TASK


def test_unknown_content_may_change_it() -> None:
    host = predicted({"/etc/a": b"1\n"})
    (effect,) = host.put(CALL, "/etc/a", content=Unknown("the output of x"))
    assert (effect.certainty, "the output of x" in effect.why) == ("possible", True)
    assert changed([effect]) is None
    assert host.file("/etc/a").text is None


def test_a_new_file_with_unknown_content_is_certain_to_be_made() -> None:
    (effect,) = predicted().put(CALL, "/etc/new", content=Unknown("x"))
    assert (effect.action, effect.certainty) == ("create", "certain")


def test_a_possible_task_leaves_it_open() -> None:
    host = predicted({"/etc/a": b"1\n"})
    host.put(PERHAPS, "/etc/a", content=b"2\n")
    (effect,) = host.put(CALL, "/etc/a", content=b"2\n")
    assert (effect.certainty, "if it rains" in effect.why) == ("possible", True)
    assert host.put(CALL, "/etc/a", content=b"2\n") == ()


def test_what_cannot_be_read_is_a_blind_spot_and_not_absent() -> None:
    host = predicted({"/etc/a": LiveFile(path="/etc/a", kind="unseen", reason="permission denied")})
    (effect,) = host.put(CALL, "/etc/a", content=b"1")
    assert (effect.certainty, host.file("/etc/a").exists) == ("possible", True)
    (spot,) = host.forecast(Coverage()).blind_spots
    assert spot == BlindSpot(kind="file", reason="/etc/a could not be read: permission denied", blocks=False)


def test_below_an_unseen_directory_nothing_is_known_even_when_the_run_makes_it() -> None:
    def unseen(*paths: str) -> dict[str, bytes | LiveFile]:
        return {path: LiveFile(path=path, kind="unseen", reason="not asked") for path in paths}

    host = predicted(unseen("/etc", "/etc/security", "/etc/site"), directories=())
    host.make_directory(CALL, "/etc/site")
    assert host.file("/etc/security").exists is None


def test_an_answer_that_leaves_a_path_out_is_unseen() -> None:
    noted: list[BlindSpot] = []
    tree = FileTree(lambda paths: {}, noted.append)
    assert tree.get("/x").kind == "unseen"
    assert noted


def test_a_large_file_differs_by_its_size() -> None:
    large = LiveFile(path="/etc/big", kind="file", size=9_000_000, mode=0o644, owner="root", group="root")
    host = predicted({"/etc/big": large})
    (effect,) = host.put(CALL, "/etc/big", content=b"small")
    assert (effect.certainty, effect.detail) == ("certain", "size")


def test_directories_are_made_with_those_above() -> None:
    host = predicted()
    assert [effect.name for effect in host.make_directory(CALL, "/srv/a/b", mode=0o755)] == ["/srv/a", "/srv/a/b"]
    assert host.make_directory(CALL, "/srv/a/b", mode=0o755) == ()
    assert host.file("/srv/a/b/c").kind == "absent"
    host.put(CALL, "/srv/a/b/c", content=b"")
    assert host.files.entries("/srv/a/b") == ("c",)


def test_removing_a_directory_removes_what_is_below() -> None:
    host = predicted({"/srv/a/b": b"x", "/srv/a": directory("/srv/a", "b")})
    host.file("/srv/a/b")
    assert [effect.action for effect in host.remove(CALL, "/srv/a")] == ["remove"]
    assert host.file("/srv/a/b").kind == "absent"
    assert host.files.changed(["/srv/a/b"])
    assert host.remove(CALL, "/srv/a") == ()
    assert "a" not in host.files.entries("/srv")


def test_links_are_followed() -> None:
    host = predicted({"/srv/new/f": b"in new", "/srv/new": directory("/srv/new", "f")})
    host.link(CALL, "/srv/current", "new")
    assert host.file("/srv/current").kind == "link"
    assert host.file("/srv/current/f").text == "in new"
    assert host.file("/srv/current", follow=True).kind == "directory"
    host.link(CALL, "/srv/loop", "loop")
    assert host.file("/srv/loop", follow=True).kind == "link"


def test_one_round_trip() -> None:
    asked: list[list[str]] = []

    def read(paths: object) -> dict[str, LiveFile]:
        asked.append(list(paths))  # type: ignore[call-overload]
        return {path: regular(path, b"") for path in asked[-1]}

    tree = FileTree(read, lambda spot: None)
    tree.prefetch(["/a", "/b", "/a"])
    assert tree.get("/a").text == tree.get("/b").text == ""
    tree.prefetch(["/a", "/c"])
    assert asked == [["/a", "/b"], ["/c"]]


@pytest.mark.parametrize("path", ["/etc/../etc/a", "//etc/a", "/etc/a/"])
def test_paths_are_normalised(path: str) -> None:
    assert predicted({"/etc/a": b"1"}).file(path).text == "1"


def test_a_directory_that_was_removed_and_made_again_is_empty() -> None:
    host = predicted({"/opt/app/run": b"old"})
    run(host, "file", {"path": "/opt/app", "state": "absent"})
    run(host, "file", {"path": "/opt/app", "state": "directory"})
    assert host.file("/opt/app/run").exists is False
    (effect,) = run(host, "copy", {"dest": "/opt/app/run", "content": "old"}).effects
    assert (effect.action, effect.certainty) == ("create", "certain")


def test_what_an_archive_may_hold_is_not_absent() -> None:
    host = predicted(directories=["/opt/app"])
    run(host, "file", {"path": "/opt/app", "state": "absent"})
    run(host, "file", {"path": "/opt/app", "state": "directory"})
    assert host.file("/opt/app/bin/tool").exists is False
    host.files.fill("/opt/app", "what the archive holds")
    assert host.file("/opt/app/bin/tool").exists is None
    run(host, "file", {"path": "/opt/app/bin/tool", "state": "absent"})
    run(host, "file", {"path": "/opt/app", "state": "absent"})
    assert host.file("/opt/app/bin/tool").exists is False


def test_maintainer_scripts_set_owners_of_what_was_there_before() -> None:
    host = predicted(directories=["/etc", "/srv"])
    run(host, "file", {"path": "/etc/redis", "state": "directory", "mode": "0750", "owner": "root", "group": "root"})
    run(host, "copy", {"dest": "/etc/redis/redis.conf", "content": "port 6390\n", "mode": "0644"})
    run(host, "copy", {"dest": "/srv/mine", "content": "x", "mode": "0644"})
    run(host, "apt", {"name": "redis-server"})
    assert [host.file(path).owner for path in ("/etc/redis", "/etc/redis/redis.conf", "/srv/mine")] == [
        None,
        None,
        "root",
    ]
    assert host.file("/etc/redis/redis.conf").text == "port 6390\n"


def test_a_directory_that_is_perhaps_made_anew_perhaps_holds_what_it_held() -> None:
    host = predicted({"/opt/app/config": b"same"})
    run(host, "file", {"path": "/opt/app", "state": "absent"}, certainty="possible", why="a version")
    run(host, "file", {"path": "/opt/app", "state": "directory"})
    effects = run(host, "copy", {"dest": "/opt/app/config", "content": "same", "mode": "0644"}).effects
    assert [effect.certainty for effect in effects] == ["possible"]
    again = predicted({"/opt/app/config": b"same"})
    run(again, "file", {"path": "/opt/app", "state": "absent"})
    run(again, "file", {"path": "/opt/app", "state": "directory"})
    assert run(again, "copy", {"dest": "/opt/app/config", "content": "same", "mode": "0644"}).changed is True


def test_below_a_directory_that_a_package_may_have_brought() -> None:
    host = predicted(directories=["/etc"])
    run(host, "apt", {"name": "app"})
    made = run(host, "file", {"path": "/etc/app/conf.d", "state": "directory", "mode": "0700"})
    assert [effect.certainty for effect in made.effects] == ["possible", "possible"]
    [written] = run(host, "copy", {"dest": "/etc/app/conf.d/a.conf", "content": "ours"}).effects
    assert written.certainty == "certain"
