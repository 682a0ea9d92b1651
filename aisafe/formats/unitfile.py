"""systemd unit files: systemd.syntax(7), the command lines of systemd.service(5), the specifiers of systemd.unit(5).

``configparser`` loses repeated keys and the order of sections, which mean something here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

UNIT_TYPES: Final = (
    "service", "socket", "target", "timer", "path", "mount", "automount", "swap", "slice", "scope", "device",
)  # fmt: skip
SEARCH_PATH: Final = (  # systemd.unit(5), "System Unit Search Path", highest first
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/etc/systemd/system.attached",
    "/run/systemd/system",
    "/run/systemd/system.attached",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
)
_TRUE: Final = ("1", "yes", "y", "true", "t", "on")
_ESCAPES: Final = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"', "'": "'",
    "s": " ",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One assignment, where it stands, continuation lines joined by a space."""

    section: str
    key: str
    value: str
    path: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFile:
    """A unit file with its drop-ins, in the order in which systemd reads them; ``problems``: lines it ignores."""

    entries: tuple[Entry, ...] = ()
    problems: tuple[str, ...] = ()

    def every(self, section: str, key: str) -> tuple[Entry, ...]:
        """All assignments of a list option; an empty one resets what came before it."""
        found: list[Entry] = []
        for entry in self.entries:
            if (entry.section, entry.key) == (section, key):
                if entry.value:
                    found.append(entry)
                else:
                    found.clear()
        return tuple(found)

    def last(self, section: str, key: str, default: str = "") -> str:
        """The value of an option that takes one; an empty assignment sets it back to ``default``."""
        found = self.every(section, key)
        return found[-1].value if found else default

    def flag(self, section: str, key: str, *, default: bool = False) -> bool:
        value = self.last(section, key)
        return value.lower() in _TRUE if value else default

    def words(self, section: str, key: str) -> tuple[str, ...]:
        """The words of a list option that separates by spaces (WantedBy=, Alias=, After=)."""
        return tuple(word for entry in self.every(section, key) for word in split_words(entry.value))


def read(text: str, path: str = "") -> UnitFile:
    """``text`` of one file. Lines that systemd would ignore with a warning are in ``problems``."""
    entries: list[Entry] = []
    problems: list[str] = []
    section, pending, start = "", "", 0
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.lstrip() if pending else raw.strip()
        if line[:1] in ("#", ";") or (not line and not pending):
            continue  # comments are allowed between continuation lines
        if not pending:
            start = number
        if line.endswith("\\"):
            pending += line[:-1] + " "
            continue
        line, pending = (pending + line).strip(), ""
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            continue
        key, equals, value = line.partition("=")
        if not equals or not section:
            reason = "not an assignment" if section else "before any section"
            problems.append(f"{path or 'unit file'}:{start}: {reason}")
            continue
        entries.append(Entry(section=section, key=key.rstrip(), value=value.strip(), path=path, line=start))
    if pending:
        key, equals, value = pending.partition("=")
        if equals and section:
            entries.append(Entry(section=section, key=key.strip(), value=value.strip(), path=path, line=start))
    return UnitFile(entries=tuple(entries), problems=tuple(problems))


def merge(files: Iterable[UnitFile]) -> UnitFile:
    """A main file and its drop-ins (sorted by file name) as one."""
    parts = list(files)
    return UnitFile(
        entries=tuple(entry for part in parts for entry in part.entries),
        problems=tuple(problem for part in parts for problem in part.problems),
    )


def full_name(name: str, suffix: str = ".service") -> str:
    """``nginx`` is ``nginx.service`` (systemctl(1)); a path under /dev or elsewhere stays as it is."""
    return name if name.rpartition(".")[2] in UNIT_TYPES else name + suffix


def template_of(name: str) -> str:
    """``getty@tty1.service`` is an instance of ``getty@.service``; '' for a plain unit or a template itself."""
    prefix, at, rest = name.partition("@")
    stem, dot, suffix = rest.rpartition(".")
    return f"{prefix}@.{suffix}" if at and dot and stem else ""


def drop_in_directories(name: str) -> tuple[str, ...]:
    """The names of the drop-in directories that apply to ``name``, least specific first (systemd.unit(5))."""
    suffix = name.rpartition(".")[2]
    stem = name[: -len(suffix) - 1]
    base = stem.partition("@")[0] if template_of(name) else stem
    parts = base.split("-")
    prefixes = ["-".join(parts[:count]) + "-" for count in range(1, len(parts))]
    template = template_of(name)
    return (
        f"{suffix}.d",
        *(f"{prefix}.{suffix}.d" for prefix in prefixes),
        *((f"{template}.d",) if template else ()),
        f"{name}.d",
    )


def specifiers(name: str, *, hostname: str = "", fragment: str = "", boot_id: str = "") -> Mapping[str, str]:
    """What ``%n`` and its like stand for in a system unit (systemd.unit(5), Specifiers), as far as known."""
    suffix = name.rpartition(".")[2]
    stem = name[: -len(suffix) - 1]
    prefix, at, instance = stem.partition("@")
    known = {
        "n": name, "N": stem, "p": prefix, "P": unescape(prefix), "i": instance if at else "",
        "I": unescape(instance) if at else "", "j": prefix.rpartition("-")[2], "J": unescape(prefix.rpartition("-")[2]),
        "f": "/" + unescape(instance if at else prefix).lstrip("/"), "t": "/run", "S": "/var/lib", "C": "/var/cache",
        "L": "/var/log", "E": "/etc", "T": "/tmp", "V": "/var/tmp", "h": "/root",  # noqa: S108  names only
        "u": "root", "U": "0", "g": "root", "G": "0", "s": "/bin/sh", "%": "%",
    }  # fmt: skip
    if hostname:
        known |= {"H": hostname, "l": hostname.partition(".")[0], "q": hostname}
    if fragment:
        known |= {"y": fragment, "Y": fragment.rpartition("/")[0]}
    if boot_id:
        known["b"] = boot_id.replace("-", "")
    return known


def expand(text: str, known: Mapping[str, str]) -> str:
    """``text`` with its specifiers replaced; one that is not known stays as written."""
    return re.sub(r"%(.)", lambda match: known.get(match[1], match[0]), text)


def unescape(text: str) -> str:
    """The inverse of systemd-escape(1): ``-`` is ``/``, ``\\xNN`` a byte."""
    text = text.replace("-", "/")
    return re.sub(r"\\x([0-9a-fA-F]{2})", lambda match: chr(int(match[1], 16)), text)


def split_words(text: str) -> tuple[str, ...]:
    """``text`` in words, with the quotes and C-style escapes of systemd.syntax(7) taken off."""
    words: list[str] = []
    current: list[str] | None = None
    quote = ""
    position = 0
    while position < len(text):
        char = text[position]
        position += 1
        if char == "\\" and position < len(text):
            taken, position = _escape(text, position)
            current = [*(current or []), taken]
        elif quote:
            if char == quote:
                quote = ""
            else:
                current = [*(current or []), char]
        elif char in "\"'":
            quote, current = char, current or []
        elif char.isspace():
            if current is not None:
                words.append("".join(current))
            current = None
        else:
            current = [*(current or []), char]
    if current is not None:
        words.append("".join(current))
    return tuple(words)


def _escape(text: str, position: int) -> tuple[str, int]:
    char = text[position]
    for lead, digits, base in (("x", 2, 16), ("u", 4, 16), ("U", 8, 16)):
        number = text[position + 1 : position + 1 + digits]
        if char == lead and re.fullmatch(rf"[0-9a-fA-F]{{{digits}}}", number):
            return chr(int(number, base)), position + 1 + digits
    if re.fullmatch(r"[0-7]{3}", text[position : position + 3]):
        return chr(int(text[position : position + 3], 8)), position + 3
    return _ESCAPES.get(char, "\\" + char), position + 1


def split_commands(value: str, known: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """The argument lists of one ExecStart= value (systemd.service(5), Command Lines), special prefixes taken off.

    Several commands may be separated by a lone ``;``. Variables are left alone: see :func:`expand_variables`.
    """
    commands: list[list[str]] = [[]]
    for word in split_words(value):
        if word == ";":
            commands.append([])
        else:
            commands[-1].append(";" if word == r"\;" else expand(word, known))
    return tuple(_unprefixed(command) for command in commands if command)


def _unprefixed(command: list[str]) -> tuple[str, ...]:
    program = command[0].lstrip("-:+!|@")
    if "@" in command[0][: len(command[0]) - len(program)] and len(command) > 1:
        return (program, *command[2:])  # the second word is argv[0] only
    return (program, *command[1:])


def expand_variables(command: tuple[str, ...], environment: Mapping[str, str]) -> tuple[str, ...]:
    """``${X}`` in a word, and ``$X`` as a word, which is split at spaces (systemd.service(5)); else empty."""
    words: list[str] = [*command[:1]]
    for word in command[1:]:
        if re.fullmatch(r"\$[A-Za-z_][A-Za-z0-9_]*", word):
            words += split_words(environment.get(word[1:], ""))
            continue
        filled = re.sub(
            r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)\}",
            lambda match: "$" if match[0] == "$$" else environment.get(match[1], ""),
            word,
        )
        words.append(filled)
    return tuple(words)
