"""What counts as a secret in plain text, and what only looks like one."""

from __future__ import annotations

import pytest

from aisafe.formats.plainsecrets import LARGEST, PlainSecret, plain_secrets, secrets_held


def names(text: str) -> list[tuple[int, str, bool]]:
    return [(item.line, item.name, item.placeholder) for item in plain_secrets(text)]


@pytest.mark.parametrize(
    ("line", "placeholder"),
    [
        ("db_password: hunter2", False),
        ("password: 12345678", False),
        ("api_key: abcdef123", False),
        ("GF_SECURITY_ADMIN_PASSWORD: s3cr3t", False),
        ("aws_secret_access_key: AKIAxyz", False),
        ("token: ghp_abcdef", False),
        ("password: changeme", True),
        ("db_password: CHANGE_ME_PLEASE", True),
        ("secret: <your secret>", True),
        ("login_password: |\n  -----BEGIN-----", False),
        ("password: http://me:pw@host/", False),
    ],
)
def test_secrets(line: str, placeholder: bool) -> None:
    found = names(f"---\n{line}\n")
    assert [(number, flag) for number, _, flag in found] == [(2, placeholder)]


@pytest.mark.parametrize(
    "line",
    [
        'password: "{{ vault_password }}"',
        "password: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3132",
        "update_password: on_create",
        "password_lock: true",
        "password: '!'",
        "password: ''",
        "password:",
        "password: true",
        "password: $6$salt$hash",
        "token: /run/secrets/token",
        "password: ${DB_PASSWORD}",
        "token: https://example.org/token",
        "key: ssh-ed25519 AAAA me@home",
        "password_file: secret.txt",
        "authorized_keys: abc",
        "secrets: [a, b]",
    ],
)
def test_no_secrets(line: str) -> None:
    assert names(f"---\n{line}\n") == []


def test_nested_places_are_found_in_their_lines() -> None:
    text = "- hosts: all\n  vars: {a: 1, my_token: abcd}\n  tasks:\n    - x:\n        env:\n          DB_PASSWORD: hunter2\n"
    assert names(text) == [(2, "my_token", False), (6, "DB_PASSWORD", False)]


@pytest.mark.parametrize(
    "text",
    [
        "$ANSIBLE_VAULT;1.1\npassword: abc",
        "password: [unclosed",
        "password: abc\n" + " " * LARGEST,
        "a: &x\n  token: *x\n",
    ],
)
def test_what_cannot_be_read_says_nothing(text: str) -> None:
    assert plain_secrets(text) == ()


def test_the_value_is_not_in_what_comes_back() -> None:
    (found,) = plain_secrets("password: hunter2\n")
    assert found == PlainSecret(line=1, name="password")
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("[db]\nhost = x\npassword = hunter2 ; of the shop\n", ["password"]),
        ("export DB_PASSWORD='a b'\nAPI_KEY=abc123\n", ["DB_PASSWORD", "API_KEY"]),
        ('{\n  "user": "x",\n  "clientSecret": "abc123",\n  "api-key": "abc"\n}', ["clientSecret", "api-key"]),
        ("environment:\n  - POSTGRES_PASSWORD=abc123\n  TOKEN: abc123\n", ["POSTGRES_PASSWORD", "TOKEN"]),
        ("spring.datasource.password=abc123\n", ["spring.datasource.password"]),
        ("'password' => 'abc123',\n", ["password"]),
        ("DATABASE_URL=postgres://shop:hunter2@db/shop\n", ["the password in an address"]),
        ("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n", ["a private key"]),
        ("DB_PASSWORD=⟦the output of 'Read it'⟧\n", ["DB_PASSWORD"]),
        ("DB_PASSWORD=${DB_PASSWORD:?needed}\nDB_PASSWORD_FILE=/run/secrets/db\nPASSWORD=changeme\n", []),
        ("passwd: files systemd\npasswd: files\n# password = abc123\nPasswordAuthentication yes\n", []),
        ("password = getpass.getpass()\ntoken = args.token\nsecret = os.environ['X']\n", []),
        ("auth    required pam_unix.so\npassword requisite pam_pwquality.so\ncredentials: true\n", []),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\nURL=http://${U}:${P}@x/\n", []),
        ("proxy_pass http://127.0.0.1:3000;\nlisten [::]:80\nimage: registry:5000/a@sha256:abc\n", []),
    ],
)
def test_what_a_file_holds_for_its_readers(text: str, held: list[str]) -> None:
    assert list(secrets_held(text)) == held
