"""systemd unit files: systemd.syntax(7), the command lines of systemd.service(5), the specifiers of systemd.unit(5).

``configparser`` loses repeated keys and the order of sections, which mean something here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from aisafe.frozen import frozen

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
WHITESPACE: Final = " \t\n\r"
SPECIFIERS: Final = "aAbBCdDEfgGhHiIjJlLmMnNopPqsStTuUvVwWyY"
TRUE: Final = ("1", "yes", "y", "true", "t", "on")
FALSE: Final = ("0", "no", "n", "false", "f", "off")
_ESCAPES: Final = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"', "'": "'",
    "s": " ",
}  # fmt: skip


@frozen
class Entry:
    """One assignment, where it stands, continuation lines joined by a space."""

    section: str
    key: str
    value: str
    path: str = ""
    line: int = 0


@frozen
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
        return value.lower() in TRUE if value else default

    def conditions(self) -> tuple[Entry, ...]:
        """The Condition…= of [Unit], in order; an empty one takes back those of its kind, and with them all (systemd.unit(5))."""
        found: list[Entry] = []
        for entry in self.entries:
            if entry.section == "Unit" and entry.key.startswith("Condition"):
                found = [*found, entry] if entry.value else []
        return tuple(found)

    def words(self, section: str, key: str) -> tuple[str, ...]:
        """The words of a list option that separates by spaces (WantedBy=, Alias=, After=)."""
        return tuple(word for entry in self.every(section, key) for word in split_words(entry.value))


def read(text: str, path: str = "") -> UnitFile:
    """``text`` of one file, as PID 1 reads it. Lines that it would ignore with a warning are in ``problems``.

    A header that is not closed ends the reading: nothing after it counts.
    """
    entries: list[Entry] = []
    problems: list[str] = []
    section = ""
    for number, line in _logical_lines(text.removeprefix("\ufeff")):
        if not line:
            continue
        if line.startswith("["):
            if not line.endswith("]"):
                problems.append(
                    f"{path or 'unit file'}:{number}: the section header is not closed, the rest is not read"
                )
                break
            section = line[1:-1]
            continue
        key, equals, value = line.partition("=")
        if not equals or not section:
            reason = "not an assignment" if section else "before any section"
            problems.append(f"{path or 'unit file'}:{number}: {reason}")
            continue
        value = value.strip(WHITESPACE)
        entries.append(Entry(section=section, key=key.rstrip(WHITESPACE), value=value, path=path, line=number))
    return UnitFile(entries=tuple(entries), problems=tuple(problems))


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """(number of the first line, text) with continuations joined: a backslash at the very end, itself not escaped,
    becomes a space; lines that are comments are left out, between continued lines too."""
    pending, start = "", 0
    for number, raw in enumerate(re.split(r"\r\n|\n|\r|\0", text), start=1):
        if raw.lstrip(WHITESPACE)[:1] in ("#", ";"):
            continue
        start = start if pending else number
        pending += raw
        if (len(pending) - len(pending.rstrip("\\"))) % 2:
            pending = pending[:-1] + " "
            continue
        yield start, pending.strip(WHITESPACE)
        pending = ""
    if pending:
        yield start, pending.strip(WHITESPACE)


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
    """The names of the drop-in directories that apply to ``name``, most specific first (systemd.unit(5)).

    The last one is for all units of the type and comes after all others in every directory of the search path.
    """
    stem, _, suffix = name.rpartition(".")
    prefix, at, instance = stem.partition("@")
    parts = prefix.split("-")
    heads = ["-".join(parts[:count]) + "-" for count in range(len(parts) - 1, 0, -1)]
    template = (f"{prefix}@.{suffix}.d",) if at and instance else ()
    names = [f"{head}{sign}.{suffix}.d" for sign in dict.fromkeys(("", at)) for head in heads]
    return (f"{name}.d", *template, *names, f"{suffix}.d")


def specifiers(
    name: str, *, hostname: str = "", fragment: str = "", boot_id: str = "", os: Mapping[str, str] | None = None
) -> Mapping[str, str]:
    """What ``%n`` and its like stand for in a system unit (systemd.unit(5), Specifiers), as far as known.

    ``os``: the fields of os-release(5), in lower case.
    """
    stem = name.rpartition(".")[0]
    prefix, at, instance = stem.partition("@")
    last = prefix.rpartition("-")[2]
    known = {
        "n": name, "N": stem, "p": prefix, "P": unescape(prefix), "i": instance if at else "",
        "I": unescape(instance) if at else "", "j": last, "J": unescape(last),
        "f": "/" + unescape(instance if at else prefix).strip("/"), "t": "/run", "S": "/var/lib", "C": "/var/cache",
        "L": "/var/log", "E": "/etc", "T": "/tmp", "V": "/var/tmp", "h": "/root",  # noqa: S108  names only
        "u": "root", "U": "0", "g": "root", "G": "0", "s": "/bin/bash", "d": f"/run/credentials/{name}", "%": "%",
    }  # fmt: skip
    if hostname:
        known |= {"H": hostname, "l": hostname.partition(".")[0], "q": hostname}
    if fragment:
        known |= {"y": fragment, "Y": fragment.rpartition("/")[0]}
    if boot_id:
        known["b"] = boot_id.replace("-", "")
    if os:
        fields = {
            "o": "id",
            "w": "version_id",
            "B": "build_id",
            "W": "variant_id",
            "M": "image_id",
            "A": "image_version",
        }
        known |= {letter: os.get(field, "") for letter, field in fields.items()}
    return known


def expand(text: str, known: Mapping[str, str]) -> str:
    """``text`` with its specifiers replaced; one that is not known stays as written."""
    return re.sub(r"%(.)", lambda match: known.get(match[1], match[0]), text, flags=re.DOTALL)


class BadSpecifier(ValueError):
    """``%`` and a letter or digit that systemd has no meaning for: it ignores the assignment, or refuses the unit."""


def resolve(text: str, known: Mapping[str, str]) -> str:
    """As :func:`expand`, but strict as PID 1 is. Raises BadSpecifier."""
    for letter in re.findall(r"%(.)", text, re.DOTALL):
        if letter.isascii() and letter.isalnum() and letter not in SPECIFIERS:
            raise BadSpecifier(f"%{letter} is no specifier")
    return expand(text, known)


def unescape(text: str) -> str:
    """The inverse of systemd-escape(1): ``-`` is ``/``, ``\\xNN`` a byte."""
    raw = re.sub(rb"\\x([0-9a-fA-F]{2})", lambda match: bytes([int(match[1], 16)]), _bytes(text.replace("-", "/")))
    return raw.decode("utf-8", "surrogateescape")


def split_words(text: str, *, escapes: bool = True) -> tuple[str, ...]:
    """``text`` in words, the quotes and C-style escapes of systemd.syntax(7) taken off; an open quote goes to the end.

    ``escapes`` False: a backslash only takes the meaning from what follows, as where ``$X`` is split into words.
    """
    words: list[str] = []
    position = 0
    while True:
        try:
            word, position = next_word(text, position, escapes=escapes)
        except OpenQuote as rest:
            return (*words, rest.word)
        if word is None:
            return tuple(words)
        words.append(word)


class OpenQuote(ValueError):
    """A quote that nothing closes; ``word``: what it would hold."""

    def __init__(self, word: str) -> None:
        super().__init__(f"unbalanced quoting near {word!r}")
        self.word = word


class BadEscape(ValueError):
    """A backslash before something that is no escape."""


def next_word(text: str, position: int, *, escapes: bool = True, strict: bool = False) -> tuple[str | None, int]:
    """The word that begins at or after ``position``, None at the end, and where the next one begins.

    Raises OpenQuote and, where ``strict``, BadEscape; else a backslash before what is no escape stands for itself.
    """
    while position < len(text) and text[position] in WHITESPACE:
        position += 1
    if position >= len(text):
        return None, position
    made = bytearray()
    quote = ""
    while position < len(text):
        char = text[position]
        position += 1
        if char == "\\":
            following = text[position : position + 1]
            taken, position = _escape(text, position) if escapes else (_bytes(following), position + 1)
            if strict and taken == _bytes("\\" + following) and following != "\\":
                raise BadEscape(f"\\{following} is no escape")
            made += taken
        elif quote:
            quote = "" if char == quote else quote
            made += b"" if not quote else _bytes(char)
        elif char in "\"'":
            quote = char
        elif char in WHITESPACE:
            break
        else:
            made += _bytes(char)
    word = made.decode("utf-8", "surrogateescape")
    if quote:
        raise OpenQuote(word)
    while position < len(text) and text[position] in WHITESPACE:
        position += 1
    return word, position


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _escape(text: str, position: int) -> tuple[bytes, int]:
    """The escape after a backslash at ``position`` - 1; one that is none keeps its backslash."""
    char = text[position : position + 1]
    for lead, digits in (("x", 2), ("u", 4), ("U", 8)):
        number = text[position + 1 : position + 1 + digits]
        if char == lead and re.fullmatch(rf"[0-9a-fA-F]{{{digits}}}", number) and (code := int(number, 16)):
            if lead == "x":
                return bytes([code]), position + 1 + digits
            if code < 0x110000 and not 0xD800 <= code < 0xE000:
                return _bytes(chr(code)), position + 1 + digits
    octal = text[position : position + 3]
    if re.fullmatch(r"[0-3][0-7]{2}", octal) and int(octal, 8):
        return bytes([int(octal, 8)]), position + 3
    return _bytes(_ESCAPES.get(char, "\\" + char)), position + 1


class BadCommand(ValueError):
    """systemd would refuse the line: the unit then has a bad setting. ``read``: the commands before the bad one."""

    def __init__(self, why: str, read: tuple[tuple[str, ...], ...]) -> None:
        super().__init__(why)
        self.read = read


def split_commands(value: str, known: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """The argument lists of one ExecStart= value (systemd.service(5), Command Lines), special prefixes taken off.

    Several commands may be separated by a lone ``;``. The second word after ``@`` is argv[0] only and left out. Variables
    are left alone (see :func:`expand_variables`); where ``:`` forbids them, each ``$`` is doubled. Raises BadCommand.
    """
    commands: list[tuple[str, ...]] = []
    position, going = 0, True
    while going:
        try:
            first, position = next_word(value, position)
        except OpenQuote:
            break
        if first is None:
            break
        if first == ";":
            continue
        command, position, going, why = _command(value, first, position, known)
        if why and "-" in first[: len(first) - len(_unprefixed(first))]:
            break
        if why:
            raise BadCommand(why, tuple(commands))
        commands.append(command)
    return tuple(commands)


def _command(value: str, first: str, position: int, known: Mapping[str, str]) -> tuple[tuple[str, ...], int, bool, str]:
    """One command: its words, where the next begins, whether another follows, and why it is refused, '' for not."""
    program = _unprefixed(first)
    prefixes = first[: len(first) - len(program)]
    path, why = _resolved(program, known)
    why = why or _unfit(path)
    words: list[str] = []
    more = False
    while position < len(value) and not more:
        lone = re.compile(r"\\?;(?:[ \t\n\r]+|$)").match(value, position)
        if lone:
            position = lone.end()
            more = not lone[0].startswith("\\")
            words += [] if more else [";"]
            continue
        try:
            word, position = next_word(value, position)
        except OpenQuote as quote:
            why, position = why or str(quote), len(value)
            break
        if word is not None:
            resolved, bad = _resolved(word, known)
            words, why = [*words, resolved], why or bad
    if "@" in prefixes:
        why = why or ("" if words else "an empty argv[0]")
        words = words[1:]
    if ":" in prefixes:
        words = [word.replace("$", "$$") for word in words]
    return (simple_path(path), *words), position, more, why


def _resolved(text: str, known: Mapping[str, str]) -> tuple[str, str]:
    try:
        return resolve(text, known), ""
    except BadSpecifier as error:
        return text, str(error)


def _unprefixed(word: str) -> str:
    """``word`` without the special prefixes ``-@:+!`` of executables, each of which counts once (``!!`` is one)."""
    seen = ""
    for position, sign in enumerate(word):
        privileged = "+" in seen or "!" in seen
        fits = (sign in "-@:" and sign not in seen) or (sign == "+" and not privileged) or (
            sign == "!" and (not privileged or (seen.endswith("!") and "!!" not in seen))
        )  # fmt: skip
        if not fits:
            return word[position:]
        seen += sign
    return ""


def _unfit(path: str) -> str:
    """Why ``path`` cannot be executed, '' when it can."""
    if not path:
        return "an empty path"
    if re.search(r"[\x00-\x1f\x7f\"'\\]", path):
        return "quotes, backslashes or control characters in the path"
    if path.endswith("/"):
        return "a directory as the path"
    if not path.startswith("/") and ("/" in path or path in (".", "..")):
        return "neither a name nor an absolute path"
    return ""


def simple_path(path: str) -> str:
    """Without doubled slashes, ``.`` parts and a slash at the end; ``..`` stays, since a link may stand before it."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return ("/" if path.startswith("/") else "") + "/".join(parts)


def expand_variables(command: tuple[str, ...], environment: Mapping[str, str]) -> tuple[str, ...]:
    """``${X}`` anywhere, and ``$X`` as a word, which is split at spaces (systemd.service(5)); what is not set is empty.

    ``$$`` is a dollar sign.
    """
    words: list[str] = [*command[:1]]
    for word in command[1:]:
        if word.startswith("$") and word[1:2] not in ("{", "$"):
            words += split_words(environment.get(word[1:], ""), escapes=False)
            continue
        filled = re.sub(
            r"\$\$|\$\{([^}]*)\}",
            lambda match: "$" if match[0] == "$$" else environment.get(match[1], ""),
            word,
        )
        words.append(filled)
    return tuple(words)
