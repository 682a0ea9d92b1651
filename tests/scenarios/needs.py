"""What some scenarios need that neither a test host nor its packages have; README.md says where it comes from."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.story import ROOT

CLUSTER = (Path(__file__).parent / "cluster.yml").read_text(encoding="utf-8")
"""Tasks that start an API server on the host."""
NEEDS = ("kubernetes", "untested-ansible")


@cache
def lacking(need: str) -> str:
    """Why a scenario that needs it cannot be run here, '' when it can. Raises ValueError for an unknown need."""
    if need == "kubernetes":
        wanted = [Path(os.environ.get("AISAFE_KUBERNETES_BIN", ""), name) for name in ("kube-apiserver", "etcd")]
        absent = [path.name for path in wanted if not os.access(path, os.X_OK)]
        return f"AISAFE_KUBERNETES_BIN is no directory with {' and '.join(absent)}" if absent else ""
    if need == "untested-ansible":
        return _untested()
    raise ValueError(f"need {need} is none of {', '.join(NEEDS)}")


def _untested() -> str:
    programs = os.environ.get("AISAFE_UNTESTED_ANSIBLE", "")
    if not os.access(Path(programs, "aisafe"), os.X_OK):
        return "AISAFE_UNTESTED_ANSIBLE is no bin directory of a virtual environment with aisafe (make untested)"
    ask = "import aisafe.simulation.compat as known; print(known.ANSIBLE_VERSION, known.VERSION in known.TESTED)"
    done = subprocess.run([f"{programs}/python", "-c", ask], capture_output=True, text=True, check=False, cwd=ROOT)
    version, _, tested = done.stdout.strip().partition(" ")
    return "" if tested == "False" else f"ansible-core {version or done.stderr.strip()} was tested"


def environ(need: str) -> Mapping[str, str]:
    """Variables for every command of a scenario that needs it."""
    return {"AISAFE_TEST_ANSIBLE": os.environ["AISAFE_UNTESTED_ANSIBLE"]} if need == "untested-ansible" else {}


def prepare(need: str) -> list[dict[str, Any]]:
    """Plays that come before the scenario's own preparation."""
    if need != "kubernetes":
        return []
    programs = os.environ["AISAFE_KUBERNETES_BIN"]
    return [{"hosts": "all", "become": True, "gather_facts": False, "vars": {"programs": programs},
             "tasks": [{"ansible.builtin.include_tasks": "cluster.yml"}]}]  # fmt: skip
