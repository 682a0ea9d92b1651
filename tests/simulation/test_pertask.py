"""What is worked out once for a task leads no change of one host to another."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulation.conftest import Site

pytest.importorskip("ansible")


CHANGED = "CHANGED-ON-ONE-HOST"


def tasks(*given: dict[str, Any], **play: Any) -> list[Any]:
    from ansible.parsing.dataloader import DataLoader
    from ansible.playbook.play import Play

    made = Play().load({"hosts": "all", "tasks": list(given), **play}, loader=DataLoader())
    return list(made.tasks[0].block)


def test_a_copy_is_its_hosts_own() -> None:
    from aisafe.simulation.pertask import Copies

    written = {
        "name": "a",
        "command": "x",
        "tags": ["t"],
        "when": ["w"],
        "vars": {"v": 1},
        "loop": [1],
        "notify": ["n"],
    }
    (task,) = tasks(written, become=True, environment={"A": "1"})
    before = task.dump_attrs()
    copies = Copies()
    first, second = copies.of(task), copies.of(task)
    assert type(first) is type(task)
    assert first._uuid == task._uuid
    assert first._parent is task._parent
    assert first.become is True
    for name in ("tags", "when", "loop", "notify", "environment"):
        getattr(first, name).append(CHANGED)
    for name in ("vars", "args"):
        getattr(first, name)[CHANGED] = True
    first.loop_control.pause = 9
    first.name, first._finalized = CHANGED, True
    assert {**second.dump_attrs(), "loop_control": None} == {**copies.of(task).dump_attrs(), "loop_control": None}
    assert {**task.dump_attrs(), "loop_control": None} == {**before, "loop_control": None}
    for copied in (second, copies.of(task)):
        assert CHANGED not in str(copied.dump_attrs())
        assert copied.loop_control.pause == 0
        assert not copied._finalized


def test_a_copy_is_of_the_task_that_is_asked_for() -> None:
    from aisafe.simulation.pertask import Copies

    one, other = tasks({"name": "one", "command": "x"}, {"name": "other", "command": "y"})
    copies = Copies()
    assert [copies.of(task).name for task in (one, other, one, other)] == ["one", "other", "one", "other"]


PLAY = """
- hosts: all
  gather_facts: true
  tasks:
    - name: with templates
      copy: {content: "{{ who }} {{ item }}", dest: "/srv/{{ who }}"}
      environment: {WHO: "{{ who }}", SAME: here}
      loop: "{{ list }}"
      loop_control: {label: "{{ who }}", index_var: index}
      become_user: "{{ who }}"
      become: true
      changed_when: who == 'h1'
      vars: {who: "{{ inventory_hostname }}", list: ["a-{{ inventory_hostname }}"]}
      register: done
    - {name: only there, copy: {content: x, dest: /srv/x}, when: done is changed}
    - name: changes what it was given
      copy: {content: "{% set _ = ansible_facts.shared.list.append('b') %}{{ ansible_facts.shared.list | join }}", dest: /srv/1}
    - {name: and after it, copy: {content: "{{ ansible_facts.shared.list | join }}", dest: /srv/2}}
"""


def test_each_host_gets_its_own(site: Site) -> None:
    """The facts of both hosts are equal, and one object."""
    seen = site.foresee(PLAY, hosts="h1,h2,", facts={"ansible_shared": {"list": ["a"]}})
    for host in ("h1", "h2"):
        found = {effect.task.name: effect for effect in seen.forecast.hosts[host].effects}
        assert f'"dest": "/srv/{host}"' in found["with templates"].detail
        assert f'"content": "{host} a-{host}"' in found["with templates"].detail
        assert f'"WHO": "{host}"' in found["with templates"].detail
        assert f'"become": "{host}"' in found["with templates"].detail
        assert ("only there" in found) == (host == "h1")
        assert '"content": "ab"' in found["changes what it was given"].detail
        assert '"content": "a"' in found["and after it"].detail
