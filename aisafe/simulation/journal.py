"""What the simulation has met so far: notes, files read, and how many tasks it understood. Imports no ansible."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from aisafe.formats.plainsecrets import LARGEST, plain_secrets
from aisafe.model import Coverage, Note, NoteKind, TaskRef

MASK = "********"
_LONGEST = 2000
"""Characters of a note's message: ansible quotes values in its errors, and a play can make them as long as it likes."""
_MOST = 20000
_TEXTS = (".yml", ".yaml", ".j2", ".jinja2", ".jinja")
_ACROSS = re.compile(rb"\b(?:ansible_play_hosts_all|ansible_play_hosts|ansible_play_batch|play_hosts"
                     rb"|hostvars(?!\s*\[\s*inventory_hostname\b))\b")  # fmt: skip
"""What a template sees of other hosts than its own (ansible documentation, "Special Variables")."""
_HASHED = 256 * 1024 * 1024
"""Bytes of a file that is hashed; a larger one is known by its size and time."""


class Journal:
    """Collects; nothing in it depends on ansible."""

    def __init__(self, *, cwd: Path, secrets: Iterable[str] = ()) -> None:
        self._cwd = str(cwd)
        self._secrets = tuple(secret for secret in secrets if len(secret) > 3)
        self._notes: dict[Note, None] = {}
        self._files: dict[str, str] = {}
        self._tasks: dict[str, dict[str, str]] = {}  # host -> task id -> modelled | opaque | not_reached
        self._no_model: dict[str, set[str]] = {}  # host -> modules
        self._shown: dict[str, str] = {}

    def note(
        self, kind: NoteKind, message: str, *, host: str | None = None, task: TaskRef | None = None, fix: str = ""
    ) -> None:
        """Add a note once; ``message`` is masked for known passwords and kept to one line of readable length."""
        text = " ".join(message.split())
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        if len(text) > _LONGEST:
            text = f"{text[:_LONGEST]}… ({len(text)} characters)"
        if len(self._notes) < _MOST:
            self._notes.setdefault(Note(kind=kind, message=text, host=host, task=task, fix=fix))
        elif len(self._notes) == _MOST:
            self._notes.setdefault(Note(kind="capped", message=f"more than {_MOST} notes: the rest was not kept"))

    @property
    def notes(self) -> tuple[Note, ...]:
        return tuple(self._notes)

    def count(self, host: str, task: str, outcome: str) -> None:
        """Count a task once a host; an opaque item makes the whole task opaque."""
        seen = self._tasks.setdefault(host, {})
        if seen.get(task) != "opaque":
            seen[task] = outcome

    def no_model(self, host: str, module: str) -> None:
        """Remember that ``module`` was to run for ``host``, and that nobody can say what it does."""
        self._no_model.setdefault(host, set()).add(module)

    def coverage(self, host: str) -> Coverage:
        outcomes = list(self._tasks.get(host, {}).values())
        return Coverage(
            tasks=len(outcomes),
            modelled=outcomes.count("modelled"),
            opaque=outcomes.count("opaque"),
            not_reached=outcomes.count("not_reached"),
            no_model=tuple(sorted(self._no_model.get(host, ()))),
        )

    def saw(self, host: str, task: str) -> bool:
        return task in self._tasks.get(host, {})

    def display_path(self, path: str) -> str:
        """As the user would write it: relative to the working directory when below it, absolute otherwise."""
        if path not in self._shown:
            self._shown[path] = self._display_path(path)
        return self._shown[path]

    def _display_path(self, path: str) -> str:
        for candidate, base in ((path, self._cwd), (os.path.realpath(path), os.path.realpath(self._cwd))):
            if candidate.startswith(base + os.sep):
                return candidate[len(base) + 1 :]
        return path

    def read(self, path: str) -> None:
        """Remember the content of a controller file that the run reads, as it lies on the disk (a vault stays shut)."""
        name = os.path.abspath(path)
        if name in self._files:
            return
        try:
            info = os.stat(name)
            if not stat.S_ISREG(info.st_mode):
                return
            if info.st_size > _HASHED:
                text = f"{info.st_size} {info.st_mtime_ns}".encode()
                self._files[name] = hashlib.sha256(text).hexdigest()
                return
            with open(name, "rb") as file:
                self._files[name] = hashlib.file_digest(file, "sha256").hexdigest()
                shown = self.display_path(name)
                if shown.endswith(_TEXTS) and info.st_size <= LARGEST:
                    file.seek(0)
                    self._look_across(shown, file.read())
                if not shown.startswith("/") and shown.endswith((".yml", ".yaml")):
                    file.seek(0)
                    self._look_for_secrets(shown, file.read(LARGEST + 1))
        except OSError:
            return

    def _look_for_secrets(self, path: str, content: bytes) -> None:
        """Of the user's own files only: those of a role from elsewhere are not the user's to mend."""
        for secret in plain_secrets(content.decode("utf-8", "replace")):
            what = "a placeholder, which must be replaced before it is used" if secret.placeholder else "plain text"
            self.note("plain-secret", f"{secret.name} stands there as {what}.",
                      task=TaskRef(name="", path=path, line=secret.line))  # fmt: skip

    def _look_across(self, path: str, content: bytes) -> None:
        """The first place where a file looks at what other hosts of the play are: each wave of a run sees its own alone."""
        found = _ACROSS.search(content)
        if found is not None:
            line = content.count(b"\n", 0, found.start()) + 1
            self.note("looks-across", f"{found[0].decode()} stands there, which is of the hosts of a wave alone in each wave.",
                      task=TaskRef(name="", path=path, line=line))  # fmt: skip

    @property
    def files(self) -> dict[str, str]:
        """Absolute path -> sha256."""
        return dict(sorted(self._files.items()))
