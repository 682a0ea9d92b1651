"""The promises of the main job, each on real hosts; an outside observer compares the whole host before and after."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.story import Workplace, put_in, workplace
from tests.testbed.listing import Listing, differences
from tests.testbed.listing import observe as observe_all

OWN_DATA = ["/var/lib/monitoring-agent"]
"""Where the agent writes what it measures, all the time and whatever we do."""


def observe(host) -> Listing:
    return observe_all(host, exclude=OWN_DATA)


@pytest.fixture
def place(host, tmp_path) -> Workplace:
    return workplace(tmp_path / "work", [host.inventory_line()])


@pytest.fixture
def with_unit(host, place):
    """The story's beginning: the agent as a unit that serves on 9090."""
    done = place.run("ansible-playbook", "-i", "inventory.ini", "agent_unit.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    eventually(host, "curl -fs localhost:9090/-/ready")
    return host


def eventually(host, command: str, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while host.run(command, check=False).returncode:
        assert time.monotonic() < until, f"never true: {command}"
        time.sleep(0.3)


def nothing_armed(host) -> bool:
    return host.run("test -L /var/lib/aisafe/pending", check=False).returncode != 0


def same(before, host) -> None:
    found = differences(before, observe(host))
    assert found == [], "\n".join(found)


def test_the_generated_play_is_refused_and_its_fix_works(with_unit, place):
    host = with_unit
    pid = host.run("systemctl show -P MainPID monitoring-agent").stdout.strip()
    before = observe(host)
    done = place.playbook("agent_container.yml")
    assert done.returncode == 20, done.stderr
    assert done.stdout == "", "ansible-playbook must not have run"
    for words in ("port-conflict", "monitoring-agent.service", pid, "9090", "agent_container.yml:20"):
        assert words in done.stderr
    same(before, host)

    code, document = place.plan("agent_container.yml")
    assert code == 20
    finding = next(item for item in document["findings"] if item["rule"] == "port-conflict")
    assert finding["task"]["line"] == 20
    assert {(party["kind"], party["name"], party["live"]) for party in finding["parties"]} == {
        ("unit", "monitoring-agent.service", True), ("container", "monitoring-agent", False),
    }  # fmt: skip
    recorded = place.run("aisafe", "state", "save", "-i", "inventory.ini", "monitored", "-o", "state.json")
    assert recorded.returncode == 0, recorded.stderr
    place.write("gone.ini", "[monitored]\n" + host.inventory_line().replace("ansible_port=22", "ansible_port=1") + "\n")
    for state, wanted in (("state.json", 20), ("none", 0)):
        words = ("aisafe", "plan", "-i", "gone.ini", f"--aisafe-state={state}", "agent_container.yml")
        far = place.run(*words, AISAFE_LINT="off")
        assert far.returncode == wanted, far.stderr
        assert ("port-conflict" in far.stderr) == (wanted == 20)
        assert "was not asked" in far.stderr
    assert place.playbook("--aisafe-state=none", "agent_container.yml").returncode == 2
    mended = put_in((place.directory / "agent_container.yml").read_text(), finding)
    place.write("mended.yml", (place.directory / "agent_container.yml").read_text())
    fixed = place.run("aisafe", "fix", "-i", "inventory.ini", "mended.yml", "--write", AISAFE_LINT="off")
    assert fixed.returncode == 0, fixed.stderr
    assert (place.directory / "mended.yml").read_text() == mended
    done = place.playbook("mended.yml")
    assert done.returncode == 0, done.stderr
    eventually(host, "curl -fs localhost:9090/-/ready")


def test_the_corrected_play_is_confirmed_and_clean_the_second_time(with_unit, place):
    host = with_unit
    done = place.playbook("agent_container_fixed.yml")
    assert done.returncode == 0, done.stderr
    assert "confirmed" in done.stderr
    assert nothing_armed(host)
    before = observe(host)
    code, document = place.plan("agent_container_fixed.yml")
    assert code == 0
    assert document["hosts"]["web1" if "web1" in document["hosts"] else host.name]["effects"] == []
    done = place.playbook("agent_container_fixed.yml")
    assert done.returncode == 0, done.stderr
    assert nothing_armed(host)
    same(before, host)


UNFORESEEN_FAILURE = '/usr/bin/python3 -c "raise SystemExit(3)"'
"""A plain `false` is foreseen, and refused."""

FAILS_LAST = """
- hosts: monitored
  tasks:
    - name: A file
      ansible.builtin.copy: {dest: /etc/motd, content: "changed by the run\\n", mode: "0640"}
    - name: A new directory
      ansible.builtin.file: {path: /opt/shop/data, state: directory, mode: "0750"}
    - name: A line
      ansible.builtin.lineinfile: {path: /etc/environment, line: "SHOP=1"}
    - name: A unit
      ansible.builtin.copy:
        dest: /etc/systemd/system/shop.service
        mode: "0644"
        content: |
          [Service]
          ExecStart=/usr/bin/python3 -m http.server 8070
          [Install]
          WantedBy=multi-user.target
    - name: Start the unit
      ansible.builtin.systemd_service: {name: shop.service, state: started, enabled: true, daemon_reload: true}
    - name: Stop and disable another
      ansible.builtin.systemd_service: {name: cron.service, state: stopped, enabled: false}
    - name: A container
      community.docker.docker_container:
        name: shop-db
        image: busybox:1.36
        command: [httpd, -f, -p, "80"]
        ports: ["8071:80"]
    - name: Remove a package
      ansible.builtin.apt: {name: less, state: absent, purge: true}
    - name: Fail
      ansible.builtin.command: /usr/bin/python3 -c "raise SystemExit(3)"
"""


def test_a_play_that_fails_last_is_undone(with_unit, place):
    host = with_unit
    before = observe(host)
    done = place.playbook(place.write("fails.yml", FAILS_LAST))
    assert done.returncode == 21, done.stderr
    assert "failed=1" in done.stdout
    assert "rolled back" in done.stderr
    assert nothing_armed(host)
    same(before, host)


def test_an_installed_package_is_undone(host, place):
    host.run("apt-get update -qq")
    before = observe(host)
    play = f"- hosts: monitored\n  tasks:\n    - apt: {{name: tree}}\n    - command: {UNFORESEEN_FAILURE}\n"
    done = place.playbook(place.write("install.yml", play))
    assert done.returncode == 21, done.stderr
    assert "changed=1" in done.stdout, "the package must really have been installed"
    same(before, host)


CRASH_LOOPS = """
- hosts: monitored
  tasks:
    - name: Run a container that ends at once
      community.docker.docker_container:
        name: crasher
        image: busybox:1.36
        command: [sh, -c, "sleep 1; exit 3"]
        restart_policy: always
"""


def test_a_crash_looping_container_is_undone(host, place):
    before = observe(host)
    done = place.playbook(place.write("crash.yml", CRASH_LOOPS))
    assert done.returncode == 21, done.stderr
    assert "failed=0" in done.stdout, "ansible itself must have been content"
    assert "crasher" in done.stderr
    assert "restart" in done.stderr
    same(before, host)


SLOW = """
- hosts: monitored
  tasks:
    - ansible.builtin.copy: {dest: /etc/motd, content: "half done\\n", mode: "0644"}
    - ansible.builtin.systemd_service: {name: prometheus-node-exporter, state: started, enabled: true}
    - name: Go on for long
      ansible.builtin.shell: "sleep 30; echo late > /etc/late"
"""


def test_a_killed_controller_is_noticed_by_the_host(host, place):
    before = observe(host)
    place.write("slow.yml", SLOW)
    child = place.begin("--aisafe-deadline=6", "slow.yml")
    eventually(host, "systemctl is-active prometheus-node-exporter && pgrep -f '[s]leep 30'", 120)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    eventually(host, "! test -L /var/lib/aisafe/pending", 40)
    same(before, host)
    done = place.playbook("agent_unit.yml")
    assert done.returncode == 0, done.stderr
    assert "rolled" in done.stderr
    assert "slow.yml" in done.stderr or "deadline" in done.stderr


STOPS_SSH = """
- hosts: monitored
  tasks:
    - ansible.builtin.copy: {dest: /etc/motd, content: "no way in\\n", mode: "0644"}
    - ansible.builtin.systemd_service: {name: ssh.service, state: stopped, enabled: false}
"""


def test_a_host_that_locked_itself_out_comes_back(host, place):
    place.write("ssh.yml", STOPS_SSH)
    before = observe(host)
    refused = place.playbook("ssh.yml")
    assert refused.returncode == 20, refused.stderr
    assert "ssh-lockout" in refused.stderr
    same(before, host)
    done = place.playbook("--aisafe-accept=ssh-lockout", "--aisafe-deadline=8", "ssh.yml")
    assert done.returncode == 21, done.stderr
    assert "failed=0" in done.stdout, "ansible itself must have been content"
    same(before, host)
    assert host.ssh("true").returncode == 0


def test_four_hosts_one_conflicts_none_is_touched(hosts, tmp_path):
    four = hosts(4)
    place = workplace(tmp_path / "work", [host.inventory_line() for host in four])
    place.write("one.ini", f"[monitored]\n{four[2].inventory_line()}\n")
    assert place.run("ansible-playbook", "-i", "one.ini", "agent_unit.yml").returncode == 0
    before = [observe(host) for host in four]
    done = place.playbook("agent_container.yml")
    assert done.returncode == 20, done.stderr
    assert four[2].name in done.stderr
    for listing, host in zip(before, four, strict=True):
        same(listing, host)


def test_one_of_two_fails_and_both_come_back(hosts, tmp_path):
    two = hosts(2)
    place = workplace(tmp_path / "work", [host.inventory_line() for host in two])
    play = (
        "- hosts: monitored\n  tasks:\n    - copy: {dest: /etc/motd, content: x, mode: '0644'}\n"
        f"    - command: {UNFORESEEN_FAILURE}\n      when: inventory_hostname == '{two[1].name}'\n"
    )
    before = [observe(host) for host in two]
    done = place.playbook(place.write("one_fails.yml", play))
    assert done.returncode == 21, done.stderr
    for listing, host in zip(before, two, strict=True):
        same(listing, host)


def test_ctrl_c_rolls_back(host, place):
    before = observe(host)
    place.write("slow.yml", SLOW)
    child = subprocess.Popen(
        ["aisafe-playbook", "-i", "inventory.ini", "slow.yml"], cwd=place.directory, env=place.environ(AISAFE_LINT="off"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    eventually(host, "pgrep -f '[s]leep 30'", 120)
    os.killpg(child.pid, signal.SIGINT)
    _out, err = child.communicate(timeout=120)
    assert child.returncode == 21, err
    same(before, host)


def test_the_record_tells_every_stage(host, place):
    done = place.playbook(
        "agent_unit.yml", f"--aisafe-prompt={place.write('prompt.txt', 'make it so')}", "--aisafe-model=m@1"
    )
    assert done.returncode == 0, done.stderr
    (run,) = [path for path in Path(place.directory, "state/aisafe/runs").iterdir() if path.is_dir()]
    assert oct(run.stat().st_mode & 0o777) == "0o700"
    names = {path.name for path in run.iterdir()}
    assert {"before.json", "forecast.json", "verdict.json", "applied.json", "proof.json", "outcome.json"} <= names
    forecast = json.loads((run / "forecast.json").read_text())
    assert any(name.endswith("agent_unit.yml") and len(digest) == 64 for name, digest in forecast["files"].items())
    inputs = json.loads((run / "inputs.json").read_text())
    assert inputs["model"] == "m@1"
    assert (run / "prompt").read_text() == "make it so"
    shown = place.run("aisafe", "show", "last")
    assert shown.returncode == 0, shown.stderr
    assert "confirmed" in shown.stdout + shown.stderr
    gone = place.run("aisafe", "uninstall", "-i", "inventory.ini", "monitored")
    assert gone.returncode == 0, gone.stderr
    left = (
        "find / -xdev -name '*aisafe*' -not -path '/proc/*'; systemctl list-units --all --plain --no-legend 'aisafe*'"
    )
    assert host.run(left).stdout == ""
    eventually(host, "curl -fs localhost:9090/-/ready")


def test_an_approved_plan_holds_until_the_host_moves_and_its_run_can_be_undone_later(host, place):
    made = place.run("aisafe", "plan", "-i", "inventory.ini", "-o", "plan.json", "agent_unit.yml", AISAFE_LINT="off")
    assert made.returncode == 0, made.stderr
    host.run("systemctl disable cron.service")
    stale = place.playbook("--aisafe-plan=plan.json", "agent_unit.yml")
    assert stale.returncode == 25, stale.stderr
    assert f"{host.name}: unit cron.service has changed (running, enabled -> running, disabled)" in stale.stderr
    host.run("systemctl enable cron.service")
    before = observe(host)
    done = place.playbook("--aisafe-plan=plan.json", "agent_unit.yml")
    assert done.returncode == 0, done.stderr
    done = place.run("aisafe", "rollback", "last")
    assert done.returncode == 0, done.stderr
    same(before, host)


def test_an_approved_plan_that_installs_a_package_outlives_a_refresh_of_the_lists(host, place):
    host.run("apt-get update -qq")
    place.write("install.yml", "- hosts: monitored\n  tasks:\n    - apt: {name: tree}\n")
    made = place.run("aisafe", "plan", "-i", "inventory.ini", "-o", "plan.json", "install.yml", AISAFE_LINT="off")
    assert made.returncode == 0, made.stderr
    host.run("apt-get update -qq; touch /var/lib/apt/lists")
    done = place.playbook("--aisafe-plan=plan.json", "install.yml")
    assert done.returncode == 0, done.stderr
    host.run("command -v tree")
