"""Unit definitions from the predicted files: fragments, drop-ins, templates, masks, links of enablement."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace

from aisafe.effects.filetree import FileTree, PredictedFile
from aisafe.effects.quadlets import Quadlet, Quadlets
from aisafe.effects.unitload import load
from aisafe.formats import quadlet, unitfile
from aisafe.formats.unitfile import SEARCH_PATH, UnitFile
from aisafe.frozen import frozen
from aisafe.knowledge.packages import starts
from aisafe.knowledge.programs import by_package, by_unit
from aisafe.model import Certainty, HostState, TaskRef, Unit, Unknown

ADMIN_DIRECTORY = "/etc/systemd/system"
SHARED_DIRECTORIES = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/var/lib", "/var/log")


@frozen
class Definition:
    """What a unit is by its files. ``found`` None: cannot be known. ``unread``: what of it could not be told.

    ``pulls``: units that start with it, as far as they matter here. ``generated``: systemd has it only after the next
    daemon-reload, which runs the generators (systemd.generator(7)).
    ``bad``: why systemd refuses to start it (LoadState=bad-setting), '' when it does not.
    """

    unit: Unit
    found: bool | None = True
    certainty: Certainty = "certain"
    why: str = ""
    unread: str = ""
    pulls: tuple[str, ...] = ()
    generated: bool = False
    bad: str = ""


def _as_it_is(unit: Unit) -> Definition:
    """One for all hosts that share the unit; it has the unit, so that the id stays that one's."""
    known = _AS_IT_IS.get(id(unit))
    if known is None:
        known = _AS_IT_IS[id(unit)] = Definition(unit=unit)
    return known


_AS_IT_IS: dict[int, Definition] = {}


@frozen
class Changes:
    """What the run changed. ``definitions``: the first name below a unit directory, and the file, in their order;
    ``links``: unit -> whether the link that enables it was made, or removed."""

    definitions: tuple[tuple[str, PredictedFile], ...] = ()
    links: Mapping[str, bool] = field(default_factory=dict)


class UnitFiles:
    """Definitions as they lie on the predicted disk; those that the run left alone come from the live state."""

    def __init__(self, state: HostState, files: FileTree) -> None:
        self._state = state
        self._files = files
        self._brought: dict[str, str] = {}
        self._off: set[str] = set()
        self._gone: set[str] = set()
        self._cache: dict[str, Definition] = {}
        self._cached = 0  # the stamp of the files for which it holds
        self._quadlets = Quadlets(state, files)
        self._changes: tuple[int, Changes] = (0, Changes())

    def introduce(self, name: str, package: str, *, enabled: bool = True) -> None:
        """``name`` comes with ``package``, whose files cannot be seen before it is installed."""
        self._brought[name] = package
        (self._off.discard if enabled else self._off.add)(name)
        self._gone.discard(name)
        self._cache.clear()

    def package_of(self, name: str) -> str:
        """The package of the run that brings the unit, while nobody can read its file; '' for another."""
        live = self._state.units.get(name)
        unseen = name in self._brought and (live is None or live.load_state != "loaded")
        return self._brought[name] if unseen and self._fragment(name) is None else ""

    def forget(self, name: str) -> None:
        """``name`` goes with its package."""
        self._brought.pop(name, None)
        self._gone.add(name)
        self._cache.clear()

    def defined_by_run(self) -> tuple[str, ...]:
        """Units whose files the run made, changed or removed; for a template, its known instances."""
        names: dict[str, None] = dict.fromkeys(self._brought)
        for path in self._files.all_changed():
            name = _unit_of(path) or self._quadlets.service_at(path)
            if name and "@." in name:
                prefix, suffix = name.split("@.", 1)
                known = [unit for unit in self._state.units if unit.startswith(f"{prefix}@") and unit.endswith(suffix)]
                names |= dict.fromkeys(known)
            elif name:
                names[name] = None
        return tuple(names)

    def on_disk(self, name: str) -> Definition:
        """The definition as the next daemon-reload would load it."""
        stamp = self._files.stamp
        if self._cached != stamp:
            self._cached = stamp
            self._cache.clear()
        found = self._cache.get(name)
        if found is None:
            found = self._on_disk(name)
            if self._files.stamp == stamp:
                self._cache[name] = found
        return found

    def _on_disk(self, name: str) -> Definition:
        live = self._state.units.get(name)
        source = self._quadlets.source(name)
        if source is not None:
            return self._from_quadlet(name, source, live)
        touched = any(self._touched(name))
        if name in self._gone and not touched:
            return Definition(unit=Unit(name=name, load_state="not-found"), found=False)
        if live is not None and not touched and not live.need_daemon_reload:
            return _as_it_is(live)
        if name in self._brought and not touched:
            return self._from_package(name)
        if name in self._brought and live is None and self._fragment(name) is None:
            return self._from_package(name, drop_ins=self._drop_ins(name))
        return self._read(name, live)

    def _from_quadlet(self, name: str, source: Quadlet, live: Unit | None) -> Definition:
        """A service that Podman's generator makes of a file that the run made, changed or removed."""
        found, why = source.generated, source.why
        if found is None:
            gone = Unit(name=name, load_state="not-found", active_state=live.active_state if live else "inactive")
            return Definition(unit=gone, found=None if source.unread else False, why=why, unread=source.unread)
        place = f"/run/systemd/generator/{name}"
        unit, bad = self._load(name, found.unit, live=live, fragment=place, source="", drop_ins=())
        boots = quadlet.starts_at_boot(found.unit)
        return Definition(
            unit=replace(unit, unit_file_state="generated" if boots else "static"), unread=source.unread, why=why,
            certainty="possible" if why else "certain", pulls=found.pulls, generated=True, bad=bad,
        )  # fmt: skip

    def changed_by(self, name: str) -> TaskRef | None:
        """The task that last changed a file of the unit's definition."""
        source = self._quadlets.source(name)
        if source is not None:
            return source.task
        return next((file.task for file in reversed(list(self._touched(name)))), None)

    def _touched(self, name: str) -> Iterator[PredictedFile]:
        definitions = self._changed().definitions
        if not definitions:
            return
        candidates = {name, unitfile.template_of(name), *unitfile.drop_in_directories(name)} - {""}
        for first, file in definitions:
            if first in candidates:
                yield file

    def _changed(self) -> Changes:
        """What the run changed in unit directories, sorted once after every change."""
        if self._changes[0] != self._files.stamp:
            definitions: list[tuple[str, PredictedFile]] = []
            links: dict[str, bool] = {}
            for path, file in self._files.all_changed().items():
                directory, base = posixpath.split(path)
                if directory.startswith(ADMIN_DIRECTORY) and directory.endswith((".wants", ".requires")):
                    links.setdefault(base, file.kind == "link")
                for above in SEARCH_PATH:
                    if path.startswith(f"{above}/"):
                        definitions.append((path[len(above) + 1 :].partition("/")[0], file))
            self._changes = (self._files.stamp, Changes(definitions=tuple(definitions), links=links))
        return self._changes[1]

    def _from_package(self, name: str, *, drop_ins: Sequence[PredictedFile] = ()) -> Definition:
        """What is known of a unit that a package brings: the program, its defaults, and the run's drop-ins."""
        live = self._state.units.get(name)
        if live is not None and live.load_state == "loaded":
            return Definition(unit=live)
        package = self._brought[name]
        known = starts(package)
        beside = known is not None and name in (*known.units[1:], *known.started)  # it helps the package's server
        program = by_unit(name) or (None if beside else by_package(package))
        binaries = program.binaries if program and name.endswith(".service") else ()
        instance = name.removesuffix(".service").partition("@")[2]
        if self._is_umbrella(name):
            return Definition(
                unit=Unit(name=name, commands=(("/bin/true",),), type="oneshot", unit_file_state="enabled")
            )
        given = {path: words for path, words in (program.arguments if program else {}).items() if self._written(path)}
        words = [*((instance,) if instance else ()), *(word for words in given.values() for word in words.split())]
        commands = ((f"/usr/sbin/{binaries[0]}", *words),) if binaries else ()
        unit = Unit(name=name, commands=commands, environment_files=tuple(f"-{path}" for path in given),
                    unit_file_state="disabled" if name in self._off else "enabled",
                    requires=known.umbrellas if known else ())  # fmt: skip
        others = {f"/etc/default/{stem}" for stem in (package, name.rpartition(".")[0])} - set(given)
        other = next((path for path in sorted(others) if self._written(path)), "")
        unread = f"how the unit of the package {package} uses {other} is not known" if other else ""
        if not drop_ins:
            return Definition(unit=unit, unread=unread)
        lines = [*(f"ExecStart={' '.join(command)}" for command in commands),
                 *(f"EnvironmentFile={path}" for path in unit.environment_files)]  # fmt: skip
        place = f"/lib/systemd/system/{name}"
        parts = [unitfile.read("\n".join(["[Service]", *lines]), place)]
        parts += [unitfile.read(_text(part), part.path) for part in drop_ins]
        names = tuple(part.path for part in drop_ins)
        made, bad = self._load(name, unitfile.merge(parts), live=None, fragment=place, source=place, drop_ins=names)
        made = replace(made, unit_file_state=unit.unit_file_state, requires=(*made.requires, *unit.requires))
        return Definition(unit=made, unread=unread, bad=bad if commands else "")  # else its own text is not known

    def _written(self, path: str) -> bool:
        """Whether the run itself made or changed the file, so that it is not as a package has it."""
        return path in self._files.all_changed()

    def _is_umbrella(self, name: str) -> bool:
        known = starts(self._brought.get(name, ""))
        return known is not None and name in known.umbrellas

    def _read(self, name: str, live: Unit | None) -> Definition:
        fragment = self._fragment(name)
        if fragment is None:
            blind = [spot.reason for spot in self._state.blind_spots if spot.kind in ("unit", "host", "inventory")]
            if live is not None and not live.fragment_path:
                return Definition(unit=live)
            gone = Unit(name=name, load_state="not-found", unit_file_state="")
            return Definition(
                unit=replace(gone, active_state=live.active_state) if live else gone,
                found=None if blind else False, why="; ".join(blind),
            )  # fmt: skip
        real = self._files.get(fragment.path, follow=True)
        if (fragment.kind == "link" and fragment.target == "/dev/null") or real.content == b"":
            masked = replace(live or Unit(name=name), load_state="masked", unit_file_state="masked", commands=())
            return Definition(unit=masked)
        if real.kind == "unseen" or (real.text is None and not isinstance(real.content, Unknown)):
            known = live or Unit(name=name)
            return Definition(unit=known, found=None, why=f"{fragment.path} could not be read",
                              unread=f"{fragment.path} could not be read: {real.reason}")  # fmt: skip
        parts = [real, *self._drop_ins(name)]
        merged = unitfile.merge(unitfile.read(_text(part), part.path) for part in parts)
        unknown = next((part for part in parts if isinstance(part.content, Unknown)), None)
        unsure = next((part for part in parts if part.certainty != "certain"), None)
        drop_ins = tuple(part.path for part in parts[1:])
        unit, bad = self._load(name, merged, live=live, fragment=fragment.path, source=real.path, drop_ins=drop_ins)
        unread = f"{unknown.path} is known only in the run: {unknown.content.why}" if unknown and isinstance(
            unknown.content, Unknown) else ""  # fmt: skip
        return Definition(
            unit=unit, certainty="possible" if unsure else "certain", why=unsure.reason if unsure else "", unread=unread,
            bad="" if unknown or unsure else bad,
        )  # fmt: skip

    def _load(
        self, name: str, merged: UnitFile, *, live: Unit | None, fragment: str, source: str, drop_ins: tuple[str, ...]
    ) -> tuple[Unit, str]:
        state = self._state
        known = unitfile.specifiers(
            name, hostname=state.hostname, fragment=fragment, boot_id=state.boot_id, os=state.os
        )
        starters = _starters(name, state) if name.endswith(".service") else ()
        base = replace(live or Unit(name=name), fragment_path=fragment)
        base = replace(base, triggered_by=tuple(dict.fromkeys((*base.triggered_by, *starters))))
        return load(name, merged, base=base, known=known, fragment=source, drop_ins=drop_ins)

    def _fragment(self, name: str) -> PredictedFile | None:
        names = [candidate for candidate in (name, unitfile.template_of(name)) if candidate]
        paths = [f"{directory}/{candidate}" for candidate in names for directory in SEARCH_PATH]
        self._files.prefetch(paths)
        for path in paths:
            found = self._files.get(path)
            if found.kind != "absent":
                return found
        return None

    def _drop_ins(self, name: str) -> list[PredictedFile]:
        """Those of all its names, in the order of their file names; of one name, the first directory's counts.

        The directories of a unit and its prefixes are looked for in one place of the search path after the other, those
        for the whole type after all of them (systemd.unit(5); unit_file_find_dropin_paths() of systemd).
        """
        live = self._state.units.get(name)
        names = (name, *(live.aliases if live else ()), *self._aliases_by_run(name))
        own = [
            f"{directory}/{part}" for each in names for directory in SEARCH_PATH
            for part in unitfile.drop_in_directories(each)[:-1]
        ]  # fmt: skip
        shared = [f"{directory}/{unitfile.drop_in_directories(name)[-1]}" for directory in SEARCH_PATH]
        directories = list(dict.fromkeys((*own, *shared)))
        self._files.prefetch(directories)
        chosen: dict[str, str] = {}
        for directory in directories:
            for entry in self._files.entries(directory):
                if entry.endswith(".conf") and not entry.startswith("."):
                    chosen.setdefault(entry, f"{directory}/{entry}")
        paths = [chosen[entry] for entry in sorted(chosen)]
        self._files.prefetch(paths)
        found = [self._files.get(path, follow=True) for path in paths]
        return [file for file in found if file.kind in ("file", "unseen")]

    def _aliases_by_run(self, name: str) -> list[str]:
        links = {posixpath.basename(path) for path, file in self._files.all_changed().items() if file.kind == "link"}
        return [alias for alias in sorted(links) if self.alias_of(alias) == name]

    def alias_of(self, name: str) -> str:
        """The unit that the file ``name`` made by the run is a link to; '' when it is none."""
        changed = self._files.all_changed()
        for directory in SEARCH_PATH if changed else ():
            found = changed.get(f"{directory}/{name}")
            if found is not None and found.kind == "link":
                target = posixpath.basename(found.target)
                return target if target not in (name, "null") and "@" not in target else ""
        return ""

    def linked(self, name: str) -> bool | None:
        """Whether the run itself made (True) or removed (False) a link that enables ``name``; None: neither."""
        return self._changed().links.get(name)

    def install_links(self, name: str) -> tuple[str, ...]:
        """The links that ``systemctl enable`` makes for ``name`` (systemd.unit(5), [Install] Section Options)."""
        return tuple(self._install_links(name, self.sections(name)))

    def _install_links(self, name: str, merged: UnitFile) -> Iterator[str]:
        known = unitfile.specifiers(name, hostname=self._state.hostname)
        for key, suffix in (("WantedBy", "wants"), ("RequiredBy", "requires"), ("UpheldBy", "upholds")):
            for target in merged.words("Install", key):
                yield f"{ADMIN_DIRECTORY}/{unitfile.expand(target, known)}.{suffix}/{name}"
        for alias in merged.words("Install", "Alias"):
            yield f"{ADMIN_DIRECTORY}/{unitfile.expand(alias, known)}"
        for other in merged.words("Install", "Also"):
            if other != name:
                yield from self._install_links(other, replace(self.sections(other), entries=tuple(
                    entry for entry in self.sections(other).entries if entry.key != "Also")))  # fmt: skip

    def readable(self, name: str) -> bool:
        """Whether the unit's file could be read to its end."""
        if self._quadlets.source(name) is not None:
            return True
        fragment = self._fragment(name)
        return fragment is not None and self._files.get(fragment.path, follow=True).text is not None

    def remains(self, name: str) -> bool:
        """RemainAfterExit= of a oneshot service."""
        return self._is_umbrella(name) or self.sections(name).flag("Service", "RemainAfterExit")

    def sections(self, name: str) -> UnitFile:
        """The unit's file and its drop-ins as they lie on the disk, merged; of one that a package of the run brings only the
        drop-ins; empty where there is none."""
        fragment = self._fragment(name)
        if fragment is None and name not in self._brought:
            return UnitFile()
        own = [self._files.get(fragment.path, follow=True)] if fragment is not None else []
        parts = [*own, *self._drop_ins(name)]
        return unitfile.merge(unitfile.read(_text(part), part.path) for part in parts)


def _text(file: PredictedFile) -> str:
    if isinstance(file.content, Unknown):
        return file.content.partial or ""
    return file.text or ""


def _unit_of(path: str) -> str:
    """The unit whose fragment or drop-in ``path`` is; '' for another file, and for drop-ins of many units."""
    for directory in SEARCH_PATH:
        if path.startswith(f"{directory}/"):
            first, _, rest = path[len(directory) + 1 :].partition("/")
            if rest:
                first = first.removesuffix(".d") if first.endswith(".d") else ""
            return first if first.rpartition(".")[2] in unitfile.UNIT_TYPES and "." in first else ""
    return ""


def _starters(name: str, state: HostState) -> tuple[str, ...]:
    return tuple(unit.name for unit in state.units.values() if name in unit.triggers and unit.name.endswith(".socket"))


def essence(unit: Unit) -> tuple[object, ...]:
    """What decides where a unit listens."""
    return (
        unit.commands,
        dict(unit.environment),
        unit.environment_files,
        unit.listen,
        unit.ipv6_only,
        unit.type,
        unit.user,
        unit.working_directory,
    )


def own_directory(path: str) -> str:
    """The directory of ``path`` when it belongs to one program (``/etc/nginx``), '' for shared ones such as /etc."""
    directory = path.rpartition("/")[0]
    return directory if directory.count("/") > 1 and directory not in SHARED_DIRECTORIES else ""
