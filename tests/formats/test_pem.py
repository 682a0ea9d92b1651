from __future__ import annotations

import base64

import pytest

from aisafe.formats import pem


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_what_is_none(content: bytes) -> None:
    assert pem.private_key(content) is None
    assert pem.certificate(content) is None
    assert pem.request(content) is None
    assert pem.parameters_size(content) is None
    assert pem.public_text(content, None, openssh=False) is None


def test_ssh_public_keys() -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPj7sLo5HZdGgkUkVzqmJUDLZKEH8kZdPBnQGGaGqEYr me@here"
    assert pem.ssh_public_key(key) == ("ed25519", 256, "me@here")
    assert pem.ssh_public_key(key.replace("ssh-ed25519", "ssh-rsa")) is None
    assert pem.ssh_public_key("ssh-ed25519 ====") is None
    assert pem.ssh_public_key("") is None


def test_parameters() -> None:
    prime = (1 << 255) + 19
    numbers = b"\x02\x21\x00" + prime.to_bytes(32, "big") + b"\x02\x01\x02"
    text = base64.b64encode(b"\x30" + bytes([len(numbers)]) + numbers)
    assert pem.parameters_size(b"-----BEGIN DH PARAMETERS-----\n" + text + b"\n-----END DH PARAMETERS-----\n") == 256
