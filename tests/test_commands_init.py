"""``aisafe init``: what it writes says everything, changes nothing, and holds true once the ``#`` are away."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
import typer.testing

from aisafe.commands import app
from aisafe.config import OPTIONS, settings
from aisafe.errors import AisafeError
from aisafe.rules import RULES


def init(*words: str) -> typer.testing.Result:
    return typer.testing.CliRunner().invoke(app, ["init", *words], catch_exceptions=True)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_as_written_it_changes_nothing(here: Path) -> None:
    before = settings(here, {}, {})
    assert init().exit_code == 0
    after = settings(here, {}, {})
    assert after.source == here / ".aisafe.yml"
    assert {**vars_of(after), "source": None} == vars_of(before)


def vars_of(chosen: object) -> dict[str, object]:
    return {name: getattr(chosen, name) for name in chosen.__dataclass_fields__}  # type: ignore[attr-defined]


def test_everything_in_it_is_valid_once_it_is_uncommented(here: Path) -> None:
    init()
    path = here / ".aisafe.yml"
    text = re.sub(r"^#(?! \S)", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")
    chosen = settings(here, {}, {}, today=date(2026, 1, 1))
    assert set(chosen.rules) == {name for name, _ in RULES}
    assert chosen.accept[0].rule == "service-twice"
    assert len(chosen.checks) == 3
    assert chosen.forks == 10
    single = {"prompt", "plan", "plan_only", "state"}  # of one run, not of a directory
    for option in OPTIONS:
        if option.key and option.key not in single:
            assert re.search(rf"^{option.key}:", text, re.MULTILINE), f"{option.key} is not in it"


def test_a_file_that_is_there_stays(here: Path) -> None:
    (here / ".aisafe.yml").write_text("forks: 3\n", encoding="utf-8")
    refused = init()
    assert isinstance(refused.exception, AisafeError)
    assert "already" in str(refused.exception)
    assert settings(here, {}, {}).forks == 3
    assert init("--force").exit_code == 0
    assert settings(here, {}, {}).forks == 10


def test_one_above_counts_too(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    init()
    (here / "below").mkdir()
    monkeypatch.chdir(here / "below")
    assert isinstance(init("--force").exception, AisafeError)
