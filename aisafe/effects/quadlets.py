"""The quadlets of a predicted host: which service comes of which file that the run wrote."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from aisafe.effects.filetree import FileTree, PredictedFile
from aisafe.formats import quadlet, unitfile
from aisafe.formats.quadlet import DIRECTORIES, FIRST_VERSION, Generated
from aisafe.formats.unitfile import UnitFile
from aisafe.frozen import frozen
from aisafe.model import HostState, TaskRef, Unknown


@frozen
class Quadlet:
    """What the run made of a quadlet. ``generated`` None: no service comes of it (any more).

    ``unread``: the part of it that is not known; ``why``: what it depends on.
    """

    task: TaskRef | None
    generated: Generated | None = None
    unread: str = ""
    why: str = ""


class Quadlets:
    """Services by the files in Podman's directories; only those that the run touched, the others live as units."""

    def __init__(self, state: HostState, files: FileTree) -> None:
        self._state = state
        self._files = files
        self._stamp = -1
        self._found: dict[str, Quadlet] = {}

    def source(self, service: str) -> Quadlet | None:
        """The quadlet that the run wrote or removed and of which ``service`` comes; None for a unit of another kind."""
        return self._all().get(service)

    def service_at(self, path: str) -> str:
        """The service of the quadlet at ``path`` (or whose drop-in it is), '' for another file."""
        file_name = _owner(path)
        return quadlet.service_name(file_name, self._text(file_name)) if file_name else ""

    def _all(self) -> dict[str, Quadlet]:
        if self._stamp != self._files.stamp:
            self._stamp = self._files.stamp
            names = {_owner(path): file for path, file in self._files.all_changed().items() if _owner(path)}
            self._found = {}
            for name, file in names.items():
                made = self._one(name, file)
                self._found[made.generated.name if made.generated else quadlet.service_name(name)] = made
            self._stamp = self._files.stamp
        return self._found

    def _one(self, name: str, file: PredictedFile) -> Quadlet:
        if self._too_old():
            return Quadlet(task=file.task, why=f"Podman {self._state.packages['podman']} of this host has no quadlets")
        place = self._place(name)
        if place is None:
            return Quadlet(task=file.task, why=f"{file.path} was removed")
        unit = self._text(name)
        unknown = place.content.why if isinstance(place.content, Unknown) else ""
        if unit is None:
            return Quadlet(task=file.task, unread=f"{place.path} could not be read")
        made = quadlet.generate(name, unit, self._text)
        unread = f"{place.path} is known only in the run: {unknown}" if unknown else "; ".join(made.problems)
        return Quadlet(task=file.task, generated=made, unread=unread,
                       why=place.reason if place.certainty != "certain" else "")  # fmt: skip

    def _too_old(self) -> bool:
        version = re.match(r"(?:\d+:)?(\d+)\.(\d+)", self._state.packages.get("podman", ""))
        return version is not None and (int(version[1]), int(version[2])) < FIRST_VERSION

    def _place(self, name: str) -> PredictedFile | None:
        """The file of that name which counts, of those in the directories and below them."""
        changed = [path for path in self._files.all_changed() if posixpath.basename(path) == name]
        for directory in DIRECTORIES:
            nested = [path for path in changed if path.startswith(f"{directory}/")]
            for path in dict.fromkeys((f"{directory}/{name}", *nested)):
                found = self._files.get(path, follow=True)
                if found.kind in ("file", "unseen"):
                    return found
        return None

    def _text(self, name: str) -> UnitFile | None:
        """A quadlet with its drop-ins merged."""
        place = self._place(name)
        if place is None or place.kind == "unseen":
            return None
        return unitfile.merge(unitfile.read(_content(part), part.path) for part in (place, *self._drop_ins(name)))

    def _drop_ins(self, name: str) -> Iterator[PredictedFile]:
        for directory in DIRECTORIES:
            folder = f"{directory}/{name}.d"
            for entry in self._files.entries(folder):
                if entry.endswith(".conf"):
                    yield self._files.get(f"{folder}/{entry}", follow=True)


def _content(file: PredictedFile) -> str:
    return (file.content.partial or "") if isinstance(file.content, Unknown) else (file.text or "")


def _owner(path: str) -> str:
    """The name of the quadlet that ``path`` is or is a drop-in of; '' for another file."""
    if quadlet.is_quadlet(path):
        return posixpath.basename(path)
    folder = posixpath.dirname(path)
    if path.endswith(".conf") and folder.endswith(".d") and quadlet.is_quadlet(folder.removesuffix(".d")):
        return posixpath.basename(folder).removesuffix(".d")
    return ""
