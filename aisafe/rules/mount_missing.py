"""A service asks for something of the host that is not there."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Absent, Asked, Finding, Party
from aisafe.rules import Case, rule


@rule("mount-missing", severity="error", stage="forecast")
def mount_missing(case: Case) -> Iterator[Finding]:
    """A container or unit of the run uses a path or an account of the host that is neither there nor made by the run.

    Docker makes a missing bind mount a directory of root's, so a configuration file becomes a directory, and the container
    fails on it; systemd cannot start a unit without its program, environment file, working directory or user, and
    ``systemctl start`` reports success all the same. A missing data directory that Docker makes is a note. Where a package
    or a command of the run may bring it unseen, nothing is said.

    Wrong:

        - name: Run the server
          community.docker.docker_container:
            name: prometheus
            image: prom/prometheus:v2.53.0
            volumes: ["/etc/prometheus/prometheus.yml:/etc/prometheus/prometheus.yml"]   # nobody makes it

    Right:

        - name: Configure the server
          ansible.builtin.template:
            src: prometheus.yml.j2
            dest: /etc/prometheus/prometheus.yml
            mode: "0644"
        - name: Run the server
          community.docker.docker_container:
            name: prometheus
            image: prom/prometheus:v2.53.0
            volumes: ["/etc/prometheus/prometheus.yml:/etc/prometheus/prometheus.yml"]
    """
    for asked in case.forecast.asked:
        for absent in asked.absent:
            yield _finding(case, asked, absent)


def _finding(case: Case, asked: Asked, absent: Absent) -> Finding:
    certain = asked.certainty == "certain"
    what = "" if absent.kind == "path" else f"{absent.kind} "
    how = {"path": "Make it in a task before this one", "user": "Create the user in a task before this one",
           "group": "Create the group in a task before this one"}[absent.kind]  # fmt: skip
    return case.find(
        f"{asked.who} wants {what}{absent.name}, which is not on the host and which the run does not make: {absent.then}.",
        severity="note" if not absent.fatal else None if certain else "warning",
        when="now" if certain and absent.fatal else "possible",
        task=asked.task,
        parties=(Party(kind=asked.who.kind, name=asked.who.name, live=False, task=asked.task),),
        evidence=(f"{absent.name}: {absent.why}",),
        fix=f"{how}, or correct the name.",
    )
