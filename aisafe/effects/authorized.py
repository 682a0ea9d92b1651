"""The lines of authorized_keys (sshd(8)) as ansible.posix.authorized_key writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aisafe.frozen import frozen

_TYPE = re.compile(
    r"(sk-|webauthn-sk-)?(ecdsa-sha2-nistp\d+|ssh-(ed25519|dss|rsa|xmss)|rsa-sha2-\d+)(-cert-v01)?(@openssh\.com)?"
)
_OPTIONS = re.compile(r"""((?:[^,"']|"[^"]*"|'[^']*')+)""")


@frozen
class Keys:
    """What authorized_key is asked for; ``options`` and ``comment`` replace those of the keys."""

    keys: str
    present: bool = True
    exclusive: bool = False
    options: str | None = None
    comment: str | None = None


@dataclass(slots=True)
class _Key:
    key: str
    type: str  # 'skipped' for a line that is kept as it is
    options: list[tuple[str, str | None]]
    comment: str | None
    rank: int

    def line(self) -> str:
        if self.type == "skipped":
            return self.key
        options = ",".join(name if value is None else f"{name}={value}" for name, value in self.options)
        return f"{options + ' ' if options else ''}{self.type} {self.key} {self.comment}\n"

    def same(self, other: _Key) -> bool:
        return (self.key, self.type, self.options, self.comment) == (
            other.key,
            other.type,
            other.options,
            other.comment,
        )


def with_keys(content: str, ask: Keys) -> tuple[str, bool]:
    """The file after the change, and whether the module writes it. Raises ValueError for a key that it refuses."""
    existing: dict[str, _Key] = {}
    for rank, line in enumerate(content.splitlines(keepends=True)):
        parsed = _parse(line, rank)
        existing[parsed.key if parsed else line] = parsed or _Key(line, "skipped", [], None, rank)
    last, changed = len(existing), False
    wanted: list[str] = []
    for rank, text in enumerate(line for line in ask.keys.splitlines() if line and not line.startswith("#")):
        new = _parse(text, rank)
        if new is None:
            raise ValueError("invalid key specified")
        if ask.options is not None:
            new.options = _options(ask.options)
        new.comment = new.comment if ask.comment is None else ask.comment
        old = existing.get(new.key)
        if ask.present:
            wanted.append(new.key)
            if old is None or not old.same(new):
                existing.pop(new.key, None)
                new.rank = last + rank
                existing[new.key] = new
                changed = True
        elif old is not None:
            del existing[new.key]
            changed = True
    if ask.present and ask.exclusive:
        for key in [key for key in existing if key not in wanted]:
            del existing[key]
            changed = True
    return "".join(key.line() for key in sorted(existing.values(), key=lambda key: key.rank)), changed


def _parse(text: str, rank: int) -> _Key | None:
    raw = text.replace(r"\#", "#")
    parts = raw.split()
    if parts and parts[0] == "#":
        return _Key(raw, "skipped", [], None, rank)
    at = next((index for index, part in enumerate(parts) if _TYPE.fullmatch(part)), None)
    if at is None or at + 1 >= len(parts):
        return None
    options = _options(" ".join(parts[:at]))
    return _Key(parts[at + 1], parts[at], options, " ".join(parts[at + 2 :]), rank)


def _options(text: str) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    for part in _OPTIONS.split(text)[1:-1] if text else ():
        name, equals, value = part.partition("=")
        if equals:
            found.append((name, value))
        elif part != ",":
            found.append((part, None))
    return found
