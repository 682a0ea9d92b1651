"""Projects that try to run code, write, reach out or use up the controller while they are judged.

An :class:`Attack` is one of them; a :class:`Bundle` puts several into one project, so that judging them costs one start of the
engine. In texts, CANARY stands for a path outside of the project that exists only if the attack got through, and URL for an address
that listens on loopback.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Attack:
    """``play``: the tasks, and what else stands in the play before them (a YAML text), '' for none. ``files``: by path in
    the project; those that start with ``#!`` are executable. ``make``: what no text can say (links, pipes).

    ``says``: what a finding or the error must say (a regular expression over rule, task, message and fix). ``bites``:
    plain ansible-playbook --check lets it through, which the test proves too.
    """

    name: str
    says: str
    play: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    make: Callable[[Path], None] | None = None
    bites: bool = False


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """``inventory``: what follows -i, None for no such option. ``fails``: judging ends with an error that says why.
    ``seconds``, ``memory`` (bytes): the limits of judging. ``connects``: the way to each host is judged, too."""

    name: str
    attacks: tuple[Attack, ...]
    inventory: str | None = "h1,"
    argv: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    fails: bool = False
    connects: bool = False
    seconds: float = 120.0
    memory: int = 2 * 1024**3

    def __str__(self) -> str:
        return self.name


TOUCH = "from __future__ import annotations\nimport pathlib; pathlib.Path('CANARY').touch()\n"
"""The start of a plugin that shows when it is loaded."""
PROGRAM = "#!/bin/sh\ntouch CANARY\n"
