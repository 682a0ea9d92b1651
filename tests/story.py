"""The story's steps, for the demo and the tests alike."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PLAYBOOKS = ROOT / "playbooks"
BIN = Path(sys.executable).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """A directory with an inventory, a copy of the story's playbooks, and records and caches of its own.

    AISAFE_TEST_ANSIBLE: a directory whose programs go before those beside us (`make older`). ``variables``: of the
    environment, before ours.
    """

    directory: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def inventory(self) -> Path:
        return self.directory / "inventory.ini"

    def environ(self, **more: str) -> dict[str, str]:
        around = {**os.environ, **self.variables}
        own = {
            "PATH": ":".join(filter(None, [around.get("AISAFE_TEST_ANSIBLE"), str(BIN), around["PATH"]])),
            "XDG_STATE_HOME": str(self.directory / "state"),
            "ANSIBLE_NOCOWS": "1",
        }
        unwanted = ("AISAFE_DEPTH", "ANSIBLE_CONFIG", "PYTHONDONTWRITEBYTECODE")  # each would make us another user
        return {**{k: v for k, v in around.items() if k not in unwanted}, **own, **more}

    def run(self, *words: str, timeout: float = 300, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run one command in the workplace, its output captured."""
        return subprocess.run(
            words, cwd=self.directory, env=self.environ(**environ), capture_output=True, text=True, check=False,
            timeout=timeout, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def playbook(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """``aisafe-playbook -i inventory.ini WORDS`` without lint, which has tests of its own."""
        environ.setdefault("AISAFE_LINT", "off")
        return self.run("aisafe-playbook", "-i", "inventory.ini", *words, **environ)

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        """``aisafe-playbook -i inventory.ini WORDS`` under way, in a process group of its own that may be killed."""
        return subprocess.Popen(
            ["aisafe-playbook", "-i", "inventory.ini", *words], cwd=self.directory, env=self.environ(AISAFE_LINT="off"),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def plan(self, *words: str, **environ: str) -> tuple[int, dict[str, Any]]:
        """``aisafe plan --aisafe-format=json``: its exit code and document."""
        environ.setdefault("AISAFE_LINT", "off")
        done = self.run("aisafe", "plan", "-i", "inventory.ini", "--aisafe-format=json", *words, **environ)
        if not done.stdout.startswith("{"):
            raise AssertionError(f"no document on stdout (exit {done.returncode}):\n{done.stdout}{done.stderr}")
        return done.returncode, json.loads(done.stdout)

    def write(self, name: str, text: str) -> str:
        (self.directory / name).write_text(text, encoding="utf-8")
        return name


def workplace(directory: Path, inventory_lines: Sequence[str], *, group: str = "monitored") -> Workplace:
    """Make one in ``directory``; the hosts stand in ``group``."""
    directory.mkdir(parents=True, exist_ok=True)
    shutil.copytree(PLAYBOOKS, directory, dirs_exist_ok=True)
    place = Workplace(directory=directory)
    place.inventory.write_text("\n".join([f"[{group}]", *inventory_lines, ""]), encoding="utf-8")
    return place


def put_in(playbook: str, finding: dict[str, Any]) -> str:
    """The playbook's text with the finding's own way out put in, as ``aisafe fix --write`` does it."""
    from aisafe.model import Finding
    from aisafe.model.codec import load
    from aisafe.patching import patches

    known = load(Finding, {key: value for key, value in finding.items() if value is not None})
    return patches([known], {finding["task"]["path"]: playbook}.get).patches[0].after
