"""Where ssh would go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aisafe.errors import Unreachable
from aisafe.model import Connection
from aisafe.transport import hostconfig
from aisafe.transport.hostconfig import Route, parse_arguments, route
from aisafe.transport.knownhosts import lookup


@pytest.fixture(autouse=True)
def no_own_config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(hostconfig, "USER_CONFIG", tmp_path / "config")
    monkeypatch.setattr(hostconfig, "SYSTEM_CONFIG", tmp_path / "absent")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOGNAME", "me")


def _route(tmp_path: Path, config: str = "", **values: Any) -> Route:
    (tmp_path / "config").write_text(config)
    return route(Connection(host="web1", **values))


@pytest.mark.parametrize(
    ("line", "want"),
    [
        (["-o", "Port=22"], {"port": ["22"]}),
        (["-oPort 22"], {"port": ["22"]}),
        (["-o", 'ProxyCommand="ssh -W %h:%p gate"'], {"proxycommand": ["ssh -W %h:%p gate"]}),
        (["-p2222", "-l", "ann", "-J", "a,b"], {"port": ["2222"], "user": ["ann"], "proxyjump": ["a,b"]}),
        (["-C", "-vvv", "-4C", "-o", "ControlMaster=auto"], {"controlmaster": ["auto"]}),
        (["-i", "a", "-i", "b", "-F", "none"], {"identityfile": ["a", "b"], "config": ["none"]}),
    ],
)
def test_arguments(line: list[str], want: dict[str, list[str]]) -> None:
    assert parse_arguments(line, "web1") == want


@pytest.mark.parametrize(
    "line", [["-o", "LocalCommand=x"], ["-D", "1080"], ["other.host"], ["-p"], ["-o", "PKCS11Provider=x"]]
)
def test_unknown_argument_is_refused(line: list[str]) -> None:
    with pytest.raises(Unreachable, match="is not understood"):
        parse_arguments(line, "web1")


def test_unclosed_quote(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="cannot be split"):
        _route(tmp_path, common_args="-o 'Port=22")


def test_plain(tmp_path: Path) -> None:
    way = _route(tmp_path)
    assert (way.address, way.port, way.user, way.strict, way.hops, way.trusted_as) == (
        "web1",
        22,
        "me",
        "yes",
        (),
        "web1",
    )
    assert tmp_path / ".ssh/known_hosts" in way.known_hosts


def test_inventory_comes_first(tmp_path: Path) -> None:
    config = "Host 10.0.0.1\n HostName 10.9.9.9\n User other\n Port 99\n IdentityFile ~/theirs\n"
    way = _route(
        tmp_path, config, address="10.0.0.1", port=2222, user="ann", private_key_file="/k", extra_args="-p 3333"
    )
    assert (way.address, way.port, way.user) == ("10.9.9.9", 2222, "ann")
    assert way.identity_files == (Path("/k"), tmp_path / "theirs")
    assert way.trusted_as == "[10.9.9.9]:2222"


def test_config(tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/more.conf").write_text("Host web*\n  User from-include\n  IdentitiesOnly yes\n")
    config = "Include more.conf\nMatch host web1\n  Port 2200\nHost *\n  User late\n  HostKeyAlias alias\n"
    way = _route(tmp_path, config)
    assert (way.user, way.port, way.identities_only, way.trusted_as) == ("from-include", 2200, True, "alias")


def test_named_config(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("Host web1\n Port 77\n")
    assert _route(tmp_path, "Host *\n Port 1\n", common_args=f"-F {tmp_path}/other").port == 77
    assert _route(tmp_path, "Host *\n Port 1\n", common_args="-F none").port == 22
    with pytest.raises(Unreachable, match="is not there"):
        _route(tmp_path, common_args="-F /not/there")


def test_jump_hosts(tmp_path: Path) -> None:
    config = "Host gate\n HostName 10.1.1.1\n User jumper\n Port 2022\nHost web1\n ProxyJump gate\n"
    (hop,) = _route(tmp_path, config).hops
    assert (hop.address, hop.user, hop.port, hop.hops) == ("10.1.1.1", "jumper", 2022, ())
    way = _route(tmp_path, config, extra_args="-J ann@[2001:db8::1]:7,ssh://gate:8")
    assert [(each.address, each.user, each.port) for each in way.hops] == [
        ("2001:db8::1", "ann", 7),
        ("10.1.1.1", "jumper", 8),
    ]
    assert _route(tmp_path, config, extra_args="-J none").hops == ()


def test_jump_in_a_circle(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="circle"):
        _route(tmp_path, "Host a\n ProxyJump b\nHost b\n ProxyJump a\nHost web1\n ProxyJump a\n")


def test_hop_ignores_what_is_meant_for_the_target(tmp_path: Path) -> None:
    """ssh(1), -J: options of the command line apply to the destination, not to the jump hosts."""
    way = _route(tmp_path, port=2222, user="ann", password="x", host_key_checking=False, extra_args="-J gate")
    assert (way.hops[0].port, way.hops[0].user, way.hops[0].password, way.hops[0].strict) == (22, "me", None, "yes")
    assert way.strict == "no"
    assert "password" not in repr(way)


def test_proxy_command(tmp_path: Path) -> None:
    config = "Host 10.0.0.1\n ProxyCommand nc %h %p # 100%%\n"
    way = _route(tmp_path, config, address="10.0.0.1", user="ann")
    assert way.proxy_command == "nc 10.0.0.1 22 # 100%"
    assert _route(tmp_path, config, address="10.0.0.1", extra_args="-o ProxyCommand=none").proxy_command == ""


@pytest.mark.parametrize(
    ("arguments", "hop"),
    [
        ("ssh -W %h:%p gate", ("gate", 22, "me")),
        ("ssh -q -W %h:%p -p 2222 ann@gate", ("gate", 2222, "ann")),
        ("ssh -o StrictHostKeyChecking=accept-new -W [%h]:%p -l ann gate", ("gate", 22, "ann")),
    ],
)
def test_a_proxy_command_that_means_a_jump_needs_no_program(
    tmp_path: Path, arguments: str, hop: tuple[str, int, str]
) -> None:
    config = "Host web1\n ProxyJump other\n"
    way = _route(tmp_path, config, common_args=f"-o ProxyCommand='{arguments}'")
    assert way.proxy_command == ""
    assert [(way.address, way.port, way.user) for way in way.hops] == [hop]


@pytest.mark.parametrize(
    "command",
    [
        "touch /tmp/x", "nc %h %p", "ssh -W %h:%p gate; touch /tmp/x", "ssh -W %h:%p $(touch /tmp/x)", "./ssh -W %h:%p gate",
        "ssh -W %h:%p -o ProxyCommand=x gate", "ssh -W %h:%p -o LocalCommand=x gate", "ssh -W %h:%p -F cfg gate",
        "ssh -W %h:%p gate touch x", "ssh gate nc %h %p", "ssh -W other:1 gate", "ssh -W %h:%p -oPermitLocalCommand=yes a b",
    ],
)  # fmt: skip
def test_a_program_of_the_project_is_not_run(tmp_path: Path, command: str) -> None:
    with pytest.raises(Unreachable, match="is a program that the project names, and it was not run") as caught:
        _route(tmp_path, extra_args=f'-o "ProxyCommand={command}"')
    assert "ProxyJump" in caught.value.fix
    (tmp_path / "ssh.cfg").write_text(f"Host *\n ProxyCommand {command}\n")
    with pytest.raises(Unreachable, match="is a program that the project names"):
        _route(tmp_path, extra_args=f"-F {tmp_path}/ssh.cfg")


def test_match_exec_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "ssh.cfg").write_text("Match exec 'touch /tmp/x'\n User ann\n")
    with pytest.raises(Unreachable, match="runs a program to choose its settings"):
        _route(tmp_path, extra_args=f"-F {tmp_path}/ssh.cfg")


@pytest.mark.parametrize("values", [{"address": "x;touch y"}, {"user": "$(touch y)"}])
def test_no_command_hides_in_a_name(tmp_path: Path, values: dict[str, str]) -> None:
    with pytest.raises(Unreachable, match="the shell of ProxyCommand would read as a command"):
        _route(tmp_path, "Host *\n ProxyCommand nc %h %p\n", **values)


def test_endless_files_are_not_read(tmp_path: Path) -> None:
    way = _route(tmp_path, extra_args="-o UserKnownHostsFile=/dev/zero")
    assert lookup(["web1"], way.known_hosts) == lookup(["web1"], way.known_hosts[1:])


@pytest.mark.parametrize(
    ("checking", "arguments", "strict"),
    [(True, "", "yes"), (False, "", "no"), (True, "-o StrictHostKeyChecking=accept-new", "accept-new"),
     (True, "-o StrictHostKeyChecking=off", "no"), (False, "-o StrictHostKeyChecking=yes", "no")],
)  # fmt: skip
def test_strictness(tmp_path: Path, checking: bool, arguments: str, strict: str) -> None:
    assert _route(tmp_path, host_key_checking=checking, common_args=arguments).strict == strict


def test_for_what_the_ssh_program_is_needed(tmp_path: Path) -> None:
    key = tmp_path / "hard"
    key.with_suffix(".pub").write_text("sk-ssh-ed25519@openssh.com AAAA me\n")
    assert _route(tmp_path).program == ""
    assert _route(tmp_path, common_args=f"-o CertificateFile={tmp_path}/own-cert.pub").program == "a certificate"
    assert _route(tmp_path, "Host web1\n PKCS11Provider /usr/lib/card.so\n").program == "PKCS#11"
    assert _route(tmp_path, "Host web1\n PKCS11Provider none\n").program == ""
    assert _route(tmp_path, private_key_file=str(key)).program == "a security key"
    assert _route(tmp_path, private_key_file=str(key), password="x").program == "", "ssh would have to be told it"
    assert _route(tmp_path, "Host *\n GSSAPIAuthentication yes\n").program == ""
    assert _route(tmp_path, "Host *\n GSSAPIAuthentication yes\n").otherwise == "GSSAPI"
    named = tmp_path / "other"
    named.write_text("Host web1\n PKCS11Provider /tmp/evil.so\n")
    with pytest.raises(Unreachable, match="would follow all that a configuration of the project says"):
        _route(tmp_path, common_args=f"-F {named}")
