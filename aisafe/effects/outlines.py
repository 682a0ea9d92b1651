"""Configuration that a package of the run brings: not known in full, but known in the lines that decide on sockets."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterator

from aisafe.effects.api import Call
from aisafe.effects.filetree import FileTree, PredictedFile
from aisafe.knowledge.packaged import Packaged
from aisafe.model import Certainty, Effect, Unknown


def unpack(files: FileTree, call: Call, packaged: Packaged) -> None:
    """What ``packaged`` brings where nothing is yet: the package's, not the task's, and so no effect.

    dpkg leaves a configuration file that is there as it is (ansible's apt: --force-confold).
    """
    named = (*packaged.files, *packaged.links, *(f"{path}/" for path in packaged.directories))
    directories = sorted({above for path in named for above in _above(path)})
    files.prefetch([*directories, *packaged.files, *packaged.links])
    sure: Certainty = "certain" if call.certainty == "certain" else "possible"
    unknown = Unknown(f"what {call.task} brings is not known")
    for path in directories:
        files.lay(PredictedFile(path=path, kind="directory", certainty=sure, reason=call.why))
    for path, text in packaged.files.items():
        files.lay(PredictedFile(path=path, kind="file", content=unknown, outline=text.encode(), certainty=sure,
                                reason=call.why))  # fmt: skip
    for path, target in packaged.links.items():
        files.lay(PredictedFile(path=path, kind="link", target=target, certainty=sure, reason=call.why))


def edited_outline(
    files: FileTree, call: Call, found: PredictedFile, why: str, edit: Callable[[bytes], bytes | None]
) -> tuple[Effect, ...]:
    """The effects of an edit of a file whose text is not known. ``edit``: None where the outline does not tell.

    Lines of the outline are lines of the file: one that goes certainly changes it. One that only comes may be there.
    """
    try:
        after = edit(found.outline) if found.outline is not None and found.exists else None
    except (ValueError, re.error, LookupError):
        after = None
    if after is None or found.outline is None:
        return files.disturb(call, found.path, why)
    gone = Counter(found.outline.splitlines()) - Counter(after.splitlines())
    return files.redraw(call, found.path, after, sure=bool(gone))


def _above(path: str) -> Iterator[str]:
    path = posixpath.dirname(path)
    while path.count("/") > 1:
        yield path
        path = posixpath.dirname(path)
