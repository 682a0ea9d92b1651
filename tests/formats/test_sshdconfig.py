"""sshd's configuration for one login; sshd itself is asked where it is installed."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from aisafe.formats.serverconfig import Reader
from aisafe.formats.sshdconfig import KEYWORDS, MAIN, Who, effective, read, refused

FILES = {
    MAIN: "Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin yes\nPasswordAuthentication yes\n"
    "Match User ann\n  X11Forwarding no\n",
    "/etc/ssh/sshd_config.d/10-a.conf": "PasswordAuthentication no\n"
    "Match Group admin Address 10.0.0.0/8\n  PasswordAuthentication yes\n",
    "/etc/ssh/sshd_config.d/20-b.conf": "PermitRootLogin = no # first one counts\nPasswordAuthentication no\n"
    "AllowUsers ann@10.* bob\nAllowUsers root\n",
    "/etc/ssh/sshd_config.d/readme": "Nonsense",
}  # fmt: skip


def reader(files: dict[str, str]) -> Reader:
    def names(folder: str) -> tuple[str, ...]:
        return tuple(path.rpartition("/")[2] for path in files if path.rpartition("/")[0] == folder)

    return Reader(text=files.get, names=names)


@pytest.mark.parametrize(
    ("who", "keyword", "expected"),
    [
        (Who(user="root"), "permitrootlogin", "no"),
        (Who(user="bob"), "passwordauthentication", "no"),
        (Who(user="bob", groups=("admin",), client="10.1.1.1"), "passwordauthentication", "yes"),
        (Who(user="bob", groups=("admin",), client="192.0.2.1"), "passwordauthentication", "no"),
        (Who(user="ann"), "x11forwarding", "no"),
        (Who(user="ann"), "pubkeyauthentication", "yes"),
    ],
)
def test_what_holds(who: Who, keyword: str, expected: str) -> None:
    config = read(reader(FILES))
    assert config.errors == ()
    assert effective(config, who).word(keyword) == expected


def test_a_match_that_cannot_be_decided_is_said() -> None:
    found = effective(read(reader(FILES)), Who(user="bob", groups=("admin",)))
    assert "Match Group admin Address" in found.unclear


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (Who(user="bob"), None),
        (Who(user="eve"), "allowusers"),
        (Who(user="ann", client="10.2.3.4"), None),
        (Who(user="ann", client="192.0.2.4"), "allowusers"),
    ],
)
def test_who_is_refused(who: Who, expected: str | None) -> None:
    found = refused(effective(read(reader(FILES)), who), who)
    assert (found and found[0]) == expected


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("PermitRotLogin no", True),
        ("Port 70000", True),
        ("PasswordAuthentication maybe", True),
        ("PermitRootLogin sometimes", True),
        ("Banner", True),
        ("UseDNS no", False),
        ("MaxAuthTries=3", False),
        ("Subsystem sftp internal-sftp", False),
        ("# PermitRotLogin no", False),
        ("RSAAuthentication yes", False),
    ],
)
def test_what_keeps_sshd_from_starting(line: str, wrong: bool, tmp_path) -> None:
    config = read(reader({MAIN: line + "\n"}))
    assert bool(config.errors) == wrong
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/bin")
    if sshd is None:
        return
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    file = tmp_path / "sshd_config"
    file.write_text(f"HostKey {key}\n{line}\n")
    done = subprocess.run([sshd, "-t", "-f", file], capture_output=True, text=True, check=False)
    if "privilege separation" not in done.stderr.lower():
        assert (done.returncode != 0) == wrong, done.stderr


def test_what_cannot_be_read_is_no_empty_file() -> None:
    assert read(Reader()).unread == "/etc/ssh/sshd_config could not be read"
    assert "could not be listed" in read(Reader(text=lambda path: FILES[MAIN] if path == MAIN else False)).unread


def test_keywords_are_lower_case() -> None:
    assert all(keyword == keyword.lower() for keyword in KEYWORDS)
