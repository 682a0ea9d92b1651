"""Modules of the whole host beside the real ones: what changes at the first run, and that the second is foreseen as clean."""

from __future__ import annotations

from pathlib import Path

from aisafe.transport.pool import SessionPool
from tests.hosts.test_effects import Task, foresee, pool, really, state_of
from tests.testbed import Host

__all__ = ["pool"]

INPUT = {"chain": "INPUT", "protocol": "tcp"}
TASKS: list[Task] = [
    ("ansible.builtin.apt", {"name": ["ufw"], "state": "present"}),
    ("community.general.ufw", {"rule": "allow", "port": "ssh", "proto": "tcp"}),
    ("community.general.ufw", {"rule": "allow", "port": "8000:8010", "proto": "tcp", "from_ip": "10.0.0.0/8", "comment": "why"}),
    ("community.general.ufw", {"rule": "limit", "name": "OpenSSH"}),
    ("community.general.ufw", {"default": "reject", "direction": "incoming"}),
    ("ansible.builtin.iptables", {**INPUT, "destination_port": "9999", "ctstate": ["NEW", "ESTABLISHED"], "jump": "ACCEPT",
                                  "comment": "a note"}),
    ("ansible.builtin.iptables", {**INPUT, "source": "10.0.0.0/8", "destination_ports": ["80", "443"], "jump": "DROP"}),
    ("ansible.builtin.iptables", {"chain": "INPUT", "protocol": "icmp", "icmp_type": "echo-request", "limit": "5/second",
                                  "jump": "ACCEPT"}),
    ("ansible.builtin.iptables", {"chain": "INPUT", "in_interface": "lo", "jump": "ACCEPT", "action": "insert"}),
    ("ansible.builtin.iptables", {"chain": "INPUT", "protocol": "udp", "destination_port": "5000",
                                  "reject_with": "icmp-port-unreachable"}),
    ("ansible.builtin.iptables", {**INPUT, "destination_port": "7", "log_prefix": "IN: ", "log_level": "info"}),
    ("ansible.builtin.iptables", {"chain": "MINE", "chain_management": True}),
    ("ansible.builtin.iptables", {"table": "nat", "chain": "POSTROUTING", "out_interface": "eth9", "jump": "MASQUERADE"}),
    ("ansible.posix.sysctl", {"name": "net.ipv4.ip_local_port_range", "value": "32768 60998", "sysctl_set": True,
                              "sysctl_file": "/etc/sysctl.d/90-x.conf"}),
    ("ansible.posix.mount", {"path": "/mnt/x", "src": "tmpfs", "fstype": "tmpfs", "opts": "size=1m", "state": "mounted"}),
    ("ansible.builtin.user", {"name": "deploy", "comment": "Deployer", "shell": "/bin/bash", "password": "$6$x$y",
                              "password_expire_max": 90}),
    ("ansible.builtin.debconf", {"name": "tzdata", "question": "tzdata/Areas", "vtype": "select", "value": "Europe"}),
    ("ansible.builtin.dpkg_selections", {"name": "nginx-light", "selection": "hold"}),
    ("community.general.sudoers", {"name": "deploy-x", "user": "deploy", "commands": ["/bin/ls"]}),
]  # fmt: skip


def test_modules_of_the_whole_host(host: Host, pool: SessionPool, tmp_path: Path) -> None:
    _, changes = foresee(state_of(host, pool), pool, TASKS)
    real = really(host, TASKS, tmp_path)
    assert [(number, told) for number, told in enumerate(changes) if told is not None and told != real[number]] == []
    unsure = [number for number, told in enumerate(changes) if told is None]
    assert unsure == [13, 16], (
        "whether ufw's package brought that file in /etc; whether debconf has it in its own words"
    )

    forecast, changes = foresee(state_of(host, pool), pool, TASKS)
    assert forecast.effects == ()
    assert changes == [False] * len(TASKS) == really(host, TASKS, tmp_path)
