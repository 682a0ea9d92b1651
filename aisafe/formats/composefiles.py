"""A Compose project from its files: which there are, what they include and extend, which variables fill them in."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from aisafe.formats import envfile
from aisafe.formats.composemerge import BadCompose, Tagged, canonical, filled, merge, parse, placed, untagged
from aisafe.formats.interpolation import BadVariable, interpolate
from aisafe.frozen import frozen

FILE_NAMES: Final = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")  # Compose's own order
OVERRIDE_NAMES: Final = (
    "compose.override.yaml", "compose.override.yml", "docker-compose.override.yaml", "docker-compose.override.yml",
)  # fmt: skip
OF_THE_LOGIN: Final = ("HOME", "USER", "LOGNAME", "PATH", "PWD", "SHELL", "HOSTNAME", "LANG", "UID")
"""Variables that a login has and that nobody could see: a file that uses one cannot be told."""
_DEPTH = 20

ReadText = Callable[[str], str | Literal[False] | None]
"""The text of a file of the host; None when it is not there, False when it cannot be known."""


class NotKnown(Exception):
    """The files of the project cannot be known before the run."""


class Missing(BadCompose):
    """A file that the project needs is not there."""


@frozen
class Files:
    """Which project is meant, as ``docker compose`` is told by its options, COMPOSE_… variables and its directory.

    ``given``: -f; ``env_files``: --env-file; ``environment``: of the process; ``home``: its home directory.
    """

    directory: str
    given: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    home: str = ""


@dataclass(slots=True, kw_only=True)
class Model:
    """A project's merged data, with the environment that filled it in; ``read``: every file that it hangs on."""

    directory: str
    data: dict[str, Any]
    environment: Mapping[str, str]
    read: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def load(files: Files, read: ReadText) -> Model:
    """Raises BadCompose for what Compose refuses, NotKnown for what cannot be told before the run."""
    environment, env_paths = _environment(files, read)
    given = files.given
    if not given and environment.get("COMPOSE_FILE"):
        given = tuple(environment["COMPOSE_FILE"].split(environment.get("COMPOSE_PATH_SEPARATOR") or ":"))
    paths = [posixpath.normpath(posixpath.join(files.directory, path)) for path in given]
    paths = paths or _found(files.directory, read)
    loading = _Loading(read=read, home=files.home)
    data = loading.files(paths, files.directory, environment)
    return Model(
        directory=files.directory, data=data, environment=environment, read=(*env_paths, *loading.paths),
        problems=tuple(dict.fromkeys(loading.problems)),
    )  # fmt: skip


def of_definition(definition: str, environment: Mapping[str, str], home: str = "") -> Model:
    """A project whose one file has no place of its own yet: its paths stay relative."""
    loading = _Loading(read=lambda path: False, home=home)
    return Model(directory="", data=loading.texts([("", definition)], "", environment), environment=environment,
                 problems=tuple(dict.fromkeys(loading.problems)))  # fmt: skip


def _environment(files: Files, read: ReadText) -> tuple[dict[str, str], list[str]]:
    """The variables of the .env files, under those of the process; and the paths that were looked at."""
    named = files.env_files or tuple(
        path for path in files.environment.get("COMPOSE_ENV_FILES", "").split(",") if path)  # fmt: skip
    values: dict[str, str] = {}
    paths = [posixpath.join(files.directory, name) for name in named or (".env",)]
    for path in paths:
        text = read(path)
        if text is False:
            raise NotKnown(f"{path} is known only in the run")
        if text is None and named:
            raise Missing(f"couldn't find env file: {path}")
        values |= envfile.read_dotenv(text or "", {**values, **files.environment})
    return {**values, **files.environment}, paths


def _found(directory: str, read: ReadText) -> list[str]:
    """The file in ``directory``, and the override beside it."""
    found = []
    for names in (FILE_NAMES, OVERRIDE_NAMES):
        for name in names:
            path = posixpath.join(directory, name)
            text = read(path)
            if text is False:
                raise NotKnown(f"{path} is known only in the run")
            if text is not None:
                found.append(path)
                break
        if not found:
            raise Missing(f'"{directory}" does not contain {", ".join(FILE_NAMES)}')
    return found


@dataclass(slots=True, kw_only=True)
class _Loading:
    read: ReadText
    home: str
    paths: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def files(
        self, paths: Sequence[str], directory: str, environment: Mapping[str, str], depth: int = 0
    ) -> dict[str, Any]:
        return self.texts([(path, self._text(path)) for path in paths], directory, environment, depth)

    def texts(
        self, texts: Sequence[tuple[str, str]], directory: str, environment: Mapping[str, str], depth: int = 0
    ) -> dict[str, Any]:
        """Files of one project, later ones over earlier ones, with what they extend and include."""
        if depth > _DEPTH:
            raise BadCompose("files include one another without end")
        whole: dict[str, Any] = {}
        included: dict[str, Any] = {}
        for path, text in texts:
            data = self._one(path, text, directory, environment)
            services = _services(data)
            data["services"] = {
                name: self._extended(name, services, path, directory, environment, ()) for name in services
            }
            for entry in data.pop("include", None) or []:
                found = self._included(entry, directory, environment, depth)
                included = self._joined(included, found)
            whole = merge(whole, data)
        result = untagged(whole)
        return self._joined(result, included) if included else result

    def _text(self, path: str) -> str:
        self.paths.append(path)
        text = self.read(path)
        if text is False:
            raise NotKnown(f"{path} is known only in the run")
        if text is None:
            raise Missing(f"Cannot find Compose file {path}")
        return text

    def _one(self, path: str, text: str, directory: str, environment: Mapping[str, str]) -> dict[str, Any]:
        """One file with its variables filled in and its short forms spelled out."""

        def note(name: str) -> None:
            if name in OF_THE_LOGIN and name not in environment:
                self.problems.append(f"${name} of the one who runs Compose cannot be seen")

        where = f"{path}: " if path else ""
        try:
            data = filled(parse(text), lambda value: interpolate(value, environment, note=note))
        except BadVariable as error:
            raise BadCompose(f"{where}{error}") from None
        except BadCompose as error:
            raise BadCompose(f"{where}{error}") from None
        if "services" not in data and not data.get("include") and any(
                isinstance(item, dict) and ("image" in item or "build" in item) for item in data.values()):  # fmt: skip
            data = {"services": data}  # the format without a version of docker-compose 1
        place = placed(directory, self.home)
        data["services"] = {
            name: item if isinstance(item, Tagged) else canonical(item, place) for name, item in _services(data).items()
        }
        return dict(data)

    def _extended(
        self,
        name: str,
        services: Mapping[str, Any],
        path: str,
        directory: str,
        environment: Mapping[str, str],
        above: tuple[tuple[str, str], ...],
    ) -> Any:
        """A service over the one that it extends, in the same file or another one."""
        if isinstance(services[name], Tagged):
            return services[name]
        service = dict(services[name])
        extends = service.pop("extends", None)
        if not extends:
            return service
        if (path, name) in above:
            raise BadCompose(f"service {name} extends itself")
        base, file = str(extends.get("service") or ""), extends.get("file")
        others, where = services, path
        if file:
            where = placed(directory, self.home)(str(file))
            directory = posixpath.dirname(where) if directory else ""
            others = _services(self._one(where, self._text(where), directory, environment))
        if base not in others:
            raise BadCompose(f'cannot extend service "{name}": service "{base}" not found in {where or "the file"}')
        low = self._extended(base, others, where, directory, environment, (*above, (path, name)))
        return merge(low, service)

    def _included(self, entry: Any, directory: str, environment: Mapping[str, str], depth: int) -> dict[str, Any]:
        given = entry if isinstance(entry, dict) else {"path": entry}
        names = given.get("path")
        place = placed(directory, self.home)
        if any("://" in str(name) for name in (names if isinstance(names, list) else [names])):
            self.problems.append("an included file comes from elsewhere")
            return {}
        paths = [place(str(name)) for name in (names if isinstance(names, list) else [names])]
        inner = (
            place(str(given["project_directory"])) if given.get("project_directory") else posixpath.dirname(paths[0])
        )
        env_files = given.get("env_file") or ()
        files = Files(
            directory=inner, environment=environment,
            env_files=tuple(place(str(name)) for name in ([env_files] if isinstance(env_files, str) else env_files)),
        )  # fmt: skip
        values, looked = _environment(files, self.read)
        self.paths += looked
        return self.files(paths, inner, values, depth + 1)

    def _joined(self, model: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
        """``other``, which is included, beside ``model``; what stands in both must be the same."""
        result = dict(model)
        for section in ("services", "networks", "volumes", "configs", "secrets"):
            mine, theirs = dict(model.get(section) or {}), other.get(section) or {}
            for name, item in theirs.items():
                if name in mine and mine[name] != item and section == "services":
                    raise BadCompose(f"{section}.{name} conflicts with imported resource")
                mine.setdefault(name, item)
            if mine:
                result[section] = mine
        return result


def _services(data: Mapping[str, Any]) -> dict[str, Any]:
    services = data.get("services") or {}
    if not isinstance(services, dict):
        raise BadCompose("services is not a mapping")
    for name, item in services.items():
        if not isinstance(item, dict | Tagged):
            raise BadCompose(f"service {name} is not a mapping")
    return {str(name): item for name, item in services.items()}


def env_file_values(
    entries: Sequence[Mapping[str, Any]], environment: Mapping[str, str], read: ReadText
) -> tuple[dict[str, str], Iterator[str]]:
    """The variables of a service's ``env_file`` entries, and what could not be read of them. Raises BadCompose."""
    values: dict[str, str] = {}
    problems = []
    for entry in entries:
        path = str(entry.get("path", ""))
        text = read(path)
        needed = str(entry.get("required", True)).lower() != "false"
        if text is None and needed:
            raise Missing(f"env file {path} not found")
        if text is False:
            problems.append(f"{path} is known only in the run")
        values |= envfile.read_dotenv(text or "", {**environment, **values})
    return values, iter(problems)
