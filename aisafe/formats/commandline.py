"""Command lines: which program really runs behind shells, interpreters and wrappers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Final

from aisafe.frozen import frozen

SHELLS: Final = ("sh", "bash", "dash", "ash", "zsh", "ksh")
ENGINES: Final = ("docker", "podman", "nerdctl")
_ENGINE: Final = re.compile(rf"(?:{'|'.join(ENGINES)})(?![a-z])")  # not dockerd
INTERPRETERS: Final = ("perl", "ruby", "php", "node", "nodejs", "java", "deno", "bun", "Rscript", "lua")
# A wrapper -> its options that take a value, and how many bare words stand before the command.
WRAPPERS: Final[Mapping[str, tuple[str, int]]] = {
    "nice": ("-n --adjustment", 0), "ionice": ("-c -n -p --class --classdata", 0), "chrt": ("-T -P -D", 1),
    "nohup": ("", 0), "setsid": ("", 0), "stdbuf": ("-i -o -e", 0), "timeout": ("-k -s --kill-after --signal", 1),
    "taskset": ("", 1), "numactl": ("-m -N -C -i -p", 0), "exec": ("-a", 0), "time": ("-f -o", 0),
    "catatonit": ("", 0), "s6-setuidgid": ("", 1), "nsenter": ("-t", 0),
    "sudo": ("-u -g -h -p -C -T -r -t --user --group --chdir -D", 0), "runuser": ("-u -g -G --user --group", 0),
    "setpriv": ("", 0), "gosu": ("", 1), "su-exec": ("", 1), "tini": ("-p -e", 0), "tini-static": ("-p -e", 0),
    "dumb-init": ("-r --rewrite", 0), "docker-init": ("", 0), "unshare": ("", 0), "systemd-cat": ("-t -p", 0),
    "chpst": ("-u -U -b -e -/ -n -l -L -m -d -o -p -f -c", 0), "authbind": ("--depth", 0),
    "softlimit": ("-a -c -d -f -l -m -o -p -r -s -t", 0),
}  # fmt: skip
_GENERIC_STEMS: Final = frozenset(
    (*SHELLS, *INTERPRETERS, *WRAPPERS, "env", "python", "docker", "podman", "nerdctl", "sleep", "true", "false",
     "tail", "cat", "echo", "busybox", "test", "kill", "rm", "mkdir", "entrypoint", "docker-entrypoint", "start",
     "run", "init", "launch", "main", "app", "server", "index", "manage", "cli", "service", "daemon", "wsgi", "asgi",
     "__main__", "bin", "sbin", "src", "lib", "dist", "build", "usr", "opt", "local", "srv", "var", "home", "root",
     "current", "scripts", "www", "libexec", "share", "etc", "tmp", "code", "workspace", "install", "systemctl",
     "supervisord")
)  # fmt: skip


@frozen
class Executed:
    """The program behind wrappers: ``argv`` with the script or module in place of its interpreter.

    ``environment``: what ``env`` and assignments before the command set. ``sure`` False: a shell script in an argument
    that does more than run one command, of which this is the likeliest to stay.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    sure: bool = True


def names_engine(commands: Iterable[Sequence[str]]) -> bool:
    """Whether any word names a container engine. To look through wrappers costs more, and nearly no unit has one."""
    return any(_ENGINE.search(word) for command in commands for word in command)


def base_name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def executed(argv: tuple[str, ...]) -> Executed:
    """Look through shells, interpreters and wrappers at the start of ``argv``."""
    environment: dict[str, str] = {}
    sure = True
    for _ in range(len(argv) + 8):
        inner = _step(argv, environment)
        if inner is None:
            break
        argv, certain = inner
        sure = sure and certain
    return Executed(argv=argv, environment=environment, sure=sure)


def _step(argv: tuple[str, ...], environment: dict[str, str]) -> tuple[tuple[str, ...], bool] | None:
    """One layer less, None when there is none."""
    if not argv:
        return None
    name = base_name(argv[0])
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*=.*", argv[0], re.DOTALL):
        variable, _, value = argv[0].partition("=")
        environment[variable] = value
        return argv[1:], True
    if name == "busybox" and len(argv) > 1:
        return ("busybox-httpd" if argv[1] == "httpd" else argv[1], *argv[2:]), True
    if name == "env":
        return _after_options(argv[1:], "-u -C --unset --chdir", 0), True
    if name in SHELLS:
        return _shell(argv)
    if name in WRAPPERS:
        taking, bare = WRAPPERS[name]
        return _after_options(argv[1:], taking, bare), True
    if name == "httpd" and _is_busybox_httpd(argv):
        return ("busybox-httpd", *argv[1:]), True
    if re.fullmatch(r"python[0-9.]*|pypy3?", name):
        return _interpreted(argv, "-W -X -c -Q")
    if name in INTERPRETERS:
        return _interpreted(argv, "-cp -classpath --class-path -p --module-path" if name == "java" else "-e -r -I")
    return None


def _is_busybox_httpd(argv: tuple[str, ...]) -> bool:
    """Apache's httpd(8) has no ``-p``, and its ``-f`` takes a file; BusyBox stays in the foreground with ``-f``."""
    after = [*argv[1:], ""]
    return any(re.match(r"-[fv]*p\d*", word) for word in argv[1:]) or (
        "-f" in after and (following := after[after.index("-f") + 1])[:1] in ("", "-") and following != "-"
    )


def _after_options(words: tuple[str, ...], taking: str, bare: int) -> tuple[str, ...]:
    position = 0
    with_value = taking.split()
    while position < len(words) and words[position].startswith("-"):
        word = words[position]
        position += 1
        if word == "--":
            break
        if word in with_value:
            position += 1
    rest = words[position + bare :]
    return rest[1:] if bare and rest[:1] == ("--",) else rest


def _shell(argv: tuple[str, ...]) -> tuple[tuple[str, ...], bool] | None:
    for position, word in enumerate(argv[1:], start=1):
        if re.fullmatch(r"-[a-z]*c", word):
            return _script(argv[position + 1]) if position + 1 < len(argv) else ((), False)
        if not word.startswith(("-", "+")):
            return argv[position:], True  # a script file
    return None


def _script(text: str) -> tuple[tuple[str, ...], bool]:
    """The command of ``sh -c`` that stays: the one after ``exec``, else the last."""
    try:
        lexer = shlex.shlex(text.replace("\n", " ; "), posix=True, punctuation_chars=";&|")
        lexer.whitespace_split = True
        words = list(lexer)
    except ValueError:
        return (), False
    commands: list[list[str]] = [[]]
    for word in words:
        if set(word) <= set(";&|"):
            commands.append([])
        else:
            commands[-1].append(word)
    filled = [command for command in commands if command]
    if not filled:
        return (), False
    chosen = next((command for command in filled if command[0] == "exec"), filled[-1])
    words = [word for word in chosen if not re.match(r"\d?[<>]", word)]
    plain = len(filled) == 1 and not re.search(r"[$`]", text)
    return tuple(words), plain


def _interpreted(argv: tuple[str, ...], taking: str) -> tuple[tuple[str, ...], bool] | None:
    words = list(argv[1:])
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option in ("-m", "-jar") and words:
            return tuple(words), True
        if option == "-c":
            return None
        if option in taking.split() and words:
            words.pop(0)
    return (tuple(words), True) if words else None


def program_name(path: str) -> str:
    """A normalised name for an unknown program: its base name without extension and version; '' for generic ones.

    For a generic base name (``/opt/agent/app.py``) the directory above gives the name.
    """
    for part in reversed([part for part in path.split("/") if part]):
        stem = re.sub(r"\.(py|pyc|js|mjs|cjs|ts|jar|war|rb|pl|php|sh|bash|bin|exe)$", "", part)
        stem = re.sub(r"[-_.]v?\d+(\.\d+)*([-_.](linux|amd64|arm64|x86_64|SNAPSHOT).*)?$", "", stem) or stem
        stem = re.sub(r"[-_.](linux|darwin)[-_.]?(amd64|arm64|x86_64|386)?$", "", stem)
        bare = stem.lower().lstrip(".")
        if bare and bare not in _GENERIC_STEMS and not re.fullmatch(r"python[0-9.]*", bare):
            return re.sub(r"[^a-z0-9]+", "_", bare).strip("_")
    return ""


def options(argv: tuple[str, ...]) -> Iterator[tuple[str, str | None, int]]:
    """Every word after the program as (option, value, position): ``--a=b``, ``--a b``, ``-p80``; ('', word, …) if bare.

    Without knowing a program's options, the word after one may be its value or not: it is given as both.
    """
    ended = False
    for position, word in enumerate(argv[1:], start=1):
        if ended or not word.startswith("-") or word == "-":
            yield "", word, position
            continue
        if word == "--":
            ended = True
            continue
        name, equals, value = word.partition("=")
        following = argv[position + 1] if position + 1 < len(argv) else None
        if equals:
            yield name, value, position
            continue
        yield name, following, position
        short = re.fullmatch(r"(-[A-Za-z])(.+)", word)
        if short and not word.startswith("--"):
            yield short[1], short[2], position


def masked(argv: tuple[str, ...]) -> tuple[str, ...]:
    """``argv`` with what looks like a secret replaced: values of password-like options, user:password in addresses."""
    secret = re.compile(r"(pass(word|wd|phrase)?|token|secret|api[-_.]?key|credential|auth)", re.IGNORECASE)
    result: list[str] = []
    hide = False
    for word in argv:
        name, equals, _ = word.partition("=")
        if hide and not word.startswith("-"):
            result.append("***")
        elif equals and secret.search(name):
            result.append(f"{name}=***")
        else:
            result.append(re.sub(r"(://[^/@:\s]*):[^/@\s]+@", r"\1:***@", word))
        hide = word.startswith("-") and not equals and bool(secret.search(word)) and not re.search(r"file|path", word)
    return tuple(result)
