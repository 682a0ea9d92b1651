"""Whether what the run writes fits."""

from __future__ import annotations

import io
import tarfile

import pytest

from aisafe.effects.api import LiveFile, SourceFile
from aisafe.model import Coverage, Shortage, Space, Unknown
from tests.effects.scenes import directory, predicted, regular, run

FREE = 1000
SMALL = Space(path="/srv/small", type="tmpfs", total=4096, free=FREE)
ROOT = Space(path="/", type="ext4", total=10**9, free=10**8)


def write(size: int, dest: str = "/srv/small/a", **more: object) -> tuple[str, dict[str, object]]:
    return "copy", {"dest": dest, "content": "x" * size, **more}


def short(*tasks, files=None, spaces=(ROOT, SMALL)) -> tuple[Shortage, ...]:
    given = {"/srv/small": directory("/srv/small"), **(files or {})}
    host = predicted(given, spaces=spaces)
    for module, args, *more in tasks:
        run(host, module, args, **(more[0] if more else {}))
    return host.forecast(Coverage()).shortages


def old(size: int) -> dict[str, LiveFile]:
    return {"/srv/small/a": regular("/srv/small/a", b"o" * size)}


@pytest.mark.parametrize(
    ("tasks", "needed"),
    [
        ([write(FREE)], 0),
        ([write(FREE + 1)], FREE + 1),
        ([write(600), write(400, "/srv/small/b")], 0),
        ([write(600), write(401, "/srv/small/b")], 1001),
        ([write(600), write(500, "/srv/small/deep/b")], 1100),
        ([write(600), write(600, "/srv/b"), write(300, "/srv/small/c")], 0),
        ([write(600), write(600)], 0),  # the same again
        ([write(600), write(300), write(700, "/srv/small/b")], 0),  # the second takes the place of the first
        ([write(600), write(500)], 1100),  # but is laid down beside it
        ([write(600), write(500, unsafe_writes=True)], 0),
        ([write(600), ("file", {"path": "/srv/small/a", "state": "absent"}), write(900, "/srv/small/b")], 0),
        ([write(600), ("file", {"src": "/srv/small/a", "dest": "/srv/small/b", "state": "hard"})], 0),
        ([write(600), ("file", {"path": "/srv/small/a", "mode": "0600"})], 0),
        ([("file", {"path": "/srv/new", "state": "directory"}), write(FREE + 1, "/srv/new/a")], 0),
    ],
)
def test_sizes_that_are_known(tasks, needed: int) -> None:
    found = short(*[("file", {"path": "/srv/small/deep", "state": "directory"}), *tasks])
    assert [item.needed for item in found] == ([needed] if needed else [])
    assert all((item.path, item.free, item.certainty) == ("/srv/small", FREE, "certain") for item in found)


def test_what_is_there_already() -> None:
    assert short(write(FREE), files=old(500)) == ()
    assert short(write(FREE + 1), files=old(500))[0].needed == FREE + 1
    assert (
        short(("file", {"path": "/srv/small/a", "state": "absent"}), write(1500, "/srv/small/b"), files=old(500)) == ()
    )
    assert short(write(5000), files=old(5000)) != ()
    assert short(("copy", {"dest": "/srv/small/a", "content": "o" * 5000}), files=old(5000)) == (), "it is so already"


def test_what_goes_with_an_unknown_size_ends_the_count() -> None:
    files = {"/srv/small/old": directory("/srv/small/old", "x")}
    assert short(("file", {"path": "/srv/small/old", "state": "absent"}), write(FREE + 1), files=files) == ()
    empty = {"/srv/small/old": directory("/srv/small/old")}
    assert short(("file", {"path": "/srv/small/old", "state": "absent"}), write(FREE + 1), files=empty) != ()


def test_what_goes_with_all_that_is_mounted_below_it() -> None:
    files = {"/srv": directory("/srv", "small"), **old(500)}
    assert short(("file", {"path": "/srv", "state": "absent"}), write(FREE + 1), files=files) == ()


def test_a_size_that_no_log_hides_is_not_told() -> None:
    (item,) = short((*write(FREE + 1), {"no_log": True}))
    assert item.writes == ("'the task' (play.yml:7): /srv/small/a",)


def test_what_takes_the_place_of_something_unknown_is_not_counted_twice() -> None:
    fetched = ("get_url", {"url": "http://localhost/x", "dest": "/srv/small/a"})
    assert short(fetched, write(FREE + 1, mode="0600"), write(FREE, "/srv/small/b")) == ()
    assert short(fetched, write(FREE, mode="0600", unsafe_writes=True), write(FREE, "/srv/small/b")) == ()


def test_where_a_task_may_make_room_it_is_only_possible() -> None:
    (item,) = short(("command", {"_raw_params": "/usr/local/bin/clean"}), write(FREE + 1))
    assert (item.certainty, item.why) == ("possible", "'the task' (play.yml:7) may make room")
    (item,) = short(write(FREE + 1), ("command", {"_raw_params": "/usr/local/bin/clean"}))
    assert item.certainty == "certain", "it comes too late"


def test_what_only_may_be_written_is_not_counted() -> None:
    unsure = {"certainty": "possible", "why": "the output of a command"}
    assert short((*write(FREE + 1), unsure)) == ()
    assert short((*write(600), unsure), write(900, "/srv/small/b")) == ()
    assert (
        short(write(600), ("file", {"path": "/srv/small/a", "state": "absent"}, unsure), write(900, "/srv/small/b"))
        == ()
    )
    assert short(("get_url", {"url": "http://localhost/x", "dest": "/srv/small/b"}), write(FREE)) == ()


def test_another_file_system_by_then() -> None:
    mount = {"path": "/srv/small", "src": "tmpfs", "fstype": "tmpfs", "state": "ephemeral", "opts": "size=9m"}
    assert short(("ansible.posix.mount", mount), write(FREE + 1)) == ()


def test_links_lead_elsewhere() -> None:
    link = LiveFile(path="/srv/link", kind="link", mode=0o777, target="small")
    files = {"/srv/link": link, "/srv/link/a": LiveFile(path="/srv/link/a", kind="absent")}
    assert [item.path for item in short(write(FREE + 1, "/srv/link/a"), files=files)] == ["/srv/small"]
    away = LiveFile(path="/srv/small/away", kind="link", mode=0o777, target="/srv")
    assert short(write(FREE + 1, "/srv/small/away/a"), files={"/srv/small/away": away}) == ()


@pytest.mark.parametrize(
    ("spaces", "found"),
    [
        ((ROOT,), []),
        ((), []),
        ((ROOT, SMALL, Space(path="/srv/small/deep", type="nfs4", total=None, free=None)), []),
        ((SMALL, Space(path="/other", type="ext4", total=10**9, free=10**8, also=("/", "/srv/small/deep"))), []),
        ((ROOT, Space(path="/other", type="ext4", total=2000, free=FREE, also=("/srv/small/deep",))), ["/other"]),
    ],
)
def test_which_one_holds_it(spaces, found) -> None:
    files = {"/srv/small/deep": directory("/srv/small/deep")}
    assert [item.path for item in short(write(FREE + 1, "/srv/small/deep/a"), files=files, spaces=spaces)] == found


def test_where_less_may_be_kept_it_is_only_possible() -> None:
    (item,) = short(write(FREE + 1), spaces=(ROOT, Space(path="/srv/small", type="btrfs", total=4096, free=FREE)))
    assert (item.certainty, item.why) == ("possible", "btrfs may keep them in less")


def test_a_source_too_large_to_be_read_has_a_size() -> None:
    large = (SourceFile(name="", content=Unknown("the content of film"), mode=0o644, size=FREE + 1),)
    copy = ("copy", {"src": "film", "dest": "/srv/small/"}, {"source": large})
    assert [item.writes for item in short(copy)] == [("'the task' (play.yml:7): 1001 bytes to /srv/small/film",)]
    same = {
        "/srv/small/film": LiveFile(
            path="/srv/small/film", kind="file", mode=0o644, owner="root", group="root", size=FREE + 1
        )
    }
    assert short(copy, files=same) == (), "it may be there already"
    other = {
        "/srv/small/film": LiveFile(path="/srv/small/film", kind="file", mode=0o644, owner="root", group="root", size=5)
    }
    assert short(copy, files=other) != ()
    tree = tuple(SourceFile(name=name, content=Unknown("films"), mode=0o644, size=600) for name in ("a", "b"))
    assert [item.needed for item in short(("copy", {"src": "films/", "dest": "/srv/small"}, {"source": tree}))] == [
        1200
    ]


def test_an_archive_is_counted_by_what_it_holds() -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in ("a", "b"):
            item = tarfile.TarInfo(name)
            item.size = 600
            archive.addfile(item, io.BytesIO(b"x" * 600))
    source = (SourceFile(name="", content=packed.getvalue(), mode=0o644),)
    assert len(packed.getvalue()) < FREE
    found = short(("unarchive", {"src": "x.tgz", "dest": "/srv/small"}, {"source": source}))
    assert [item.needed for item in found] == [1200]
