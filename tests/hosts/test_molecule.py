"""Molecule runs our scenarios through aisafe-playbook, idempotence included, and the one that `aisafe init molecule` writes.

`make test` takes the default one, which tells the story; `make molecule` all of them.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.story import BIN, ROOT
from tests.testbed import build
from tests.testbed.engine import docker

ALL = bool(os.environ.get("AISAFE_ALL_MOLECULE"))
thorough = pytest.mark.skipif(not ALL, reason="its own target: make molecule")
SCENARIOS = {"default": ("prepare", "side_effect"), "rollback": ("side_effect",), "containers": ("side_effect",),
             "fleet": ("side_effect",)}  # fmt: skip
"""Each with the steps it has beside converge, idempotence and verify."""


def molecule(*words: str, cwd: Path, state: Path) -> str:
    env = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "XDG_STATE_HOME": str(state), "NO_COLOR": "1"}
    done = subprocess.run(
        [str(BIN / "molecule"), *words], cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=900,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.usefixtures("hosts")  # where none can be had it says so, and fails where they are required
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == "default" else thorough) for name in SCENARIOS]
)
def test_a_scenario(name, tmp_path):
    said = molecule("test", "-s", name, cwd=ROOT, state=tmp_path)
    for step in (*SCENARIOS[name], "converge", "idempotence", "verify"):
        assert re.search(rf"{name} . {step}", said), f"{step} did not run:\n{said}"
    assert said.count("CONFIRMED") >= 2, said


@thorough
@pytest.mark.usefixtures("hosts")
def test_the_scenario_that_init_writes(tmp_path):
    image = "aisafe-testbed-molecule:latest"
    docker("tag", build(quiet=True), image)
    subprocess.run([BIN / "aisafe", "init", "molecule"], cwd=tmp_path, check=True)
    path = tmp_path / "molecule" / "default" / "molecule.yml"
    text = path.read_text(encoding="utf-8")
    name = f"aisafe-molecule-{os.getpid()}"
    text = re.sub(r"image: \S+", f"image: {image}", text).replace("name: instance", f"name: {name}")
    path.write_text(text, encoding="utf-8")
    said = molecule("test", cwd=tmp_path, state=tmp_path / "state")
    assert said.count("CONFIRMED") >= 2, said
    assert docker("ps", "--all", "--quiet", "--filter", f"name={name}").stdout == ""
