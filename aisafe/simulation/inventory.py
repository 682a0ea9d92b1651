"""Vault secrets, passwords and the inventory: what ansible may run for them, and what only where the user named it."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import ansible.cli
from ansible import constants, context
from ansible._internal._datatag._tags import Origin
from ansible.cli import CLI
from ansible.cli.playbook import PlaybookCLI
from ansible.inventory import manager
from ansible.module_utils.common.file import is_executable
from ansible.parsing.vault import VaultSecret

from aisafe.errors import AisafeError, AnsibleError, UsageError
from aisafe.simulation.journal import Journal

_DEFAULT = "/etc/ansible/hosts"
STATIC = ["host_list", "yaml", "ini", "toml"]
"""Inventory plugins that only read."""


class CommandLine(PlaybookCLI):  # type: ignore[misc]
    """ansible-playbook's own command line. Wrong use raises UsageError instead of ending the process."""

    inventory_named = False

    def init_parser(self) -> None:
        super().init_parser()

        def wrong(message: str) -> None:
            raise UsageError(f"ansible-playbook: {message}", fix="See ansible-playbook --help.")

        self.parser.error = wrong

    def post_process_args(self, options: Any) -> Any:
        self.inventory_named = bool(options.inventory)
        return super().post_process_args(options)


def use_secrets(*, vault: Mapping[str, str], own: bool, argv: Sequence[str]) -> None:
    """Answer vault prompts with what was asked before, and run a password script only where the user named it."""

    class GivenSecret(VaultSecret):  # type: ignore[misc]
        def __init__(self, prompt_formats: Any = None, vault_id: str | None = None, **_: Any) -> None:
            name = vault_id or constants.DEFAULT_VAULT_IDENTITY
            if name not in vault:
                raise UsageError(f"The vault password for {name!r} was not asked for.")
            super().__init__(vault[name].encode())

        def load(self) -> None:
            pass

    original = ansible.cli.get_file_vault_secret

    def from_file(filename: str | None = None, **kwargs: Any) -> Any:
        _check_script(str(filename), own=own, argv=argv)
        return original(filename=filename, **kwargs)

    ansible.cli.PromptVaultSecret = GivenSecret
    ansible.cli.get_file_vault_secret = from_file


def _check_script(name: str, *, own: bool, argv: Sequence[str]) -> None:
    path = os.path.expanduser(name)
    if not os.path.isfile(path) or not is_executable(path):
        return
    named = own or any(name in argument or os.path.basename(name) in argument for argument in argv)
    if not named and os.path.realpath(path) != os.path.realpath(
        os.path.expanduser(os.environ.get("ANSIBLE_VAULT_PASSWORD_FILE", ""))
    ):
        raise UsageError(
            f"The vault password file {name} is a program, and only the ansible.cfg of the working directory names it: "
            "it is not run.",
            fix="Name it with --vault-password-file, or in ANSIBLE_VAULT_PASSWORD_FILE.",
        )


def password_files(*, own: bool, argv: Sequence[str]) -> tuple[str | None, str | None]:
    """The passwords of --connection-password-file and --become-password-file."""
    found: list[str | None] = []
    for option in ("connection_password_file", "become_password_file"):
        name = context.CLIARGS.get(option)
        if not name or name == "-":
            found.append(None)
            continue
        _check_script(name, own=own, argv=argv)
        secret = CLI.get_password_from_file(name)
        found.append(secret.decode() if isinstance(secret, bytes) else str(secret))
    return found[0], found[1]


def restrict(command: CommandLine, *, own: bool, journal: Journal) -> frozenset[str]:
    """Only plugins that read, for an inventory that nobody but the working directory's ansible.cfg names.

    Returns the files that would run code, and do not.
    """
    if command.inventory_named or own or os.environ.get("ANSIBLE_INVENTORY"):
        return frozenset()
    refused = set()
    constants.INVENTORY_ENABLED = STATIC
    for source in context.CLIARGS["inventory"] or []:
        for path in _files(source):
            if _runs(path):
                refused.add(path)
                journal.note(
                    "refused-plugin",
                    f"the inventory {journal.display_path(path)} {_REFUSED} (name it with -i)",
                )
    return frozenset(refused)


_REFUSED = "runs code, and only the ansible.cfg of the working directory names it; it was not run"


@contextmanager
def failures() -> Iterator[list[tuple[str, str]]]:
    """What inventory plugins say while it is read: (ansible's word on the plugin, the reason in ansible's words)."""
    display, seen = manager.display, list[tuple[str, str]]()
    original = display.error_as_warning

    def note(msg: str | None, exception: BaseException, *arguments: Any, **options: Any) -> Any:
        seen.append((msg or "", first_words(exception)))
        return original(msg, exception, *arguments, **options)

    display.error_as_warning = note
    try:
        yield seen
    finally:
        display.error_as_warning = original


def unread(inventory: Any, failed: Sequence[tuple[str, str]], refused: Collection[str] = ()) -> str:
    """Why no inventory could be read at all, '' where one was, or where none was named and ansible has its default."""
    sources = [str(source) for source in inventory._sources or ()]
    absent = all(source == _DEFAULT and not os.path.exists(source) for source in sources)
    if inventory._inventory.processed_sources or absent:
        return ""
    return "; ".join(
        f"the inventory {source} {_REFUSED}" if source in refused else _why_unread(source, failed) for source in sources
    )


def _why_unread(source: str, failed: Sequence[tuple[str, str]]) -> str:
    if "," not in source and not os.path.exists(source):
        return f"the inventory {source} could not be found"
    fitting = "'yaml'" if source.endswith((".yml", ".yaml", ".json")) else "'ini'"
    reasons = [reason for plugin, reason in failed if fitting in plugin] or [reason for _, reason in failed]
    placed = [reason for _, reason in failed if reasons and reason.startswith(reasons[-1]) and f"{source}:" in reason]
    return f"the inventory {source} could not be read" + (f": {(placed or reasons)[-1]}" if reasons else "")


def _files(source: str) -> list[str]:
    if os.path.isdir(source):
        return [os.path.join(source, name) for name in sorted(os.listdir(source)) if not name.startswith(".")]
    return [source] if os.path.isfile(source) else []


def _runs(path: str) -> bool:
    if not os.path.isfile(path):
        return False
    if os.access(path, os.X_OK):
        return True
    with open(path, "rb") as file:
        return re.search(rb"(?m)^plugin:", file.read(65536)) is not None


_PYTHON_CLASS = re.compile(r"<class '[\w.]*?(?:_?AnsibleTagged)?(\w+)'>")
"""ansible names the classes of its own tagged values: <class 'ansible.…._AnsibleTaggedStr'>."""


def _plain_class(match: re.Match[str]) -> str:
    return match[1].lower()


def first_words(error: BaseException) -> str:
    """ansible's own words: the message, and file and line where it knows them; no traceback, no source lines."""
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    text = _PYTHON_CLASS.sub(_plain_class, lines[0]) if lines else type(error).__name__
    place = file = ""
    link: BaseException | None = error
    while link is not None:
        found = getattr(link, "obj", None)
        origin = found if isinstance(found, Origin) else Origin.get_tag(found)
        if not place and origin is not None and origin.path:
            place = f"{origin.path}:{origin.line_num}" if origin.line_num else str(origin.path)
        file = file or str(getattr(link, "file_name", "") or getattr(link, "filename", "") or "")
        link = link.__cause__
    if file and file not in text:
        text = f"{text.rstrip('.')}: {file}"
    return f"{text} ({place})" if place and place not in text else text


def as_ours(error: Exception) -> AisafeError:
    return error if isinstance(error, AisafeError) else AnsibleError(first_words(error))
