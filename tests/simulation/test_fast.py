"""The speed-ups change no result: with them and without, the same forecast to the letter."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from aisafe.effects.api import LiveFile
from aisafe.model import Forecast, HostState
from aisafe.model.codec import dump
from aisafe.simulation.client import Simulation
from tests.simulation.conftest import ROOT, Site
from tests.simulation.test_equality import FILES, HOSTS

NAMES = ("h1", "h2", "h3")
DIRECTORIES = frozenset(
    ("/", "/etc", "/opt", "/srv", "/home", "/usr", "/usr/local", "/usr/local/bin", "/etc/ssh", "/etc/security",
     "/etc/security/limits.d", "/etc/nginx", "/etc/nginx/conf.d", "/etc/systemd", "/etc/systemd/system")
)  # fmt: skip


class Plain(Simulation):
    worker = "tests.simulation.plain_worker"


def foreseen(kind: type[Simulation], site: Site, hosts: str, *words: str) -> Forecast:
    def read(host: str, paths: Sequence[str]) -> dict[str, LiveFile]:
        return {path: LiveFile(path=path, kind="directory" if path in DIRECTORIES else "absent") for path in paths}

    with kind(argv=["-i", hosts, *words, "site.yml"], cwd=site.path, environ=site.environ(), time_limit=120) as run:
        target = run.target()
        states = {
            name: HostState(host=name, taken_at=datetime(2026, 1, 1, tzinfo=UTC), root=True, os={"id": "debian"})
            for name in target.connections
        }
        return run.forecast(states=states, facts={name: facts(name) for name in states}, read=read)


def facts(host: str) -> dict[str, Any]:
    number = int(host.strip("abcdefghijklmnopqrstuvwxyz") or "1")
    return {
        "ansible_hostname": host, "ansible_memtotal_mb": 2048 * number, "ansible_processor_vcpus": number,
        "ansible_os_family": "Debian" if number < 3 else "RedHat", "ansible_distribution": "Debian",
        "ansible_distribution_version": "12", "ansible_kernel": f"{3 + number}.10.0", "ansible_pkg_mgr": "apt",
        "ansible_service_mgr": "systemd", "ansible_default_ipv4": {"address": f"10.0.0.{number}"},
        "ansible_local": {"role": {"number": number}}, "ansible_ssh_host_key_rsa_public": "x",
    }  # fmt: skip


CHANGING = """
    - hosts: all
      gather_facts: true
      vars: {path: "/srv/{{ ansible_hostname }}-"}
      tasks:
        - {name: before, copy: {content: "{{ ansible_local.role.number }}", dest: "{{ path }}1"}}
        - name: fact of its own
          set_fact: {ansible_hostname: "renamed-{{ inventory_hostname }}", cacheable: true}
        - {name: after, copy: {content: "{{ ansible_facts.hostname }} {{ ansible_hostname }}", dest: "{{ path }}2"}}
        - name: mutates what it was given
          copy:
            content: "{% set _ = ansible_local.role.update({'number': 99}) %}{{ ansible_local.role.number }}"
            dest: "{{ path }}3"
        - {name: unchanged, copy: {content: "{{ ansible_local.role.number }}", dest: "{{ path }}4"}}
        - {name: forgotten, meta: clear_facts}
        - {name: gone, copy: {content: "{{ ansible_hostname }}", dest: "/srv/5"}}
        - {name: others, copy: {content: "{{ hostvars['h1'].ansible_facts.memtotal_mb }}", dest: "/srv/6"}}
        - {name: added, add_host: {name: h9, groups: late}}
    - hosts: late
      gather_facts: false
      tasks:
        - {name: of the group, copy: {content: "{{ color | default('none') }}", dest: /srv/7}}
    """


@pytest.mark.parametrize("play", ["scale", "engine", "changing"])
def test_same_forecast(site: Site, play: str) -> None:
    hosts = "hosts"
    if play == "scale":
        shutil.copytree(ROOT / "tests" / "scale", site.path, dirs_exist_ok=True)
        site.write("hosts", "[app]\nh1\nh3\n[edge]\nh2\n")
    elif play == "engine":
        for name, text in FILES.items():
            site.write(name, text)
        site.write("hosts", HOSTS.format(python="/usr/bin/python3", out="/srv"))
    else:
        site.write("site.yml", CHANGING)
        site.write("hosts", "\n".join(NAMES))
        site.write("group_vars/late.yml", "color: red\n")
    fast, plain = (dump(foreseen(kind, site, hosts)) for kind in (Simulation, Plain))
    assert plain["complete"]
    assert sum(len(host["effects"]) for host in plain["hosts"].values()) > 10
    assert fast == plain
