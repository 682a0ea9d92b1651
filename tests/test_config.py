"""Settings: precedence, files, refusals."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import jsonschema
import pytest

from aisafe.config import Accept, Check, Report, Settings, find_file, settings
from aisafe.configfile import schema
from aisafe.errors import UsageError
from aisafe.options import OPTIONS

TODAY = date(2026, 3, 1)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "plays").mkdir()
    return tmp_path / "plays"


def write(project: Path, text: str, name: str = ".aisafe.yml") -> Path:
    path = project.parent / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_set_gives_the_defaults(project: Path) -> None:
    found = settings(project, {}, {})
    assert (found.deadline, found.settle, found.lint, found.format, found.source) == (60, 5, "auto", "terminal", None)


def test_the_defaults_shown_are_the_real_ones(project: Path) -> None:
    real = Settings()
    for option in OPTIONS:
        if option.shape in {"number", "integer"}:
            assert float(option.default) == getattr(real, option.key), option


@pytest.mark.parametrize(
    ("option", "variable", "in_file", "expected"),
    [
        (None, None, None, 60),
        (None, None, "30", 30),
        (None, "40", "30", 40),
        ("50", "40", "30", 50),
        ("50", None, None, 50),
    ],
)
def test_option_beats_variable_beats_file(
    project: Path, option: str | None, variable: str | None, in_file: str | None, expected: float
) -> None:
    if in_file:
        write(project, f"deadline: {in_file}\n")
    environ = {"AISAFE_DEADLINE": variable} if variable else {}
    assert settings(project, environ, {"aisafe-deadline": [option]} if option else {}).deadline == expected


@pytest.mark.parametrize("name", [".aisafe.yml", ".config/aisafe.yml"])
def test_file_is_found_upwards(project: Path, name: str) -> None:
    path = write(project, "settle: 9\ntrust: [plugins]\n", name)
    found = settings(project, {}, {})
    assert (found.source, found.settle, found.trust) == (path, 9, (project.parent / "plugins",))


def test_search_ends_at_the_top_of_the_repository(project: Path) -> None:
    write(project, "settle: 9\n")
    (project / ".git").mkdir()
    assert find_file(project) is None


def test_two_files_in_one_directory_are_refused(project: Path) -> None:
    write(project, "settle: 9\n")
    write(project, "settle: 9\n", ".config/aisafe.yml")
    with pytest.raises(UsageError, match=r"Both .*\.aisafe\.yml and .*aisafe\.yml exist"):
        settings(project, {}, {})


def test_named_file(project: Path) -> None:
    path = write(project, "deadline: 7\n", "other.yml")
    assert settings(project, {}, {"aisafe-config": ["../other.yml"]}).deadline == 7
    assert settings(project, {"AISAFE_CONFIG": str(path)}, {}).deadline == 7
    with pytest.raises(UsageError, match="no settings file"):
        settings(project, {}, {"aisafe-config": ["absent.yml"]})


def test_everything_in_a_file(project: Path) -> None:
    write(
        project,
        """
rules: {opaque-task: off, service-twice: note}
accept:
  - {rule: ssh-lockout, host: "web*", reason: "a console is there", owner: ops, until: 2026-03-01}
  - {rule: opaque-task, reason: "known", owner: ops, until: "2026-02-28"}
lint: on
reports: ["json:out/plan.json", terminal]
checks:
  - {name: shop, http: "http://127.0.0.1:8080/", hosts: ["web*"], timeout: 3}
  - {name: queue, command: systemctl is-active queue}
snapshot: [/srv/app]
forks: 3
""",
    )
    found = settings(project, {}, {}, today=TODAY)
    assert found.rules == {"opaque-task": "off", "service-twice": "note"}
    assert found.accept == (
        Accept(rule="ssh-lockout", host="web*", reason="a console is there", owner="ops", until=TODAY),
        Accept(rule="opaque-task", reason="known", owner="ops", until=date(2026, 2, 28), expired=True),
    )
    assert found.lint == "on"
    assert found.reports == (
        Report(format="json", path=project / "out/plan.json"),
        Report(format="terminal"),
    )
    assert found.checks == (
        Check(name="shop", kind="http", target="http://127.0.0.1:8080/", hosts=("web*",), timeout=3.0),
        Check(name="queue", kind="command", target="systemctl is-active queue"),
    )
    assert (found.snapshot, found.forks) == (("/srv/app",), 3)


def test_accept_on_the_command_line_adds_to_the_file(project: Path) -> None:
    write(project, "accept: [{rule: a, reason: known, owner: ops, until: 2030-01-01}]\n")
    found = settings(project, {}, {"aisafe-accept": ["ssh-lockout@web1", "opaque-task"]}, today=TODAY)
    assert [(item.rule, item.host, item.reason) for item in found.accept] == [
        ("ssh-lockout", "web1", "command line"), ("opaque-task", None, "command line"), ("a", None, "known"),
    ]  # fmt: skip
    assert [item.rule for item in settings(project, {"AISAFE_ACCEPT": "x, y@h"}, {}).accept] == ["x", "y", "a"]


@pytest.mark.parametrize(
    ("text", "message", "fix"),
    [
        ("rulez: {}\n", r"\.aisafe\.yml:1: unknown key 'rulez'", "Did you mean rules?"),
        ("settle: 3\nrules:\n  opaque-task: of\n", r"yml:3: rules\.opaque-task: 'of' is none of error, warn", "off"),
        ("deadline: 1\n", "yml:1: deadline: 1 is less than the minimum of 5", ""),
        ("deadline: soon\n", "yml:1: deadline: 'soon' is not of type 'number'", ""),
        ("checks:\n  - name: a\n    tpc: b:1\n", r"yml:3: unknown key 'tpc' in checks\.0", "Did you mean tcp?"),
        ("checks:\n  - {name: a}\n", r"yml:2: checks\.0 needs exactly one of command, tcp and http", ""),
        ("accept:\n  - {rule: a, reason: because, until: 2026-01-01}\n", "'owner' is a required property", ""),
        ("accept: [{rule: a, reason: known, owner: o, until: 2026-02-31}]\n", "until: 2026-02-31", "YYYY-MM-DD"),
        ("snapshot: [srv]\n", r"yml:1: snapshot\.0", ""),
        ("a: [\n", "is not valid YAML", ""),
    ],
)
def test_refused_files(project: Path, text: str, message: str, fix: str) -> None:
    write(project, text)
    with pytest.raises(UsageError, match=message) as caught:
        settings(project, {}, {})
    assert fix in caught.value.fix


@pytest.mark.parametrize(
    ("environ", "options", "message", "fix"),
    [
        ({}, {"aisafe-deadlin": ["9"]}, "Unknown option --aisafe-deadlin", "Did you mean --aisafe-deadline?"),
        ({}, {"aisafe-deadline": ["soon"]}, "--aisafe-deadline=soon is not a number", ""),
        ({"AISAFE_SETTLE": "-1"}, {}, "AISAFE_SETTLE: settle: -1.0 is less than the minimum of 0", ""),
        ({}, {"aisafe-lint": ["maybe"]}, "'maybe' is none of auto, on, off", ""),
        ({}, {"aisafe-model": ["gpt"]}, "does not match", ""),
        ({}, {"aisafe-prompt": ["absent.txt"]}, "no prompt file", ""),
        ({}, {"aisafe-accept": ["@web1"]}, "names no rule", "RULE@HOST"),
    ],
)
def test_refused_options(
    project: Path, environ: dict[str, str], options: dict[str, list[str]], message: str, fix: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        settings(project, environ, options)
    assert fix in caught.value.fix


def test_paths_of_options_are_seen_from_the_working_directory(project: Path) -> None:
    write(project, "prompt: asked.txt\n")
    (project / "asked.txt").write_text("do it", encoding="utf-8")
    (project.parent / "asked.txt").write_text("do it", encoding="utf-8")
    assert settings(project, {}, {}).prompt == project.parent / "asked.txt"
    assert settings(project, {}, {"aisafe-prompt": ["asked.txt"]}).prompt == project / "asked.txt"


@pytest.mark.parametrize(("value", "expected"), [("", True), ("1", True), ("0", False), ("false", False)])
def test_flag(project: Path, value: str, expected: bool) -> None:
    assert settings(project, {}, {"aisafe-debug": [value]}).debug is expected


@pytest.mark.parametrize(
    ("accept", "rule", "host", "expected"),
    [
        ("lint", "lint:yaml[line-length]", None, True),
        ("lint:yaml", "lint:yaml[x]", None, False),
        ("port-conflict", "port-conflict-in-run", "a", False),
        ("port-conflict@web*", "port-conflict", "web2", True),
        ("port-conflict@web*", "port-conflict", "db", False),
        ("port-conflict@web*", "port-conflict", None, False),
    ],
)
def test_accept_covers(project: Path, accept: str, rule: str, host: str | None, expected: bool) -> None:
    (item,) = settings(project, {}, {"aisafe-accept": [accept]}).accept
    assert item.covers(rule, host) is expected


def test_the_schema_is_valid_and_every_key_is_in_the_table() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert set(schema()["properties"]) == {option.key for option in OPTIONS if option.key}
