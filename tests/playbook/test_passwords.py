"""Passwords are asked once, in ansible's words, and handed on without a trace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aisafe.errors import UsageError
from aisafe.playbook.commandline import parse
from aisafe.playbook.passwords import Handover, Passwords, ask_all


def asked(argv, environ=None, cwd=Path("/"), answers=("one", "two", "three")):
    texts, left = [], list(answers)

    def ask(text):
        texts.append(text)
        return left.pop(0)

    given = ask_all(parse(argv, known=()), environ or {}, cwd, ask)
    return texts, given


@pytest.mark.parametrize(
    ("argv", "texts"),
    [
        (["a.yml"], []),
        (["-k", "a.yml"], ["SSH password: "]),
        (["-K", "a.yml"], ["BECOME password: "]),
        (["-kK", "a.yml"], ["SSH password: ", "BECOME password[defaults to SSH password]: "]),
        (["-J", "a.yml"], ["Vault password: "]),
        (["--vault-id", "dev@prompt", "a.yml"], ["Vault password (dev): "]),
        (["--vault-id=dev@file", "a.yml"], []),
    ],
)
def test_the_texts_are_ansibles(argv, texts):
    assert asked(argv)[0] == texts


def test_an_empty_become_password_is_the_ssh_password():
    assert asked(["-kK", "a.yml"], answers=("ssh", ""))[1].become == "ssh"


def test_the_environment_and_the_configuration_ask_too(tmp_path):
    assert asked(["a.yml"], {"ANSIBLE_BECOME_ASK_PASS": "yes"})[0] == ["BECOME password: "]
    (tmp_path / "ansible.cfg").write_text("[defaults]\nask_pass = True\n")
    assert asked(["a.yml"], {}, tmp_path)[0] == ["SSH password: "]
    assert asked(["a.yml"], {"ANSIBLE_ASK_PASS": "no"}, tmp_path)[0] == []


def test_nothing_to_read_from_is_said():
    def ask(_text):
        raise EOFError

    with pytest.raises(UsageError, match="nothing to read it from"):
        ask_all(parse(["-K", "a.yml"], known=()), {}, Path("/"), ask)


def test_secrets_have_no_repr():
    given = Passwords(connection="s3cret-a", become="s3cret-b", vault={"x": "s3cret-c"})
    assert "s3cret" not in repr(given)


def test_the_handover_replaces_prompts_and_leaves_nothing_behind():
    line = parse(["-vkK", "-i", "h", "--vault-id", "dev@prompt", "a.yml", "--tags", "x"], known=())
    with Handover(line, Passwords(connection="c", become="b", vault={"dev": "v"})) as handover:
        arguments = list(handover.arguments)
        path = Path(arguments[arguments.index("--connection-password-file") + 1])
        assert path.read_text() == "c\n"
        assert os.stat(path).st_mode & 0o777 == 0o600
        vault = next(word for word in arguments if word.startswith("--vault-id="))
        assert vault.startswith("--vault-id=dev@")
        assert Path(vault.partition("@")[2]).read_text() == "v\n"
        rest = [word for word in arguments[4:] if not word.startswith("--vault-id")]
        assert rest == ["-v", "-i", "h", "a.yml", "--tags", "x"]
    assert not path.parent.exists()


def test_without_passwords_the_arguments_are_untouched():
    line = parse(["-i", "h", "a.yml"], known=())
    with Handover(line, Passwords()) as handover:
        assert handover.arguments == ("-i", "h", "a.yml")
        assert handover.environ == {}


def test_ask_vault_pass_becomes_a_file():
    line = parse(["--ask-vault-pass", "a.yml"], known=())
    with Handover(line, Passwords(vault={"default": "v"})) as handover:
        assert handover.arguments[0].startswith("--vault-id=default@")
        assert handover.arguments[1:] == ("a.yml",)
