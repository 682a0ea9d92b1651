"""From where our login came."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from aisafe.agent import login


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("10.0.0.1 50000 10.0.0.5 22", {"client": "10.0.0.1", "address": "10.0.0.5", "port": 22}),
        ("fe80::1%eth0 50000 fe80::2%eth0 2222", {"client": "fe80::1", "address": "fe80::2", "port": 2222}),
        ("nonsense", {}),
    ],
)
def test_from_the_environment(monkeypatch: pytest.MonkeyPatch, value: str, expected: dict[str, object]) -> None:
    monkeypatch.setenv("SSH_CONNECTION", value)
    assert login.login() == expected


def test_from_the_processes_above_as_under_sudo() -> None:
    script = "from aisafe.agent import login; print(login.login())"
    inner = ["env", "-u", "SSH_CONNECTION", sys.executable, "-c", f"{script}"]
    outer = f"import subprocess, sys; sys.exit(subprocess.run({inner!r}).returncode)"
    environ = {**os.environ, "SSH_CONNECTION": "10.0.0.1 50000 10.0.0.5 22"}
    done = subprocess.run([sys.executable, "-c", outer], env=environ, capture_output=True, text=True, check=True)
    assert "'port': 22" in done.stdout
