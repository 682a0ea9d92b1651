"""Kernel settings at runtime, on a tree that stands in for /proc/sys."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisafe.agent import settings


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    values = {"net/core/somaxconn": "4096\n", "net/ipv4/conf/all/forwarding": "0\n", "net/ipv4/conf/eth0.5/forwarding": "0\n",
              "net/ipv4/ip_local_port_range": "32768\t60999\n", "kernel/random/uuid": "x\n"}  # fmt: skip
    for name, value in values.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(value)
    (tmp_path / "net/ipv4/route").mkdir()
    (tmp_path / "net/ipv4/route/flush").touch(mode=0o200)
    (tmp_path / "kernel/version").touch(mode=0o444)
    return tmp_path


def test_only_what_can_be_set_is_kept(tree: Path) -> None:
    found = settings.snapshot(str(tree))
    assert sorted(found) == ["net/core/somaxconn", "net/ipv4/conf/all/forwarding", "net/ipv4/conf/eth0.5/forwarding",
                             "net/ipv4/ip_local_port_range"]  # fmt: skip
    assert found["net/ipv4/ip_local_port_range"] == "32768 60999"


def test_what_differs_is_set_back_and_told(tree: Path) -> None:
    before = settings.snapshot(str(tree))
    (tree / "net/core/somaxconn").write_text("1\n")
    (tree / "net/ipv4/conf/eth0.5/forwarding").write_text("1\n")
    assert settings.differences(before, settings.snapshot(str(tree))) == [
        "kernel setting net.core.somaxconn is '1' and was '4096'",
        "kernel setting net.ipv4.conf.eth0/5.forwarding is '1' and was '0'",
    ]
    assert settings.restore(before, str(tree)) == []
    assert settings.snapshot(str(tree)) == before


def test_a_setting_that_came_or_went_is_no_difference(tree: Path) -> None:
    before = settings.snapshot(str(tree))
    (tree / "net/ipv4/conf/eth0.5/forwarding").unlink()
    (tree / "net/core/other").write_text("1\n")
    assert settings.differences(before, settings.snapshot(str(tree))) == []
    assert settings.restore(before, str(tree)) == []
