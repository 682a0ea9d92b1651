"""The one extension mechanism."""

from __future__ import annotations

import sys

import pytest

from aisafe.registry import Registry


@pytest.fixture
def package(tmp_path, monkeypatch):
    (tmp_path / "plugs").mkdir()
    (tmp_path / "plugs/__init__.py").write_text("from aisafe.registry import Registry\nTABLE = Registry('plugs')\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "plugs"
    for name in [name for name in sys.modules if name.partition(".")[0] == "plugs"]:
        del sys.modules[name]


def table() -> Registry[int]:
    import plugs

    return plugs.TABLE


def test_a_file_dropped_in_is_registered(package):
    (package / "one.py").write_text("from plugs import TABLE\nTABLE.add('one', 1)\n")
    assert list(table()) == [("one", 1)]
    assert "one" in table()
    assert table().get("two") is None


def test_a_name_is_taken_once(package):
    table().add("x", 1)
    with pytest.raises(ValueError, match="twice"):
        table().add("x", 2)


def test_a_module_that_cannot_be_imported_makes_every_look_up_fail(package):
    (package / "bad.py").write_text("raise RuntimeError('broken')\n")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="broken"):
            table().get("x")
