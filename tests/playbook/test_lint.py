"""ansible-lint beside the forecast: its results, its cache, its failures."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path

import pytest

from aisafe.model import Finding
from aisafe.playbook.lint import KEPT, NOT_PASSED_ON, LintJob, environment, parse, severity_of, start_lint

REAL = Path(sys.executable).parent / "ansible-playbook"
GOOD = "---\n- name: Do\n  hosts: all\n  tasks:\n    - name: Show\n      ansible.builtin.debug:\n        msg: x\n"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An ansible-lint that does what ``lint.sh`` says, and counts its runs."""
    bin = tmp_path / "bin"
    bin.mkdir()
    program = bin / "ansible-lint"
    program.write_text(f"#!/bin/sh\necho run >> {tmp_path}/runs\n. {tmp_path}/lint.sh\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr("aisafe.playbook.lint.find_ansible_lint", lambda environ: program)
    monkeypatch.setattr("aisafe.playbook.lint.launcher", lambda scratch, must: [])  # it could not count
    (tmp_path / "site.yml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "lint.sh").write_text("echo '[]'\n", encoding="utf-8")
    return tmp_path


def cache(at: Path) -> Path:
    return at.with_name(f"{at.name}-cache")


def begin(at: Path, *playbooks: str, timeout: float = 60, required: bool = False, **environ: str) -> LintJob:
    return start_lint(
        playbooks or ("site.yml",), cwd=at, environ={**os.environ, **environ}, ansible_playbook=REAL,
        cache_dir=cache(at), timeout=timeout, required=required,
    )  # fmt: skip


def runs(at: Path) -> int:
    path = at / "runs"
    return len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0


def issue(name: str, **given: object) -> dict[str, object]:
    location = {"path": "site.yml", "lines": {"begin": 7}}
    return {"type": "issue", "check_name": name, "description": "Words.", "location": location, **given}


@pytest.mark.parametrize(
    ("name", "severity"),
    [
        ("syntax-check[unknown-module]", "error"),
        ("load-failure[yaml]", "error"),
        ("parser-error", "error"),
        ("risky-shell-pipe", "warning"),
        ("no-changed-when", "warning"),
        ("something-new[x]", "warning"),
        ("yaml[line-length]", "note"),
        ("name[casing]", "note"),
        ("fqcn[action-core]", "note"),
        ("jinja[spacing]", "note"),
        ("jinja[invalid]", "warning"),
    ],
)
def test_severities(name: str, severity: str) -> None:
    assert severity_of(name) == severity


@pytest.mark.parametrize(
    ("given", "message", "line"),
    [
        (issue("risky-file-permissions"), "Words.", 7),
        (issue("a", location={"path": "s", "positions": {"begin": {"line": 4, "column": 1}}}), "Words.", 4),
        (issue("a", location={"path": "s", "lines": {"begin": {"line": 5}}}), "Words.", 5),
        (issue("a", content={"body": "a detail"}), "Words (a detail).", 7),
        (issue("load-failure[x]"), "Words. This hides every other finding of ansible-lint in that file.", 7),
    ],
)
def test_issues(given: dict[str, object], message: str, line: int) -> None:
    (finding,) = parse(json.dumps([given]))
    assert finding.task is not None
    assert (finding.message, finding.task.line, finding.rule) == (message, line, f"lint:{given['check_name']}")


@pytest.mark.parametrize("text", ["", "Traceback", "{}", "[1]", '[{"a": 1}]'])
def test_what_is_no_result(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        list(parse(text))


def test_the_exit_code_does_not_count(fake: Path) -> None:
    (fake / "lint.sh").write_text(f"echo '{json.dumps([issue('risky-octal')])}'; exit 2\n", encoding="utf-8")
    assert [item.rule for item in begin(fake).result()] == ["lint:risky-octal"]


def test_cached_until_a_file_changes(fake: Path) -> None:
    for _ in range(2):
        assert begin(fake).result() == ()
    assert runs(fake) == 1
    (fake / "roles/a/tasks").mkdir(parents=True)
    for path in ("roles/a/tasks/main.yml", "x.j2", ".ansible-lint", "site.yml"):
        (fake / path).write_text("---\n- a\n", encoding="utf-8")
        before = runs(fake)
        begin(fake).result()
        begin(fake).result()
        assert runs(fake) == before + 1, path
    before = runs(fake)
    begin(fake, ANSIBLE_ROLES_PATH="/elsewhere").result()
    assert runs(fake) == before + 1


def test_an_old_result_is_not_used(fake: Path) -> None:
    begin(fake).result()
    (kept,) = cache(fake).glob("*.json")
    os.utime(kept, (time.time() - KEPT - 9, time.time() - KEPT - 9))
    begin(fake).result()
    assert runs(fake) == 2


def test_a_damaged_result_is_not_used(fake: Path) -> None:
    begin(fake).result()
    (kept,) = cache(fake).glob("*.json")
    kept.write_text("{", encoding="utf-8")
    assert begin(fake).result() == ()
    assert runs(fake) == 2


def test_what_can_be_cured_outside_is_looked_at_again(fake: Path) -> None:
    (fake / "lint.sh").write_text(f"echo '{json.dumps([issue('syntax-check[x]')])}'\n", encoding="utf-8")
    begin(fake).result()
    begin(fake).result()
    assert runs(fake) == 2


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            "echo 'Traceback'; echo 'ImportError: no x' >&2; exit 1",
            "exit code 1 and without a result: ImportError: no x",
        ),
        ("exit 0", "exit code 0 and without a result: it said nothing"),
        ("kill -9 $$", "exit code -9"),
    ],
)
@pytest.mark.parametrize(("required", "severity"), [(False, "warning"), (True, "error")])
def test_a_crash_is_told(fake: Path, script: str, words: str, required: bool, severity: str) -> None:
    (fake / "lint.sh").write_text(script + "\n", encoding="utf-8")
    (finding,) = begin(fake, required=required).result()
    assert (finding.rule, finding.severity) == ("lint", severity)
    assert finding.message.startswith("ansible-lint could not run: ")
    assert words in finding.message


def test_too_slow(fake: Path) -> None:
    (fake / "lint.sh").write_text("sleep 60\n", encoding="utf-8")
    began = time.monotonic()
    (finding,) = begin(fake, timeout=0.3).result()
    assert "it took longer than 0.3 s" in finding.message
    assert time.monotonic() - began < 10


def test_stopped(fake: Path) -> None:
    (fake / "lint.sh").write_text("sleep 60\n", encoding="utf-8")
    job = begin(fake)
    began = time.monotonic()
    job.stop()
    job.stop()
    assert time.monotonic() - began < 10


def test_not_installed(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aisafe.playbook.lint.find_ansible_lint", lambda environ: None)
    (finding,) = begin(fake).result()
    assert "it is not installed" in finding.message
    assert "--aisafe-lint=off" in finding.fix


def test_a_playbook_of_a_collection_is_not_linted(fake: Path) -> None:
    assert begin(fake, "namespace.collection.play").result() == ()
    assert runs(fake) == 0


def test_the_child_gets_nothing_of_a_surrounding_job(fake: Path) -> None:
    (fake / "lint.sh").write_text(
        f"env > {fake}/env; readlink /proc/self/fd/0 > {fake}/stdin; echo '[]'\n", encoding="utf-8"
    )
    begin(fake, **dict.fromkeys(NOT_PASSED_ON, "1"), PATH=f"/shim{os.pathsep}{os.environ['PATH']}").result()
    env = dict(line.partition("=")[::2] for line in (fake / "env").read_text(encoding="utf-8").splitlines())
    assert not set(env) & set(NOT_PASSED_ON)
    assert env["PATH"].split(os.pathsep)[1] == str(REAL.parent), "after the answers that are repeated to ansible-lint"
    assert (fake / "stdin").read_text(encoding="utf-8").strip() == "/dev/null"


def test_the_real_one_is_first_in_path() -> None:
    path = environment({"PATH": "/shim:/usr/bin"}, Path("/real/ansible-playbook"), Path("/lint/ansible-lint"))["PATH"]
    assert path == "/real:/lint:/shim:/usr/bin"


def test_the_real_ansible_lint(tmp_path: Path) -> None:
    bad = "---\n- name: Do\n  hosts: all\n  tasks:\n    - name: Pipe\n      ansible.builtin.shell: cat x | sort\n"
    (tmp_path / "bad.yml").write_text(bad, encoding="utf-8")
    (tmp_path / "broken.yml").write_text("- hosts: [\n", encoding="utf-8")
    findings: tuple[Finding, ...] = begin(tmp_path, "bad.yml", "broken.yml").result()
    found = {(item.rule.partition("[")[0], item.severity) for item in findings}
    assert {
        ("lint:risky-shell-pipe", "warning"),
        ("lint:no-changed-when", "warning"),
        ("lint:load-failure", "error"),
    } <= found
    assert {item.task.path for item in findings if item.task} == {"bad.yml", "broken.yml"}


@pytest.mark.parametrize("there", [(), ("cp", "tmp"), ("roles",), ("roles", "collections")])
def test_the_real_ansible_lint_whatever_ansibles_home_holds(tmp_path: Path, there: tuple[str, ...]) -> None:
    home, project = tmp_path / "home", tmp_path / "project"
    for name in there:
        (home / ".ansible" / name).mkdir(parents=True)
    if "roles" in there:
        (home / ".ansible/roles/web/tasks").mkdir(parents=True)
        (home / ".ansible/roles/web/tasks/main.yml").write_text("---\n- ansible.builtin.debug:\n", encoding="utf-8")
    project.mkdir(exist_ok=True)
    role = "  roles:\n    - web\n" if "roles" in there else ""
    (project / "site.yml").write_text(GOOD.replace("  tasks:", f"{role}  tasks:"), encoding="utf-8")
    before = {str(path): path.stat().st_mtime_ns for path in home.rglob("*")}
    for _ in range(2):  # the second one with what the first has kept
        (project / "site.yml").write_text((project / "site.yml").read_text() + "\n", encoding="utf-8")
        found = begin(project, "site.yml", HOME=str(home)).result()
        assert not [str(item) for item in found if item.severity == "error" or "could not run" in str(item)]
    assert {str(path): path.stat().st_mtime_ns for path in home.rglob("*")} == before


def test_rules_and_plugins_of_the_project_leave_no_trace(tmp_path: Path) -> None:
    """They run, since that is what ansible-lint does, and the kernel refuses what they do."""
    project = tmp_path / "project"
    touch = f"import os\nos.system('touch {tmp_path}/canary-NAME; touch {project}/canary-NAME')\n"
    reach = "import urllib.request\ntry:\n    urllib.request.urlopen('URL', timeout=2)\nexcept OSError:\n    pass\n"
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        for place in ("rules/evil.py", "callback_plugins/evil.py", "filter_plugins/evil.py", "library/evil.py"):
            path = project / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(touch.replace("NAME", path.parent.name) + reach.replace("URL", url), encoding="utf-8")
        (project / ".ansible-lint").write_text("rulesdir: [./rules]\nuse_default_rules: true\n", encoding="utf-8")
        (project / "ansible.cfg").write_text("[defaults]\ncallbacks_enabled = evil\n", encoding="utf-8")
        (project / "site.yml").write_text(GOOD, encoding="utf-8")
        before = sorted(project.rglob("*"))
        findings = start_lint(
            ["site.yml"], cwd=project, environ=os.environ, ansible_playbook=REAL, cache_dir=tmp_path / "cache"
        ).result()
        with pytest.raises(TimeoutError):
            server.accept()
    assert not [item for item in findings if item.rule == "lint"], findings  # it ran, and came to a result
    assert not list(tmp_path.glob("canary-*"))
    assert sorted(project.rglob("*")) == before


def test_where_the_kernel_cannot(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (fake / "lint.sh").write_text("exit 97\n", encoding="utf-8")
    (finding,) = begin(fake).result()
    assert (finding.rule, finding.severity) == ("lint", "warning")
    assert "this kernel cannot keep rules and plugins of the project from acting on this machine" in finding.message
    assert "--aisafe-lint=on" in finding.fix
