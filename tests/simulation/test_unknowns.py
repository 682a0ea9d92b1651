"""What only the run knows stays unknown, and everything else is worked out."""

from __future__ import annotations

import pytest

from tests.simulation.conftest import Site

HEAD = """
- hosts: all
  gather_facts: false
  vars: {lst: [{n: a, v: "{{ o.stdout }}"}, {n: b, v: 2}]}
  tasks:
    - {name: first, command: foo, register: o}
"""
TOKEN = "⟦'stdout' of the result of 'first' (site.yml:6)⟧"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("x {{ o.stdout }} tail", f"x {TOKEN} tail"),
        ("{{ lst | map(attribute='n') | join(',') }}", "a,b"),
        ("{{ lst | to_json }}", '[{"n": "a", "v": "' + TOKEN + '"}, {"n": "b", "v": 2}]'),
        ("{{ o.stdout | default('d') }}", TOKEN),
        ("{{ o.nosuch.deep[3] }}", "⟦'nosuch' of the result of 'first' (site.yml:6)⟧"),
        ("{{ 'a' if o.rc == 0 else 'b' }}", "⟦a | b⟧"),
        ("{{ 'a' if o.rc == 0 else 'a' }}", "a"),
        ("{{ o.stdout is defined }}", TOKEN),
        ("{{ 'x' | password_hash('sha512') }}", "⟦the filter password_hash, whose result differs with every run⟧"),
        ("{{ 10 | random }}", "⟦the filter random, whose result differs with every run⟧"),
        ("{{ [1, 2, 3] | random(seed=1) }}", None),
        ("{{ query('random_choice', 1, 2) }}", "⟦the lookup random_choice, which is not run before the play⟧"),
        ("{{ [o.stdout, 'k'] | join(' ') }}", f"{TOKEN} k"),
        ("{{ o.stdout | trim }}:80", f"{TOKEN}:80"),
        ("{{ o.skipped | default('ran') }}", "ran"),
    ],
)
def test_values(site: Site, template: str, expected: str | None) -> None:
    seen = site.foresee(
        HEAD + f"    - name: it\n      copy: {{dest: /a, content: {template!r}}}\n".replace("\\'", "''")
    )
    content = seen.args("it")["content"]
    if expected is None:
        assert content in (1, 2, 3)
    else:
        assert content == expected


@pytest.mark.parametrize(
    ("when", "certainty"),
    [
        ("o.rc == 0", "possible"),
        ("o is changed", "possible"),
        ("o is not changed", "possible"),
        ("o is skipped", None),
        ("o is not skipped", "certain"),
        ("false and o.rc == 0", None),
        ("o.rc == 0 and false", None),
        ("o.rc == 0 or true", "certain"),
        ("o.rc == 0 or o.rc != 0", "possible"),
        ("'x' in o.stdout", "possible"),
        ("o.stdout is defined", "possible"),
        ("o.stdout | length > 3", "possible"),
        ("o.stdout_lines | select('match', 'a') | list | length > 0", "possible"),
        ("(o.stdout | from_json).port == 80", "possible"),
        ("not (o.rc == 0)", "possible"),
        ("o.rc in [0, 1]", "possible"),
        ("lookup('pipe', 'x') == 'y'", "possible"),
        ("nosuch is defined", None),
        ("nosuch is not defined", "certain"),
    ],
)
def test_conditions(site: Site, when: str, certainty: str | None) -> None:
    seen = site.foresee(
        HEAD + f'    - {{name: it, file: {{path: /a}}, when: "{when}"}}\n    - {{name: last, file: {{path: /b}}}}\n'
    )
    assert dict(seen.calls()).get("it") == certainty
    assert dict(seen.calls())["last"] == "certain"
    if certainty == "possible" and "lookup" not in when:
        assert "the result of 'first' (site.yml:6)" in seen.why("it")


def test_registered_of_a_possible_task(site: Site) -> None:
    seen = site.foresee(
        HEAD
        + """
    - {name: maybe, copy: {content: x, dest: /a}, when: o.rc == 0, register: p}
    - {name: after, file: {path: /b}, when: p is changed}
    - {name: skipped, file: {path: /c}, when: p is skipped}
    - {name: set, set_fact: {port: 80}, when: o.rc == 0}
    - {name: uses, copy: {content: "port {{ port | default(8080) }}", dest: /d}}
    - {name: sure, copy: {content: x, dest: /e}, register: s}
    - {name: after sure, file: {path: /f}, when: s is changed}
    - {name: unsure, service: {name: x, state: started}, register: u}
    - {name: after unsure, file: {path: /g}, when: u.changed}
    - {name: read, stat: {path: /h}, register: st}
    - {name: not there, file: {path: /h}, when: not st.stat.exists}
    - {name: there, file: {path: /i}, when: st.stat.exists}
"""
    )
    assert dict(seen.calls()) == {
        "first": "opaque", "maybe": "possible", "after": "possible", "skipped": "possible", "uses": "certain",
        "sure": "certain", "after sure": "certain", "unsure": "certain", "after unsure": "possible",
        "read": "certain", "not there": "certain",
    }  # fmt: skip
    assert seen.args("uses")["content"].startswith("port ⟦")
    assert ("h1", ("/h",)) in seen.asked


def test_loops(site: Site) -> None:
    seen = site.foresee(
        HEAD
        + """
    - {name: unknown, file: {path: "/l/{{ item }}"}, loop: "{{ o.stdout_lines }}"}
    - {name: with items, file: {path: "/w/{{ item }}"}, with_items: "{{ o.stdout_lines }}"}
    - {name: with dict, file: {path: "/m/{{ item.key }}={{ item.value }}"}, with_dict: {a: 1, b: "{{ o.stdout }}"}}
    - {name: register, command: "bar {{ item }}", loop: [1, 2], register: oo}
    - {name: over results, copy: {content: "{{ item.stdout }}", dest: /r}, loop: "{{ oo.results }}", when: item.rc == 0}
    - {name: paused, file: {path: "/p/{{ item }}"}, loop: [1, 2], loop_control: {pause: 600}}
"""
    )
    found = [(effect.task.name, effect.certainty) for effect in seen.effects() if effect.task.name != "first"]
    assert found == [
        ("unknown", "possible"), ("with items", "possible"), ("with dict", "certain"), ("with dict", "certain"),
        ("register", "opaque"), ("register", "opaque"), ("over results", "possible"), ("over results", "possible"),
        ("paused", "certain"), ("paused", "certain"),
    ]  # fmt: skip
    assert "the loop over 'stdout_lines' of the result of 'first'" in seen.why("unknown")


def test_unknown_keywords_do_not_drop_anything(site: Site) -> None:
    seen = site.foresee(
        HEAD
        + """
    - {name: become, file: {path: /x}, become: "{{ o.stdout }}"}
    - {name: delegate, file: {path: /dly}, delegate_to: "{{ o.stdout }}"}
    - {name: ignore, file: {path: /ign}, ignore_errors: "{{ o.rc == 1 }}"}
    - {name: once, file: {path: /ro}, run_once: "{{ o.rc == 1 }}"}
    - {name: secret, file: {path: /s}, no_log: "{{ o.rc == 1 }}"}
    - include_tasks: "{{ o.stdout }}.yml"
    - include_role: {name: "{{ o.stdout }}"}
    - {name: file, template: {src: "{{ o.stdout }}.j2", dest: /f9}}
    - {name: last, file: {path: /last}}
""",
        hosts="h1,h2,",
    )
    for host in ("h1", "h2"):
        assert {"become", "ignore", "once", "secret", "file", "last"} <= {name for name, _ in seen.calls(host)}
        assert seen.forecast.hosts[host].coverage.not_reached == 2
    assert len(seen.notes("unknown-include")) == 4
    assert seen.detail("secret")["no_log"] is True
    assert not seen.notes("predicted-failure")


def test_facts(site: Site) -> None:
    play = """
    - hosts: all
      tasks:
        - {name: known, file: {path: /a}, when: "ansible_distribution == 'Debian'"}
        - {name: other, file: {path: /b}, when: "ansible_facts['distribution'] == 'Fedora'"}
        - {name: used, copy: {content: "{{ ansible_default_ipv4.address | default('none') }}", dest: /c}}
    """
    known = site.foresee(
        play, facts={"ansible_distribution": "Debian", "ansible_default_ipv4": {"address": "192.0.2.1"}}
    )
    assert known.calls() == [("known", "certain"), ("used", "certain")]
    assert known.args("used")["content"] == "192.0.2.1"
    assert "distribution" in known.detail("known")["facts"]
    unknown = site.foresee(None)
    assert unknown.calls() == [("known", "possible"), ("other", "possible"), ("used", "certain")]
    assert "⟦" in unknown.args("used")["content"]


@pytest.mark.parametrize(("begins", "size"), [(b"", 33 << 20), (b"$ANSIBLE_VAULT;1.1;AES256\n", None)])
def test_a_source_too_large_to_be_read_has_a_size(site: Site, begins: bytes, size: int | None) -> None:
    with open(site.path / "film", "wb") as file:
        file.write(begins)
        file.truncate(33 << 20)
    seen = site.foresee(
        "- {hosts: all, gather_facts: false, tasks: [{name: it, copy: {src: film, dest: /srv/film}}]}\n"
    )
    assert "⟦the content of" in seen.detail("it")["source"][0][1]
    assert seen.detail("it")["sizes"] == [size], "a vault is smaller once it is opened"


def test_template_alternatives(site: Site) -> None:
    site.write("templates/u.j2", "a {{ o.stdout }}\n{% if o.rc == 0 %}\ninside\n{% endif %}\nlisten 8080\n")
    seen = site.foresee(HEAD + "    - {name: it, template: {src: u.j2, dest: /t}}\n")
    text = seen.detail("it")["source"][0][1]
    assert text.count("listen 8080") == 2
    assert text.count("inside") == 1


def test_a_capped_exploration_is_unknown_and_noted(site: Site) -> None:
    """Nothing of it is taken for certain, so that the forecast can go on."""
    site.write("templates/u.j2", "".join(f"{{% if o.v{number} %}}{number}{{% endif %}}" for number in range(8)))
    site.write("templates/same.j2", "same" + "".join(f"{{% if o.v{number} %}}{{% endif %}}" for number in range(8)))
    seen = site.foresee(
        HEAD
        + """    - {name: it, template: {src: u.j2, dest: /t}}
    - {name: same, template: {src: same.j2, dest: /s}}
    - {name: after, copy: {content: a, dest: /a}}
"""
    )
    messages = [message for kind, message in seen.notes("possible-failure") if "combinations" in message]
    assert len(messages) == 2
    assert "⟦" in seen.detail("it")["source"][0][1]
    assert seen.detail("same")["source"][0][1] != "same"
    assert seen.calls()[-1] == ("after", "certain")


def test_facts_of_models(site: Site) -> None:
    seen = site.foresee(
        """
        - hosts: all
          gather_facts: false
          tasks:
            - {name: get, getent: {database: passwd}}
            - {name: root, file: {path: /a}, when: "'root' in ansible_facts.getent_passwd"}
            - {name: nobody, file: {path: /b}, when: "'nobody' in ansible_facts.getent_passwd"}
        """
    )
    assert seen.calls() == [("get", "certain"), ("root", "certain")]
