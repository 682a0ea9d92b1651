"""Reads the command line of ansible-playbook without importing ansible, and tells our options from its own.

Splitting is lossless: what is not ours goes on untouched and in order. The options and their abbreviations are those of
``ansible-playbook --help`` (argparse: a unique prefix of a long option stands for it); the test suite compares this table
with ansible's own parser.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aisafe.errors import UsageError

PREFIX = "--aisafe-"

FLAGS = frozenset(
    "-h --help --version -v --verbose -k --ask-pass --force-handlers -b --become -K --ask-become-pass -C --check -D --diff "
    "--list-hosts --flush-cache -J --ask-vault-password --ask-vault-pass --syntax-check --list-tasks --list-tags --step".split()
)
TAKES_VALUE = frozenset(
    "--private-key --key-file -u --user -c --connection -T --timeout --ssh-common-args --sftp-extra-args --scp-extra-args "
    "--ssh-extra-args --connection-password-file --conn-pass-file --become-method --become-user --become-password-file "
    "--become-pass-file -t --tags --skip-tags -i --inventory --inventory-file -l --limit -e --extra-vars --vault-id "
    "--vault-password-file --vault-pass-file -f --forks -M --module-path --start-at-task".split()
)
SAME = (
    {"--inventory", "--inventory-file"},
    {"--private-key", "--key-file"},
    {"--ask-vault-password", "--ask-vault-pass"},
    {"--vault-password-file", "--vault-pass-file"},
    {"--connection-password-file", "--conn-pass-file"},
    {"--become-password-file", "--become-pass-file"},
)
"""Names of one option: a prefix that fits several of one line is not ambiguous (argparse since Python 3.12.3)."""
ONLY_ASKS = frozenset("-h --help --version --list-hosts --list-tasks --list-tags --syntax-check".split())
"""With one of these ansible-playbook touches no host: it runs as it is and nothing of ours is added."""


@dataclass(frozen=True, slots=True)
class Word:
    """One option (``name`` as in the tables above, ``value`` None for a flag) or one argument (``name`` '').

    ``start`` and ``end`` are the places in the argument list that it takes up (end exclusive). Flags in a cluster such as
    ``-vKb`` share theirs.
    """

    name: str
    value: str | None
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class CommandLine:
    """``arguments``: what ansible-playbook gets. ``ours``: option name (without ``--aisafe-``) -> its values in order."""

    arguments: tuple[str, ...]
    ours: Mapping[str, tuple[str, ...]]
    words: tuple[Word, ...]

    def has(self, *names: str) -> bool:
        return any(word.name in names for word in self.words)

    def values(self, *names: str) -> tuple[str, ...]:
        return tuple(word.value for word in self.words if word.name in names and word.value is not None)

    @property
    def playbooks(self) -> tuple[str, ...]:
        return tuple(word.value for word in self.words if word.name == "" and word.value is not None)

    @property
    def only_asks(self) -> bool:
        """Whether this is a question to ansible-playbook itself (``--version``, ``--list-tasks``…)."""
        return self.has(*ONLY_ASKS)

    @property
    def check(self) -> bool:
        return self.has("-C", "--check")

    @property
    def verbosity(self) -> int:
        return sum(1 for word in self.words if word.name in ("-v", "--verbose"))


def parse(argv: Sequence[str], *, known: Iterable[str]) -> CommandLine:
    """Split ``argv`` (without the program's name). ``known``: our option names, without the prefix.

    Raises UsageError for an option that neither we nor ansible-playbook know, with the nearest one that exists.
    """
    ours, rest = _split(argv, frozenset(known))
    return CommandLine(arguments=tuple(rest), ours=ours, words=tuple(_read(rest)))


def _split(argv: Sequence[str], known: frozenset[str]) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    ours: dict[str, tuple[str, ...]] = {}
    rest: list[str] = []
    for index, word in enumerate(argv):
        if word == "--":
            rest.extend(argv[index:])
            break
        if not word.startswith(PREFIX):
            rest.append(word)
            continue
        name, equals, value = word.removeprefix(PREFIX).partition("=")
        if name not in known:
            raise UsageError(
                f"Unknown option {PREFIX}{name}.", fix=_nearest(PREFIX + name, [PREFIX + k for k in known])
            )
        ours[name] = (*ours.get(name, ()), value if equals else "")
    return ours, rest


def _read(arguments: Sequence[str]) -> Iterable[Word]:
    index = 0
    while index < len(arguments):
        word, start = arguments[index], index
        index += 1
        if word == "--":
            for place in range(index, len(arguments)):
                yield Word("", arguments[place], place, place + 1)
            return
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            name = _complete(name)
            if name in FLAGS and equals:
                raise UsageError(f"The option {name} takes no value, but got {word}.", fix=f"Write {name} alone.")
            if name in TAKES_VALUE and not equals:
                value = _value(arguments, index, name)
                index += 1
            yield Word(name, value if name in TAKES_VALUE else None, start, index)
        elif word.startswith("-") and len(word) > 1:
            letters = word[1:]
            while letters:
                name, letters = f"-{letters[0]}", letters[1:]
                if name in FLAGS:
                    yield Word(name, None, start, start + 1)
                elif name in TAKES_VALUE:
                    value = letters.removeprefix("=") if letters else _value(arguments, index, name)
                    index += 0 if letters else 1
                    yield Word(name, value, start, index)
                    break
                else:
                    where = f" in {word}" if word != name else ""
                    raise UsageError(f"Unknown option {name}{where}.", fix="See ansible-playbook --help.")
        else:
            yield Word("", word, start, index)


def _value(arguments: Sequence[str], index: int, name: str) -> str:
    if index >= len(arguments):
        raise UsageError(
            f"The option {name} needs a value, and the command line ends there.", fix=f"Write {name} VALUE."
        )
    return arguments[index]


def _complete(name: str) -> str:
    if name in FLAGS or name in TAKES_VALUE:
        return name
    longs = [option for option in FLAGS | TAKES_VALUE if option.startswith("--")]
    fits = sorted(option for option in longs if option.startswith(name))
    if len(fits) == 1 or (fits and any(same.issuperset(fits) for same in SAME)):
        return fits[0]
    if fits:
        raise UsageError(f"The option {name} is ambiguous.", fix=f"It could be {', '.join(fits)}.")
    raise UsageError(f"Unknown option {name}.", fix=_nearest(name, longs))


def _nearest(name: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, sorted(names), n=1)
    return f"Did you mean {close[0]}?" if close else "See aisafe-playbook --help and aisafe --help."
