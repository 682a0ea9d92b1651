"""The ssh program's command line. tests/hosts/test_logins.py goes over it for real."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisafe.errors import Unreachable
from aisafe.model import Connection
from aisafe.transport.hostconfig import Route
from aisafe.transport.openssh import command, open_program

WAY = Route(name="web1", address="10.0.0.1", port=22, user="ann", program="a certificate")


def test_the_options_of_the_inventory_and_nobody_is_asked() -> None:
    given = Connection(host="web1", address="10.0.0.1", user="ann", port=2222, private_key_file="/k", host_key_checking=False,
                       common_args="-o CertificateFile=/c", extra_args="-J gate")  # fmt: skip
    words = command(given, WAY)
    assert words[:3] == ["ssh", "-o", "ControlPath=none"], "a connection of somebody else proves no login"
    assert words[-2:] == ["--", "10.0.0.1"]
    line = " ".join(words)
    for part in (
        "-o CertificateFile=/c",
        "-J gate",
        "-o BatchMode=yes",
        "-o StrictHostKeyChecking=no",
        "-i /k",
        "-p 2222",
        "-l ann",
    ):
        assert part in line
    assert "StrictHostKeyChecking" not in " ".join(command(Connection(host="web1", address="-oProxyCommand=x"), WAY))


def test_what_ssh_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ssh"
    program.write_text("#!/bin/sh\necho 'ann@10.0.0.1: Permission denied (publickey).' >&2\nexit 255\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(
        Unreachable, match=r"a certificate is beyond paramiko\): ann@10.0.0.1: Permission denied"
    ) as caught:
        open_program(Connection(host="web1", address="10.0.0.1"), WAY)
    assert "BatchMode" in caught.value.fix
