"""One scenario: what stands in its file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.scenarios.needs import NEEDS

DATA = Path(__file__).parent / "data"
LOGINS = ("root", "deploy", "askpass")
_KEYS = {
    "what",
    "rule",
    "login",
    "prepare",
    "play",
    "files",
    "settings",
    "expect",
    "also",
    "truth",
    "again",
    "stage",
    "other",
    "needs",
    "twins",
}
ENDS = ("confirmed", "lost", "later")


@dataclass(frozen=True, slots=True, order=True)
class Expected:
    """A finding without its words."""

    rule: str
    severity: str
    when: str

    def __str__(self) -> str:
        return f"{self.rule} {self.severity} {self.when}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """Another run, guarded by aisafe. ``ends``: confirmed before the forecast is made; lost, its controller killed, after
    which the host went back; later, with the play in between. ``until``: a line for sh that says how far it is to come."""

    plays: list[dict[str, Any]]
    ends: str
    until: str = "true"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """``plays``: complete, for a group ``all``. ``now``, ``boot``: check -> whether it works; ``boot`` None: no reboot.
    ``needs``: what needs.py knows, '' for a test host alone. ``twins``: other names of the host in the inventory."""

    name: str
    what: str
    rule: str
    plays: list[dict[str, Any]]
    expect: frozenset[Expected]
    applies: bool
    now: Mapping[str, bool]
    boot: Mapping[str, bool] | None = None
    login: str = "root"
    prepare: list[dict[str, Any]] = field(default_factory=list)
    files: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    also: frozenset[str] = frozenset()
    again: bool = True
    stage: str = "forecast"
    other: Other | None = None
    needs: str = ""
    twins: tuple[str, ...] = ()

    @property
    def silent(self) -> bool:
        """Whether the rule it is about must say nothing."""
        return not any(found.rule == self.rule for found in self.expect)

    @property
    def good(self) -> bool:
        return not any(found.severity == "error" for found in self.expect)


def load(path: Path) -> Scenario:
    """Raises ValueError with the file's name when it is not as README.md says."""
    name = f"{path.parent.name}/{path.stem}"
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        unknown = set(data) - _KEYS
        if unknown:
            raise ValueError(f"unknown keys {', '.join(sorted(unknown))}")
        if data["rule"] != path.parent.name:
            raise ValueError(f"rule {data['rule']} lies in the directory {path.parent.name}")
        login = data.get("login", "root")
        if login not in LOGINS:
            raise ValueError(f"login {login} is none of {', '.join(LOGINS)}")
        truth = data["truth"]
        return Scenario(
            name=name, what=data["what"], rule=data["rule"], plays=_plays(data["play"], login),
            expect=frozenset(Expected(**item) for item in data["expect"]), applies=truth["applies"],
            now=truth.get("now", {}), boot=truth.get("boot"), login=login,
            prepare=_plays(data["prepare"], login) if data.get("prepare") else [], files=data.get("files", {}),
            settings=data.get("settings", {}), also=frozenset(data.get("also", ())), again=data.get("again", True),
            stage=data.get("stage", "forecast"), other=_other(data["other"], login) if "other" in data else None,
            needs=_needs(data.get("needs", "")), twins=tuple(data.get("twins", ())),
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{name}: {type(error).__name__}: {error}") from None
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def everything(wanted: Iterable[str] = ()) -> list[Scenario]:
    """All scenarios, or those whose names begin as one of ``wanted`` does."""
    beginnings = tuple(wanted)
    paths = sorted(DATA.glob("*/*.yml"))
    names = {path: f"{path.parent.name}/{path.stem}" for path in paths}
    return [load(path) for path in paths if not beginnings or names[path].startswith(beginnings)]


def _needs(need: str) -> str:
    if need and need not in NEEDS:
        raise ValueError(f"needs {need}, which is none of {', '.join(NEEDS)}")
    return need


def _other(data: Mapping[str, Any], login: str) -> Other:
    if data["ends"] not in ENDS:
        raise ValueError(f"other: ends {data['ends']} is none of {', '.join(ENDS)}")
    return Other(plays=_plays(data["play"], login), ends=data["ends"], until=data.get("until", "true"))


def _plays(given: list[dict[str, Any]], login: str) -> list[dict[str, Any]]:
    if given and "hosts" in given[0]:
        return given
    return [{"name": "Scenario", "hosts": "all", "become": login != "root", "gather_facts": False, "tasks": given}]
