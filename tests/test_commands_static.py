"""``aisafe static``: what pre-commit runs on changed files. No host is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisafe.commands_static import documents, inventory_text, is_playbook
from tests.story import Workplace, workplace

CLASH = """\
- hosts: web:&prod
  tasks:
    - name: One
      community.docker.docker_container: {name: one, image: "busybox:1.36", ports: ["8080:80"]}
    - name: Two
      community.docker.docker_container: {name: two, image: "busybox:1.36", ports: ["8080:80"]}
    - name: Only the inventory knows
      ansible.builtin.copy: {content: "{{ unknown }}", dest: /etc/x, mode: "0644"}
"""


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return workplace(tmp_path / "work", [])


def test_a_clash_within_the_run_blocks_and_mended_it_passes(place: Workplace) -> None:
    place.write("site.yml", CLASH)
    place.write("vars.yml", "a: 1\n")
    done = place.run("aisafe", "static", "site.yml", "vars.yml")
    assert done.returncode == 20, done.stderr
    assert "site.yml:5: error port-conflict-in-run: " in done.stderr
    assert "predicted-failure" not in done.stderr
    assert not (place.directory / "state").exists(), "it leaves no record"
    place.write(
        "site.yml",
        CLASH.replace('two, image: "busybox:1.36", ports: ["8080', 'two, image: "busybox:1.36", ports: ["8081'),
    )
    place.write("role.yml", "- ansible.builtin.debug:\n")
    assert place.run("aisafe", "static", "--playbook", "site.yml", "role.yml").returncode == 0


def test_files_that_are_no_playbooks_cost_nothing_and_broken_yaml_is_told(place: Workplace) -> None:
    place.write("vars.yml", "a: !vault |\n  x\n")
    done = place.run("aisafe", "static", "vars.yml")
    assert (done.returncode, done.stderr) == (0, "")
    place.write("broken.yml", "a: [\n")
    done = place.run("aisafe", "static", "broken.yml", "vars.yml")
    assert done.returncode == 20
    assert "broken.yml:2 is not valid YAML" in done.stderr


@pytest.mark.parametrize(
    ("text", "playbook"),
    [
        ("- hosts: web\n", True),
        ("- ansible.builtin.import_playbook: other.yml\n- hosts: web\n", True),
        ("- name: A task\n  ansible.builtin.debug:\n", False),
        ("a: 1\n", False),
        ("[]\n", False),
        ("", False),
        ("$ANSIBLE_VAULT;1.1;AES256\n31\n", False),
    ],
)
def test_what_is_a_playbook(tmp_path: Path, text: str, playbook: bool) -> None:
    path = tmp_path / "x.yml"
    path.write_text(text, encoding="utf-8")
    assert is_playbook(documents(path)) is playbook


def test_the_inventory_has_a_host_for_every_name(tmp_path: Path) -> None:
    path = tmp_path / "x.yml"
    path.write_text(
        '- hosts: web:&prod:!old\n- hosts: [db, all]\n- hosts: "{{ x }}"\n- hosts: localhost\n', encoding="utf-8"
    )
    assert inventory_text([path]).split() == [
        "any", "[db]", "a-host-of-db", "[prod]", "a-host-of-prod", "a-host-of-web", "[web]", "a-host-of-web",
    ]  # fmt: skip
