from __future__ import annotations

from typing import Any

import pytest

from aisafe.effects.api import LiveFile
from aisafe.effects.aptsources import file_name, parse_source
from tests.effects.scenes import predicted, run


def test_hostname() -> None:
    host = predicted({"/etc/hostname": b"web1\n"})
    assert run(host, "hostname", {"name": "web1"}).changed is False
    result = run(host, "hostname", {"name": "web2"})
    assert host.file("/etc/hostname").content == b"web2\n"
    assert [one.reversible for one in result.effects] == [True, False]
    assert run(host, "hostname", {"name": "web2"}).changed is False


def test_sysctl_rewrites_its_file_as_the_module_does() -> None:
    host = predicted({"/etc/sysctl.conf": b"# note\n vm.swappiness = 60\nx=1\nx=2\n", "/proc/sys/kernel/x": b""})
    result = run(host, "ansible.posix.sysctl", {"name": "vm.swappiness", "value": 10})
    assert host.file("/etc/sysctl.conf").content == b"# note\nvm.swappiness=10\nx=1\n"
    assert [(one.kind, one.reversible) for one in result.effects] == [("file", True), ("sysctl", False)]
    assert run(host, "ansible.posix.sysctl", {"name": "vm.swappiness", "value": "10", "reload": False}).changed is False
    assert run(host, "ansible.posix.sysctl", {"name": "a.b", "value": True, "reload": False}).changed is True
    assert b"a.b=1\n" in (host.file("/etc/sysctl.conf").content or b"")  # type: ignore[operator]


@pytest.mark.parametrize(
    ("module", "args", "kind", "reversible"),
    [
        ("ansible.builtin.reboot", {}, "command", False),
        ("community.postgresql.postgresql_query", {"db": "app", "query": "drop table x"}, "command", False),
        ("community.mysql.mysql_db", {"name": "app", "state": "absent"}, "command", False),
        ("community.general.modprobe", {"name": "br_netfilter"}, "command", False),
        ("ansible.builtin.iptables", {"chain": "INPUT", "jump": "DROP"}, "firewall", True),
        ("ansible.builtin.apt_key", {"url": "https://x.example/key"}, "file", True),
        ("ansible.builtin.debconf", {"name": "tzdata", "question": "x", "value": "y"}, "file", True),
        ("ansible.builtin.tempfile", {}, "file", True),
    ],
)
def test_what_is_undone_and_what_is_not(module: str, args: dict[str, Any], kind: str, reversible: bool) -> None:
    [effect] = run(predicted(), module, args).effects
    assert (effect.kind, effect.reversible) == (kind, reversible)


def test_timezone() -> None:
    host = predicted(
        {
            "/etc/localtime": LiveFile(path="/etc/localtime", kind="link", target="/usr/share/zoneinfo/Etc/UTC"),
            "/etc/timezone": b"Etc/UTC\n",
        }
    )
    assert run(host, "community.general.timezone", {"name": "Etc/UTC"}).changed is False
    assert run(host, "community.general.timezone", {"name": "Europe/Paris"}).changed is True
    assert host.file("/etc/timezone").content == b"Europe/Paris\n"


def test_known_hosts() -> None:
    host = predicted({"/root/.ssh/known_hosts": b"h ssh-ed25519 AAAA\n"})
    assert run(host, "known_hosts", {"name": "h", "key": "h ssh-ed25519 AAAA"}).changed is False
    assert run(host, "known_hosts", {"name": "h", "key": "h ssh-ed25519 BBBB"}).changed is None
    host = predicted({"/root/.ssh/known_hosts": b"h ssh-ed25519 AAAA\n"})
    assert run(host, "known_hosts", {"name": "i", "key": "i ssh-ed25519 CCCC"}).changed is True
    assert host.file("/root/.ssh/known_hosts").content == b"h ssh-ed25519 AAAA\ni ssh-ed25519 CCCC\n"
    hashed = predicted({"/root/.ssh/known_hosts": b"|1|abc=|def= ssh-ed25519 AAAA\n"})
    assert run(hashed, "known_hosts", {"name": "i", "key": "i ssh-ed25519 CCCC"}).changed is None


def test_apt_repository() -> None:
    host = predicted({"/etc/apt/sources.list": b"deb http://deb.debian.org/debian   bookworm main\n"})
    repo = "deb [signed-by=/etc/apt/keyrings/x.asc] https://u:p@apt.example.org/debian stable main"
    result = run(host, "apt_repository", {"repo": repo, "update_cache": False})
    place = "/etc/apt/sources.list.d/apt_example_org_debian.list"
    assert place in [one.name for one in result.effects]
    assert host.file(place).content == f"{repo}\n".encode()
    assert run(host, "apt_repository", {"repo": repo}).changed is False
    assert run(host, "apt_repository", {"repo": repo, "state": "absent"}).changed is True
    assert host.file(place).kind == "absent"
    assert "Invalid repository" in run(host, "apt_repository", {"repo": "nonsense"}).failed


def test_apt_sources_as_the_module_reads_them() -> None:
    assert parse_source("#deb  http://a  b # c").line() == "# deb http://a b # c\n"
    assert parse_source("# a note").line() == "# a note\n"
    assert (
        file_name("deb [arch=amd64] http://archive.canonical.com/ubuntu hardy partner")
        == "archive_canonical_com_ubuntu"
    )


def test_deb822_repository() -> None:
    host = predicted()
    args = {"name": "Docker CE", "uris": "https://download.docker.com/linux/debian", "suites": "bookworm",
            "components": ["stable"], "signed_by": "/etc/apt/keyrings/docker.asc", "enabled": True}  # fmt: skip
    result = run(host, "deb822_repository", args)
    assert result.changed is True
    assert host.file("/etc/apt/sources.list.d/docker-ce.sources").text == (
        "Components: stable\nEnabled: yes\nX-Repolib-Name: Docker CE\nSigned-By: /etc/apt/keyrings/docker.asc\n"
        "Suites: bookworm\nTypes: deb\nURIs: https://download.docker.com/linux/debian\n"
    )
    assert run(host, "deb822_repository", args).changed is False


def test_deb822_repository_fails_where_its_library_is_certainly_not_there() -> None:
    args = {"name": "x", "types": ["deb"], "uris": ["file:/srv"], "suites": ["./"]}
    facts = {"python": {"executable": "/usr/bin/python3"}}
    assert "python3-debian" in run(predicted(packages={"apt": "1"}), "deb822_repository", args, facts=facts).failed
    for there in (
        run(predicted(packages={"python3-debian": "1"}), "deb822_repository", args, facts=facts),
        run(predicted(packages={"apt": "1"}), "deb822_repository", args, facts={"python": {"executable": "/opt/python3"}}),
        run(predicted(), "deb822_repository", args, facts=facts),
        run(predicted(packages={"apt": "1"}), "deb822_repository", {**args, "install_python_debian": True}, facts=facts),
        run(predicted({"/usr/local/lib/python3.11/dist-packages/debian/x": b""}, packages={"apt": "1"}),
            "deb822_repository", args, facts=facts),
    ):  # fmt: skip
        assert not there.failed


def test_an_access_list_leaves_the_mode_open() -> None:
    host = predicted()
    result = run(host, "ansible.posix.acl", {"path": "/srv", "entity": "deploy", "etype": "user", "permissions": "rwx"})
    assert result.changed is None
    assert host.file("/srv").mode is None
