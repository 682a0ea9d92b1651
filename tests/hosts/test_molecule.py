"""Molecule runs our default scenario through aisafe-playbook: the story, idempotence included."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


@pytest.mark.usefixtures("hosts")  # where none can be had it says so, and fails where they are required
def test_the_default_scenario(tmp_path):
    env = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "XDG_STATE_HOME": str(tmp_path), "NO_COLOR": "1"}
    done = subprocess.run(
        [str(BIN / "molecule"), "test"], cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=600,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    for step in ("prepare", "side_effect", "converge", "idempotence", "verify"):
        assert re.search(rf"default . {step}", said), f"{step} did not run:\n{said}"
    assert said.count("CONFIRMED") >= 3, said
