"""What bash completes after a word that has words of its own, and for options."""

from __future__ import annotations

import subprocess

import pytest
from typer.testing import CliRunner

from aisafe.commands import app


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("aisafe", "snap"), ["snapshots"]),
        (("aisafe", "snapshots", ""), ["diff", "list", "prune", "restore", "show"]),
        (("aisafe", "snapshots", "re"), ["restore"]),
        (("aisafe-playbook", "--aisafe-wa"), ["--aisafe-waves="]),
    ],
)
def test_bash(words, expected):
    script = CliRunner().invoke(app, ["completion", "bash"]).output
    quoted = " ".join(f"'{word}'" for word in words)
    line = " ".join(words)
    call = "_aisafe_playbook" if words[0] == "aisafe-playbook" else "_aisafe"
    text = f"{script}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; COMP_LINE='{line}'; COMP_POINT={len(line)}\n"
    done = subprocess.run(
        ["bash", "-c", f'{text}{call}; printf "%s\\n" "${{COMPREPLY[@]}}"'], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == expected
