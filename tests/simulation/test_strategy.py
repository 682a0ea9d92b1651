from __future__ import annotations

from tests.simulation.conftest import Site


def test_handlers_are_as_certain_as_their_notifiers(site: Site) -> None:
    seen = site.foresee(
        """
        - hosts: all
          gather_facts: false
          tasks:
            - {name: first, command: x, register: o}
            - {name: maybe, copy: {content: a, dest: /a}, when: o.rc == 0, notify: [only maybe, both]}
            - {name: surely, copy: {content: b, dest: /b}, notify: both}
            - {name: unsure, service: {name: x, state: started}, notify: depends}
            - {name: unchanged, stat: {path: /c}, notify: never}
            - {name: flush, meta: flush_handlers}
            - {name: again, copy: {content: a, dest: /a}, when: o.rc == 0, notify: both}
          handlers:
            - {name: only maybe, file: {path: /h1}}
            - {name: both, file: {path: /h2}}
            - {name: depends, file: {path: /h3}}
            - {name: never, file: {path: /h4}}
        """
    )
    assert seen.calls()[1:] == [
        ("maybe", "possible"), ("surely", "certain"), ("unsure", "certain"), ("unchanged", "certain"),
        ("only maybe", "possible"), ("both", "certain"), ("depends", "possible"),
        ("again", "possible"), ("both", "possible"),
    ]  # fmt: skip
    assert seen.why("depends") == "depends on whether 'unsure' (site.yml:8) changes anything"


def test_failure_ends_the_host_and_is_noted(site: Site) -> None:
    seen = site.foresee(
        """
        - hosts: all
          gather_facts: false
          tasks:
            - {name: fails, raw: x, when: inventory_hostname == 'h1'}
            - {name: second, file: {path: /a}}
            - block: [{name: third, file: {path: /b}}]
              rescue: [{name: never, file: {path: /c}}]
        - hosts: all
          gather_facts: false
          tasks: [{name: next play, file: {path: /d}}]
        """,
        hosts="h1,h2,",
    )
    assert seen.calls("h1") == [("fails", "certain")]
    assert [name for name, _ in seen.calls("h2")] == ["second", "third", "next play"]
    note = next(note for note in seen.forecast.notes if note.kind == "predicted-failure")
    assert (note.host, note.task.line if note.task else 0) == ("h1", 5)
    assert "no such program" in note.message
    assert seen.forecast.hosts["h1"].coverage.not_reached == 3
    assert seen.forecast.complete


def test_ignored_and_rescued(site: Site) -> None:
    seen = site.foresee(
        """
        - hosts: all
          gather_facts: false
          tasks:
            - {name: ignored, raw: x, ignore_errors: true, register: r}
            - {name: if failed, file: {path: /a}, when: r is failed}
            - block:
                - {name: fails, raw: x}
                - {name: not reached, file: {path: /b}}
              rescue:
                - {name: rescue, file: {path: /c}}
              always:
                - {name: always, file: {path: /d}}
        """
    )
    assert seen.calls() == [
        ("ignored", "certain"), ("if failed", "certain"), ("fails", "certain"),
        ("rescue", "certain"), ("always", "certain"),
    ]  # fmt: skip
    assert not seen.notes("predicted-failure")
    assert len(seen.notes("possible-failure")) == 1


def test_rescue_of_a_block_that_may_fail(site: Site) -> None:
    seen = site.foresee(
        """
        - hosts: all
          gather_facts: false
          tasks:
            - block:
                - {name: opaque, command: x}
                - {name: after, file: {path: /a}}
              rescue:
                - {name: rescue, file: {path: /b}}
                - {name: gives up, fail: {msg: no}}
                - {name: end, meta: end_play}
              always:
                - {name: always, file: {path: /c}}
            - block: [{name: sure, file: {path: /d}}]
              rescue: [{name: unneeded, file: {path: /e}}]
            - {name: last, file: {path: /f}}
        """
    )
    assert seen.calls() == [
        ("opaque", "opaque"), ("after", "certain"), ("rescue", "possible"), ("always", "certain"), ("sure", "certain"),
        ("last", "certain"),
    ]  # fmt: skip
    assert seen.why("rescue") == "depends on whether 'opaque' (site.yml:6) succeeds"
    assert seen.forecast.hosts["h1"].coverage.tasks == 7


def test_assert_and_fail(site: Site) -> None:
    seen = site.foresee(
        """
        - hosts: all
          gather_facts: false
          tasks:
            - {name: first, command: x, register: o}
            - {name: holds, assert: {that: ["1 == 1"]}}
            - {name: unknown, assert: {that: ["o.rc == 0"]}}
            - {name: maybe, fail: {msg: no}, when: o.rc != 0}
            - {name: after, file: {path: /a}}
            - {name: broken, assert: {that: ["1 == 2"], fail_msg: one is not two}}
            - {name: never, file: {path: /b}}
        """
    )
    assert [name for name, _ in seen.calls()] == ["first", "after"]
    assert len(seen.notes("possible-failure")) == 2
    assert "one is not two" in seen.notes("predicted-failure")[0][1]


def test_unknown_values_in_what_runs_on_the_controller(site: Site) -> None:
    seen = site.foresee(
        """
        - hosts: all
          gather_facts: false
          tasks:
            - {name: first, command: x, register: o}
            - {name: shown, debug: {var: o}}
            - {name: message, debug: {msg: "{{ o.stdout }}"}}
            - {name: set, set_fact: {known: 1, unknown: "{{ o.stdout }}"}}
            - {name: used, copy: {content: "{{ known }} {{ unknown }}", dest: /a}}
            - {name: vars, include_vars: {file: "{{ o.stdout }}"}}
            - {name: fails, fail: {msg: "{{ o.stdout }}"}}
            - {name: never, file: {path: /b}}
        """
    )
    assert [name for name, _ in seen.calls()] == ["first", "used"]
    assert seen.args("used")["content"].startswith("1 ⟦")
    assert [kind for kind, _ in seen.notes()] == ["opaque-task", "opaque-task", "predicted-failure"]
    assert seen.forecast.hosts["h1"].coverage.opaque == 2


def test_no_waiting(site: Site) -> None:
    seen = site.foresee(
        """
        - hosts: all
          gather_facts: false
          tasks:
            - {name: pause, pause: {minutes: 60}}
            - {name: connection, wait_for_connection: {delay: 600}}
            - {name: until, command: x, register: o, until: o.rc == 0, retries: 100, delay: 600}
            - {name: async, command: x, async: 3600, poll: 60}
            - {name: later, command: x, async: 3600, poll: 0, register: job}
            - {name: status, async_status: {jid: "{{ job.ansible_job_id }}"}}
            - {name: timeout, file: {path: /a}, timeout: 1}
        """,
        time_limit=30,
    )
    assert [name for name, _ in seen.calls()] == ["until", "async", "later", "status", "timeout"]
    assert seen.forecast.complete


def test_delegation(site: Site) -> None:
    seen = site.foresee(
        """
        - hosts: h1
          gather_facts: false
          tasks:
            - {name: there, file: {path: /a}, delegate_to: h2}
            - {name: nowhere, file: {path: /b}, delegate_to: not.in.the.inventory}
        """,
        hosts="h1,h2,",
    )
    assert sorted(seen.target.connections) == ["h1", "h2"]
    assert [name for name, _ in seen.calls("h2")] == ["there"]
    assert seen.calls("h1") == []
    assert len(seen.notes("unguarded-host")) == 1


def test_added_hosts_are_blind(site: Site) -> None:
    seen = site.foresee(
        """
        - hosts: h1
          gather_facts: false
          tasks: [{name: add, add_host: {name: new, groups: late}}]
        - hosts: late
          gather_facts: false
          tasks: [{name: there, file: {path: /a}}]
        """
    )
    assert seen.calls("new") == [("there", "certain")]
    assert [spot.kind for spot in seen.forecast.hosts["new"].blind_spots] == ["inventory"]


def test_include_of_what_is_missing(site: Site) -> None:
    seen = site.foresee(
        """
        - hosts: all
          gather_facts: false
          tasks:
            - {name: role, include_role: {name: nosuch}}
            - {name: never, file: {path: /a}}
        """
    )
    assert seen.calls() == []
    assert "nosuch" in seen.notes("missing-role")[0][1]
    assert seen.forecast.hosts["h1"].coverage.not_reached == 1


def test_maybe_include(site: Site) -> None:
    site.write("more.yml", "- {name: inner, file: {path: /a}}\n")
    seen = site.foresee(
        """
        - hosts: all
          gather_facts: false
          tasks:
            - {name: first, command: x, register: o}
            - {name: include, include_tasks: more.yml, when: o.rc == 0}
            - {name: ends, meta: end_host, when: o.rc == 0}
            - {name: last, file: {path: /b}}
        """
    )
    assert seen.calls() == [("first", "opaque"), ("inner", "possible"), ("last", "certain")]
    assert "end_host" in seen.notes("assumed")[0][1]


def test_no_log(site: Site) -> None:
    seen = site.foresee(
        """
        - hosts: all
          gather_facts: false
          vars: {password: hunter22}
          tasks:
            - {name: secret, copy: {content: "{{ password }}", dest: /a}, no_log: true}
            - {name: fails, fail: {msg: "{{ password }}"}, no_log: true}
        """
    )
    assert seen.detail("secret")["no_log"] is True
    assert not any("hunter22" in message for _, message in seen.notes())


def test_no_log_with_a_broken_template(site: Site) -> None:
    site.write("t.j2", "{{ password | b64decode }} {{ nosuch }}")
    seen = site.foresee(
        """
        - hosts: all
          gather_facts: false
          vars: {password: hunter22}
          tasks: [{name: secret, template: {src: t.j2, dest: /a}, no_log: true}]
        """
    )
    assert seen.notes("template-error")
    assert seen.notes("predicted-failure")
    assert not any("hunter22" in message or "nosuch" in message for _, message in seen.notes())


def test_collections_that_are_not_installed(site: Site) -> None:
    seen = site.foresee(
        """
        - hosts: all
          gather_facts: false
          tasks:
            - {name: module, nosuch.collection.thing: {name: x}, register: r}
            - {name: after, copy: {content: "{{ r.id | nosuch.collection.pretty }}", dest: /a}}
        """
    )
    assert [(effect.name, effect.certainty) for effect in seen.effects()] == [
        ("nosuch.collection.thing", "opaque"), ("ansible.builtin.copy", "certain"),
    ]  # fmt: skip


def test_check_mode_is_that_of_the_run(site: Site) -> None:
    play = "- {hosts: all, gather_facts: false, tasks: [{name: a, file: {path: /a}, when: not ansible_check_mode}]}\n"
    real = site.foresee(play)
    assert (real.target.check, real.calls()) == (False, [("a", "certain")])
    check = site.foresee(None, "--check")
    assert (check.target.check, check.calls()) == (True, [])


def test_step_and_options(site: Site) -> None:
    play = """
    - hosts: all
      gather_facts: false
      tasks:
        - {name: a, file: {path: "/{{ x }}"}, tags: [t]}
        - {name: b, file: {path: /b}, tags: [u]}
    """
    seen = site.foresee(play, "--step", "-e", "x=1", "--limit", "h2", "--tags", "t", hosts="h1,h2,")
    assert list(seen.target.connections) == ["h2"]
    assert seen.calls("h2") == [("a", "certain")]


def test_files_of_the_run(site: Site) -> None:
    site.write("roles/r/tasks/main.yml", "- {name: t, template: {src: t.j2, dest: /t}}\n")
    site.write("roles/r/templates/t.j2", "{% include 'inner.j2' %}{{ lookup('file', 'looked') }}")
    site.write("roles/r/templates/inner.j2", "inner")
    site.write("roles/r/files/looked", "looked")
    site.write("group_vars/all.yml", "a: 1\n")
    site.write("hosts", "h1\n")
    seen = site.foresee("- {hosts: all, gather_facts: false, roles: [r]}\n", hosts="hosts")
    assert {name.removeprefix(f"{site.path}/") for name in seen.forecast.files} == {
        "site.yml", "hosts", "group_vars/all.yml", "roles/r/tasks/main.yml", "roles/r/templates/t.j2",
        "roles/r/templates/inner.j2", "roles/r/files/looked",
    }  # fmt: skip
