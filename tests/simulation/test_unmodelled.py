"""With the real models: modules that nobody knows, modules that look, and tasks on the controller."""

from __future__ import annotations

from typing import Any

import pytest

from aisafe.simulation.client import Simulation
from tests.simulation.conftest import Seen, Site


class Real(Site):
    """Simulates with the models themselves."""

    def simulation(self, argv: Any, environ: Any = None, **options: Any) -> Simulation:
        return Simulation(argv=argv, cwd=self.path, environ=environ or self.environ(), time_limit=120, **options)


@pytest.fixture
def real(site: Site) -> Real:
    return Real(site.path)


def effects(seen: Seen) -> list[str]:
    return [f"{one.name} {one.certainty}" for one in seen.effects() if one.name != "/etc"]


def test_a_module_without_a_model_is_named_and_may_have_set_any_variable(real: Real) -> None:
    seen = real.foresee(
        """
        - hosts: all
          gather_facts: false
          tasks:
            - {file: {path: /etc, state: directory}}
            - {copy: {dest: /etc/a, content: "{{ thing_port }}"}, when: thing_port is defined}
            - some.where.thing: {name: x}
            - {name: top, copy: {dest: /etc/b, content: "{{ thing_port }}"}}
            - {name: below, copy: {dest: /etc/c, content: "{{ ansible_facts.thing_port }}"}}
            - {name: maybe, copy: {dest: /etc/d, content: x}, when: thing_port is defined}
        """,
        facts={"os_family": "Debian"},
    )
    assert not seen.notes("predicted-failure")
    assert effects(seen) == ["some.where.thing opaque", "/etc/b certain", "/etc/c certain", "/etc/d possible"]
    assert "the variable thing_port, which" in seen.why("maybe")
    assert seen.forecast.hosts["h1"].coverage.no_model == ("some.where.thing",)


def test_a_misspelled_variable_fails_as_ever(real: Real) -> None:
    seen = real.foresee(
        """
        - hosts: all
          gather_facts: false
          tasks:
            - {file: {path: /etc, state: directory}}
            - command: ./install.sh
            - {copy: {dest: /etc/b, content: "{{ no_such_thing }}"}}
        """,
        facts={"os_family": "Debian"},
    )
    assert "no_such_thing" in seen.notes("predicted-failure")[0][1]


def test_a_module_of_facts_changes_nothing_and_what_it_tells_is_not_known(real: Real) -> None:
    seen = real.foresee(
        """
        - hosts: all
          gather_facts: false
          tasks:
            - {file: {path: /etc, state: directory}}
            - community.general.listen_ports_facts:
            - {name: both, copy: {dest: /etc/b, content: x}, when: tcp_listen | length > 3}
        """,
        facts={"os_family": "Debian"},
    )
    assert effects(seen) == ["/etc/b possible"]
    assert seen.forecast.hosts["h1"].coverage.opaque == 0


def test_on_the_controller_looking_is_harmless_and_a_third_system_is_not_undone(real: Real) -> None:
    seen = real.foresee(
        """
        - hosts: all
          gather_facts: false
          tasks:
            - {file: {path: /etc, state: directory}}
            - {stat: {path: /x}, delegate_to: localhost, register: found}
            - {command: git rev-parse HEAD, delegate_to: localhost, register: commit}
            - {name: maybe, copy: {dest: /etc/a, content: x}, when: found.stat.exists}
            - {name: commit, copy: {dest: /etc/b, content: "{{ commit.stdout }}"}}
            - {kubernetes.core.k8s: {definition: {kind: Service, metadata: {name: web}}}, delegate_to: localhost}
            - {name: here, copy: {dest: /tmp/x, content: x}, delegate_to: localhost}
        """,
        facts={"os_family": "Debian"},
    )
    assert effects(seen) == ["/etc/a possible", "/etc/b certain", "k8s Service web possible"]
    assert [one.reversible for one in seen.effects()[1:]] == [True, True, False]
    assert [text for _, text in seen.notes("unguarded-host")] == [
        "ansible.builtin.copy runs on the controller itself, which is neither foreseen nor guarded"
    ]
    assert seen.forecast.hosts["h1"].coverage.opaque == 1


def test_what_a_task_on_the_controller_may_make_is_no_certain_failure(real: Real) -> None:
    makes = "{copy: {dest: /tmp/made, content: x}, delegate_to: localhost}"
    for before, certain in ((makes, False), ("{command: git status, delegate_to: localhost}", True)):
        seen = real.foresee(
            f"""
            - hosts: all
              gather_facts: false
              tasks:
                - {before}
                - {{copy: {{src: /nowhere/made, dest: /etc/made}}}}
            """
        )
        assert bool(seen.notes("missing-source")) == certain
        assert bool(seen.notes("possible-failure")) != certain
