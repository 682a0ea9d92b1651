"""What apt's programs answer, as data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from aisafe.agent import packages, state_ops
from aisafe.agent.command import CommandFailed

POLICY = """\
nginx:
  Installed: (none)
  Candidate: 1.22.1-9+deb12u11
  Version table:
     1.22.1-9+deb12u11 500
        500 http://deb.debian.org/debian-security bookworm-security/main amd64 Packages
 *** 1.22.1-9+deb12u9 500
        500 http://deb.debian.org/debian bookworm/main amd64 Packages
        100 /var/lib/dpkg/status
awk:
  Installed: (none)
  Candidate: (none)
  Version table:
"""
PROVIDERS = """\
Package: awk
Versions:

Reverse Depends:
  base-files,awk
Dependencies:
Provides:
Reverse Provides:
mawk 1.3.4.20200120-3.1 (= )
gawk 1:5.2.1-2 (= )
gawk 1:5.2.1-1 (= )
"""
DEPENDS = """\
docker.io
  PreDepends: init-system-helpers
  Depends: adduser
 |Depends: containerd
  Depends: containerd.io
  Depends: <a-virtual-one>
    something
"""


def test_policy_and_providers() -> None:
    assert packages.parse_policy(POLICY) == {
        "nginx": {"candidate": "1.22.1-9+deb12u11", "versions": ["1.22.1-9+deb12u11", "1.22.1-9+deb12u9"]},
        "awk": {"candidate": None, "versions": []},
    }
    assert packages.parse_providers(PROVIDERS) == {"awk": ["mawk", "gawk"]}


def test_depends_takes_the_first_of_a_choice() -> None:
    assert packages.parse_depends(DEPENDS) == {"docker.io": ["init-system-helpers", "adduser", "containerd"]}


def test_a_host_without_apt_is_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(words: Sequence[str], **_: object) -> str:
        raise CommandFailed(words, 127, "not here")

    monkeypatch.setattr(packages.command, "run", fail)
    [found] = state_ops.read({"paths": ["apt:nginx"]}, lambda text: None)["files"]
    assert found["kind"] == "unseen"
    assert "apt cannot tell" in found["reason"]


@pytest.mark.parametrize(("mode", "user"), [(0o644, "setpriv"), (0o600, "apt-cache")])
def test_apt_is_asked_as_nobody_only_where_nobody_can_read_it_all(
    mode: int, user: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "one_Packages").write_text("")
    (tmp_path / "one_Packages").chmod(mode)
    asked: list[Sequence[str]] = []
    monkeypatch.setattr(packages, "_SETTINGS", (f"{tmp_path}/*",))
    monkeypatch.setattr(packages.os, "geteuid", lambda: 0)
    monkeypatch.setattr(packages.command, "find", lambda program: program)
    monkeypatch.setattr(packages.command, "run", lambda words, **_: asked.append(words) or "")
    assert packages.needs(["nginx"]) == {"nginx": []}
    assert asked[0][0] == user
    assert ("Dir::Cache::pkgcache=" in asked[0]) is (user == "apt-cache")


def test_a_link_to_nowhere_among_the_sources_is_no_breakdown(tmp_path: Path) -> None:
    (tmp_path / "gone.list").symlink_to("/nowhere/at/all")
    assert not packages._for_everybody(f"{tmp_path}/*")
