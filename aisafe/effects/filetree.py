"""The files of a host as they would be after the tasks so far: the live ones, read lazily, under what the run did."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Literal

from aisafe.effects.api import Call, LiveFile, ReadLive
from aisafe.frozen import frozen
from aisafe.model import Action, BlindSpot, Certainty, Effect, TaskRef, Unknown

FileKind = Literal["file", "directory", "link", "other", "absent", "unseen"]
_KEPT = 50_000
"""Paths of which it is remembered what is the same on every host."""
LINKS_FOLLOWED = 40  # as the kernel does before ELOOP, path_resolution(7)


@frozen
class PredictedFile:
    """A path at one moment of the run.

    ``content`` is bytes or Unknown for a regular file; None for everything else, and for a live file that was too large
    to be read (``reason`` says so). ``mode`` holds the permission bits, ``owner`` and ``group`` are names; None where
    they are not known. ``certainty`` possible: the path is as told here only if something happens that cannot be known
    (``reason``), else as before. ``by_run``: a task of the run made or changed it, ``task`` the last one.
    ``outline``: of a file that a package of the run brings, while its content is Unknown, the lines that decide where
    its program listens (:mod:`aisafe.knowledge.packaged`), with the edits of tasks.
    ``fresh``: the run made it where nothing, or something else, was: below it there is nothing of the live host;
    ``unsure_below``: why that is only possible, '' where it is certain; ``perhaps_left``: because the run removed the live
    one or not, so that what is below may be the same as before.
    """

    path: str
    kind: FileKind
    content: bytes | Unknown | None = None
    mode: int | None = None
    owner: str | None = None
    group: str | None = None
    size: int | None = None
    mtime: float | None = None
    target: str = ""
    entries: tuple[str, ...] = ()
    certainty: Certainty = "certain"
    reason: str = ""
    by_run: bool = False
    fresh: bool = False
    unsure_below: str = ""
    perhaps_left: bool = False
    task: TaskRef | None = None
    outline: bytes | None = None

    @property
    def exists(self) -> bool | None:
        """None where that cannot be known: unseen, or present only possibly."""
        if self.kind == "unseen" or self.certainty != "certain":
            return None
        return self.kind != "absent"

    @property
    def text(self) -> str | None:
        """The content as text, bytes that are not UTF-8 replaced; None where it is not known or there is none."""
        return self.content.decode("utf-8", "replace") if isinstance(self.content, bytes) else None


@frozen
class Growth:
    """What one change of a path asks of the file system: bytes ``before`` and ``after``, None where they are not known.

    ``beside``: the new file is laid down whole before the old one goes. ``sure``: as far as the path is concerned.
    """

    path: str
    before: int | None
    after: int | None
    beside: bool = False
    sure: bool = True


class FileTree:
    """Files by absolute path. Every change goes through a method that also says which effect it has."""

    def __init__(
        self, read: ReadLive, note: Callable[[BlindSpot], None], appeared: Callable[[str], str] = lambda path: ""
    ) -> None:
        """``appeared``: why a path that the live host lacks may be there by now, though no effect names it; '' for no."""
        self._read = read
        self._note = note
        self._appeared = appeared
        self._live: dict[str, PredictedFile] = {}
        self._now: dict[str, PredictedFile] = {}
        self._filled: dict[str, str] = {}  # directories below which the run put what nobody can tell, and why
        self.stamp = 0  # goes up with every change
        self._changed: tuple[int, Mapping[str, PredictedFile]] = (0, {})
        self._growths: list[Growth] = []

    def prefetch(self, paths: Iterable[str]) -> None:
        """Read what is not yet known of ``paths`` in one round trip."""
        wanted = [path for path in dict.fromkeys(map(self._place, paths)) if not self._known(path)]
        if not wanted:
            return
        answer = self._read(wanted)
        for path in wanted:
            found = answer.get(path)
            self._live[path] = _from_live(path, found) if found else PredictedFile(
                path=path, kind="unseen", reason="the host gave no answer about it"
            )  # fmt: skip

    def get(self, path: str, *, follow: bool = False) -> PredictedFile:
        """``path`` as it is now; ``follow`` resolves symbolic links at its end too.

        What cannot be read is 'unseen', and a blind spot of the host.
        """
        found = self._get(self._place(path))
        for _ in range(LINKS_FOLLOWED):
            if not follow or found.kind != "link":
                break
            found = self._get(self._place(posixpath.join(posixpath.dirname(found.path), found.target)))
        if found.kind == "unseen":
            self._note(_not_read(path, found.reason))
        if found.kind == "absent" and (why := self._unseen(found)):
            found = replace(found, certainty="possible", reason=why)
        return found if found.path == path or follow else replace(found, path=path)

    def entries(self, path: str) -> tuple[str, ...]:
        """Names in the directory ``path``, sorted; () when it is absent or cannot be read (then it is a blind spot)."""
        place = self._get(self._place(path))
        if place.kind == "link":
            place = self.get(path, follow=True)
        names = set(place.entries) if place.kind == "directory" else set()
        prefix = place.path.rstrip("/") + "/"
        for other, file in self._now.items():
            if other.startswith(prefix) and "/" not in other[len(prefix) :]:
                (names.discard if file.kind == "absent" else names.add)(other[len(prefix) :])
        return tuple(sorted(names))

    def changed(self, paths: Iterable[str]) -> bool:
        """Whether the run changed any of ``paths`` (or removed a directory above it)."""
        return any(self._get(self._place(path)).by_run for path in paths if self._touched(self._place(path)))

    def put(
        self,
        call: Call,
        path: str,
        *,
        content: bytes | Unknown | None = None,
        mode: int | None = None,
        owner: str | None = None,
        group: str | None = None,
        detail: str = "",
        size: int | None = None,
        beside: bool = False,
    ) -> tuple[Effect, ...]:
        """A regular file at ``path``; None keeps what is there. No effect when it is so already.

        A path that could not be seen, or content that is Unknown, yields a 'possible' effect. ``size``: of such a content,
        where that is known. ``beside``: see :class:`Growth`.
        """
        before = self.get(path)
        kept = before if before.kind == "file" else PredictedFile(path=before.path, kind="file", content=b"")
        wanted = replace(
            kept,
            path=self._place(path),
            kind="file",
            content=kept.content if content is None else content,
            size=kept.size if content is None else len(content) if isinstance(content, bytes) else size,
            mtime=kept.mtime if content is None else None,
            outline=kept.outline if content is None else None,
            mode=kept.mode if mode is None else mode,
            owner=kept.owner if owner is None else owner,
            group=kept.group if group is None else group,
        )
        return self._become(call, before, wanted, detail, beside=beside)

    def make_directory(
        self, call: Call, path: str, *, mode: int | None = None, owner: str | None = None, group: str | None = None
    ) -> tuple[Effect, ...]:
        """A directory at ``path`` and all those above it that are missing, each with its effect (as ``file`` does)."""
        missing = []
        above = path.rstrip("/") or "/"
        self.prefetch(list(_lineage(above)))
        while above not in ("/", "") and self.get(above, follow=True).kind in ("absent", "unseen"):
            missing.append(above)
            above = posixpath.dirname(above)
        effects: list[Effect] = []
        for step in [*reversed(missing)] or [path.rstrip("/") or "/"]:
            before = self.get(step, follow=True)
            kept = before if before.kind == "directory" else PredictedFile(path=before.path, kind="directory")
            wanted = replace(
                kept,
                mode=kept.mode if mode is None else mode,
                owner=kept.owner if owner is None else owner,
                group=kept.group if group is None else group,
            )
            effects += self._become(call, before, wanted, "directory")
        return tuple(effects)

    def link(
        self, call: Call, path: str, target: str, *, owner: str | None = None, group: str | None = None
    ) -> tuple[Effect, ...]:
        """A symbolic link at ``path`` to ``target`` as written."""
        before = self.get(path)
        kept = before if before.kind == "link" else PredictedFile(path=before.path, kind="link", mode=0o777)
        wanted = replace(
            kept,
            target=target,
            owner=kept.owner if owner is None else owner,
            group=kept.group if group is None else group,
        )
        return self._become(call, before, wanted, f"link to {target}")

    def hard_link(self, call: Call, path: str, source: str) -> tuple[Effect, ...]:
        """A hard link at ``path`` to the file at ``source``: the same content, mode and owners."""
        before, origin = self.get(path), self.get(source, follow=True)
        effects = self._become(call, before, replace(origin, path=before.path), f"hard link to {source}")
        if effects and self._growths:
            self._growths[-1] = replace(self._growths[-1], after=0)
        return effects

    def remove(self, call: Call, path: str) -> tuple[Effect, ...]:
        """Nothing at ``path``, nor below it."""
        before = self.get(path)
        return self._become(call, before, PredictedFile(path=before.path, kind="absent"), "")

    def lay(self, brought: PredictedFile) -> None:
        """``brought`` where nothing is yet, by no task: what a package unpacks, which is no effect of its own."""
        place = self._place(brought.path)
        if self._get(place).kind == "absent":
            self.stamp += 1
            self._now[place] = replace(brought, path=place)

    def disturb(self, call: Call, path: str, why: str) -> tuple[Effect, ...]:
        """Something at ``path`` that cannot be foreseen, such as what a command or an archive leaves there."""
        before = self.get(path)
        place = self._place(path)
        self.stamp += 1
        self._now[place] = replace(
            before, path=place, content=Unknown(why), size=None, certainty="possible", reason=why, by_run=True,
            task=call.task, outline=None,
        )  # fmt: skip
        self._growths.append(Growth(path=place, before=_bytes_of(before), after=None, sure=False))
        action: Action = "create" if before.kind == "absent" else "change"
        return (
            Effect(kind="file", action=action, name=path, task=call.task, certainty="possible", why=why, paths=(path,)),
        )

    def redraw(self, call: Call, path: str, outline: bytes, *, sure: bool) -> tuple[Effect, ...]:
        """Another outline of the file at ``path``; ``sure``: that certainly changes the file."""
        before = self.get(path)
        why = before.content.why if isinstance(before.content, Unknown) and not sure else ""
        self.stamp += 1
        self._now[before.path] = replace(before, outline=outline, by_run=True, task=call.task)
        certainty: Certainty = "certain" if sure else "possible"
        return (
            Effect(
                kind="file", action="change", name=path, task=call.task, certainty=certainty, why=why, paths=(path,)
            ),
        )

    def unsettle_mode(self, call: Call, path: str) -> None:
        """The mode at ``path`` is not known from now on: with an access list, its mask is shown as the group's bits (acl(5))."""
        before = self.get(path, follow=True)
        if before.kind in ("file", "directory"):
            self.stamp += 1
            self._now[before.path] = replace(before, mode=None, by_run=True, task=call.task)

    def fill(self, directory: str, why: str) -> None:
        """Anything may lie below ``directory`` by now, such as what an archive held; no effect of its own."""
        self.stamp += 1
        self._filled[self._place(directory)] = why

    def _unseen(self, absent: PredictedFile) -> str:
        """Why something may be at a path where nothing was seen; '' where nothing is."""
        if absent.path in self._now:
            return "" if absent.by_run else self._appeared(absent.path)
        filled = (why for place, why in self._filled.items() if absent.path.startswith(place.rstrip("/") + "/"))
        return next(filled, "") or ("" if absent.by_run else self._appeared(absent.path))

    def disown(self, directory: str) -> None:
        """Somebody else sets the owners and modes of what the run made at and below ``directory``; no effect of its own."""
        below = directory.rstrip("/") + "/"
        for path, file in [*self._now.items()]:
            if file.by_run and (path == directory or path.startswith(below)):
                self._now[path] = replace(file, mode=None, owner=None, group=None)
                self.stamp += 1

    def all_changed(self) -> Mapping[str, PredictedFile]:
        """Every path that the run made, changed or removed, as it is now."""
        if self._changed[0] != self.stamp:
            self._changed = (self.stamp, {path: file for path, file in self._now.items() if file.by_run})
        return self._changed[1]

    def take_growths(self) -> tuple[Growth, ...]:
        """What was asked of the file systems since this was last called, in its order."""
        taken, self._growths = tuple(self._growths), []
        return taken

    def _become(
        self, call: Call, before: PredictedFile, wanted: PredictedFile, detail: str, *, beside: bool = False
    ) -> tuple[Effect, ...]:
        place = self._place(before.path)
        difference, why = _difference(before, wanted)
        if not difference:
            return ()
        sure: Certainty = call.certainty
        reason = call.why
        if wanted.kind == "absent" or before.kind != wanted.kind:
            for known in (self._now, self._filled):
                for below in [path for path in known if path.startswith(place.rstrip("/") + "/")]:
                    del known[below]
            self._filled.pop(place, None)
        self.stamp += 1
        self._now[place] = replace(
            wanted, path=place, by_run=True, fresh=before.fresh or before.kind not in (wanted.kind, "unseen"),
            unsure_below=before.reason if _unsure(before) else before.unsure_below,
            perhaps_left=before.by_run if _unsure(before) else before.perhaps_left,
            certainty="certain" if sure == "certain" else "possible", reason=reason, task=call.task,
        )  # fmt: skip
        action: Action = "remove" if wanted.kind == "absent" else "create" if before.kind == "absent" else "change"
        certain = difference == "certain"
        whole = before.kind == wanted.kind == "file" and before.content is wanted.content  # its mode, its owner
        if not whole:
            was, will_be = _bytes_of(before), _bytes_of(wanted)
            both = isinstance(before.content, bytes) and isinstance(wanted.content, bytes)
            written = before.kind != wanted.kind or both or (None not in (was, will_be) and was != will_be)
            self._growths.append(Growth(path=place, before=was, after=will_be, beside=beside, sure=certain and written))
        return (
            Effect(
                kind="file", action=action, name=before.path, task=call.task, paths=(before.path,),
                certainty="certain" if certain else "possible", why="" if certain else why,
                detail=detail or ("" if action != "change" else why),
            ),
        )  # fmt: skip

    def _known(self, place: str) -> bool:
        return place in self._now or place in self._live or self._shadow(place) is not None

    def _touched(self, place: str) -> bool:
        return place in self._now or self._shadow(place) is not None

    def _shadow(self, place: str) -> PredictedFile | None:
        """The nearest path above that the run removed or made: below it nothing of the live host remains."""
        above = place.rpartition("/")[0]
        while above:
            found = self._now.get(above)
            if found is not None:
                return found if found.kind != "directory" or found.fresh else None
            above = above.rpartition("/")[0]
        return None

    def _get(self, place: str) -> PredictedFile:
        if place in self._now:
            return self._now[place]
        shadow = self._shadow(place)
        if shadow is not None:
            unsure = shadow.unsure_below
            return PredictedFile(
                path=place, kind="absent", certainty="possible" if unsure else shadow.certainty,
                reason=unsure or shadow.reason, by_run=shadow.by_run and (not unsure or shadow.perhaps_left),
            )  # fmt: skip
        if place not in self._live:
            self.prefetch([place])
        return self._live[place]

    def _place(self, path: str) -> str:
        """``path`` normalised, with the links resolved that the run made above its last part.

        Links of the live host are followed by the host itself.
        """
        path = _normal(path)
        for _ in range(LINKS_FOLLOWED):
            above = path.rpartition("/")[0]
            while above:
                link = self._now.get(above)
                if link is not None and link.kind == "link":
                    target = posixpath.join(posixpath.dirname(above), link.target)
                    path = posixpath.normpath(target + path[len(above) :])
                    break
                above = above.rpartition("/")[0]
            else:
                return path
        return path


def _bytes_of(file: PredictedFile) -> int | None:
    """Of a file; what lies below a directory is not counted, and so not known when it goes."""
    if file.kind == "file":
        return len(file.content) if isinstance(file.content, bytes) else file.size
    if file.kind == "directory":
        return None if file.entries or file.by_run else 0
    return 0 if file.kind in ("absent", "link") else None


def _unsure(file: PredictedFile) -> bool:
    """Whether something may be there all the same: the run removed it or not, or a package may have brought it unseen."""
    return file.kind == "absent" and file.certainty != "certain"


def _lineage(path: str) -> Iterator[str]:
    """``path`` and the directories above it, without the root."""
    while path not in ("/", ""):
        yield path
        path = posixpath.dirname(path)


@lru_cache(maxsize=_KEPT)
def _normal(path: str) -> str:
    return posixpath.normpath("/" + path.lstrip("/"))


@lru_cache(maxsize=_KEPT)
def _not_read(path: str, reason: str) -> BlindSpot:
    return BlindSpot(kind="file", reason=f"{path} could not be read: {reason}", blocks=False)


@lru_cache(maxsize=_KEPT)
def _unseen(path: str, reason: str) -> PredictedFile:
    return PredictedFile(path=path, kind="unseen", reason=reason)


def _from_live(path: str, live: LiveFile) -> PredictedFile:
    if live.kind == "unseen":
        return _unseen(path, live.reason)
    seen = live.kind != "absent"
    return PredictedFile(
        path=path, kind=live.kind, content=live.content, mode=live.mode if seen else None,
        owner=live.owner if seen else None, group=live.group if seen else None, size=live.size if seen else None,
        mtime=live.mtime if seen else None, target=live.target, entries=live.entries, reason=live.reason,
    )  # fmt: skip


def _difference(before: PredictedFile, wanted: PredictedFile) -> tuple[Literal["", "certain", "possible"], str]:
    """Whether ``before`` becomes something else, and why that is not sure, or what differs."""
    if before.kind == "unseen":
        return "possible", f"what is there could not be seen: {before.reason}"
    if before.kind == "absent" and not before.by_run and wanted.kind == "file" and isinstance(wanted.content, bytes):
        return "certain", ""  # if something appeared there meanwhile, it gives way to this content
    if before.certainty != "certain":
        return "possible", f"what is there depends on: {before.reason}"
    if before.kind != wanted.kind:
        return "certain", f"{wanted.kind} in place of {before.kind}" if before.kind != "absent" else ""
    differing = [
        name for name, old, new in (
            ("mode", before.mode, wanted.mode), ("owner", before.owner, wanted.owner),
            ("group", before.group, wanted.group), ("target", before.target, wanted.target),
        ) if old != new
    ]  # fmt: skip
    if wanted.kind == "file" and before.content != wanted.content:
        if isinstance(before.content, bytes) and isinstance(wanted.content, bytes):
            differing.insert(0, "content")
        elif isinstance(wanted.content, bytes) and before.outline is not None:
            differing.insert(0, "content")  # a package's own text is none that a task writes whole
        elif None not in (before.size, wanted.size) and before.size != wanted.size:
            differing.insert(0, "size")
        elif not differing:
            unknown = wanted.content if isinstance(wanted.content, Unknown) else before.content
            told = unknown.why if isinstance(unknown, Unknown) else before.reason or "too large to be read"
            return "possible", f"the content is not known: {told}"
    return ("certain", ", ".join(differing)) if differing else ("", "")
