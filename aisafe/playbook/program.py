"""Which ansible-playbook applies, and handing over to it for questions that it answers itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from aisafe.errors import AisafeError

DEPTH = "AISAFE_DEPTH"


def find_ansible_playbook(environ: Mapping[str, str], configured: str = "") -> Path:
    """The ansible-playbook that applies: configured (AISAFE_ANSIBLE_PLAYBOOK), else the next in PATH that is not us.

    A shim under that name that leads back to aisafe-playbook is passed over. Last, the one installed beside this Python.
    Raises AisafeError when there is none, or when a shim calls us again and again.
    """
    if int(environ.get(DEPTH, "0")) > 3:
        raise AisafeError(
            "aisafe-playbook was started by itself several times over: what it found as ansible-playbook leads back to it.",
            fix="Set AISAFE_ANSIBLE_PLAYBOOK to the path of the real ansible-playbook.",
        )
    if configured:
        path = Path(configured).expanduser()
        if not os.access(path, os.X_OK) or path.is_dir():
            raise AisafeError(f"AISAFE_ANSIBLE_PLAYBOOK names {path}, which is no program that can be run.",
                              fix="Correct it, or unset it: then the one in PATH is used.")  # fmt: skip
        return path
    names = [Path(item or ".") / "ansible-playbook" for item in environ.get("PATH", os.defpath).split(os.pathsep)]
    for path in [*names, Path(sys.executable).parent / "ansible-playbook"]:
        if path.is_file() and os.access(path, os.X_OK) and not _is_shim(path):
            return path
    raise AisafeError(
        "There is no ansible-playbook in PATH nor beside this Python.",
        fix="Install ansible-core, or set AISAFE_ANSIBLE_PLAYBOOK to its path.",
    )


def beside(program: Path) -> bool:
    """Whether it is the one of our own environment, under whatever name it is reached (pipx links it elsewhere)."""
    return program.resolve().parent == Path(sys.executable).parent.resolve()


def _is_shim(path: Path) -> bool:
    if path.resolve().name == "aisafe-playbook":
        return True
    with path.open("rb") as file:
        _shebang, _, body = file.read(4096).partition(b"\n")  # the first line may hold any path
    return b"aisafe-playbook" in body or b"aisafe.cli" in body


def run_as_is(program: Path, arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Become ansible-playbook: for questions such as ``--list-tasks``, where nothing of ours is added. Does not return."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(program, [str(program), *arguments], deeper(environ))  # noqa: S606


def deeper(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child that may be us again: how deep we are is counted in it."""
    return {**environ, DEPTH: str(int(environ.get(DEPTH, "0")) + 1)}
