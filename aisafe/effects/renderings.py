"""The configuration files of a predicted host as a service would read them, also where the run leaves their text open."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from aisafe.effects.filetree import FileTree
from aisafe.formats.configfiles import Reader
from aisafe.formats.listenflags import Listening
from aisafe.model import Unknown
from aisafe.model.unknown import alternatives_of

MOST = 16
"""How many renderings of a template are tried, at most."""


@dataclass(slots=True)
class _Trial:
    """What was read for one answer: ``alternatives``: path of each file that has some -> how many; ``vague``: it may have
    others than those; ``outlined``: of these files only the lines that a package is known to bring. ``choice``: which to
    take, from 0."""

    choice: int = 0
    alternatives: dict[str, int] = field(default_factory=dict)
    vague: bool = False
    outlined: set[str] = field(default_factory=set)


class Renderings:
    def __init__(self, files: FileTree) -> None:
        self._files = files

    def reader(self) -> Reader:
        """Files as they are now; one whose text depends on the run cannot be read."""
        return Reader(text=partial(self._text, trial=None), names=self._names)

    def tried(self, answer: Callable[[Reader], Listening]) -> Listening:
        """``answer`` by the files that it reads; where one has alternatives (a template with a condition that only the run
        decides), by each of them: what they all say is known."""
        trial = _Trial()
        reader = Reader(text=partial(self._text, trial=trial), names=self._names)
        found = [answer(reader)]
        while trial.choice + 1 < min(max(trial.alternatives.values(), default=1), MOST):
            trial.choice += 1
            found.append(answer(reader))
        together = found[0]
        for other in found[1:]:
            together = together.with_others(other)
        if trial.alternatives:
            path, count = max(trial.alternatives.items(), key=lambda item: item[1])
            same = all(set(each.sockets) == set(found[0].sockets) for each in found)
            if same and together.known and count <= MOST and not trial.vague:
                together = found[0]
            else:
                together = replace(together, known=False, why=together.why or f"{path} is known only in the run")
        if not trial.outlined:
            return together
        return replace(together, evidence=tuple(_unnumbered(text, trial.outlined) for text in together.evidence))

    def _text(self, path: str, *, trial: _Trial | None) -> str | Literal[False] | None:
        found = self._files.get(path, follow=True)
        if found.kind in ("absent", "directory", "other"):
            return None if found.certainty == "certain" else False
        if found.certainty != "certain":
            return False
        if found.outline is not None:
            if trial is not None:
                trial.outlined.add(path)
            return found.outline.decode("utf-8", "replace")
        if trial is not None and isinstance(found.content, Unknown):
            texts, whole = alternatives_of(found.content)
            if texts:
                trial.alternatives[path] = max(len(texts), trial.alternatives.get(path, 0))
                trial.vague = trial.vague or not whole
                return texts[min(trial.choice, len(texts) - 1)]
        return found.text if found.text is not None else False

    def _names(self, directory: str) -> tuple[str, ...] | None:
        return None if self._files.get(directory, follow=True).kind == "unseen" else self._files.entries(directory)


def _unnumbered(evidence: str, outlined: set[str]) -> str:
    """``evidence`` without the number of a line, where only an outline of the file is known."""
    return re.sub(r"(/\S+?):\d+(?=\s|$)", lambda found: found[1] if found[1] in outlined else found[0], evidence)
