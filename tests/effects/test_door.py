"""Whether the login in use would still get in."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from aisafe.effects.predicted import PredictedHost
from aisafe.model import Access, Coverage, Holder, Listener, Login, PacketTables, Socket, Unit, Unknown, User
from tests.effects.scenes import ROOT, predicted, regular, run

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIKh9nB4Y2bLKtqV4m9W4C1FZx0a3y6g7n8q9r0s1t2u3"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDiffereNtKeyDiffereNtKeyDiffereNtKeyDiff bob"
SSH = Unit(name="ssh.service", active_state="active", unit_file_state="enabled", type="notify", aliases=("sshd.service",),
           commands=(("/usr/sbin/sshd", "-D"),), fragment_path="/lib/systemd/system/ssh.service")  # fmt: skip
ANN = User(name="ann", uid=1000, gid=1000, home="/home/ann", shell="/bin/bash", groups=("sudo",))
FILES = {
    "/etc/ssh/sshd_config": b"Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\nKbdInteractiveAuthentication no\n",
    "/home/ann/.ssh/authorized_keys": regular(
        "/home/ann/.ssh/authorized_keys", f"ssh-ed25519 {KEY} ann\n".encode(), 0o600, "ann"
    ),
    "/etc/sudoers": b"%sudo ALL=(ALL) NOPASSWD: ALL\n@includedir /etc/sudoers.d\n",
    "/bin/bash": b"",
}
SOCKET = Socket(protocol="tcp", address=ip_address("0.0.0.0"), port=22)


def host(*, method: str = "publickey", port: int | None = 22, **given: Any) -> PredictedHost:
    login = Login(user="ann", method=method, key=KEY if method == "publickey" else "", port=port, address="10.0.0.5",
                  client="10.0.0.1", become="sudo", become_password=False)  # fmt: skip
    return predicted(
        FILES, directories=("/etc/ssh/sshd_config.d", "/etc/sudoers.d", "/root", "/tmp"),
        users={"root": ROOT, "ann": ANN}, groups={"root": 0, "sudo": 27, "ann": 1000}, units={"ssh.service": SSH},
        listeners=(Listener(socket=SOCKET, holder=Holder(kind="unit", name="ssh.service")),),
        packages={"sudo": "1", "openssh-server": "9"}, login=login, packet_filter=PacketTables(), **given,
    )  # fmt: skip


def access(there: PredictedHost) -> Access:
    found = there.forecast(Coverage()).access
    assert found is not None
    assert found.before == ()
    return found


def parts(there: PredictedHost) -> tuple[list[str], list[str]]:
    found = access(there)
    return [item.part for item in found.now], [item.part for item in found.boot]


def test_what_does_not_bear_on_it_costs_nothing() -> None:
    there = host()
    run(there, "copy", {"dest": "/etc/motd", "content": "x"})
    assert there.forecast(Coverage()).access is None


RESTART = ("systemd_service", {"name": "ssh", "state": "restarted"})
RELOAD = ("systemd_service", {"name": "ssh", "state": "reloaded"})


def config(text: str) -> tuple[str, dict[str, Any]]:
    return ("copy", {"dest": "/etc/ssh/sshd_config.d/10.conf", "content": text})


@pytest.mark.parametrize(
    ("tasks", "now", "boot"),
    [
        ([("systemd_service", {"name": "ssh", "state": "stopped", "enabled": False})], ["server"], ["server"]),
        ([("systemd_service", {"name": "ssh", "masked": True})], [], ["server"]),
        ([config("Port 2222\n")], [], ["socket"]),
        ([config("Port 2222\n"), RESTART], ["socket"], ["socket"]),
        ([config("Port 22\nPort 2222\n"), RESTART], [], []),
        ([config("PubkeyAuthentication no\n"), RELOAD], ["authentication"], ["authentication"]),
        ([config("PubkeyAuthentication no\n")], [], ["authentication"]),
        ([config("PasswordAuthentication no\nPermitRootLogin no\n"), RELOAD], [], []),
        ([config("AllowGroups wheel\n"), RELOAD], ["authentication"], ["authentication"]),
        ([config("ForceCommand internal-sftp\n"), RELOAD], ["authentication"], ["authentication"]),
        ([config("AuthenticationMethods publickey,password\n"), RELOAD], ["authentication"], ["authentication"]),
        ([config("Nonsense 1\n"), RESTART], ["configuration"], ["configuration"]),
        ([config("Nonsense 1\n"), RELOAD], [], ["configuration"]),
        ([config("Nonsense 1\n"), RESTART, config("UseDNS no\n"), RESTART], [], []),
        ([config("AuthorizedKeysFile /etc/ssh/keys/%u\n"), RELOAD], ["key"], ["key"]),
        ([("file", {"path": "/home/ann/.ssh/authorized_keys", "state": "absent"})], ["key"], ["key"]),
        ([("file", {"path": "/home/ann", "state": "directory", "mode": "0777"})], ["key"], ["key"]),
        ([("ansible.posix.authorized_key", {"user": "ann", "key": OTHER})], [], []),
        ([("ansible.posix.authorized_key", {"user": "ann", "key": OTHER, "exclusive": True})], ["key"], ["key"]),
        ([("user", {"name": "ann", "state": "absent"})], ["account", "become"], ["account", "become"]),
        ([("user", {"name": "ann", "shell": "/usr/sbin/nologin"})], ["account"], ["account"]),
        ([("user", {"name": "ann", "shell": "/bin/zsh"})], ["account"], ["account"]),
        ([("user", {"name": "ann", "expires": 0})], ["account"], ["account"]),
        ([("user", {"name": "ann", "password_lock": True})], [], []),
        ([("user", {"name": "ann", "groups": ["adm"]})], ["become"], ["become"]),
        ([("copy", {"dest": "/etc/sudoers", "content": "%sudo ALL=(ALL) ALL\n"})], ["become"], ["become"]),
        ([("ansible.builtin.iptables", {"chain": "INPUT", "policy": "DROP"})], ["firewall"], []),
        ([("command", {"_raw_params": "chage -E 0 ann"})], ["account"], ["account"]),
    ],
)  # fmt: skip
def test_obstacles(tasks: list[tuple[str, dict[str, Any]]], now: list[str], boot: list[str]) -> None:
    there = host()
    for module, args in tasks:
        run(there, module, args)
    assert parts(there) == (now, boot)


@pytest.mark.parametrize(
    ("tasks", "now"),
    [
        ([("command", {"_raw_params": "usermod -L ann"})], ["account"]),
        ([("command", {"_raw_params": "passwd -l ann"}), ("command", {"_raw_params": "passwd -u ann"})], []),
        ([config("PasswordAuthentication no\n"), RESTART], ["authentication"]),
        ([config("PasswordAuthentication no\nKbdInteractiveAuthentication yes\n"), RESTART], []),
        ([config("PubkeyAuthentication no\n"), RESTART], []),
    ],
)
def test_a_login_by_password(tasks: list[tuple[str, dict[str, Any]]], now: list[str]) -> None:
    there = host(method="password")
    for module, args in tasks:
        run(there, module, args)
    assert parts(there)[0] == now


def test_the_open_connection_is_cut_where_nothing_lets_it_go_on() -> None:
    there = host()
    run(there, "ansible.builtin.iptables", {"chain": "INPUT", "policy": "DROP"})
    run(
        there,
        "ansible.builtin.iptables",
        {"chain": "INPUT", "protocol": "tcp", "destination_port": "22", "jump": "ACCEPT"},
    )
    found = access(there)
    assert [item.part for item in found.cut] == ["firewall"]
    assert found.now == ()


def test_a_configuration_that_only_the_run_knows_is_possible() -> None:
    there = host()
    run(there, *config(""))
    run(there, "copy", {"dest": "/etc/ssh/sshd_config.d/20.conf", "content": Unknown("a command")})
    run(there, *RESTART)
    assert {item.certainty for item in access(there).now} == {"possible"}


def test_the_task_that_brought_it_is_named() -> None:
    there = host()
    run(there, *config("PubkeyAuthentication no\n"))
    run(there, *RELOAD)
    (obstacle,) = access(there).now
    assert obstacle.task is not None
    assert "PubkeyAuthentication no (/etc/ssh/sshd_config.d/10.conf:1)" in obstacle.reason


def test_who_is_in_by_another_way_has_no_door() -> None:
    there = predicted(FILES, units={"ssh.service": SSH})
    run(there, "systemd_service", {"name": "ssh", "state": "stopped"})
    assert there.forecast(Coverage()).access is None


def test_a_port_that_was_not_seen_is_said_where_the_run_bears_on_the_login() -> None:
    there = host(port=None)
    run(there, "systemd_service", {"name": "ssh", "state": "restarted"})
    found = access(there)
    (doubt,) = [item for item in found.now if item.part == "socket"]
    assert doubt.certainty == "possible"
    assert "could not be seen" in doubt.reason
    assert all(item.part != "socket" for item in found.before)
