"""Which ansible-core applies, where it is another one than ours: asked beside the rest, since its start takes a second."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from aisafe.frozen import frozen
from aisafe.playbook.program import beside, deeper

PATIENCE = 30.0
"""Seconds that it may take to tell its version."""


@frozen
class Release:
    """``core`` and ``python`` are '' where it did not say."""

    program: str
    core: str = ""
    python: str = ""


class Asked:
    """The question under way. ``result`` waits for the answer; None when the program is the one of our own environment."""

    def __init__(self, program: Path, environ: Mapping[str, str]) -> None:
        self._program, self._child = program, None if beside(program) else _start(program, environ)

    def result(self) -> Release | None:
        if self._child is None:
            return None if beside(self._program) else Release(program=str(self._program))
        try:
            said, _ = self._child.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._child.kill()
            said, _ = self._child.communicate()
        core, python = re.search(r"\[core ([^\s\]]+)", said), re.search(r"python version = ([\w.]+)", said)
        return Release(program=str(self._program), core=core[1] if core else "", python=python[1] if python else "")

    def close(self) -> None:
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
            self._child.communicate()


def _start(program: Path, environ: Mapping[str, str]) -> subprocess.Popen[str] | None:
    """Away from the project: neither its ansible.cfg nor what the environment names is read for this."""
    env = {name: value for name, value in environ.items() if not name.startswith("ANSIBLE_")}
    try:
        return subprocess.Popen(
            [os.path.abspath(program), "--version"], cwd="/", env=deeper(env), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace", start_new_session=True,
        )  # fmt: skip
    except OSError:
        return None


def difference(applies: Release, judges: str) -> str:
    """What is to be said of the two, '' when they are the same version."""
    if not applies.core or applies.core == judges:
        return ""
    return f"judged with ansible-core {judges}; what applies is ansible-core {applies.core} ({applies.program})."
