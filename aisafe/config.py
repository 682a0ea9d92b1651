"""Settings: what may be set, by which option, variable and key, with its default and unit.

A setting on the command line wins over the environment, that over the file, that over the default. The file is
``.aisafe.yml`` or ``.config/aisafe.yml`` in the working directory or above it, up to the top of the git repository.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import platformdirs

from aisafe.errors import UsageError
from aisafe.frozen import frozen
from aisafe.options import FILE_NAMES, OPTIONS, Option

Level = Literal["error", "warn", "note", "off"]


@frozen
class Accept:
    """A finding that somebody takes responsibility for. ``host``: an inventory name or pattern, None for all.

    ``until``: the last day it counts, None for this run only. ``expired``: that day has passed, so it no longer counts.
    """

    rule: str
    reason: str
    owner: str = ""
    host: str | None = None
    until: date | None = None
    expired: bool = False

    def covers(self, rule: str, host: str | None) -> bool:
        """Whether it is about this rule (``lint`` stands for every ``lint:…``) and host."""
        same_rule = rule == self.rule or rule.startswith(f"{self.rule}:")
        return same_rule and (self.host is None or (host is not None and fnmatchcase(host, self.host)))

    def __str__(self) -> str:
        if self.until is None:
            return self.reason
        return f"{self.owner}: {self.reason} (until {self.until})"


@frozen
class Check:
    """A check of the user's own, made by the host itself after the run. ``timeout`` in seconds."""

    name: str
    kind: Literal["command", "tcp", "http"]
    target: str
    hosts: tuple[str, ...] = ()
    timeout: float = 10.0

    def applies_to(self, host: str) -> bool:
        return not self.hosts or any(fnmatchcase(host, pattern) for pattern in self.hosts)


@frozen
class Report:
    """A report to write when the run ends; ``path`` None means standard error. ``append``: after what the file holds."""

    format: str
    path: Path | None = None
    append: bool = False


@frozen
class Settings:
    """Every setting of one run. ``source``: the file they came from. Seconds where a number has no other unit.

    ``prompt_text``: the prompt itself, where an extra variable has it.
    """

    source: Path | None = None
    rules: Mapping[str, Level] = field(default_factory=dict)
    accept: tuple[Accept, ...] = ()
    deadline: float = 60.0
    settle: float = 5.0
    waves: tuple[str, ...] = ()
    lint: Literal["auto", "on", "off"] = "auto"
    format: str = "terminal"
    reports: tuple[Report, ...] = ()
    checks: tuple[Check, ...] = ()
    trust: tuple[Path, ...] = ()
    snapshot: tuple[str, ...] = ()
    forks: int = 10
    keep_runs: int = 200
    keep_snapshots: int = 3
    kubernetes_version: str = ""
    lint_timeout: float = 180.0
    ansible_playbook: Path | None = None
    state_dir: Path = field(default_factory=lambda: platformdirs.user_state_path("aisafe"))
    prompt: Path | None = None
    prompt_text: str = ""
    plan_only: bool = False
    plan: Path | None = None
    state: str = "live"
    model: str = ""
    debug: bool = False
    allow_untested_ansible: bool = False

    @property
    def base(self) -> Path:
        """Where relative paths of the settings file start; the working directory where there is no file."""
        if self.source is None:
            return Path.cwd()
        return self.source.parent.parent if self.source.parent.name == ".config" else self.source.parent


def settings(
    cwd: Path,
    environ: Mapping[str, str],
    options: Mapping[str, Sequence[str]],
    *,
    today: date | None = None,
    extra: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Settings:
    """Settings for a run started in ``cwd`` with the given ``--aisafe-…`` options (name without dashes -> values).

    ``extra``: the same among ansible's extra variables; options go before them, and they before the environment.

    Raises UsageError, with file and line where there is one, for anything that is not a valid setting.
    """
    known = {option.name: option for option in OPTIONS if option.name}
    for name in options:
        if name not in known:
            raise UsageError(f"Unknown option --{name}.", fix=_nearest(name, known) or "See aisafe --help.")
    where = next(iter(options.get("aisafe-config", ())[-1:]), environ.get("AISAFE_CONFIG", ""))
    path = _given_file(cwd, where) if where else find_file(cwd)
    values: dict[str, Any] = _read_file(path) if path else {}
    file_accepts = values.get("accept", [])
    accepts: list[tuple[str, str]] = []
    for option in OPTIONS:
        if not option.key:
            continue
        texts, source = list(options.get(option.name, ())) if option.name else [], f"--{option.name}"
        if not texts and option.name in extra:
            texts, source = list(extra[option.name]), option.name.replace("-", "_")
            if option.key == "prompt":
                values["prompt_text"] = texts[-1]
                continue
        if not texts and option.env and environ.get(option.env):
            source = option.env
            texts = environ[option.env].split(",") if option.repeated else [environ[option.env]]
        if not texts:
            continue
        if option.key == "accept":
            accepts = [(text.strip(), source) for text in texts]
            continue
        value = _value(option, texts, source)
        if not option.allows(value):
            _validate({option.key: value}, source)
        values[option.key] = _from(cwd, value) if option.metavar in ("FILE", "PATH", "DIRECTORY") else value
    values["accept"] = (
        *(_accept(text, source) for text, source in accepts),
        *_file_accepts(file_accepts, path, today or datetime.now(UTC).date()),
    )
    return _settings(values, path, cwd)


def find_file(cwd: Path) -> Path | None:
    """The nearest settings file in ``cwd`` or above it; the search ends at the top of the git repository.

    Raises UsageError when both names stand in one directory.
    """
    for directory in (cwd.absolute(), *cwd.absolute().parents):
        found = [directory / name for name in FILE_NAMES if (directory / name).is_file()]
        if len(found) > 1:
            raise UsageError(f"Both {found[0]} and {found[1]} exist.", fix="Keep one of them.")
        if found:
            return found[0]
        if (directory / ".git").exists():
            return None
    return None


def _given_file(cwd: Path, name: str) -> Path:
    path = cwd / Path(name).expanduser()
    if not path.is_file():
        raise UsageError(f"There is no settings file {path}.", fix="Correct --aisafe-config or AISAFE_CONFIG.")
    return path


def _value(option: Option, texts: list[str], source: str) -> Any:
    match option.shape:
        case "list":
            return [text.strip() for text in texts]
        case "flag":
            return texts[-1].lower() not in ("0", "no", "false", "off")
        case "number" | "integer":
            try:
                return int(texts[-1]) if option.shape == "integer" else float(texts[-1])
            except ValueError:
                raise UsageError(
                    f"{source}={texts[-1]} is not a number.", fix=f"Give {option.unit or 'a number'}: {source}=10."
                ) from None
    return texts[-1]


_PLAIN = (
    "rules", "state", "accept", "deadline", "settle", "lint", "format", "forks", "keep_runs", "kubernetes_version", "model",
    "keep_snapshots", "plan_only", "prompt_text", "debug", "allow_untested_ansible",
)  # fmt: skip


def _settings(values: Mapping[str, Any], path: Path | None, cwd: Path) -> Settings:
    base = path.parent.parent if path and path.parent.name == ".config" else path.parent if path else cwd
    given = {key: value for key, value in values.items() if key in _PLAIN or key.endswith("_timeout")}
    for key in given.keys() & {"deadline", "settle", "lint_timeout"}:
        given[key] = float(given[key])
    for key in ("ansible_playbook", "state_dir", "prompt", "plan"):
        if key in values:
            given[key] = Path(_from(base, values[key]))
    if (prompt := given.get("prompt")) and not prompt.is_file():
        raise UsageError(f"There is no prompt file {prompt}.", fix="Correct --aisafe-prompt.")
    given["trust"] = tuple(map(Path, _from(base, values.get("trust", []))))
    given["snapshot"] = tuple(values.get("snapshot", ()))
    given["waves"] = tuple(size.strip() for size in str(values.get("waves", "")).split(",") if size.strip())
    given["reports"] = tuple(_report(item, cwd) for item in values.get("reports", ()))
    given["checks"] = tuple(map(_check, values.get("checks", ())))
    return Settings(source=path, **given)


def _from(base: Path, value: Any) -> Any:
    """A path, or a list of them, as seen from ``base``."""
    return [_from(base, item) for item in value] if isinstance(value, list) else str(base / Path(value).expanduser())


def _report(text: str, cwd: Path) -> Report:
    name, _, path = text.partition(":")
    return Report(format=name, path=cwd / Path(path).expanduser() if path else None)


def _check(data: Mapping[str, Any]) -> Check:
    kind: Literal["command", "tcp", "http"] = "command" if "command" in data else "tcp" if "tcp" in data else "http"
    return Check(
        name=data["name"], kind=kind, target=data[kind], hosts=tuple(data.get("hosts", ())),
        timeout=float(data.get("timeout", 10)),
    )  # fmt: skip


def _accept(text: str, source: str) -> Accept:
    rule, _, host = text.partition("@")
    if not rule:
        raise UsageError(f"{source}={text} names no rule.", fix="Give RULE or RULE@HOST.")
    reason = "command line" if source.startswith("-") else f"{'environment' if source.isupper() else 'extra variable'}"
    return Accept(rule=rule, host=host or None, reason=reason)


def _file_accepts(items: Any, path: Path | None, today: date) -> Iterator[Accept]:
    for item in items:
        try:
            until = date.fromisoformat(item["until"])
        except ValueError as error:
            raise UsageError(f"{path}: accept: until: {item['until']}: {error}.", fix="Write YYYY-MM-DD.") from error
        yield Accept(
            rule=item["rule"], host=item.get("host"), reason=item["reason"], owner=item["owner"], until=until,
            expired=until < today,
        )  # fmt: skip


def _read_file(path: Path) -> dict[str, Any]:
    from aisafe.configfile import read  # noqa: PLC0415

    return read(path)


def _validate(data: Mapping[str, Any], source: str) -> None:
    from aisafe.configfile import validate  # noqa: PLC0415

    validate(data, source)


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    from aisafe.configfile import nearest  # noqa: PLC0415

    return nearest(name, known, "--")
