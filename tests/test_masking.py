"""No secret of a command line, a variable or a unit comes into a record."""

from __future__ import annotations

from typing import Any

import pytest

from aisafe.masking import MASK, masked_command_line, masked_variables, names_secret, redacted
from aisafe.playbook.commandline import parse

KNOWN = ("debug", "deadline")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("@vault.yml", "@vault.yml"),
        ("port=9100", "port=9100"),
        ("db_password=s3cret port=9100", "db_password=*** port=9100"),
        ("db_password='s3 cret' port=9100", "db_password=*** port=9100"),
        ('api_token = "a b"', "api_token = ***"),
        ('{"port": 1, "db": {"root_password": "x"}}', '{"port": 1, "db": {"root_password": "***"}}'),
        ("{secret_key: x, names: [a]}", '{"secret_key": "***", "names": ["a"]}'),
        ("{broken: [", MASK),
        ("just words", MASK),
    ],
)
def test_variables(given: str, expected: str) -> None:
    assert masked_variables(given) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("password", True), ("ansible_become_pass", True), ("API_KEY", True), ("apikey", True), ("aws_secret", True),
        ("ssh_private_key", True), ("token", True), ("http_auth", True), ("key", True),
        ("vault-password-file", False), ("private-key", False), ("token_path", False), ("author", False),
        ("port", False), ("keyboard", False), ("monkey", False),
    ],
)  # fmt: skip
def test_names(name: str, expected: bool) -> None:
    assert names_secret(name) is expected


@pytest.mark.parametrize(
    "argv",
    [
        ["-i", "h,", "-e", "db_password=s3cret", "site.yml"],
        ["-i", "h,", "-edb_password=s3cret", "site.yml"],
        ["-i", "h,", "-ve", "db_password=s3cret", "site.yml"],
        ["--extra-vars=db_password=s3cret", "--aisafe-deadline=9", "site.yml"],
        ["--extra-vars", '{"db_password": "s3cret"}', "--aisafe-debug", "site.yml"],
        ["--extra", "db_password=s3cret", "site.yml"],
    ],
)
def test_command_line(argv: list[str]) -> None:
    kept = masked_command_line(argv, parse(argv, known=KNOWN))
    assert "s3cret" not in " ".join(kept)
    assert MASK in " ".join(kept)
    assert len(kept) == len(argv)
    assert kept[-1] == "site.yml"


def test_a_harmless_command_line_is_kept_as_typed() -> None:
    argv = [
        "--aisafe-debug",
        "-i",
        "h,",
        "--vault-password-file",
        "pw.txt",
        "-b",
        "--private-key=k",
        "--",
        "--aisafe-x",
    ]
    assert masked_command_line(argv, parse(argv, known=KNOWN)) == argv


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"environment": {"DB": "x"}}, {"environment": {"DB": MASK}}),
        ({"argv": ["app", "--password", "x", "--port", "9"]}, {"argv": ["app", "--password", MASK, "--port", "9"]}),
        ({"argv": ["app", "--password=x"]}, {"argv": ["app", "--password=***"]}),
        ({"commands": [["env", "TOKEN=x", "app"]]}, {"commands": [["env", "TOKEN=***", "app"]]}),
        ({"argv": ["app", "--token-file", "/x"]}, {"argv": ["app", "--token-file", "/x"]}),
        ([{"a": {"command": ["--secret", "--flag"]}}], [{"a": {"command": ["--secret", "--flag"]}}]),
        (
            {"services": [{"argv": ["sleep", "x", "--user=x", "-c"]}]},
            {"services": [{"argv": ["sleep", MASK, "--user=***", "-c"]}]},
        ),
        ({"port": 1, "ok": None}, {"port": 1, "ok": None}),
    ],
)
def test_stage_data(given: Any, expected: Any) -> None:
    assert redacted(given) == expected
