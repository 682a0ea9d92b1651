"""Hosts that are not reached by ssh: containers, as Molecule's scenarios mostly have them."""

from __future__ import annotations

from tests.hosts.test_shows import observe
from tests.story import workplace
from tests.testbed.listing import differences

PLAY = """
- hosts: monitored
  gather_facts: false
  tasks:
    - ansible.builtin.copy: {dest: /etc/motd, content: "changed\\n", mode: "0640"}
    - ansible.builtin.systemd_service: {name: prometheus-node-exporter, state: started, enabled: true}
    - ansible.builtin.uri: {url: "http://127.0.0.1:1/"}
      when: fails | default(false) | bool
"""


def test_a_container_is_guarded_like_any_host(host, tmp_path):
    line = f"box ansible_connection=community.docker.docker ansible_host={host.container}"
    place = workplace(tmp_path / "work", [line])
    place.write("site.yml", PLAY)
    before = observe(host)
    undone = place.playbook("site.yml", "-e", "fails=true")
    assert undone.returncode == 21, undone.stderr
    assert differences(before, observe(host)) == []
    done = place.playbook("site.yml")
    assert done.returncode == 0, done.stderr
    assert "confirmed" in done.stderr
    assert host.run("systemctl is-active prometheus-node-exporter").stdout.strip() == "active"
    assert place.plan("site.yml")[1]["hosts"]["box"]["effects"] == []

    place.write("inventory.ini", f"[monitored]\n{line} ansible_docker_extra_args=--config=/tmp\n")
    refused = place.playbook("site.yml")
    assert refused.returncode == 23, refused.stderr
    assert "were not used before they are judged" in refused.stderr
