"""What the outside observer sees beside files, units, packages and containers: processes, kernel settings, the network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .asking import sections

SCRIPT = r"""
section() { printf '\036%s\n' "$1"; }
section processes; ps -ewwo user:32=,args= || exit 1
section sysctl; sysctl --all 2>/dev/null
section addresses; ip -o address show || exit 1
section routes; { ip route show table all; ip -6 route show table all; ip rule; } || exit 1
"""
# Counters, random numbers, and what follows the machine's other hosts; settings of interfaces that come and go.
CHANCE_SETTINGS = re.compile(
    r"(fs\.(dentry-state|file-nr|inode-nr|inode-state|aio-nr|quota\..*)|kernel\.(random\..*|ns_last_pid|pty\.nr|"
    r"sched_.*|tainted|threads-max|max_lock_depth|perf_event_max_sample_rate|perf_cpu_time_max_percent)|"
    r"net\.netfilter\.nf_conntrack_count|net\.ipv[46]\.(conf|neigh)\.(veth|br-|docker).*|net\.mpls\..*|"
    r"debug\..*|sunrpc\..*)"
)
# This look itself, logins, and what sshd keeps for one.
CHANCE_PROCESSES = re.compile(
    r"(ps -eww|sh -c|timeout --kill-after|sshd: |\(sd-pam\)|/lib/systemd/systemd --user|/sbin/init|sleep infinity)"
)


def deeper(container: str, names: Mapping[str, str]) -> dict[str, Any]:
    """Sections process, kernel setting, network address and route; ``names``: bridges and addresses by what they are."""
    answers = sections(container, SCRIPT)
    own = re.search(r"eth0 +inet ([0-9.]+)", answers["addresses"])
    if own:  # another one after each start of the host's container
        names = {**names, own[1]: "(own)"}
    processes: dict[str, int] = {}
    for line in answers["processes"].splitlines():
        user, _, words = line.partition(" ")
        # daemon-reexec leaves that
        words = re.sub(r"^(/lib/systemd/systemd) --system --deserialize=\d+$", r"\1", words.strip())
        shown = f"{user} {_named(re.sub(r'[0-9a-f]{64}', 'ID', words.strip()), names)}"
        if not CHANCE_PROCESSES.match(words.strip()):
            processes[shown] = processes.get(shown, 0) + 1
    settings = dict(line.split(" = ", 1) for line in answers["sysctl"].splitlines() if " = " in line)
    network = {}
    for line in answers["addresses"].splitlines():
        words = line.split()[1:4]
        if not words[0].startswith("veth") and not re.match("fe80", words[2]):
            network[_named(" ".join(words), names)] = "there"
    routes = {
        _named(line.strip(), names): "there" for line in answers["routes"].splitlines()
        if "veth" not in line and "fe80" not in line and "ff00" not in line and "linkdown" not in line
        and not re.search(r"dev (docker0|br-)", line)  # with or without a carrier, as containers come and go
    }  # fmt: skip
    return {
        "process": {line: f"{count} times" for line, count in processes.items()},
        "kernel setting": {key: value for key, value in settings.items() if not CHANCE_SETTINGS.fullmatch(key)},
        "network address": network,
        "route": routes,
    }


def _named(text: str, names: Mapping[str, str]) -> str:
    for raw in sorted(names, key=len, reverse=True):
        if raw:
            text = re.sub(rf"(?<![\w.]){re.escape(raw)}(?![\w.])", names[raw], text)
    return text
