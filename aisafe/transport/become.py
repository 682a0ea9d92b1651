"""Becoming root on a host: sudo(8), su(1) or doas(1), with or without a password, never by asking the user."""

from __future__ import annotations

import posixpath
import re
import secrets
import shlex
from dataclasses import field

from aisafe.errors import NoRights
from aisafe.frozen import frozen
from aisafe.model import Connection

SU_PROMPT = re.compile(rb"[^\r\n]*(password|passwort|mot de passe|contrase|:)[^\r\n]*: ?$", re.IGNORECASE)
METHODS = ("sudo", "su", "doas")
FIX = "Give the login user root on this host (ansible_become with sudo, su or doas), or log in as root."


@frozen
class Becoming:
    """How the agent's command line is run. ``prompt``: what asks for the password; None: nothing will be sent.

    ``terminal``: the program reads the password from a terminal only. ``optional``: the inventory did not ask for it,
    so that the login user's own rights will do when it fails.
    """

    command: str
    prompt: re.Pattern[bytes] | None = None
    password: str | None = field(default=None, repr=False)
    terminal: bool = False
    optional: bool = False
    method: str = ""


def plan(connection: Connection, *, is_root: bool) -> tuple[str, bool]:
    """The method to use ('' for none) and whether it is optional.

    Raises NoRights for a method that is not supported: going on without it would see another host than the run does.
    """
    if is_root:
        return "", False
    method = connection.become_method.rsplit(".", 1)[-1]
    if method not in ("", *METHODS):
        raise NoRights(
            connection.host, f"{connection.host}: become method {connection.become_method!r} is not supported yet.",
            fix="Use sudo, su or doas for this host (ansible_become_method).",
        )  # fmt: skip
    return method or "sudo", not method


def on_terminal(connection: Connection, method: str) -> bool:
    """Whether the program reads its password from a terminal only: su always has one, doas where a password is given."""
    return method == "su" or (method == "doas" and connection.become_password is not None)


def wrap(connection: Connection, inner: str, *, method: str, optional: bool) -> Becoming:
    """The command line that runs ``inner`` (for ``sh``) as root."""
    shell = f"/bin/sh -c {shlex.quote(inner)}"
    if not method:
        return Becoming(command=shell)
    exe, flags = program(connection, method), arguments(connection, method)
    if method == "su":
        return Becoming(
            command=f"LC_ALL=C {exe} {flags} root -c {shlex.quote(shell)}", prompt=SU_PROMPT,
            password=connection.become_password, terminal=True, optional=optional, method="su",
        )  # fmt: skip
    exe = f"LC_ALL=C {exe} {flags}"
    if method == "doas":
        asks = on_terminal(connection, method)
        return Becoming(
            command=f"{exe} {'' if asks else '-n '}-u root {shell}", prompt=SU_PROMPT if asks else None,
            password=connection.become_password, terminal=asks, optional=optional, method="doas",
        )  # fmt: skip
    if connection.become_password is None:
        return Becoming(command=f"{exe} -n -u root {shell}", optional=optional, method="sudo")
    mark = f"[aisafe {secrets.token_hex(8)}]"
    return Becoming(
        command=f"{exe} -S -p {shlex.quote(mark)} -u root {shell}", prompt=re.compile(re.escape(mark.encode())),
        password=connection.become_password, optional=optional, method="sudo",
    )  # fmt: skip


def program(connection: Connection, method: str) -> str:
    """The program, where the inventory says it lies. Raises NoRights for any other program: the inventory is under
    judgement itself, and it would run on the host before anybody has seen what it does."""
    exe = connection.become_exe or method
    if posixpath.basename(exe) != method or ("/" in exe and not exe.startswith("/")):
        raise NoRights(
            connection.host, f"{connection.host}: become_exe {exe!r} is not {method}: it was not run before it is judged.",
            fix=f"Name {method} itself, or nothing (ansible_become_exe).",
        )  # fmt: skip
    return shlex.quote(exe)


_FLAGS = {
    "sudo": re.compile(
        r"-[HEnSkiP]+|--(set-home|preserve-env|non-interactive|stdin|reset-timestamp|login|preserve-groups)"
    ),
    "su": re.compile(r"-|-[lmpP]+|--(login|preserve-environment|pty)"),
    "doas": re.compile(r"-n"),
}


def arguments(connection: Connection, method: str) -> str:
    """The flags of the inventory, as far as they only tune (sudo(8), su(1)). Raises NoRights for others."""
    given = connection.become_flags
    try:
        words = shlex.split(given if given is not None else "-H" if method == "sudo" else "")
    except ValueError:
        words = [str(given)]
    for word in words:
        if not _FLAGS[method].fullmatch(word):
            raise NoRights(
                connection.host, f"{connection.host}: the flag {word!r} for {method} might run something else: it was not "
                "used before it is judged.", fix="Leave it out of become_flags for this host.",
            )  # fmt: skip
    return shlex.join(word for word in words if word not in ("-n", "-S"))


def refused(connection: Connection, becoming: Becoming, said: str) -> NoRights | None:
    """The reason in words when the output of a command that ended early says that root cannot be had; else None."""
    reasons = (
        (r"a password is required|no password was provided|Authentication required|Authorization required",
         f"{becoming.method} asks for a password, and none was given",
         "Run with -K (--ask-become-pass), or set ansible_become_password."),
        (r"incorrect password|Authentication fail|Sorry, try again", f"the password for {becoming.method} is wrong",
         "Check the become password."),
        (r"is not in the sudoers file|not allowed to (execute|run)|may not run sudo",
         "sudo does not allow it to the user", FIX),
        (r"doas: Operation not permitted", "doas does not allow it to the user", "Permit it in the host's doas.conf(5)."),
        (r"must have a tty|a terminal is required", "sudo wants a terminal there (requiretty)",
         "Remove requiretty from the host's sudoers for this user."),
        (r"(sudo|su|doas): (command )?not found|No such file or directory",
         f"{becoming.method} is missing on the host", FIX),
        (r"Permission denied|must be suid|effective uid is not 0|cannot set",
         f"{becoming.method} could not change to root", FIX),
    )  # fmt: skip
    for pattern, why, fix in reasons:
        if becoming.method and re.search(pattern, said, re.IGNORECASE):
            return failure(connection, why, fix)
    return None


def failure(connection: Connection, why: str, fix: str = FIX) -> NoRights:
    return NoRights(connection.host, f"{connection.host}: cannot become root: {why}.", fix=fix)
