"""The command lines of ``docker compose``, ``docker-compose`` and ``podman-compose`` (docker-compose(1))."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Final

from aisafe.formats.commandline import base_name
from aisafe.formats.composefiles import Files
from aisafe.frozen import frozen

STANDALONE: Final = ("docker-compose", "podman-compose")
READING: Final = frozenset(
    ("ps", "config", "convert", "logs", "ls", "images", "version", "top", "port", "events", "stats", "volumes", "wait",
     "help", "attach", "watch", "alpha")
)  # fmt: skip
_VALUED: Final = frozenset(
    ("-f", "--file", "-p", "--project-name", "--project-directory", "--profile", "--env-file", "--ansi", "--progress",
     "--parallel", "--podman-path", "--podman-args", "--podman-run-args", "--pod-args", "--in-pod", "-c", "--context",
     "-H", "--host", "--log-level", "--tlscacert", "--tlscert", "--tlskey")
)  # fmt: skip
_VERB_VALUED: Final[Mapping[str, frozenset[str]]] = {
    "up": frozenset(("-t", "--timeout", "--scale", "--exit-code-from", "--attach", "--no-attach", "--pull",
                     "--wait-timeout")),
    "create": frozenset(("--scale", "--pull")), "down": frozenset(("-t", "--timeout", "--rmi")),
    "stop": frozenset(("-t", "--timeout")), "restart": frozenset(("-t", "--timeout")),
    "kill": frozenset(("-s", "--signal")), "pull": frozenset(("--policy",)),
    "build": frozenset(("--build-arg", "-m", "--memory", "--ssh", "--builder", "--progress")),
    "run": frozenset(("-e", "--env", "-l", "--label", "--name", "-p", "--publish", "-u", "--user", "-v", "--volume",
                      "-w", "--workdir", "--entrypoint", "--cap-add", "--cap-drop", "--pull", "--env-from-file")),
    "exec": frozenset(("-e", "--env", "-u", "--user", "-w", "--workdir", "--index")),
}  # fmt: skip


@frozen
class ComposeCommand:
    """``files``, ``profiles`` and ``env_files`` as given; ``project``: -p; ``verb``: up, down…, '' for none.

    ``options``: those of the verb, each name with its values (``true`` for a switch); ``words``: the operands.
    """

    program: str
    verb: str = ""
    files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    project: str = ""
    directory: str = ""
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    words: tuple[str, ...] = ()

    def has(self, *names: str) -> bool:
        return any(self.options.get(name, ("false",))[-1] != "false" for name in names)

    def value(self, *names: str) -> str:
        """The last value given for one of ``names``, '' for none."""
        return next((self.options[name][-1] for name in names if name in self.options), "")

    def project_files(self, directory: str, *, environment: Mapping[str, str], home: str = "") -> Files | None:
        """Which project is meant when the command runs in ``directory``; None when that is needed and ''.

        With -f the directory of the first file is the project's, else the one the command runs in.
        """
        base = posixpath.join(directory, self.directory) if self.directory else ""
        given = tuple(posixpath.join(directory, file) for file in self.files)
        if not base:
            base = posixpath.dirname(given[0]) if given else directory
        paths = (base, *given, *(posixpath.join(directory, file) for file in self.env_files))
        if any(not path.startswith("/") for path in paths) or "-" in self.files:
            return None
        return Files(
            directory=posixpath.normpath(base), given=given, environment=environment, home=home,
            env_files=tuple(posixpath.join(directory, file) for file in self.env_files),
        )  # fmt: skip


def parse(argv: Sequence[str]) -> ComposeCommand | None:
    """None when ``argv`` is no Compose command."""
    words = list(argv)
    name = base_name(words[0]) if words else ""
    if name in ("docker", "podman", "nerdctl"):
        words = words[1:]
        while words and words[0].startswith("-"):
            option = words.pop(0)
            if option in _VALUED and words:
                words.pop(0)
        if words[:1] != ["compose"]:
            return None
        name = f"{name} compose"
    elif name not in STANDALONE:
        return None
    globals_, words = _options(words[1:], _VALUED)
    verb = words.pop(0) if words else ""
    operands: list[str] = []
    options: dict[str, list[str]] = {}
    taking = _VERB_VALUED.get(verb, frozenset())
    while words:  # options and services may be mixed, but what follows the service of run and exec is its command
        found, words = _options(words, taking)
        for option, values in found.items():
            options.setdefault(option, []).extend(values)
        if verb in ("run", "exec"):
            operands, words = words, []
        elif words:
            operands.append(words.pop(0))

    def every(*names: str) -> tuple[str, ...]:
        return tuple(value for option in names for value in globals_.get(option, ()))

    return ComposeCommand(
        program=name, verb=verb, files=every("-f", "--file"), profiles=every("--profile"),
        env_files=every("--env-file"), project="".join(every("-p", "--project-name")[-1:]),
        directory="".join(every("--project-directory")[-1:]), words=tuple(operands),
        options={option: tuple(values) for option, values in options.items()},
    )  # fmt: skip


def _options(words: list[str], taking: frozenset[str]) -> tuple[dict[str, list[str]], list[str]]:
    """The options before the first operand, and the rest."""
    found: dict[str, list[str]] = {}
    words = list(words)
    while words and words[0].startswith("-") and words[0] != "-":
        word = words.pop(0)
        if word == "--":
            break
        name, equals, value = word.partition("=")
        if equals:
            found.setdefault(name, []).append(value)
        elif word in taking:
            found.setdefault(word, []).append(words.pop(0) if words else "")
        elif word[:2] in taking and not word.startswith("--"):  # -fcompose.yml
            found.setdefault(word[:2], []).append(word[2:])
        elif word.startswith("--") or len(word) == 2:
            found.setdefault(word, []).append("true")
        else:
            for letter in word[1:]:
                found.setdefault(f"-{letter}", []).append("true")
    return found, words
