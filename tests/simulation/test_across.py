"""What of a run concerns several hosts together is noted."""

from __future__ import annotations

from tests.simulation.conftest import Site

KINDS = ("run-once", "delegated", "outside-waves", "batches", "other-hosts", "looks-across")


def noted(seen) -> list[tuple[str, str | None, int]]:
    return [(note.kind, note.host, note.task.line) for note in seen.forecast.notes if note.kind in KINDS]


def test_tasks_for_several_hosts(site: Site) -> None:
    seen = site.foresee(
        """
        - hosts: all
          gather_facts: false
          tasks:
            - {name: each, file: {path: /a}}
            - {name: once, file: {path: /b}, run_once: true}
            - {name: there, file: {path: /c}, delegate_to: h2}
            - {name: here, file: {path: /d}, delegate_to: "{{ inventory_hostname }}"}
            - {name: new, add_host: {name: h9}}
        """,
        hosts="h1,h2,",
    )
    assert noted(seen) == [("run-once", "h1", 6), ("delegated", "h1", 7), ("outside-waves", "h1", 9)]


def test_plays_for_several_hosts(site: Site) -> None:
    site.write("hosts", "[a]\nh1\nh2\n[b]\nh1\n")
    seen = site.foresee(
        """
        - hosts: a
          serial: 1
          gather_facts: false
          tasks: [{name: x, file: {path: /a}}]
        - hosts: b
          gather_facts: false
          tasks: [{name: x, file: {path: /a}}]
        - hosts: localhost
          gather_facts: false
          tasks: [{name: x, debug: {msg: x}}]
        """,
        "-i",
        "hosts",
        hosts="",
    )
    assert noted(seen) == [("batches", None, 2), ("other-hosts", None, 6), ("outside-waves", None, 9)]


def test_files_that_look_at_other_hosts(site: Site) -> None:
    site.write(
        "x.j2", "mine\n{{ hostvars[inventory_hostname].y }}\n{% for h in ansible_play_hosts %}{{ h }}{% endfor %}\n"
    )
    site.write("own.j2", "{{ hostvars[ inventory_hostname ].y }}\n")
    seen = site.foresee(
        """
        - hosts: all
          gather_facts: false
          tasks:
            - {name: x, template: {src: x.j2, dest: /x}}
            - {name: own, template: {src: own.j2, dest: /own}}
        """
    )
    assert noted(seen) == [("looks-across", None, 3)]
    assert seen.notes("looks-across")[0][1].startswith("ansible_play_hosts stands there")
