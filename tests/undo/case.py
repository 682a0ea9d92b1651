"""One case: what stands in its file. README.md here says what the keys mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).parent / "data"
UNFORESEEN = {
    "command": {"name": "Fail", "ansible.builtin.command": '/usr/bin/python3 -c "raise SystemExit(3)"'},
    "wait": {"name": "Fail", "ansible.builtin.wait_for": {"host": "127.0.0.1", "port": 9, "timeout": 1}},
}
"""Last tasks that fail and that nobody foresees. A command makes the snapshot wide, waiting for a port leaves it narrow."""
EVENTS = ("kill controller", "reboot", "power", "cut", "interrupt", "none")
KEYS = {
    "what", "prepare", "tasks", "plays", "files", "fails", "exit", "event", "words", "accept", "holds", "did", "residue",
    "deadline", "nowhere",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What befalls the run: ``do``, one of EVENTS, as soon as the line for sh ``when`` is true on the host."""

    do: str
    when: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Residue:
    """A difference that may be left, as a pattern, and why it cannot be otherwise."""

    line: re.Pattern[str]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``plays`` are complete. ``holds``: lines for sh that are true before and after. ``exit`` None: the controller died."""

    name: str
    what: str
    plays: list[dict[str, Any]]
    exit: int | None
    prepare: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    event: Event | None = None
    holds: tuple[str, ...] = ()
    did: str = ""
    residue: tuple[Residue, ...] = ()
    fails: str = ""
    nowhere: tuple[str, ...] = ()


def load(path: Path) -> Case:
    """Raises ValueError with the file's name when it is not as README.md says."""
    try:
        return read(path.stem, yaml.safe_load(path.read_text(encoding="utf-8")))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path.stem}: {type(error).__name__}: {error}") from None
    except ValueError as error:
        raise ValueError(f"{path.stem}: {error}") from None


def read(name: str, data: Mapping[str, Any]) -> Case:
    unknown = set(data) - KEYS
    if unknown:
        raise ValueError(f"unknown keys {', '.join(sorted(unknown))}")
    fails = data.get("fails", "" if "plays" in data or "event" in data else "command")
    if fails and fails not in UNFORESEEN:
        raise ValueError(f"fails {fails} is none of {', '.join(UNFORESEEN)}")
    event = Event(**data["event"]) if "event" in data else None
    if event and event.do not in EVENTS:
        raise ValueError(f"event {event.do} is none of {', '.join(EVENTS)}")
    plays = data.get("plays") or [
        {"hosts": "all", "gather_facts": False, "tasks": [*data["tasks"], *([UNFORESEEN[fails]] if fails else [])]}
    ]
    words = [str(word) for word in data.get("words", ())]
    words += [f"--aisafe-accept={rule}" for rule in data.get("accept", ())]
    if "deadline" in data:
        words.append(f"--aisafe-deadline={data['deadline']}")
    return Case(
        name=name, what=data["what"], plays=plays, exit=data.get("exit", 21), prepare=data.get("prepare", ""),
        files=data.get("files", {}), words=tuple(words), event=event, holds=tuple(data.get("holds", ())),
        did=data.get("did", ""), fails=fails, nowhere=tuple(data.get("nowhere", ())),
        residue=tuple(Residue(line=re.compile(item["line"]), reason=item["reason"]) for item in data.get("residue", ())),
    )  # fmt: skip


def everything(beginnings: Iterable[str] = ()) -> list[Case]:
    """All cases, or those whose names begin as one of these does."""
    wanted = tuple(beginnings)
    paths = sorted(DATA.glob("*.yml"))
    return [load(path) for path in paths if not wanted or path.stem.startswith(wanted)]
