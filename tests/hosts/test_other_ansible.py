"""Beside an ansible-core that aisafe was not tested with, from the package registry."""

from __future__ import annotations

import os
import site
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.testbed import Host

OLDER = "ansible-core==2.18.*"
PLAY = "- {hosts: all, gather_facts: false, tasks: [{name: a, copy: {content: x, dest: /tmp/a}}]}\n"
MAIN = "import sys; sys.argv[0] = 'aisafe'; from aisafe.entry import main; main()"


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that finds the older ansible-core first, and all else where this one has it."""
    place = tmp_path_factory.mktemp("older")
    venv.create(place, with_pip=False, symlinks=True)
    packages = place / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
    subprocess.run([*pip, "--target", str(packages), OLDER], check=True, capture_output=True, text=True)
    lines = [f"import site; site.addsitedir({where!r})" for where in site.getsitepackages()]
    (packages / "others.pth").write_text("\n".join(lines) + "\n")
    (packages / "bin" / "ansible-playbook").rename(place / "bin" / "ansible-playbook")
    return place


@pytest.mark.parametrize(
    ("allow", "words"),
    [
        ("", ("was not tested with the forecast; tested are 2.19", "pip install 'ansible-core>=2.19")),
        ("1", ("Nothing can be forecast with ansible-core 2.18", "pip install 'ansible-core>=2.19")),
    ],
)
def test_an_older_one_is_refused_in_words(
    older: Path, host: Host, tmp_path: Path, allow: str, words: tuple[str, ...]
) -> None:
    Path(tmp_path, "play.yml").write_text(PLAY)
    Path(tmp_path, "inventory.ini").write_text(host.inventory_line() + "\n")
    environment = {**os.environ, "AISAFE_LINT": "off", "AISAFE_ALLOW_UNTESTED_ANSIBLE": allow,
                   "XDG_STATE_HOME": str(tmp_path / "state"), "PATH": f"{older / 'bin'}:{os.environ['PATH']}"}  # fmt: skip
    done = subprocess.run(
        [older / "bin" / "python", "-c", MAIN, "plan", "-i", "inventory.ini", "play.yml"], cwd=tmp_path, env=environment,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    said = " ".join(done.stderr.split())
    assert done.returncode == 4, said
    assert all(word in said for word in words), said
    assert "Nothing was changed on any host" in said
