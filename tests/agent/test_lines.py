"""Lines handled as text mean what they mean as JSON, whatever stands in a path."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from aisafe.agent import lines
from aisafe.agent.lines import Cursor, Entry, encode

ODD = ["/etc/a", '/etc/"h":1', '/etc/\\","t":"d"', "/etc/\u00e9\u2028\n", "/etc/bad\udcff", '/etc/,"i":5', "/"]
ENTRY: Entry = {"p": "", "t": "f", "m": 420, "u": 0, "g": 1, "mt": 7, "s": 3, "i": 12, "n": 2, "c": 99, "h": "ab", "sp": 1,
                "x": {"user.h": "00"}, "fl": 16}  # fmt: skip


@pytest.mark.parametrize("path", ODD)
def test_a_line_is_read_as_text(path: str) -> None:
    entry = dict(ENTRY, p=path)
    line = encode(entry) + "\n"
    assert lines.path_of(line) == path
    assert json.loads(lines.of_copy(line)) == {name: value for name, value in entry.items()
                                               if name not in lines.NOT_OF_COPIES}  # fmt: skip
    assert lines.size(line) == 3
    assert not lines.is_directory(line)
    assert lines.is_directory(encode({"p": path, "t": "d"}))
    assert not lines.unread(line)
    assert lines.unread(encode({"p": path, "t": "f", "s": 3, "hl": "/x"}))
    assert lines.size(encode({"p": path, "t": "l", "l": '"s":5'})) == 0


def test_a_plain_line_begins_as_its_entry_does(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("abc")
    (tmp_path / "f").chmod(0o4640)
    info = (tmp_path / "f").lstat()
    told = {"p": str(tmp_path / "f"), "t": "f", "m": 0o4640, "u": os.getuid(), "g": info.st_gid, "mt": info.st_mtime_ns,
            "s": 3}  # fmt: skip
    assert lines.plain(str(tmp_path / "f"), info) + "}" == encode(told)


def test_a_cursor_finds_what_is_there_in_rising_order() -> None:
    there = ["/", "/a", "/a/b", "/a/b/c", "/a.b", "/b", '/b/"q"', "/c"]
    asked = ["/", "/a", "/a", "/a/a", "/a/b/c", "/a/b/d", "/a.a", "/a.b", "/b", "/b", '/b/"q"', "/bb", "/c", "/d", "/d"]
    cursor = Cursor([encode({"p": path, "t": "f"}) + "\n" for path in there])
    found = [cursor.find(path) for path in asked]
    assert [entry["p"] if entry else None for entry in found] == [path if path in there else None for path in asked]
