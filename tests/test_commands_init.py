"""``aisafe init``: what it writes says everything, changes nothing, and holds true once the ``#`` are away."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
import typer.testing

from aisafe.commands import app
from aisafe.commands_init import PATH_LINE, converge
from aisafe.config import settings
from aisafe.errors import AisafeError, UsageError
from aisafe.options import OPTIONS
from aisafe.playbook.program import _is_shim
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


def test_a_molecule_scenario_is_written_whole(here: Path) -> None:
    (here / "site.yml").write_text("[]\n", encoding="utf-8")
    assert init("molecule", "--scenario", "box").exit_code == 0
    files = {path.name for path in (here / "molecule" / "box").iterdir()}
    assert files == {"molecule.yml", "create.yml", "converge.yml", "verify.yml", "destroy.yml"}
    assert "../../site.yml" in (here / "molecule/box/converge.yml").read_text(encoding="utf-8")
    assert PATH_LINE in (here / "molecule/box/molecule.yml").read_text(encoding="utf-8")
    shim = here / "molecule" / "shim" / "ansible-playbook"
    assert shim.stat().st_mode & 0o777 == 0o755
    assert _is_shim(shim)


def test_a_scenario_that_is_there_gets_the_shim_alone(here: Path) -> None:
    (here / "molecule" / "default").mkdir(parents=True)
    told = init("molecule")
    assert PATH_LINE in told.stdout
    assert list((here / "molecule" / "default").iterdir()) == []
    assert (here / "molecule" / "shim" / "ansible-playbook").is_file()


def test_the_converge_play_is_the_role_where_there_is_one(here: Path) -> None:
    assert "your own tasks" in converge(here)
    (here / "tasks").mkdir()
    (here / "tasks" / "main.yml").write_text("[]\n", encoding="utf-8")
    assert "MOLECULE_PROJECT_DIRECTORY" in converge(here)


def test_nothing_else_can_be_written(here: Path) -> None:
    assert isinstance(init("terraform").exception, UsageError)
