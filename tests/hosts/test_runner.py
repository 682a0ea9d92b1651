"""ansible-runner, and with it AWX, runs us as it runs ansible-playbook: the same events, return code, status and artifacts."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ansible_runner
import pytest

from tests.hosts.test_shows import SLOW, eventually, observe
from tests.story import ROOT, Workplace, workplace
from tests.testbed import Host, build
from tests.testbed.engine import docker
from tests.testbed.listing import differences

SHIM = ROOT / "molecule" / "shim"
PLAY = """
- name: Same
  hosts: monitored
  gather_facts: false
  tasks:
    - name: Write
      ansible.builtin.copy: {content: "x\\n", dest: /etc/aisafe-same, mode: "0644"}
      notify: Tell
    - name: Loop
      ansible.builtin.debug: {msg: "{{ item }}"}
      loop: [1, 2]
    - name: Leave out
      ansible.builtin.debug: {msg: never}
      when: false
    - name: Keep
      ansible.builtin.set_stats: {data: {mine: 1}}
  handlers:
    - name: Tell
      ansible.builtin.debug: {msg: told}
"""
FAILS = (
    PLAY
    + """
- name: And fail
  hosts: monitored
  gather_facts: false
  tasks: [{ansible.builtin.uri: {url: "http://127.0.0.1:1/"}}]
"""
)
REFUSED = (
    PLAY
    + """
- name: And fail
  hosts: monitored
  gather_facts: false
  tasks: [{name: "Fail {{ 'x' }}", ansible.builtin.command: "false"}]
"""
)
LOCAL = "- {hosts: localhost, gather_facts: false, tasks: [{ansible.builtin.fail: {msg: no}}]}\n"
THOROUGH = bool(os.environ.get("AISAFE_ALL_RUNNER"))
CHANGING = re.compile(r"^(uuid|.*_uuid|created|start|end|duration|pid|delta|runner_ident|playbook|_original_basename)$")
"""Keys of events that tell of the moment, or of the directory."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job's end: what ansible-runner said of it, and its events in order."""

    rc: int | None
    status: str
    stats: dict[str, Any]
    events: list[dict[str, Any]]

    @property
    def own(self) -> list[Any]:
        """The events of ansible: all but the lines that something else printed."""
        return [plain(event) for event in self.events if event["event"] != "verbose"]

    @property
    def artifacts(self) -> dict[str, Any]:
        (end,) = [event for event in self.events if event["event"] == "playbook_on_stats"]
        return dict(end["event_data"]["artifact_data"])

    @property
    def said(self) -> str:
        return "\n".join(event["stdout"] for event in self.events)


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: plain(item) for key, item in value.items()
            if not CHANGING.match(key) and key not in ("counter", "start_line", "end_line", "artifact_data", "task_path")
        }  # fmt: skip
    if isinstance(value, list):
        return [plain(item) for item in value]
    return re.sub(r"\d[\d.:-]{5,}\d|(?<=/job)\d+", "N", value) if isinstance(value, str) else value


@pytest.fixture
def place(host, tmp_path) -> Workplace:
    return workplace(tmp_path / "work", [host.inventory_line()])


def job(place: Workplace, play: str, *, ours: bool = True, **more: Any) -> Job:
    return ended(ansible_runner.run(**prepared(place, play, ours=ours, **more)))


def prepared(place: Workplace, play: str, *, ours: bool = True, **more: Any) -> dict[str, Any]:
    name = f"job{len(list(place.directory.glob('job*')))}"
    directory = place.directory / name
    (directory / "project").mkdir(parents=True)
    (directory / "project" / "site.yml").write_text(play, encoding="utf-8")
    environ = place.environ(AISAFE_LINT="off", AISAFE_SETTLE="0", **more.pop("envvars", {}))
    if ours:
        environ["PATH"] = f"{SHIM}:{environ['PATH']}"
    given = {"playbook": "site.yml", "inventory": str(place.inventory), **more}
    return {"private_data_dir": str(directory), "envvars": environ, "quiet": True, **given}


def ended(runner: Any) -> Job:
    events = list(runner.events)
    assert [event["counter"] for event in events] == list(range(1, len(events) + 1)), "the events have holes"
    text = Path(runner.config.artifact_dir, "rc").read_text(encoding="utf-8").strip()
    assert (text, Path(runner.config.artifact_dir, "status").read_text(encoding="utf-8")) == (
        str(runner.rc),
        runner.status,
    )
    return Job(runner.rc, runner.status, runner.stats, events)


def test_a_job_has_the_same_events_as_with_ansible_playbook(host, place):
    plain_job = job(place, PLAY, ours=False)
    host.run("rm /etc/aisafe-same")
    guarded = job(place, PLAY)
    assert (guarded.rc, guarded.status) == (plain_job.rc, plain_job.status) == (0, "successful")
    assert guarded.own == plain_job.own
    assert guarded.stats == plain_job.stats
    assert plain_job.artifacts == {"mine": 1}
    verdict = guarded.artifacts.pop("aisafe")
    assert guarded.artifacts["mine"] == 1
    assert (verdict["verdict"], verdict["changes"]) == ("clean", {host.name: 1})
    assert "/etc/aisafe-same" in verdict["plan"]
    assert "confirmed" in guarded.said
    assert len(guarded.said.splitlines()) < 80, "a line for every stage, and no more"

    host.run("rm /etc/aisafe-same")
    line = f"-i {place.inventory} site.yml"
    by_name = job(place, PLAY, binary=str(SHIM / "ansible-playbook"), cmdline=line, playbook=None, inventory=None)
    assert (by_name.rc, by_name.own, by_name.stats) == (0, plain_job.own, plain_job.stats)


def test_what_is_refused_or_undone_ends_the_job_as_failed(host, place):
    refused = job(place, REFUSED)
    assert (refused.rc, refused.status) == (20, "failed")
    verdict = refused.artifacts["aisafe"]
    assert (verdict["verdict"], verdict["exit_code"], verdict["errors"]) == ("blocked", 20, 1)
    assert verdict["findings"][0]["rule"] == "predicted-failure"
    assert "nothing was changed" in json.dumps(refused.own)
    host.run("! test -e /etc/aisafe-same")

    plain_job = job(place, FAILS, ours=False)
    host.run("rm /etc/aisafe-same")
    before = observe(host)
    undone = job(place, FAILS)
    assert (plain_job.rc, undone.rc, undone.status) == (2, 21, "failed")
    assert undone.own == plain_job.own
    assert undone.stats == plain_job.stats
    assert undone.artifacts["aisafe"]["verdict"] != "blocked"
    assert differences(before, observe(host)) == []

    local = job(place, LOCAL)
    assert (local.rc, local.status, local.stats["failures"]) == (2, "failed", {"localhost": 1})
    only = job(place, PLAY, extravars={"aisafe_plan_only": True, "aisafe_model": "some@1"})
    assert (only.rc, only.status, only.artifacts["aisafe"]["changes"]) == (0, "successful", {host.name: 1})
    assert differences(before, observe(host)) == []


@pytest.mark.skipif(not THOROUGH, reason="its own target: make runner")
def test_a_job_that_times_out_leaves_it_to_the_host(host, place):
    before = observe(host)
    held: list[Any] = []

    def shorten(event: dict[str, Any]) -> bool:
        """The time is over once the task has begun, however long it took to get there."""
        if "TASK [Go on for long]" in event["stdout"]:
            held[0].config.job_timeout = 1
        return True

    given = prepared(place, SLOW, event_handler=shorten, envvars={"AISAFE_DEADLINE": "6"})
    held.append(ansible_runner.interface.init_runner(**given))
    held[0].run()
    cut = ended(held[0])
    assert "TASK [Go on for long]" in cut.said
    assert (cut.rc, cut.status) == (254, "timeout")
    eventually(host, "! test -L /var/lib/aisafe/pending", 40)
    assert differences(before, observe(host)) == []


def test_a_cancelled_job_leaves_it_to_the_host(host, place):
    before = observe(host)

    def armed() -> bool:
        return host.run("pgrep -f '[s]leep 30'", check=False).returncode == 0

    cut = job(place, SLOW, cancel_callback=armed, envvars={"AISAFE_DEADLINE": "6"})
    assert (cut.rc, cut.status) == (254, "canceled")
    eventually(host, "! test -L /var/lib/aisafe/pending", 40)
    assert differences(before, observe(host)) == []


def test_the_pipeline_of_awx(host, place, tmp_path):
    environ = place.environ(AISAFE_LINT="off", AISAFE_SETTLE="0")
    confirmed(piped(place, tmp_path, envvars={**environ, "PATH": f"{SHIM}:{environ['PATH']}"}), host)


@pytest.mark.skipif(not THOROUGH, reason="its own target: make runner")
def test_the_pipeline_of_awx_with_process_isolation(host, place, tmp_path):
    image = environment(tmp_path / "image")
    mounts = [f"{host.key.parent}:{host.key.parent}:ro"]
    done = piped(
        place, tmp_path, envvars={"AISAFE_LINT": "off", "AISAFE_SETTLE": "0"}, process_isolation=True,
        process_isolation_executable="docker", container_image=image, container_volume_mounts=mounts,
        container_options=["--network=host"],
    )  # fmt: skip
    confirmed(done, host)


def piped(place: Workplace, directory: Path, **given: Any) -> Job:
    """One job as AWX runs it: transmit here, a worker elsewhere, its stream processed here. Streams must be real files."""
    private = directory / "sent"
    (private / "project").mkdir(parents=True)
    (private / "inventory").mkdir()
    (private / "project" / "site.yml").write_text(PLAY, encoding="utf-8")
    (private / "inventory" / "hosts").write_text(place.inventory.read_text(encoding="utf-8"), encoding="utf-8")
    events: list[dict[str, Any]] = []
    with open(directory / "out", "wb") as out:
        ansible_runner.run(
            streamer="transmit", _output=out, private_data_dir=str(private), playbook="site.yml", **given
        )
    with open(directory / "out", "rb") as out, open(directory / "back", "wb") as back:
        ansible_runner.run(streamer="worker", _input=out, _output=back, private_data_dir=str(directory / "worker"))
    with open(directory / "back", "rb") as back:
        done = ansible_runner.run(
            streamer="process",
            _input=back,
            private_data_dir=str(directory / "home"),
            quiet=True,
            event_handler=events.append,
        )
    assert [event["counter"] for event in events] == list(range(1, len(events) + 1))
    return Job(done.rc, done.status, {}, events)


def confirmed(done: Job, host: Host) -> None:
    assert done.status == "successful", done.said  # of a processed stream there is no return code
    assert done.artifacts["aisafe"]["verdict"] == "clean"
    assert done.own[-1]["event_data"]["changed"] == {host.name: 1}
    assert "confirmed" in done.said


def environment(directory: Path) -> str:
    """An execution environment of this checkout, from the test hosts' image since no registry is needed for that one."""
    site = directory / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    subprocess.run([*pip, "--target", str(site), str(ROOT), "ansible-runner"], check=True)
    for name, module, function in (
        ("real/ansible-playbook", "ansible.cli.playbook", "main"),
        ("bin/ansible-runner", "ansible_runner.__main__", "main"),
        ("bin/aisafe-playbook", "aisafe.entry", "playbook_main"),
    ):
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/usr/bin/python3\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n")
        path.chmod(0o755)
    shutil.copy(SHIM / "ansible-playbook", directory / "bin")
    (directory / "Dockerfile").write_text(
        f"FROM {build(quiet=True)}\nCOPY . /opt/aisafe\n"
        "ENV PYTHONPATH=/opt/aisafe/site PATH=/opt/aisafe/bin:/opt/aisafe/real:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8\n"
    )
    tag = "aisafe-testbed-ee:latest"
    docker("build", "--quiet", "--tag", tag, str(directory), timeout=600)
    return tag
