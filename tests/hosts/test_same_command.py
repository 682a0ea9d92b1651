"""One word changes on the command line, and everything else goes on: the same output, exit code and effect.

Each line is run by ansible-playbook and by aisafe-playbook on a host in the same state. Standard output must be the same to the
letter (what tells of the moment apart), what ansible-playbook says on standard error must stand in ours, too, unless it refuses
the command line, and what it leaves on the host and on the controller must be the same.

`make test` takes a part of the lines (PART), `make commands` all of them.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.story import Workplace, workplace

SITE = """\
- name: Same
  hosts: all
  gather_facts: false
  vars: {word: plain}
  tasks:
    - name: Write
      ansible.builtin.copy: {content: "{{ word }}\\n", dest: /etc/aisafe-same, mode: "0644"}
      tags: [write]
      notify: Tell
    - name: Say
      ansible.builtin.debug:
        msg: "{{ word }} {{ ansible_check_mode }} {{ ansible_diff_mode }} {{ ansible_verbosity }} {{ ansible_forks }} {{ ansible_run_tags | sort }}"
      tags: [say]
    - name: Leave out
      ansible.builtin.copy: {content: "never\\n", dest: /etc/aisafe-never, mode: "0644"}
      when: word == 'never'
    - name: Who
      ansible.builtin.command: id -un
      register: who
      changed_when: false
      check_mode: false
    - name: Go on over a failure
      ansible.builtin.fail: {msg: "as {{ who.stdout }}"}
      ignore_errors: true
  handlers:
    - name: Tell
      ansible.builtin.debug: {msg: told}
"""  # noqa: E501
FACTS = """\
- name: Facts
  hosts: all
  tasks:
    - name: Write
      ansible.builtin.copy: {content: "{{ ansible_facts.distribution }}\\n", dest: /etc/aisafe-same, mode: "0600"}
"""
ROLE = "- {name: Role, hosts: all, gather_facts: false, roles: [same]}\n"
SECRET = """\
- name: Secret
  hosts: all
  gather_facts: false
  vars_files: [secret.yml]
  tasks:
    - name: Write
      ansible.builtin.copy: {content: "{{ hidden }}\\n", dest: /etc/aisafe-same, mode: "0600"}
      no_log: true
"""
LINES = """\
site.yml
-v site.yml
-vv site.yml
site.yml -v --diff
-D site.yml
--check site.yml
-C -D site.yml
--tags say site.yml
--tags=write,say site.yml
-t write site.yml
--skip-tags write site.yml
--limit web1 site.yml
-l 'all:!web1' site.yml
--start-at-task Say site.yml
-e word=given site.yml
--extra-vars '{"word": "json"}' site.yml
-e @more.yml site.yml
-e word=first -e word=second site.yml
-f 1 site.yml
--forks=7 site.yml
-u root site.yml
-b site.yml
--become-user nobody -b --tags say site.yml
-c ssh -T 20 site.yml
--force-handlers --flush-cache site.yml
site.yml facts.yml
plays/../site.yml
facts.yml
role.yml
--vault-password-file vault.txt secret.yml.play
--vault-id dev@vault.txt secret.yml.play
-i more.ini site.yml
-i more.ini -i inventory.ini --limit alias site.yml
--syn site.yml
--list-hosts site.yml
--list-tasks --list-tags site.yml
--version
absent.yml
--no-such-option site.yml
site.yml --tags
ANSIBLE_STDOUT_CALLBACK=oneline site.yml
ANSIBLE_STDOUT_CALLBACK=minimal site.yml
ANSIBLE_FORCE_COLOR=1 site.yml
ANSIBLE_DISPLAY_SKIPPED_HOSTS=false ANSIBLE_DISPLAY_OK_HOSTS=false site.yml
ANSIBLE_CALLBACK_RESULT_FORMAT=yaml -v site.yml
ANSIBLE_CALLBACKS_ENABLED=ansible.posix.profile_tasks site.yml
ANSIBLE_DIFF_ALWAYS=1 site.yml
ANSIBLE_GATHERING=explicit site.yml
ANSIBLE_STRATEGY=free site.yml
ANSIBLE_RUN_TAGS=say site.yml
ANSIBLE_VERBOSITY=1 site.yml
ANSIBLE_CHECK_MODE_MARKERS=true -C site.yml
ANSIBLE_PIPELINING=1 ANSIBLE_REMOTE_TMP=/tmp/aisafe-elsewhere site.yml
ANSIBLE_CONFIG=other.cfg site.yml
ANSIBLE_LOG_PATH=run.log site.yml
cfg:defaults.stdout_callback=minimal site.yml
cfg:defaults.roles_path=elsewhere role.yml
cfg:defaults.vault_password_file=vault.txt secret.yml.play
cfg:defaults.fact_caching=jsonfile cfg:defaults.fact_caching_connection=facts facts.yml
cfg:defaults.show_task_path_on_failure=true cfg:defaults.display_args_to_stdout=true site.yml
cfg:ssh_connection.pipelining=true cfg:defaults.forks=3 site.yml
cfg:privilege_escalation.become=true cfg:diff.always=true site.yml
""".splitlines()
SHARES = 2
"""Tests that the lines are shared out to, so that several hosts take them at once."""
PART = 6
"""Without AISAFE_ALL_COMMANDS in the environment, every sixth line is taken: all of them take several minutes."""
MOMENTS = re.compile(
    r"ansible-tmp-[\d.]+-\d+-\d+|(?<=\d{4}-\d\d-\d\d )[\d:.]+|(?<=\"delta\": \")[\d:.]+|(?<=delta: ')[\d:.]+"
)
"""What tells of the moment of a run: names of temporary directories, when a command began, ended and how long it took."""
TIMES = re.compile(r"\d+[:.]\d[\d:.]*|\w+day \d+ \w+ \d{4}|\*+|=+|-+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    words: list[str]
    environ: dict[str, str]
    config: str

    @classmethod
    def parse(cls, line: str) -> Command:
        environ: dict[str, str] = {}
        sections: dict[str, list[str]] = {"defaults": ["host_key_checking = false"]}
        words = []
        for word in shlex.split(line):
            name, equals, value = word.partition("=")
            if not words and equals and name.isupper():
                environ[name] = value
            elif word.startswith("cfg:"):
                section, _, key = name.removeprefix("cfg:").partition(".")
                sections.setdefault(section, []).append(f"{key} = {value}")
            else:
                words.append(word)
        if not {"-i", "--version"} & {*words}:
            words = ["-i", "inventory.ini", *words]
        text = "\n".join(f"[{section}]\n" + "\n".join(keys) for section, keys in sections.items())
        return cls(words=words, environ=environ, config=text + "\n")


def write_project(place: Workplace, inventory_line: str) -> None:
    for name, text in (("site.yml", SITE), ("facts.yml", FACTS), ("role.yml", ROLE), ("secret.yml.play", SECRET)):
        place.write(name, text)
    place.write("more.yml", "word: file\n")
    place.write("more.ini", f"[more]\nalias {inventory_line.split(None, 1)[1]}\n[more:vars]\nword=inventory\n")
    place.write("vault.txt", "correct horse\n")
    place.write("secret.yml", "hidden: battery\n")
    place.write("other.cfg", "[defaults]\nhost_key_checking = false\nforks = 9\n")
    (place.directory / "plays").mkdir()
    for root in ("roles", "elsewhere"):
        tasks = place.directory / root / "same" / "tasks" / "main.yml"
        tasks.parent.mkdir(parents=True)
        tasks.write_text(
            f"- {{name: Write, ansible.builtin.copy: {{content: {root}, dest: /etc/aisafe-same, mode: '0640'}}}}\n",
            encoding="utf-8",
        )
    sealed = place.run("ansible-vault", "encrypt", "--vault-password-file", "vault.txt", "secret.yml")
    assert sealed.returncode == 0, sealed.stderr


def clean(host, place: Workplace) -> None:
    host.run("rm -rf /etc/aisafe-same /etc/aisafe-never /tmp/aisafe-elsewhere")
    (place.directory / "run.log").unlink(missing_ok=True)
    shutil.rmtree(place.directory / "facts", ignore_errors=True)


def run(program: str, command: Command, host, place: Workplace) -> tuple[dict[str, object], str]:
    """What is to be the same, and standard error."""
    clean(host, place)
    place.write("ansible.cfg", command.config)
    done = place.run(program, *command.words, AISAFE_LINT="off", **command.environ)
    log = place.directory / "run.log"
    seen = {
        "stdout": MOMENTS.sub("#", done.stdout),
        "exit code": done.returncode,
        "host": host.run("cd /etc && stat -c '%n %a %U' aisafe-* 2>/dev/null; cat aisafe-* 2>/dev/null", check=False).stdout,
        "log": re.sub(r"^\S+ \S+ p=\d+ u=\w+ n=\w+ ", "", log.read_text(encoding="utf-8"), flags=re.MULTILINE)
        if log.exists() else "",
        "fact cache": sorted(path.name for path in (place.directory / "facts").glob("*")),
    }  # fmt: skip
    return seen, done.stderr


def still(text: object) -> object:
    """Without times, and in no order of them."""
    return sorted(TIMES.sub("#", text).splitlines()) if isinstance(text, str) else text


@pytest.mark.parametrize("share", range(SHARES))
def test_the_same_as_ansible_playbook(host, tmp_path: Path, share: int) -> None:
    place = workplace(tmp_path / "work", [host.inventory_line()], group="web")
    write_project(place, host.inventory_line())
    wrong: list[str] = []
    for line in LINES[:: 1 if os.environ.get("AISAFE_ALL_COMMANDS") else PART][share::SHARES]:
        command = Command.parse(line)
        theirs, said = run("ansible-playbook", command, host, place)
        ours, ours_said = run("aisafe-playbook", command, host, place)
        timed = "profile_tasks" in line
        for what, value in theirs.items():
            if (still(ours[what]) != still(value)) if timed else (ours[what] != value):
                wrong.append(f"{line}: {what}:\n{ours[what]!r}\ninstead of\n{value!r}\n{ours_said}")
        if theirs["exit code"]:
            continue  # what went wrong is said in words of our own
        missing = [text for text in said.splitlines() if text.strip() and text not in ours_said]
        if missing:
            wrong.append(f"{line}: stderr lacks {missing}:\n{ours_said}")
    assert not wrong, "\n\n".join(wrong)
    clean(host, place)
