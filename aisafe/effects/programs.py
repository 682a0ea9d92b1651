"""Programs that a command may run: which only read, and what the others do to the host. Nothing is ever run."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from aisafe.effects.api import MODELS, Call
from aisafe.effects.arguments import UnknownArgument
from aisafe.effects.attributes import remote_path
from aisafe.effects.predicted import PredictedHost
from aisafe.effects.shell import Word
from aisafe.frozen import frozen
from aisafe.model import Action, Certainty, Effect, EffectKind, Unknown
from aisafe.registry import Registry


@frozen
class Ran:
    """What one program would have done. ``ok``: whether it exits with 0, None where that is not known; ``rc`` where the
    code itself is; ``why`` it fails, '' where the code says it all. ``stdout`` None: not known. ``opaque``: why it cannot be
    told what it does."""

    effects: tuple[Effect, ...] = ()
    ok: bool | None = None
    rc: int | None = None
    why: str = ""
    stdout: str | None = None
    opaque: str = ""


@dataclass(slots=True, kw_only=True)
class Scene:
    """Where a program runs: ``name`` without its path; ``cwd`` None when it is not known; ``stdin`` None likewise."""

    call: Call
    host: PredictedHost
    name: str = ""
    cwd: str | None = None
    stdin: str | None = None

    def path(self, text: str) -> str:
        """Raises UnknownArgument for a path relative to a directory that is not known."""
        if not text.startswith(("/", "~")):
            if self.cwd is None:
                raise UnknownArgument(Unknown("the working directory of the connection", text), "the path")
            text = posixpath.join(self.cwd, text)
        return remote_path(text, call=self.call, host=self.host)

    def paths(self, words: Sequence[Word]) -> tuple[str, ...]:
        """The paths that ``words`` name; a pattern in the last part is matched against the host's directory."""
        found: list[str] = []
        for word in words:
            if word.literal:
                found.append(self.path(word.text))
                continue
            folder, name = posixpath.split(word.text)
            if not word.pattern or "$" in word.text or set("*?[") & set(folder):
                raise UnknownArgument(Unknown("what the shell makes of it", word.text), "the path")
            folder = self.path(folder or ".")
            if self.host.file(folder, follow=True).exists is None:
                raise UnknownArgument(Unknown(f"the files in {folder}", word.text), "the path")
            names = [entry for entry in self.host.files.entries(folder) if fnmatchcase(entry, name)]
            hidden = name.startswith(".")
            found += [posixpath.join(folder, entry) for entry in names if hidden or not entry.startswith(".")]
        return tuple(found)

    def effect(
        self,
        kind: EffectKind,
        action: Action,
        name: str,
        *,
        certainty: Certainty = "certain",
        why: str = "",
        reversible: bool = True,
        detail: str = "",
        paths: tuple[str, ...] = (),
    ) -> Effect:
        return Effect(
            kind=kind, action=action, name=name, task=self.call.task, certainty=certainty, why=why,
            reversible=reversible, detail=detail, paths=paths,
        )  # fmt: skip


def through(scene: Scene, module: str, args: dict[str, Any]) -> Ran:
    """What a module's model says about the same thing."""
    found = MODELS.get(module)
    if found is None:
        return Ran(opaque=f"{scene.name} is not understood")
    result = found(replace(scene.call, module=module, args=args, source=None), scene.host)
    return Ran(effects=result.effects, ok=False if result.failed else None, opaque=result.opaque)


Program = Callable[[Scene, Sequence[Word]], Ran]
PROGRAMS: Registry[Program] = Registry("aisafe.effects")


def program(*names: str) -> Callable[[Program], Program]:
    """Register what the programs ``names`` do; the function gets the words after the name."""

    def register(function: Program) -> Program:
        for name in names:
            PROGRAMS.add(name, function)
        return function

    return register


def texts(words: Sequence[Word]) -> list[str]:
    return [word.text for word in words]


def split_options(words: Sequence[Word], *, valued: str = "") -> tuple[dict[str, str], list[Word]]:
    """Options and operands as getopt(3) has them: ``-rf`` is two; those in ``valued`` (letters, names) take a value."""
    options: dict[str, str] = {}
    operands: list[Word] = []
    takes = valued.split()
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word.text == "--":
            return options, [*operands, *rest]
        if word.text.startswith("--"):
            name, equals, value = word.text[2:].partition("=")
            options[name] = value if equals or name not in takes or not rest else rest.pop(0).text
        elif word.text.startswith("-") and len(word.text) > 1:
            letters = word.text[1:]
            while letters:
                letter, letters = letters[0], letters[1:]
                if letter in takes:
                    options[letter] = letters or (rest.pop(0).text if rest else "")
                    break
                options[letter] = ""
        else:
            operands.append(word)
    return options, operands
