"""Passwords are asked once, in ansible's own words, and handed on to the forecast and to the real run."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from types import TracebackType

from aisafe.errors import UsageError
from aisafe.frozen import frozen
from aisafe.playbook.commandline import CommandLine
from aisafe.playbook.configuration import setting, truthy

Ask = Callable[[str], str]


@frozen
class Passwords:
    """What was asked for; nothing here has a repr. ``vault``: vault id -> secret ('default' for --ask-vault-pass)."""

    connection: str | None = field(default=None, repr=False)
    become: str | None = field(default=None, repr=False)
    vault: Mapping[str, str] = field(default_factory=dict, repr=False)


def ask_all(line: CommandLine, environ: Mapping[str, str], cwd: Path, ask: Ask) -> Passwords:
    """Ask for what the command line, the environment or ansible.cfg says is to be asked, in ansible's order and words.

    The texts are those of ansible.cli.CLI.ask_passwords and setup_vault_secrets: AWX matches them by regular expression.
    """

    def wanted(variable: str, section: str, key: str) -> bool:
        return truthy(setting(environ, cwd, variable=variable, section=section, key=key))

    ask_connection = line.has("-k", "--ask-pass") or wanted("ANSIBLE_ASK_PASS", "defaults", "ask_pass")
    ask_become = line.has("-K", "--ask-become-pass") or wanted(
        "ANSIBLE_BECOME_ASK_PASS", "privilege_escalation", "become_ask_pass"
    )
    ask_vault = line.has("-J", "--ask-vault-password", "--ask-vault-pass") or wanted(
        "ANSIBLE_ASK_VAULT_PASS", "defaults", "ask_vault_pass"
    )
    try:
        connection = ask("SSH password: ") if ask_connection else None
        become = None
        if ask_become:
            text = "BECOME password[defaults to SSH password]: " if ask_connection else "BECOME password: "
            become = ask(text) or connection
        vault = {}
        for slug in line.values("--vault-id"):
            name, at, source = slug.rpartition("@")
            if at and source in ("prompt", "prompt_ask_vault_pass"):
                vault[name or "default"] = ask(f"Vault password ({name or 'default'}): ")
        if ask_vault:
            vault["default"] = ask("Vault password: ")
    except EOFError:
        raise UsageError(
            "A password was asked for, but there is nothing to read it from (end of input).",
            fix="Run it on a terminal, or give a file: --become-password-file, --connection-password-file, "
            "--vault-password-file.",
        ) from None
    return Passwords(connection=connection, become=become, vault=vault)


class Handover:
    """Gives the passwords to the real ansible-playbook without a second prompt: arguments and variables to use instead.

    The files lie in a private directory of a tmpfs where there is one; the results callback removes them as soon as
    ansible has read them, and leaving the context does so again. A context manager.
    """

    def __init__(self, line: CommandLine, passwords: Passwords) -> None:
        self._line, self._passwords = line, passwords
        self._directory: Path | None = None
        self.arguments: tuple[str, ...] = line.arguments
        self.environ: dict[str, str] = {}

    def __enter__(self) -> Handover:
        given = self._passwords
        if given.connection is None and given.become is None and not given.vault:
            return self
        places = ("/dev/shm", os.environ.get("XDG_RUNTIME_DIR"))  # noqa: S108  a tmpfs: nothing reaches a disk
        base = next((path for path in places if path and os.path.isdir(path)), None)
        self._directory = Path(tempfile.mkdtemp(prefix="aisafe-", dir=base))
        added: list[str] = []
        if given.connection is not None:
            added += ["--connection-password-file", self._file("connection", given.connection)]
            self.environ["ANSIBLE_ASK_PASS"] = "false"  # noqa: S105
        if given.become is not None:
            added += ["--become-password-file", self._file("become", given.become)]
            self.environ["ANSIBLE_BECOME_ASK_PASS"] = "false"  # noqa: S105
        files = {name: self._file(f"vault-{index}", secret) for index, (name, secret) in enumerate(given.vault.items())}
        self.environ["ANSIBLE_ASK_VAULT_PASS"] = "false"  # noqa: S105
        self.arguments = tuple(added + self._without_prompts(files))
        self.environ["AISAFE_REMOVE_WHEN_READ"] = str(self._directory)
        return self

    def _file(self, name: str, secret: str) -> str:
        assert self._directory is not None
        path = self._directory / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secret + "\n")
        return str(path)

    def _without_prompts(self, files: Mapping[str, str]) -> list[str]:
        """The arguments with each prompting option replaced, all others in their places."""
        asks = {"-k": "k", "-K": "K", "-J": "J"}
        long_asks = ("--ask-pass", "--ask-become-pass", "--ask-vault-password", "--ask-vault-pass")
        arguments: list[str | None] = list(self._line.arguments)
        for word in self._line.words:
            old = arguments[word.start]
            if word.name in asks and old is not None:
                letters = old.replace(asks[word.name], "", 1)
                arguments[word.start] = letters if letters != "-" else None
            elif word.name in long_asks:
                arguments[word.start] = None
            elif word.name == "--vault-id" and (word.value or "").rpartition("@")[2] in (
                "prompt",
                "prompt_ask_vault_pass",
            ):
                name = (word.value or "").rpartition("@")[0] or "default"
                arguments[word.start] = f"--vault-id={name}@{files[name]}"
                for place in range(word.start + 1, word.end):
                    arguments[place] = None
        asked = self._line.has("-J", "--ask-vault-password", "--ask-vault-pass") or "default" in files
        named = any((word.value or "").startswith("default@") for word in self._line.words if word.name == "--vault-id")
        extra = [f"--vault-id=default@{files['default']}"] if asked and not named and "default" in files else []
        return [*extra, *(item for item in arguments if item is not None)]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
