"""The sequence of tasks, modules and arguments is that of a real run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.conftest import Site

HOSTS = """
[web]
w1
w2
w3
[db]
d1
[all:vars]
ansible_connection=local
ansible_python_interpreter={python}
out={out}
"""

FILES = {
    "site.yml": """
        - import_playbook: first.yml
        - name: rolling
          hosts: web
          serial: [1, 2]
          gather_facts: false
          roles: [{role: base, base_port: 81}]
          tasks:
            - name: batch
              copy: {content: "{{ ansible_play_batch | join(',') }} {{ ansible_play_hosts_all | length }}", dest: "{{ out }}/batch-{{ inventory_hostname }}"}
            - name: looped role
              include_role: {name: item}
              vars: {part: "{{ one }}"}
              loop: [a, b]
              loop_control: {loop_var: one}
        - name: blocks
          hosts: all
          gather_facts: false
          vars: {level: "{{ 'high' if inventory_hostname == 'd1' else 'low' }}"}
          tasks:
            - block:
                - {name: fails on w2, fail: {msg: no}, when: inventory_hostname == 'w2'}
                - {name: not on w2, copy: {content: x, dest: "{{ out }}/no-{{ inventory_hostname }}"}}
              rescue:
                - {name: rescue, copy: {content: "{{ ansible_failed_task.name }}", dest: "{{ out }}/rescue-{{ inventory_hostname }}"}}
              always:
                - {name: always, copy: {content: "{{ level }}", dest: "{{ out }}/always-{{ inventory_hostname }}"}, notify: [first handler, listening]}
            - {name: flush, meta: flush_handlers}
            - {name: once, copy: {content: "{{ inventory_hostname }}", dest: "{{ out }}/once"}, run_once: true, delegate_to: d1, register: once}
            - {name: registered once, copy: {content: "{{ once.dest }}", dest: "{{ out }}/seen-{{ inventory_hostname }}"}}
            - {name: groups, group_by: {key: "level_{{ level }}"}}
            - {name: more, add_host: {name: extra, groups: added, ansible_connection: local, out: "{{ out }}"}}
            - {name: ends for w3, meta: end_host, when: inventory_hostname == 'w3'}
            - {name: tail, copy: {content: t, dest: "{{ out }}/tail-{{ inventory_hostname }}"}, notify: listening, tags: [tail]}
            - {name: looped, copy: {content: "{{ item.key }}", dest: "{{ out }}/loop-{{ item.value }}-{{ inventory_hostname }}"}, with_dict: {x: 1, y: 2}, when: item.value != 1}
            - {name: from file, include_tasks: more.yml, loop: [1, 2]}
          handlers:
            - {name: first handler, copy: {content: "{{ level }}", dest: "{{ out }}/handler-{{ inventory_hostname }}"}}
            - {name: second, listen: listening, template: {src: t.j2, dest: "{{ out }}/listen-{{ inventory_hostname }}"}}
        - name: new groups
          hosts: added:level_high
          gather_facts: false
          tasks:
            - {name: grouped, copy: {content: "{{ groups['level_low'] | sort | join(',') }}", dest: "{{ out }}/grouped-{{ inventory_hostname }}"}}
        """,  # noqa: E501
    "first.yml": """
        - name: first
          hosts: d1
          gather_facts: false
          pre_tasks:
            - {name: pre, set_fact: {counted: "{{ groups['web'] | length }}"}}
          tasks:
            - {name: first, copy: {content: "{{ counted }}", dest: "{{ out }}/first"}}
        """,
    "more.yml": """
        - {name: more, copy: {content: "{{ item }}", dest: "{{ out }}/more-{{ item }}-{{ inventory_hostname }}"}}
        """,
    "templates/t.j2": "{% for h in groups['all'] %}{{ h }} {% endfor %}{{ level }}\n",
    "roles/base/defaults/main.yml": "base_port: 80\nlevel: none\n",
    "roles/base/tasks/main.yml": """
        - {name: conf, template: {src: conf.j2, dest: "{{ out }}/conf-{{ inventory_hostname }}"}, notify: reload base}
        - import_tasks: static.yml
        """,
    "roles/base/tasks/static.yml": """
        - {name: static, copy: {src: blob, dest: "{{ out }}/blob-{{ inventory_hostname }}"}}
        """,
    "roles/base/templates/conf.j2": "port={{ base_port }} {{ role_name }}\n",
    "roles/base/files/blob": "blob\n",
    "roles/base/handlers/main.yml": """
        - {name: reload base, copy: {content: r, dest: "{{ out }}/reload-{{ inventory_hostname }}"}}
        """,
    "roles/item/tasks/main.yml": """
        - {name: part, copy: {content: "{{ part }}", dest: "{{ out }}/part-{{ part }}-{{ inventory_hostname }}"}}
        """,
}

CALLBACK = """
import json, os
from ansible.plugins.callback import CallbackBase

OWN = ('group_by', 'add_host', 'set_fact', 'fail', 'include_tasks', 'include_role')

class CallbackModule(CallbackBase):
    CALLBACK_TYPE = 'notification'
    CALLBACK_NAME = 'record'

    def _write(self, result):
        if result._task.loop or result._task.action in OWN:
            return
        self._line(result._host.name, result._task.get_name(), result._result)

    def _line(self, host, task, result):
        with open(os.environ['RECORD'], 'a') as out:
            out.write(json.dumps([host, task, result.get('dest')]) + '\\n')

    def v2_runner_on_ok(self, result):
        self._write(result)

    def v2_runner_item_on_ok(self, result):
        if 'dest' in result._result:
            self._line(result._host.name, result._task.get_name(), result._result)
"""


@pytest.mark.parametrize("more", [[], ["--tags", "tail"], ["--start-at-task", "once"]])
def test_same_sequence(site: Site, tmp_path: Path, more: list[str]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name, text in FILES.items():
        site.write(name, text)
    site.write("hosts", HOSTS.format(python=sys.executable, out=out))
    site.write("../callbacks/record.py", CALLBACK)
    record = tmp_path / "record"
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts", "--forks", "4", *more, "site.yml"],
        cwd=site.path,
        env=site.environ(
            RECORD=str(record), ANSIBLE_CALLBACK_PLUGINS=str(site.path / "../callbacks"), ANSIBLE_DEVEL_WARNING="0"
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    real = [tuple(json.loads(line)) for line in record.read_text().splitlines()]
    assert real
    seen = site.foresee(None, *more, hosts="hosts")
    assert seen.forecast.complete
    foreseen = {
        host: [(effect.task.name, json.loads(effect.detail)["args"]["dest"]) for effect in forecast.effects]
        for host, forecast in seen.forecast.hosts.items()
    }
    assert all(effect.certainty == "certain" for host in seen.forecast.hosts.values() for effect in host.effects)
    expected: dict[str, list[tuple[str, str]]] = {host: [] for host in foreseen}
    for host, task, dest in real:
        expected["d1" if task == "once" else host].append((task, dest))
    assert foreseen == expected
    contents = {
        args["dest"]: str(args["content"])
        for forecast in seen.forecast.hosts.values()
        for effect in forecast.effects
        if "content" in (args := json.loads(effect.detail)["args"])
    }
    contents |= {
        json.loads(effect.detail)["args"]["dest"]: source[0][1]
        for forecast in seen.forecast.hosts.values()
        for effect in forecast.effects
        if (source := json.loads(effect.detail)["source"])
    }
    assert {str(path): path.read_text() for path in out.iterdir()} == contents
