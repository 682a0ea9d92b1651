"""Ways out as patches of the user's own files: what is put in, what is kept, what is refused and why."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest
import yaml

from aisafe.model import Finding
from aisafe.patching import patches
from tests.cases import task

STOP = (
    "- name: Stop and disable x.service\n  ansible.builtin.systemd_service:\n    name: x.service\n    state: stopped\n"
)
PLAY = textwrap.dedent("""\
    ---
    # the shop
    - name: Shop
      hosts: web

      tasks:
        - name: First   # keep me
          ansible.builtin.copy: {dest: /etc/x, content: "a"}

        - name: Run it
          community.docker.docker_container:
            name: web
            image: nginx:1.27
            ports: ["80:8080", "127.0.0.1:53:53/udp"]  # why

      handlers:
        - name: Restart it
          ansible.builtin.systemd_service: {name: x, state: restarted}
    """)


def finding(line: int = 10, **given: Any) -> Finding:
    fields: dict[str, Any] = {"rule": "port-conflict", "severity": "error", "message": "It clashes.", "yaml": STOP,
                              "fix": "Stop x.", "task": task("Run it", line, "site.yml")}  # fmt: skip
    return Finding(**{**fields, **given})


def made(*findings: Finding, text: str = PLAY) -> tuple[str, list[str]]:
    found = patches(findings, {"site.yml": text}.get)
    return "".join(patch.after for patch in found.patches), [reason for _, reason in found.left]


def test_tasks_go_before_the_task_and_all_else_stays() -> None:
    after, left = made(finding())
    assert left == []
    put = textwrap.indent(STOP, "    ") + "\n"
    at = PLAY.index("    - name: Run it")
    assert after == PLAY[:at] + put + PLAY[at:]
    names = [item["name"] for item in yaml.safe_load(after)[0]["tasks"]]
    assert names == ["First", "Stop and disable x.service", "Run it"]


def test_the_same_way_out_is_put_in_once_at_the_first_place() -> None:
    three = (finding(), finding(rule="service-twice"), finding(line=7, rule="port-conflict-at-boot"))
    (patch,) = patches(three, {"site.yml": PLAY}.get).patches
    assert patch.rules == ("port-conflict-at-boot", "port-conflict", "service-twice")
    after = patch.after
    assert after.count("Stop and disable") == 1
    assert yaml.safe_load(after)[0]["tasks"][0]["name"] == "Stop and disable x.service"


def test_a_port_is_changed_in_its_place() -> None:
    after, left = made(finding(yaml='ports:\n  - "81:8080"\n'))
    assert left == []
    assert after == PLAY.replace('"80:8080"', '"81:8080"')
    after, _ = made(finding(yaml='ports:\n  - "127.0.0.1:54:53/udp"\n'))
    assert after == PLAY.replace("127.0.0.1:53:53/udp", "127.0.0.1:54:53/udp")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"yaml": ""}, "Stop x."),
        ({"yaml": "", "fix": ""}, "there is no way out that could be written down"),
        ({"task": task("x", 3, "/usr/share/role.yml")}, "/usr/share/role.yml is not a file of this project"),
        ({"line": 17}, "it concerns a handler"),
        ({"line": 5}, "there is no task of its own at site.yml:5"),
        ({"yaml": 'ports:\n  - "81:9999"\n'}, "changed by hand: 81:9999"),
        ({"yaml": "restart: no\n"}, "not a change that can be made to a file"),
    ],
)
def test_what_cannot_be_done_safely_is_refused(given: dict[str, Any], reason: str) -> None:
    after, left = made(finding(**given))
    assert after == ""
    assert len(left) == 1
    assert reason in left[0]


def test_accepted_findings_and_notes_are_left_alone() -> None:
    assert made(finding(accepted="ann"), finding(severity="note")) == ("", [])


def test_the_diff_can_be_applied(tmp_path: Any) -> None:
    import subprocess

    (tmp_path / "site.yml").write_text(PLAY, encoding="utf-8")
    (patch,) = patches([finding(), finding(yaml='ports:\n  - "81:8080"\n')], {"site.yml": PLAY}.get).patches
    subprocess.run(["git", "apply"], input=patch.diff(), text=True, cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "site.yml").read_text(encoding="utf-8") == patch.after
    assert patch.rules == ("port-conflict",)
