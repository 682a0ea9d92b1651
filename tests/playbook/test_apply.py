"""The real ansible-playbook is found, is run as a child, and tells how each task ended."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from aisafe.errors import AisafeError
from aisafe.playbook.apply import apply, read_results
from aisafe.playbook.program import find_ansible_playbook

REAL = Path(sys.executable).parent / "ansible-playbook"


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_a_shim_is_passed_over(tmp_path):
    program(tmp_path / "shim/ansible-playbook", '#!/bin/sh\nexec aisafe-playbook "$@"\n')
    real = program(tmp_path / "aisafe/bin/ansible-playbook", "#!/opt/aisafe-playbook/bin/python\nprint()\n")
    assert find_ansible_playbook({"PATH": f"{tmp_path}/shim:{tmp_path}/aisafe/bin"}) == real


def test_without_one_in_path_the_one_beside_this_python_serves(tmp_path):
    assert find_ansible_playbook({"PATH": str(tmp_path)}) == REAL


def test_a_loop_ends_with_words():
    with pytest.raises(AisafeError, match="several times over"):
        find_ansible_playbook({"AISAFE_DEPTH": "4"})


def test_a_configured_program_must_be_one(tmp_path):
    with pytest.raises(AisafeError, match="no program that can be run"):
        find_ansible_playbook({}, str(tmp_path / "nothing"))


PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Fine
      command: "true"
    - name: Hidden
      fail: {msg: "s3cret"}
      no_log: true
      ignore_errors: true
    - name: Broken
      fail: {msg: the reason}
"""


def test_the_exit_code_and_each_result_come_back(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "play.yml").write_text(PLAY)
    environ = {"PATH": f"{REAL.parent}:/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    applied = apply(
        REAL, ["-i", "localhost,", "-c", "local", "play.yml"], environ=environ, results=tmp_path / "results.jsonl",
        shells={}, stop=threading.Event(),
    )  # fmt: skip
    assert applied.exit_code == 2
    assert [(r.task, r.status) for r in applied.results] == [
        ("Fine", "changed"),
        ("Hidden", "ignored"),
        ("Broken", "failed"),
    ]
    assert applied.results[-1].message == "the reason"
    assert applied.results[0].path.endswith("play.yml")
    assert "s3cret" not in (tmp_path / "results.jsonl").read_text()
    assert "PLAY RECAP" in capfd.readouterr().out


def test_a_host_that_rolled_itself_back_ends_the_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    child = program(tmp_path / "ansible-playbook", "#!/bin/sh\ntrap 'exit 99' INT\nwhile :; do sleep 0.1; done\n")
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    applied = apply(child, [], environ={"PATH": "/usr/bin:/bin"}, results=tmp_path / "r", shells={}, stop=stop)
    assert applied.exit_code == 99


def test_a_child_that_ignores_the_interruption_is_ended(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("aisafe.playbook.apply.PATIENCE", 0.5)
    child = program(tmp_path / "ansible-playbook", "#!/bin/sh\ntrap '' INT\nwhile :; do sleep 0.1; done\n")
    stop = threading.Event()
    stop.set()
    applied = apply(child, [], environ={"PATH": "/usr/bin:/bin"}, results=tmp_path / "r", shells={}, stop=stop)
    assert applied.exit_code == 143


def test_a_line_cut_short_is_left_out(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text('{"host":"h","task":"t","path":"p","line":1,"status":"ok","message":""}\n{"host":"h","ta')
    assert [r.task for r in read_results(path)] == ["t"]
