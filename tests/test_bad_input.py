"""Bad input that needs no host: one message that says what, why, in which state the hosts are, and what to do."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.story import Workplace

UNTOUCHED = "Nothing was changed on any host."
PLAY = (
    "- {hosts: all, gather_facts: false, "
    "tasks: [{name: A file, ansible.builtin.copy: {dest: /etc/motd, content: x}}]}\n"
)
LOCAL = (
    "- {hosts: localhost, connection: local, gather_facts: false, "
    "tasks: [{name: Say, ansible.builtin.debug: {msg: hello}}]}\n"
)
NOBODY = "web1 ansible_host=127.0.0.1 ansible_port=1 ansible_user=root\n"
FILES: Mapping[str, str] = {
    "hosts.ini": NOBODY,
    "ok.yml": PLAY,
    "local.yml": LOCAL,
    "broken.yml": "- hosts: all\n  tasks:\n    - name: broken: [unclosed\n",
    "empty.yml": "",
    "string.yml": "just a string\n",
    "module.yml": "- {hosts: all, gather_facts: false, tasks: [{ansible.builtin.nosuch: {}}]}\n",
    "keyword.yml": "- {hosts: all, rolez: []}\n",
    "role.yml": "- {hosts: all, roles: [nosuch]}\n",
    "pattern.yml": "- {hosts: '{{ nosuch }}', tasks: []}\n",
    "vault.yml": "- {hosts: all, gather_facts: false, vars_files: [secret.yml], tasks: []}\n",
    "wrong-password": "wrong\n",
    "right-password": "opensesame\n",
    "broken.ini": "[web\nweb1 ansible_host\n",
    "broken.yaml": "all: [unclosed\n",
    "bad-settings/.aisafe.yml": "rules: [unclosed\n",
    "bad-key/.aisafe.yml": "ruels: {}\n",
    "bad-rule/.aisafe.yml": "rules: {port-conflit: warn}\n",
    "bad-config/ansible.cfg": "no section\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """``words``: the command; ``code`` as the README's table has it; ``says``: what its message must hold."""

    words: str
    code: int
    says: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)
    directory: str = "."

    def __str__(self) -> str:
        return f"{self.words} {self.directory} {' '.join(self.environ)}".strip()


RUN = "aisafe-playbook -i hosts.ini "
CASES = [
    Bad(words=RUN + "ok.yml --aisafe-dealine=3", code=2,
        says=("--aisafe-dealine", "Did you mean --aisafe-deadline?")),
    Bad(words=RUN + "ok.yml --aisafe-deadline=soon", code=2, says=("not a number", "--aisafe-deadline=10")),
    Bad(words=RUN + "ok.yml --aisafe-deadline", code=2, says=("needs a value", "--aisafe-deadline=")),
    Bad(words=RUN + "ok.yml --aisafe-accept=portconflict", code=2,
        says=("portconflict", "Did you mean port-conflict?")),
    Bad(words=RUN + "ok.yml --aisafe-format=xml", code=2, says=("no report format 'xml'", "json", "terminal")),
    Bad(words=RUN + "ok.yml --aisafe-report=xml:x", code=2, says=("no report format 'xml'", "Known formats")),
    Bad(words=RUN + "ok.yml --aisafe-config=nosuch", code=2, says=("no settings file", "--aisafe-config")),
    Bad(words=RUN + "ok.yml --aisafe-prompt=nosuch", code=2, says=("no prompt file", "nosuch", "--aisafe-prompt")),
    Bad(words=RUN + "ok.yml --chek", code=2, says=("Unknown option --chek", "Did you mean --check?")),
    Bad(words=RUN + "ok.yml -Z", code=2, says=("Unknown option -Z.", "ansible-playbook --help")),
    Bad(words=RUN + "ok.yml --limit", code=2, says=("--limit needs a value", "--limit VALUE")),
    Bad(words=RUN + "ok.yml --check=yes", code=2, says=("--check takes no value", "Write --check alone")),
    Bad(words=RUN + "ok.yml --ask", code=2, says=("ambiguous", "--ask-pass")),
    Bad(words=RUN + "ok.yml --forks many", code=2, says=("--forks", "ansible-playbook --help")),
    Bad(words=RUN + "ok.yml -K", code=2, says=("nothing to read it from", "--become-password-file")),
    Bad(words="aisafe-playbook -i ../hosts.ini ../ok.yml", directory="bad-settings", code=2,
        says=(".aisafe.yml:2", "not valid YAML", "Correct the YAML")),
    Bad(words="aisafe-playbook -i ../hosts.ini ../ok.yml", directory="bad-key", code=2,
        says=(".aisafe.yml:1", "unknown key 'ruels'", "Did you mean rules?")),
    Bad(words="aisafe-playbook -i ../hosts.ini ../ok.yml", directory="bad-rule", code=2,
        says=("no rule 'port-conflit'", "Did you mean port-conflict?")),
    Bad(words="aisafe-playbook -i ../hosts.ini ../ok.yml", directory="bad-config", code=2,
        says=("ansible.cfg cannot be read", "ANSIBLE_CONFIG")),
    Bad(words=RUN + "ok.yml", environ={"AISAFE_DEADLINE": "soon"}, code=2, says=("AISAFE_DEADLINE", "not a number")),
    Bad(words=RUN + "nosuch.yml", code=1, says=("nosuch.yml could not be found", "Correct the name")),
    Bad(words=RUN + "bad-key", code=1, says=("bad-key does not appear to be a file", "Correct the name")),
    Bad(words="aisafe-playbook -i nosuch.ini ok.yml", code=4, says=("nosuch.ini could not be found", "Correct -i")),
    Bad(words="aisafe-playbook -i broken.ini ok.yml", code=4, says=("broken.ini could not be read", "Correct -i")),
    Bad(words="aisafe-playbook -i broken.yaml ok.yml", code=4,
        says=("broken.yaml could not be read", "broken.yaml:2", "YAML parsing failed", "Correct -i")),
    Bad(words="aisafe-playbook ok.yml", environ={"ANSIBLE_INVENTORY": "nosuch.ini"}, code=4,
        says=("nosuch.ini could not be found", "ANSIBLE_INVENTORY")),
    Bad(words=RUN + "broken.yml", code=4, says=("YAML parsing failed", "broken.yml:3", "Correct the YAML")),
    Bad(words=RUN + "empty.yml", code=4, says=("Empty playbook", "empty.yml", "Write at least one play")),
    Bad(words=RUN + "string.yml", code=4,
        says=("must be a list of plays, got a str", "string.yml:1", "- hosts: GROUP")),
    Bad(words=RUN + "module.yml", code=4,
        says=("ansible.builtin.nosuch", "module.yml:1", "ansible-galaxy collection install")),
    Bad(words=RUN + "keyword.yml", code=4, says=("'rolez' is not a valid attribute", "keyword.yml:1", "ansible-doc")),
    Bad(words=RUN + "role.yml", code=1, says=("the role 'nosuch' was not found", "ansible-galaxy role install")),
    Bad(words=RUN + "pattern.yml", code=1, says=("'nosuch' is undefined", "Define the variable")),
    Bad(words=RUN + "ok.yml --limit nosuch", code=1,
        says=("no hosts to target", "--limit", "ansible-inventory --graph")),
    Bad(words=RUN + "ok.yml -e @nosuch.yml", code=1, says=("nosuch.yml", "Correct the name")),
    Bad(words=RUN + "ok.yml -e '{bad json'", code=4, says=("YAML parsing failed", "Correct the YAML")),
    Bad(words=RUN + "vault.yml", code=1, says=("secret.yml", "no vault secrets", "--ask-vault-pass")),
    Bad(words=RUN + "vault.yml --vault-password-file wrong-password", code=1,
        says=("secret.yml", "Decryption failed", "does not fit")),
    Bad(words=RUN + "vault.yml --vault-password-file nosuch", code=1,
        says=("nosuch was not found", "Correct the name")),
    Bad(words="aisafe plan -i hosts.ini nosuch.yml", code=1, says=("nosuch.yml could not be found",)),
    Bad(words="aisafe plan -i hosts.ini", code=2, says=("no playbook", "aisafe plan -i INVENTORY PLAYBOOK")),
    Bad(words="aisafe frobnicate", code=2, says=("No such command", "aisafe --help")),
    Bad(words="aisafe show --bogus", code=2, says=("No such option", "aisafe --help")),
    Bad(words="aisafe runs -n many", code=2, says=("integer", "aisafe --help")),
    Bad(words="aisafe show nosuch", code=2, says=("nosuch",)),
    Bad(words="aisafe rollback nosuch", code=2, says=("nosuch",)),
    Bad(words=RUN + "ok.yml", environ={"AISAFE_ANSIBLE_PLAYBOOK": "/nosuch"}, code=1, says=("/nosuch", "unset it")),
    Bad(words=RUN + "ok.yml", environ={"AISAFE_DEPTH": "9"}, code=1,
        says=("started by itself", "AISAFE_ANSIBLE_PLAYBOOK")),
    Bad(words=RUN + "ok.yml", environ={"XDG_STATE_HOME": "/dev/null"}, code=1,
        says=("can't be recorded", "AISAFE_STATE_DIR")),
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    from ansible.parsing.vault import VaultLib, VaultSecret

    made = Workplace(directory=tmp_path_factory.mktemp("bad"))
    for name, text in FILES.items():
        (made.directory / name).parent.mkdir(exist_ok=True)
        made.write(name, text)
    secret = VaultSecret(b"opensesame")
    made.write("secret.yml", VaultLib([("default", secret)]).encrypt("port: 8443\n", secret).decode())
    return made


@pytest.mark.parametrize("case", CASES, ids=str)
def test_one_message_and_its_exit_code(place: Workplace, case: Bad) -> None:
    environ = {"AISAFE_LINT": "off", **case.environ}
    done = subprocess.run(
        shlex.split(case.words), cwd=place.directory / case.directory, env=place.environ(**environ), timeout=120,
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    assert done.returncode == case.code, done.stderr
    assert done.stdout == "", "ansible-playbook must not have run"
    for words in case.says:
        assert words in done.stderr, f"{words!r} is missing in:\n{done.stderr}"
    assert done.stderr.count("ERROR") == 1, done.stderr
    assert UNTOUCHED in done.stderr
    assert "Traceback" not in done.stderr
    assert "<class" not in done.stderr


def test_the_traceback_is_shown_on_request(place: Workplace) -> None:
    done = place.playbook("--aisafe-debug", "broken.yml", "-i", "hosts.ini")
    assert done.returncode == 4
    assert "Traceback (most recent call last)" in done.stderr
    assert "ERROR YAML parsing failed" in done.stderr


def test_a_bug_is_told_without_its_traceback(place: Workplace) -> None:
    script = "import sys; from aisafe import cli; cli.playbook = lambda *a, **k: 1 / 0; cli.playbook_main()"
    for word, shown in (("", False), ("--aisafe-debug", True)):
        done = place.run(sys.executable, "-c", script, *filter(None, [word]))
        assert done.returncode == 1
        assert ("Traceback" in done.stderr) is shown
        assert "aisafe itself failed: ZeroDivisionError" in done.stderr
        assert "--aisafe-debug" in done.stderr


def test_the_right_vault_password_goes_through(place: Workplace) -> None:
    words = f"{RUN} --vault-password-file right-password vault.yml"
    done = place.run(*shlex.split(words), AISAFE_LINT="off")
    assert done.returncode == 23, done.stderr  # nothing listens at that port: only the host is missing
    assert "Connection refused" in done.stderr


def test_an_inventory_that_nobody_needs_may_be_missing(place: Workplace) -> None:
    done = place.run("aisafe-playbook", "-i", "nosuch.ini", "local.yml", AISAFE_LINT="off")
    assert done.returncode == 0, done.stderr
    assert "hello" in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        "--version", "-h", "--help", "-i hosts.ini --syntax-check ok.yml", "--list-tasks -i hosts.ini ok.yml", "",
        "-i hosts.ini ok.yml --list-hosts", "-i hosts.ini ok.yml --list-tags", "-i hosts.ini",
        "-i hosts.ini --syntax-check broken.yml",
    ],
)  # fmt: skip
def test_questions_are_ansible_playbooks_own(place: Workplace, words: str) -> None:
    plain, ours = (place.run(program, *shlex.split(words)) for program in ("ansible-playbook", "aisafe-playbook"))
    assert (ours.returncode, ours.stdout, ours.stderr) == (plain.returncode, plain.stdout, plain.stderr)


def test_a_play_on_the_implicit_localhost_passes_through(place: Workplace) -> None:
    plain = place.run("ansible-playbook", "-i", "hosts.ini", "local.yml")
    ours = place.run("aisafe-playbook", "-i", "hosts.ini", "local.yml", AISAFE_LINT="off")
    assert (ours.returncode, ours.stdout) == (plain.returncode, plain.stdout) == (0, plain.stdout)
    assert "ran as it is, unguarded" in ours.stderr


@pytest.mark.parametrize("shim", ["link", "script"])
def test_a_shim_named_ansible_playbook_does_not_call_itself(place: Workplace, tmp_path: Path, shim: str) -> None:
    program = Path(sys.executable).parent / "aisafe-playbook"
    link = tmp_path / "ansible-playbook"
    if shim == "link":
        link.symlink_to(program)
    else:
        link.write_text(f'#!/bin/sh\nexec {program} "$@"\n')
        link.chmod(0o755)
    path = f"{tmp_path}:{place.environ()['PATH']}"
    done = place.run(str(link), "-i", "hosts.ini", "local.yml", PATH=path, AISAFE_LINT="off")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("hello") == 1
    assert done.stderr.count("ran as it is, unguarded") == 1


def test_lint_does_not_call_a_shim(place: Workplace, tmp_path: Path) -> None:
    """With lint: it is given the real ansible-playbook, and its finding stands beside the others."""
    link = tmp_path / "ansible-playbook"
    link.symlink_to(Path(sys.executable).parent / "aisafe-playbook")
    environ = {"PATH": f"{tmp_path}:{place.environ()['PATH']}", "XDG_CACHE_HOME": str(tmp_path), "AISAFE_LINT": "on"}
    done = place.run("aisafe-playbook", "-i", "hosts.ini", "ok.yml", **environ)
    assert done.returncode in (20, 23), done.stderr
    assert "lint:risky-file-permissions" in done.stderr
    assert "could not run" not in done.stderr


def test_this_machine_can_be_planned_with_its_real_sockets(place: Workplace) -> None:
    """connection=local: what listens here is seen; nothing but the agent's own file is written."""
    import socket

    place.write("here.ini", f"here ansible_connection=local ansible_python_interpreter={sys.executable}\n")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        place.write("claim.yml", (
            "- hosts: here\n  gather_facts: false\n  tasks:\n    - name: A container\n"
            "      community.docker.docker_container:\n        name: aisafe-never-made\n        image: busybox:latest\n"
            f'        published_ports: ["127.0.0.1:{port}:80"]\n'
        ))  # fmt: skip
        done = place.run("aisafe", "plan", "-i", "here.ini", "claim.yml", AISAFE_LINT="off")
    assert done.returncode == 20, done.stderr
    assert done.stdout == ""
    for words in ("port-conflict", str(port), f"pid {os.getpid()}", "claim.yml:4"):
        assert words in done.stderr, f"{words!r} is missing in:\n{done.stderr}"


def test_ctrl_c_while_the_hosts_are_asked(place: Workplace) -> None:
    """A host that accepts the connection and never greets: Ctrl-C ends it at once, with ansible's own exit code."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        place.write("mute.ini", f"mute ansible_host=127.0.0.1 ansible_port={port} ansible_user=root\n")
        child = subprocess.Popen(
            ["aisafe-playbook", "-i", "mute.ini", "ok.yml"], cwd=place.directory, env=place.environ(AISAFE_LINT="off"),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        server.settimeout(60)
        connection, _ = server.accept()
        with connection:
            time.sleep(0.3)
            child.send_signal(signal.SIGINT)
            started = time.monotonic()
            out, err = child.communicate(timeout=60)
    assert child.returncode == 99, err
    assert time.monotonic() - started < 15
    assert out == ""
    assert "ERROR Interrupted." in err
    assert UNTOUCHED in err
    assert "Traceback" not in err
