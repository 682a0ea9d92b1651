"""What a user gets: the wheel in a fresh environment, by pip and by pipx, and the pre-commit hook in a real repository.

They need a package index (`make packaging`).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.packaging
CLASH = """\
- name: Two on one port
  hosts: web
  tasks:
    - name: One
      community.docker.docker_container: {name: one, image: "busybox:1.36", ports: ["8080:80"]}
    - name: Two
      community.docker.docker_container: {name: two, image: "busybox:1.36", ports: ["8080:80"]}
"""
MENDED = CLASH.replace('two, image: "busybox:1.36", ports: ["8080', 'two, image: "busybox:1.36", ports: ["8081')


def run(*words: str | Path, cwd: Path, code: int = 0, **environ: str) -> str:
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE", "AISAFE", "PYTHON", "GIT_"))
    }
    env = {**kept, "PATH": "/usr/local/bin:/usr/bin:/bin", **environ}
    done = subprocess.run(
        list(map(str, words)), cwd=cwd, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == code, f"{words} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def fresh(directory: Path) -> Path:
    venv.create(directory, with_pip=True)
    return directory / "bin"


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> tuple[Path, Path]:
    """The sdist, and the wheel that is made from it."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", out, ROOT, cwd=out)
    return next(out.glob("*.tar.gz")), next(out.glob("*.whl"))


def works(programs: Path, directory: Path) -> None:
    """Both commands do their work, without anything of this checkout."""
    directory.mkdir(exist_ok=True)
    state = {"XDG_STATE_HOME": str(directory), "XDG_CACHE_HOME": str(directory)}
    assert "aisafe 0." in run(programs / "aisafe", "--version", cwd=directory)
    assert "[core 2." in run(programs / "aisafe-playbook", "--version", cwd=directory)
    assert "--aisafe-accept=RULE[@HOST]" in run(programs / "aisafe-playbook", "--aisafe-help", cwd=directory)
    (directory / "site.yml").write_text(CLASH, encoding="utf-8")
    (directory / "hosts").write_text("web\n", encoding="utf-8")
    words = ("plan", "--aisafe-state=none", "-i", "hosts", "site.yml")
    said = run(programs / "aisafe", *words, cwd=directory, code=20, **state)
    assert "port-conflict-in-run" in said
    assert "ansible-lint could not run" not in said
    run(programs / "aisafe", "init", "molecule", cwd=directory)
    assert (directory / "molecule" / "default" / "create.yml").is_file()
    assert "complete -o" in run(programs / "aisafe", "completion", "bash", cwd=directory)


def test_the_wheel_holds_all_and_nothing_else(built):
    names = zipfile.ZipFile(built[1]).namelist()
    tracked = subprocess.run(
        ["git", "ls-files", "aisafe"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    data = [name for name in names if ".dist-info/" not in name and ".data/" not in name]
    assert sorted(data) == sorted(tracked)
    assert {name.rpartition("/")[2] for name in names if ".data/" in name} == {"aisafe.1", "aisafe-playbook.1"}


def test_pip_installs_it(built, tmp_path):
    programs = fresh(tmp_path / "venv")
    run(programs / "pip", "install", "--quiet", "--disable-pip-version-check", built[1], cwd=tmp_path)
    run(programs / "pip", "check", cwd=tmp_path)
    works(programs, tmp_path / "work")
    assert (tmp_path / "venv" / "share" / "man" / "man1" / "aisafe-playbook.1").is_file()
    run(programs / "pip", "uninstall", "--quiet", "--yes", "aisafe", cwd=tmp_path)
    assert not list((tmp_path / "venv" / "lib").glob("python*/site-packages/aisafe/**/*.py"))


def test_pipx_installs_it(built, tmp_path):
    programs = fresh(tmp_path / "venv")
    run(programs / "pip", "install", "--quiet", "--disable-pip-version-check", "pipx", cwd=tmp_path)
    home = {
        "PIPX_HOME": str(tmp_path / "pipx"),
        "PIPX_BIN_DIR": str(tmp_path / "bin"),
        "PIPX_MAN_DIR": str(tmp_path / "man"),
    }
    run(programs / "pipx", "install", "--include-deps", built[1], cwd=tmp_path, **home)
    assert {"aisafe", "aisafe-playbook", "ansible-playbook"} <= {path.name for path in (tmp_path / "bin").iterdir()}
    assert (tmp_path / "man" / "man1" / "aisafe.1").exists()
    works(tmp_path / "bin", tmp_path / "work")


def test_pre_commit_blocks_a_commit_until_it_is_mended_offline_too(tmp_path):
    hooks, work = tmp_path / "hooks", tmp_path / "work"
    run("git", "clone", "--quiet", ROOT, hooks, cwd=tmp_path)
    revision = run("git", "rev-parse", "HEAD", cwd=hooks).strip()
    work.mkdir()
    (work / ".pre-commit-config.yaml").write_text(
        f"repos:\n  - repo: {hooks}\n    rev: {revision}\n    hooks: [{{id: aisafe, args: [--playbook=site.yml]}}]\n"
    )
    environ = {
        "PRE_COMMIT_HOME": str(tmp_path / "cache"), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@example.org", "XDG_STATE_HOME": str(tmp_path / "state"),
    }  # fmt: skip
    run("git", "init", "--quiet", ".", cwd=work)
    run("pre-commit", "install", "--install-hooks", cwd=work, **environ)
    (work / "site.yml").write_text(CLASH, encoding="utf-8")
    run("git", "add", ".", cwd=work)
    refused = run("git", "commit", "-m", "Two services", cwd=work, code=1, **environ)
    assert "site.yml:6: error port-conflict-in-run" in refused
    (work / "site.yml").write_text(MENDED, encoding="utf-8")
    run("git", "add", ".", cwd=work)
    assert "Passed" in run("git", "commit", "-m", "Two services", cwd=work, **environ)
    assert not (tmp_path / "state").exists()

    offline = ["unshare", "--net"] if os.geteuid() == 0 and shutil.which("unshare") else ["unshare", "--user", "--net"]
    (work / "site.yml").write_text(CLASH, encoding="utf-8")
    run("git", "add", ".", cwd=work)
    again = run(*offline, "git", "commit", "-m", "Back", cwd=work, code=1, **environ)
    assert "port-conflict-in-run" in again
    run("git", "checkout", "--quiet", "HEAD", "--", "site.yml", cwd=work)
    (work / "vars.yml").write_text("a: 1\n", encoding="utf-8")
    run("git", "add", ".", cwd=work)
    run(*offline, "git", "commit", "-m", "Variables", cwd=work, **environ)
