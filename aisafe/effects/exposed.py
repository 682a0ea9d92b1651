"""Files of the run that hold secrets and that every user of the host can read at its end."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import TYPE_CHECKING

from aisafe.effects.filetree import PredictedFile
from aisafe.formats.plainsecrets import secrets_held
from aisafe.model import Exposed, Unknown

if TYPE_CHECKING:
    from aisafe.effects.predicted import PredictedHost

_OTHERS_READ, _OTHERS_SEARCH = 0o004, 0o001


def exposed_of(host: PredictedHost) -> tuple[Exposed, ...]:
    """By their mode, and those of the directories above (path_resolution(7)); a directory of which the mode is not known
    is taken for one that others may enter."""
    readable = [
        (path, names)
        for path, file in host.files.all_changed().items()
        if file.kind == "file" and (file.mode or 0) & _OTHERS_READ and (names := secrets_held(_text(file)))
    ]
    host.prefetch(above for path, _ in readable for above in _above(path))
    return tuple(
        Exposed(path=path, names=names, task=host.file(path).task)
        for path, names in sorted(readable)
        if not any(_shut(host.file(above, follow=True)) for above in _above(path))
    )


def _text(file: PredictedFile) -> str:
    content = file.content
    return (content.partial or "") if isinstance(content, Unknown) else file.text or ""


def _above(path: str) -> Iterator[str]:
    while (path := posixpath.dirname(path)) not in ("/", ""):
        yield path


def _shut(directory: PredictedFile) -> bool:
    return directory.kind == "directory" and directory.mode is not None and not directory.mode & _OTHERS_SEARCH
