from __future__ import annotations

from typing import Any

import pytest

from aisafe.effects.api import LiveFile
from tests.effects.scenes import predicted, run

MOUNTS = "/proc/self/mounts"
DATA = {"path": "/srv/my data", "src": "/dev/sdb1", "fstype": "ext4"}


def shown(host: Any, args: dict[str, Any]) -> list[str]:
    result = run(host, "ansible.posix.mount", args)
    assert not result.failed, result.failed
    return [f"{one.kind} {one.action} {one.name}{'?' * (one.certainty != 'certain')}" for one in result.effects]


def test_mounted_adds_the_directory_the_line_and_the_mount() -> None:
    host = predicted({"/etc/fstab": b"/dev/sda1 / ext4 rw 0 1", MOUNTS: b"/dev/sda1 / ext4 rw 0 0\n"})
    assert shown(host, {**DATA, "state": "mounted"}) == [
        "file create /srv/my data", "file change /etc/fstab", "mount create /srv/my data"
    ]  # fmt: skip
    assert host.file("/etc/fstab").content == b"/dev/sda1 / ext4 rw 0 1\n/dev/sdb1 /srv/my\\040data ext4 defaults 0 0\n"
    assert shown(host, {**DATA, "state": "mounted"}) == []
    assert shown(host, {**DATA, "state": "mounted", "opts": "noatime"}) == [
        "file change /etc/fstab",
        "mount change /srv/my data",
    ]
    assert shown(host, {"path": DATA["path"], "state": "unmounted"}) == ["mount remove /srv/my data"]
    assert shown(host, {"path": DATA["path"], "state": "unmounted"}) == []


def test_what_is_mounted_now() -> None:
    host = predicted(
        {
            "/etc/fstab": b"/dev/sdb1 /srv/my\\040data ext4 defaults 0 0\n",
            MOUNTS: b"/dev/sdb1 /srv/my\\040data ext4 rw 0 0\n",
        }
    )
    assert shown(host, {**DATA, "state": "mounted"}) == ["file create /srv/my data"]  # the scene has no such directory
    assert shown(host, {"path": DATA["path"], "state": "absent"}) == [
        "file change /etc/fstab", "mount remove /srv/my data", "file remove /srv/my data"
    ]  # fmt: skip


def test_mounts_that_cannot_be_read() -> None:
    host = predicted({"/etc/fstab": b"", MOUNTS: LiveFile(path=MOUNTS, kind="unseen", reason="permission denied")})
    assert shown(host, {**DATA, "state": "mounted"})[-1] == "mount create /srv/my data?"
    assert "missing: src" in run(host, "ansible.posix.mount", {"path": "/x", "state": "mounted"}).failed


LVM = {
    "pvs": {"/dev/sdb": {"vg": "vg0"}}, "vgs": {"vg0": {"size_g": "10"}}, "lvs": {"data": {"vg": "vg0", "size_g": "5.00"}}
}  # fmt: skip


@pytest.mark.parametrize(
    ("module", "args", "names"),
    [
        ("community.general.lvg", {"vg": "vg0", "pvs": "/dev/sdb"}, []),
        ("community.general.lvg", {"vg": "vg1", "pvs": "/dev/sdc"}, ["vgcreate vg1 /dev/sdc"]),
        ("community.general.lvg", {"vg": "vg1", "state": "absent"}, []),
        ("community.general.lvol", {"vg": "vg0", "lv": "data"}, []),
        ("community.general.lvol", {"vg": "vg0", "lv": "data", "size": "5g"}, []),
        ("community.general.lvol", {"vg": "vg0", "lv": "data", "size": "7g"}, ["lvresize vg0/data 7g?"]),
        ("community.general.lvol", {"vg": "vg0", "lv": "new", "size": "1g"}, ["lvcreate vg0/new 1g"]),
        ("community.general.filesystem", {"fstype": "ext4", "dev": "/dev/sdb1"}, []),
        ("community.general.filesystem", {"fstype": "xfs", "dev": "/dev/sdc1"}, ["mkfs.xfs /dev/sdc1?"]),
        (
            "community.general.filesystem",
            {"fstype": "ext4", "dev": "/dev/sdb1", "force": True},
            ["mkfs.ext4 /dev/sdb1?"],
        ),
        ("community.general.parted", {"device": "/dev/sdb", "number": 1, "state": "present"}, []),
        (
            "community.general.parted",
            {"device": "/dev/sdb", "number": 2, "state": "present"},
            ["parted /dev/sdb partition 2"],
        ),
        ("community.general.parted", {"device": "/dev/sdb"}, []),
        ("community.crypto.luks_device", {"device": "/dev/sdc", "state": "opened"}, ["cryptsetup opened /dev/sdc?"]),
        ("community.general.zfs", {"name": "tank/x", "state": "present"}, ["zfs present tank/x?"]),
    ],
)
def test_block_devices_are_not_undone(module: str, args: dict[str, Any], names: list[str]) -> None:
    facts = {"lvm": LVM, "devices": {"sdb": {"partitions": {"sdb1": {}}}}}
    host = predicted({MOUNTS: b"/dev/sdb1 /srv ext4 rw 0 0\n"}, directories=("/etc", "/dev"))
    effects = run(host, module, args, facts=facts).effects
    assert [f"{one.name}{'?' * (one.certainty != 'certain')}" for one in effects] == names
    assert not any(one.reversible for one in effects)


def test_without_facts_a_volume_is_only_possible() -> None:
    [effect] = run(predicted(), "community.general.lvg", {"vg": "vg0", "pvs": "/dev/sdb"}).effects
    assert effect.certainty == "possible"


def test_filesize() -> None:
    host = predicted({"/srv/swap": b"12345678"})
    assert run(host, "community.general.filesize", {"path": "/srv/swap", "size": "8B"}).changed is False
    assert run(host, "community.general.filesize", {"path": "/srv/swap", "size": "1M"}).changed is None
    assert run(host, "community.general.filesize", {"path": "/srv/new", "size": "1M"}).changed is True
