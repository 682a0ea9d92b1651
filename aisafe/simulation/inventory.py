"""Vault secrets, passwords and the inventory: what may run for them while judging, and what needs the user's trust."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import ansible.cli
from ansible import constants, context
from ansible._internal._datatag._tags import Origin
from ansible.cli import CLI
from ansible.cli.playbook import PlaybookCLI
from ansible.errors import AnsibleError as EngineError
from ansible.inventory import manager
from ansible.module_utils.common.file import is_executable
from ansible.parsing.vault import VaultSecret

from aisafe.errors import AisafeError, AnsibleError, ExitCode, UsageError
from aisafe.frozen import frozen
from aisafe.simulation import safety
from aisafe.simulation.safety import Tree, Trust

_DEFAULT = "/etc/ansible/hosts"
READING = frozenset({"host_list", "yaml", "ini", "toml", "advanced_host_list", "auto", "constructed", "generator"})
"""Inventory plugins of ansible.builtin that only read files and evaluate templates."""


class CommandLine(PlaybookCLI):  # type: ignore[misc]
    """ansible-playbook's own command line. Wrong use raises UsageError instead of ending the process."""

    def init_parser(self) -> None:
        super().init_parser()

        def wrong(message: str) -> None:
            raise UsageError(f"ansible-playbook: {message}", fix="See ansible-playbook --help.")

        self.parser.error = wrong


def use_secrets(*, vault: Mapping[str, str], scripts: Scripts) -> None:
    """Answer vault prompts with what was asked before, and run a password script only where that is allowed."""

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
        secret = original(filename=filename, **kwargs)
        if scripts.check(str(filename)):
            load = secret.load
            secret.load = lambda: scripts.run(str(filename), load)
        return secret

    ansible.cli.PromptVaultSecret = GivenSecret
    ansible.cli.get_file_vault_secret = from_file


@frozen
class Scripts:
    """Password scripts. One runs when the settings trust it, or when the user names it from outside of the project: on
    the command line, in the environment or in a configuration of their ``own``."""

    trust: Trust
    tree: Tree
    own: bool
    argv: Sequence[str]

    def check(self, name: str) -> bool:
        """Whether the file is a program. Raises UsageError for one that may not run."""
        path = os.path.abspath(os.path.expanduser(name))
        if not os.path.isfile(path) or not is_executable(path):
            return False
        if self.trust.named(path) or (path not in self.tree and self._named(path)):
            return True
        raise UsageError(
            f"The password file {name} is a program, and it was not run: nothing of a project runs before it is judged.",
            fix=self.tree.trust(path),
        )

    def _named(self, path: str) -> bool:
        words = [*self.argv, os.environ.get("ANSIBLE_VAULT_PASSWORD_FILE", "")]
        words += os.environ.get("ANSIBLE_VAULT_IDENTITY_LIST", "").split(",")
        tails = (word.rpartition("@")[2].rpartition("=")[2] for word in words)
        return self.own or any(tail and os.path.abspath(os.path.expanduser(tail)) == path for tail in tails)

    def run(self, name: str, work: Callable[[], Any]) -> Any:
        with safety.lifted(f"the password script {name}"):
            return work()

    def password(self, option: str) -> str | None:
        """The password of --connection-password-file or --become-password-file."""
        name = context.CLIARGS.get(option)
        if not name or name == "-":
            return None
        read = partial(CLI.get_password_from_file, name)
        secret = self.run(name, read) if self.check(name) else read()
        return secret.decode() if isinstance(secret, bytes) else str(secret)


class Sources:
    """What runs for the inventory: programs, and plugins that do more than read. Only trusted ones do."""

    def __init__(self, *, trust: Trust, tree: Tree) -> None:
        self._trust, self._tree = trust, tree
        self.refused: dict[str, str] = {}
        """Path -> what it is, of every source that did not run."""

    def guard(self, get: Callable[..., Any]) -> Callable[..., Any]:
        """Around ``inventory_loader.get``."""

        def guarded(name: str, *args: Any, **kwargs: Any) -> Any:
            plugin = get(name, *args, **kwargs)
            short = name.removeprefix("ansible.builtin.").removeprefix("ansible.legacy.")
            if plugin is not None and (short not in READING or not _from_ansible(plugin)):
                plugin.parse = self._parse(short, plugin.parse)
            return plugin

        return guarded

    def _parse(self, name: str, parse: Callable[..., Any]) -> Callable[..., Any]:
        def parsed(inventory: Any, loader: Any, path: str, cache: bool = True) -> Any:
            if self._trust.named(path):
                with safety.lifted(f"the inventory {path}"):
                    return parse(inventory, loader, path, cache=cache)
            if name == "script" and not _program(path):
                raise EngineError(f"{path} is executable, and no program")
            what = "is a program" if name == "script" else f"runs the plugin {name}"
            self.refused[os.path.abspath(path)] = what
            raise EngineError(f"the inventory {path} {what}; it was not run")

        return parsed

    def check(self) -> None:
        """Raises AnsibleError when a source was refused: the real run would address hosts that nobody has judged."""
        if self.refused:
            told = "; ".join(f"the inventory {path} {what}" for path, what in self.refused.items())
            raise AnsibleError(
                f"{told[:1].upper()}{told[1:]}, and it was not run: nothing of a project runs before it is judged. Without "
                "it, it is not known which hosts the run addresses.",
                fix=self._tree.trust(*self.refused),
            )


_OWN = os.path.dirname(os.path.realpath(ansible.__file__)) + os.sep


def _from_ansible(plugin: Any) -> bool:
    return os.path.realpath(str(getattr(plugin, "_original_path", ""))).startswith(_OWN)


def _program(path: str) -> bool:
    with open(path, "rb") as file:
        start = file.read(4)
    return start.startswith(b"#!") or start == b"\x7fELF"


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


def unread(inventory: Any, failed: Sequence[tuple[str, str]]) -> str:
    """Why no inventory could be read at all, '' where one was, or where none was named and ansible has its default."""
    sources = [str(source) for source in inventory._sources or ()]
    absent = all(source == _DEFAULT and not os.path.exists(source) for source in sources)
    if inventory._inventory.processed_sources or absent:
        return ""
    return "; ".join(_why_unread(source, failed) for source in sources)


def _why_unread(source: str, failed: Sequence[tuple[str, str]]) -> str:
    if "," not in source and not os.path.exists(source):
        return f"the inventory {source} could not be found"
    fitting = "'yaml'" if source.endswith((".yml", ".yaml", ".json")) else "'ini'"
    reasons = [reason for plugin, reason in failed if fitting in plugin] or [reason for _, reason in failed]
    placed = [reason for _, reason in failed if reasons and reason.startswith(reasons[-1]) and f"{source}:" in reason]
    return f"the inventory {source} could not be read" + (f": {(placed or reasons)[-1]}" if reasons else "")


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
    if isinstance(error, AisafeError):
        return error
    return AnsibleError(first_words(error), exit_code=int(getattr(error, "_exit_code", ExitCode.ANSIBLE)))
