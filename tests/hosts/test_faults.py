"""Faults of hosts and users: one message, the exit code of the README's table, and a host that is as it was."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.story import Workplace, workplace
from tests.testbed.listing import differences, observe

UNTOUCHED = "Nothing was changed on any host."
MOTD = """
- hosts: monitored
  gather_facts: false
  become: {become}
  tasks:
    - name: A file
      ansible.builtin.copy: {{dest: /etc/motd, content: "changed by the run\\n", mode: "0644"}}
"""
CONTAINER = """
- hosts: monitored
  gather_facts: false
  tasks:
    - name: A container
      community.docker.docker_container: {name: box, image: "busybox:latest", command: sleep 1000}
"""
UNDEFINED = """
- hosts: monitored
  gather_facts: false
  tasks:
    - name: First
      ansible.builtin.copy: {dest: /etc/motd, content: "changed by the run\\n", mode: "0644"}
    - name: Second
      ansible.builtin.copy: {dest: /etc/motd, content: "{{ nosuch }}", mode: "0644"}
"""
WAITS = """
- hosts: monitored
  gather_facts: false
  tasks:
    - name: Wait for a word
      ansible.builtin.shell: for i in $(seq 600); do test -e /run/go && exit 0; sleep 0.2; done; exit 1
      changed_when: false
"""

NO_PYTHON, PYTHON = "mv /usr/bin/python3.11 /usr/bin/python.away", "mv /usr/bin/python.away /usr/bin/python3.11"
AGENTS_PLACE = "/home/nosudo/.cache/aisafe"
"""Where the agent of a user without root's rights lies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """``broken`` and ``mended``: commands on the host around it. ``inventory``: pattern -> text, in the host's line.

    ``unseen``: the message tells of the whole host, so its reason must stand there once.
    """

    name: str
    code: int
    says: tuple[str, ...]
    inventory: tuple[tuple[str, str], ...] = ()
    words: str = "motd.yml"
    broken: str = "true"
    mended: str = "true"
    unseen: bool = False


CONNECTION = [
    Fault(name="the port is closed", inventory=((r"ansible_port=\d+", "ansible_port=1"),), code=23, unseen=True,
          says=("web1 cannot be reached", "port 1: Connection refused", "Check that the host is up")),
    Fault(name="the name is unknown", inventory=((r"ansible_host=\S+", "ansible_host=nosuch.invalid"),),
          code=23, unseen=True, says=("'nosuch.invalid' cannot be resolved", "ansible_host")),
    Fault(name="the login is refused", inventory=((r"ansible_user=\S+", "ansible_user=stranger"),), code=23, unseen=True,
          says=("lets nobody in as 'stranger'", "Check ansible_user")),
    Fault(name="the key has changed", code=23, unseen=True,
          inventory=((r"UserKnownHostsFile=\S+", "UserKnownHostsFile={place}/other_key"),),
          says=("host key has CHANGED", "SHA256:", "other_key line 1", "ssh-keygen -R")),
    Fault(name="the key is not known", inventory=((r"UserKnownHostsFile=\S+", "UserKnownHostsFile={place}/no_key"),),
          code=23, unseen=True, says=("is not known", "SHA256:", "Compare that fingerprint", "ssh-keyscan")),
    Fault(name="no sudo rights", inventory=((r"ansible_user=\S+", "ansible_user=nosudo"),), words="become.yml",
          code=23, unseen=True,
          says=("cannot become root", "sudo asks for a password, and none was given", "--ask-become-pass")),
    Fault(name="no root at all", inventory=((r"ansible_user=\S+", "ansible_user=nosudo"),), code=20,
          says=("guard-impossible", "without root's rights", "become: true")),
    Fault(name="an undefined variable", words="undefined.yml", code=20,
          says=("predicted-failure", "undefined.yml:7", "'nosuch' is undefined", "Correct the task")),
    Fault(name="an unknown connection", inventory=((r"ansible_user=\S+", "ansible_connection=winrm"),), code=23,
          says=("'winrm' is not supported yet", "Reach it by ssh")),
]  # fmt: skip
MISSING = [
    Fault(name="no rsync", broken="chmod a-x /usr/bin/rsync", mended="chmod a+x /usr/bin/rsync", code=20,
          says=("guard-impossible", "rsync is missing", "apt-get install rsync")),
    Fault(name="no Python where the inventory says", broken=NO_PYTHON, mended=PYTHON, code=23, unseen=True,
          says=("no Python was found at /usr/bin/python3", "ansible_python_interpreter")),
    Fault(name="no Python", broken=NO_PYTHON, mended=PYTHON, code=23, unseen=True,
          inventory=((r"ansible_python_interpreter=\S+", ""),),
          says=("no Python was found.", "apt-get install python3")),
    Fault(name="Docker is dead", broken="systemctl stop docker.socket docker.service", code=23,
          mended="systemctl start docker.service", says=("containers could not be seen", "Docker does not answer",
                                                         "systemctl start docker")),
    Fault(name="Docker is dead, and the play needs it", broken="systemctl stop docker.socket docker.service", code=20,
          mended="systemctl start docker.service", words="container.yml",
          says=("containers could not be seen", "guard-impossible", "(docker)", "systemctl start docker")),
    Fault(name="no space for the agent", broken="mount -t tmpfs -o size=16k none /var/lib/aisafe", code=23, unseen=True,
          mended="umount /var/lib/aisafe", says=("the agent cannot be put on the host", "No space left", "Make room")),
    Fault(name="no space for the snapshot", broken="mount -t tmpfs -o size=2m none /var/lib/aisafe", code=20,
          mended="umount /var/lib/aisafe",
          says=("guard-impossible", "MiB are free under /var/lib/aisafe", "Make room for the snapshot", "Nothing was changed")),
]  # fmt: skip


@pytest.fixture
def place(host, tmp_path) -> Workplace:
    made = workplace(tmp_path / "work", [host.inventory_line()])
    made.write("motd.yml", MOTD.format(become="false"))
    made.write("become.yml", MOTD.format(become="true"))
    made.write("container.yml", CONTAINER)
    made.write("undefined.yml", UNDEFINED)
    made.write("waits.yml", WAITS)
    made.write("no_key", "")
    return made


@contextmanager
def unchanged(host) -> Iterator[None]:
    """The outside observer finds the host as it was."""
    before = observe(host, exclude=[AGENTS_PLACE])
    yield
    found = differences(before, observe(host, exclude=[AGENTS_PLACE]))
    assert found == [], "\n".join(found)


def line_with(place: Workplace, host, changes: tuple[tuple[str, str], ...]) -> str:
    line = host.inventory_line()
    for pattern, text in changes:
        line = re.sub(pattern, text.format(place=place.directory), line)
    return f"[monitored]\n{line}\n"


def check(place: Workplace, host, fault: Fault) -> None:
    place.inventory.write_text(line_with(place, host, fault.inventory), encoding="utf-8")
    done = place.playbook(*fault.words.split())
    shown = f"{fault.name}:\n{done.stderr}"
    assert done.returncode == fault.code, shown
    assert done.stdout == "", f"ansible-playbook must not have run; {shown}"
    flat = " ".join(done.stderr.split())
    for words in fault.says:
        assert words in flat, f"{words!r} is missing; {shown}"
    assert UNTOUCHED in flat or "The host was not changed." in flat, shown
    assert "Traceback" not in flat, shown
    if fault.unseen:
        assert flat.count(fault.says[0]) == 1, f"told more than once; {shown}"
        assert flat.count("ERROR") == 1, shown
    assert host.run("test -L /var/lib/aisafe/pending", check=False).returncode != 0, f"{fault.name}: something is armed"


def test_who_cannot_be_reached_or_may_not(host, place):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(place.directory / "key")], check=True)
    kind, text = (place.directory / "key.pub").read_text().split()[:2]
    place.write("other_key", f"{host.address} {kind} {text}\n")
    host.run(f"install -d -o nosudo -g nosudo /home/nosudo/.cache {AGENTS_PLACE}")
    with unchanged(host):
        for fault in CONNECTION:
            check(place, host, fault)


def test_what_is_missing_on_the_host(host, place):
    host.run("mkdir -p /var/lib/aisafe")
    for fault in MISSING:
        host.run(fault.broken)
        try:
            with unchanged(host):
                check(place, host, fault)
        finally:
            host.run(fault.mended)
    done = place.playbook("motd.yml")
    assert done.returncode == 0, f"all is mended again: {done.stderr}"


def test_one_host_of_two_is_down(hosts, tmp_path):
    """All or none: the one that is there is left alone."""
    up, down = hosts(2)
    place = workplace(tmp_path / "work", [up.inventory_line(), down.inventory_line()])
    place.write("motd.yml", MOTD.format(become="false"))
    down.kill()
    with unchanged(up):
        done = place.playbook("motd.yml")
    assert done.returncode == 23, done.stderr
    assert done.stdout == ""
    assert f"{down.name} cannot be reached" in done.stderr
    assert f"{up.name} cannot be reached" not in done.stderr
    assert UNTOUCHED in done.stderr


def test_two_runs_at_once(host, place):
    first = started(place, "waits.yml")
    try:
        until = time.monotonic() + 120
        while host.run("pgrep -f 'test -e /run/[g]o'", check=False).returncode:
            assert time.monotonic() < until, "the first run did not get to its task"
            time.sleep(0.3)
        with unchanged(host):
            second = place.playbook("motd.yml")
        assert second.returncode == 24, second.stderr
        assert second.stdout == ""
        flat = " ".join(second.stderr.split())
        expected = ("The host is locked", "aisafe-playbook waits.yml", str(first.pid), "Wait until it ends", UNTOUCHED)
        for words in expected:
            assert words in flat, second.stderr
        assert "Traceback" not in flat
    finally:
        host.run("touch /run/go")
        _, err = first.communicate(timeout=120)
    assert first.returncode == 0, err
    assert "CONFIRMED" in err


def test_check_takes_no_snapshot(host, place):
    plain = place.run("ansible-playbook", "-i", "inventory.ini", "--check", "motd.yml")
    assert plain.returncode == 0, plain.stderr
    with unchanged(host):
        done = place.playbook("--check", "motd.yml")
    assert (done.returncode, done.stdout) == (0, plain.stdout), done.stderr
    assert "A file" in done.stdout
    assert "changes 1 file" in done.stderr
    assert "snapshot" not in done.stderr
    assert host.run("ls /var/lib/aisafe/runs", check=False).stdout == ""


@pytest.mark.parametrize(
    ("stage", "sent"),
    [("forecasting", signal.SIGINT), ("taking snapshots", signal.SIGINT), ("forecasting", signal.SIGTERM)],
)
def test_interrupted_before_anything_was_applied(host, place, stage, sent):
    with unchanged(host):
        child = started(place, "motd.yml")
        seen = ""
        for line in child.stderr:
            seen += line
            if f"aisafe: {stage}" in line:
                child.send_signal(sent)
                break
        out, rest = child.communicate(timeout=120)
    err = seen + rest
    assert child.returncode == 99, err
    assert out == ""
    assert "ERROR Interrupted." in err
    assert UNTOUCHED in err
    assert "Traceback" not in err
    assert host.run("test -L /var/lib/aisafe/pending", check=False).returncode != 0, "something is armed"
    done = place.playbook("motd.yml")
    assert done.returncode == 0, f"nothing stands in the way of the next run: {done.stderr}"


def started(place: Workplace, playbook: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["aisafe-playbook", "-i", "inventory.ini", playbook], cwd=place.directory,
        env=place.environ(AISAFE_LINT="off"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip


def on_terminal(place: Workplace, *words: str, answers: dict[str, str]) -> tuple[int, str]:
    """Run on a pseudo-terminal of its own and answer each prompt once; the exit code and all that was shown."""
    master, slave = os.openpty()
    child = subprocess.Popen(
        words, cwd=place.directory, env=place.environ(AISAFE_LINT="off", TERM="xterm", COLUMNS="200"),
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  getpass opens /dev/tty
    )  # fmt: skip
    os.close(slave)
    shown, left, until = b"", dict(answers), time.monotonic() + 180
    with suppress(OSError):  # EIO: nobody has the terminal open any more
        while time.monotonic() < until:
            if select.select([master], [], [], 0.5)[0]:
                part = os.read(master, 65536)
                if not part:
                    break
                shown += part
            for prompt in [item for item in left if shown.endswith(item.encode())]:
                os.write(master, left.pop(prompt).encode() + b"\n")
    os.close(master)
    return child.wait(timeout=30), shown.decode(errors="replace")


def texts_below(directory: Path) -> str:
    return "\n".join(path.read_text(errors="replace") for path in directory.rglob("*") if path.is_file())


@pytest.fixture
def asking(host, place) -> Workplace:
    line = line_with(place, host, ((r"ansible_user=\S+", "ansible_user=askpass"),))
    place.inventory.write_text(line, encoding="utf-8")
    return place


def test_the_right_sudo_password_is_asked_for_once(host, asking):
    words = ["aisafe-playbook", "-i", "inventory.ini", "-K", "become.yml"]
    code, shown = on_terminal(asking, *words, answers={"BECOME password: ": "secret-pw"})
    assert code == 0, shown
    assert shown.count("BECOME password: ") == 1
    assert "changed: [web1]" in shown, "ansible's own output is on the terminal"
    assert "CONFIRMED" in shown
    assert host.read("/etc/motd") == "changed by the run\n"
    assert "secret-pw" not in shown
    assert "secret-pw" not in texts_below(asking.directory / "state")
    assert not [name for name in os.listdir("/dev/shm") if name.startswith("aisafe-")], "the handed-over file is gone"


def test_a_wrong_sudo_password(host, asking):
    with unchanged(host):
        words = ["aisafe-playbook", "-i", "inventory.ini", "-K", "become.yml"]
        code, shown = on_terminal(asking, *words, answers={"BECOME password: ": "wrong-pw"})
    assert code == 23, shown
    assert shown.count("BECOME password: ") == 1
    flat = " ".join(shown.split())
    for words in ("cannot become root: the password for sudo is wrong", "Check the become password", UNTOUCHED):
        assert words in flat, shown
    for words in ("Traceback", "wrong-pw", "PLAY ["):
        assert words not in shown
    assert shown.count("\x1b[?25h") >= shown.count("\x1b[?25l"), "the cursor is shown again"


SECRETS = """
- hosts: monitored
  gather_facts: false
  vars_files: [secret.yml]
  tasks:
    - name: A hidden one
      ansible.builtin.copy: {dest: /etc/hidden, content: "hidden-4711-value\\n", mode: "0600"}
      no_log: true
    - name: From the vault
      ansible.builtin.copy: {dest: /etc/vaulted, content: "{{ api_token }}\\n", mode: "0600"}
    - name: From the command line
      ansible.builtin.copy: {dest: /etc/given, content: "{{ db_password }}\\n", mode: "0600"}
    - name: A hidden command
      ansible.builtin.command: echo {{ api_token }} {{ db_password }}
      changed_when: false
      no_log: true
    - name: A hidden one that fails
      ansible.builtin.command: python3 -c "raise SystemExit(3)" {{ api_token }} {{ db_password }} hidden-4711-value
      changed_when: false
      no_log: true
      ignore_errors: "{{ ignored | bool }}"
"""
HIDDEN = ("hidden-4711-value", "vaulted-4712-value", "given-4713-value", "vault-4714-pw")


@pytest.mark.parametrize(("ignored", "code"), [("true", 0), ("false", 21)])
def test_secrets_appear_nowhere(host, place, ignored, code):
    from ansible.parsing.vault import VaultLib, VaultSecret

    secret = VaultSecret(b"vault-4714-pw")
    vault = VaultLib([("default", secret)])
    place.write("secret.yml", vault.encrypt("api_token: vaulted-4712-value\n", secret).decode())
    place.write("pw", "vault-4714-pw\n")
    place.write("secrets.yml", SECRETS)
    words = ["-vv", "-e", "db_password=given-4713-value", "-e", f"ignored={ignored}"]
    words += ["--vault-password-file", "pw", "secrets.yml"]
    done = place.playbook(*words, "--aisafe-debug")
    assert done.returncode == code, done.stderr
    if code == 0:
        assert host.read("/etc/vaulted") == "vaulted-4712-value\n"
    planned = place.run("aisafe", "plan", "-i", "inventory.ini", "--aisafe-format=json", *words, AISAFE_LINT="off")
    shown = place.run("aisafe", "show", "-v", "last")
    places = {
        "the output": done.stdout + done.stderr, "the document": planned.stdout + planned.stderr,
        "aisafe show": shown.stdout + shown.stderr, "the record": texts_below(place.directory / "state"),
        "the host's record": host.run(f"grep -rlE '{'|'.join(HIDDEN)}' /var/lib/aisafe || true").stdout,
    }  # fmt: skip
    for where, text in places.items():
        for value in HIDDEN:
            assert value not in text, f"{value} stands in {where}"
    assert places["the host's record"] == ""
