"""Who becomes root by sudo."""

from __future__ import annotations

import pytest

from aisafe.formats.serverconfig import Reader
from aisafe.formats.sudoers import right
from tests.formats.test_sshdconfig import reader

DEBIAN = "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n"


@pytest.mark.parametrize(
    ("more", "user", "groups", "expected"),
    [
        ("", "ann", ("sudo",), "password"),
        ("", "ann", ("users",), ""),
        ("ann ALL=(ALL) NOPASSWD: ALL\n", "ann", (), "nopasswd"),
        ("ann ALL=(ALL) NOPASSWD:ALL\nann ALL=(ALL) ALL\n", "ann", (), "password"),
        ("ann ALL=(ALL) /usr/bin/id\n", "ann", (), "unclear"),
        ("ann ALL=(postgres) NOPASSWD: ALL\n", "ann", (), ""),
        ("User_Alias OPS = ann, bob\nOPS ALL=(ALL) NOPASSWD: ALL\n", "bob", (), "nopasswd"),
        ("#1000 ALL=(ALL) NOPASSWD: ALL\n", "ann", (), ""),
        ("Defaults:ann !authenticate\n", "ann", ("sudo",), "nopasswd"),
        ("ann ALL = \\\n  (ALL) NOPASSWD: ALL\n", "ann", (), "nopasswd"),
    ],
)
def test_rules(more: str, user: str, groups: tuple[str, ...], expected: str) -> None:
    files = {
        "/etc/sudoers": DEBIAN,
        "/etc/sudoers.d/ours": more,
        "/etc/sudoers.d/not.read": "ann ALL=(ALL) NOPASSWD: ALL\n",
    }
    assert right(reader(files), user=user, groups=groups, uid=1001) == expected


def test_what_cannot_be_read_is_unclear() -> None:
    assert right(Reader(), user="ann", groups=(), uid=1) == "unclear"
