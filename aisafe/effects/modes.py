"""File modes as ansible's modules read them: octal, integer, or symbolic as in chmod(1)."""

from __future__ import annotations

import re

_OPERATORS = re.compile(r"[+\-=]")
_CLAUSE = re.compile(r"^(?P<users>[ugoa]*)(?P<steps>(?:[+\-=][rwxXstugo]*)*)$")
_STEP = re.compile(r"([+\-=])([rwxXstugo]*)")
_SHIFT = {"u": 6, "g": 3, "o": 0}
_BITS = {"r": 4, "w": 2, "x": 1}
UMASK = 0o022  # what root and system users have unless somebody changed it (umask(2), login.defs(5))


def parse_mode(mode: str | int, *, current: int, directory: bool = False, umask: int = UMASK) -> int:
    """The permission bits that ``mode`` makes of ``current``.

    As ``AnsibleModule.set_mode_if_different``: an integer is taken as it is (YAML has read ``0644`` as 420 by then),
    text is octal, else symbolic (``u=rwX,g-w,o=``). Raises ValueError when it is neither.
    """
    if isinstance(mode, bool):
        raise ValueError(f"mode must be in octal or symbolic form, not {mode!r}")
    if isinstance(mode, int):
        return mode
    try:
        value = int(mode, 8)
    except ValueError:
        value = _symbolic(mode, current=current, directory=directory, umask=umask)
    if not 0 <= value <= 0o7777:
        raise ValueError(f"only permission bits are allowed in mode {mode!r}")
    return value


def _symbolic(text: str, *, current: int, directory: bool, umask: int) -> int:
    value = current
    for clause in text.split(","):
        parsed = _CLAUSE.match(clause)
        if parsed is None:
            raise ValueError(f"bad symbolic permission for mode: {clause}")
        named = parsed["users"]
        users = "ugo" if named in ("", "a") else named
        if "a" in users:
            raise ValueError(f"bad symbolic permission for mode: {clause}")
        for operator, permissions in _STEP.findall(parsed["steps"]):
            for user in users:
                bits = _bits(permissions, user, value, directory=directory, masked=umask if named == "" else 0)
                value = _apply(operator, user, bits, value)
    return value


def _bits(permissions: str, user: str, value: int, *, directory: bool, masked: int) -> int:
    shift, bits = _SHIFT[user], 0
    for letter in permissions:
        if letter in _BITS:
            bits |= (_BITS[letter] << shift) & ~masked
        elif letter == "X":
            bits |= (1 << shift) if directory or value & 0o111 else 0
        elif letter == "s":
            bits |= {"u": 0o4000, "g": 0o2000, "o": 0}[user]
        elif letter == "t":
            bits |= 0o1000 if user == "o" else 0
        else:
            bits |= ((value >> _SHIFT[letter]) & 7) << shift
    return bits


def _apply(operator: str, user: str, bits: int, value: int) -> int:
    if operator == "+":
        return value | bits
    if operator == "-":
        return value & ~bits
    special = {"u": 0o4000, "g": 0o2000, "o": 0o1000}[user]
    return value & ~((7 << _SHIFT[user]) | special) | bits
