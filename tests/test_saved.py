"""A saved plan names what moved since it was made, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from aisafe.errors import StalePlan, UsageError
from aisafe.model import Forecast, HostState, TaskMark
from aisafe.saved import MOST, SavedPlan, check, moved, read, saved, write
from tests.cases import container, forecast, listens, state, task, unit

CWD = Path("/srv/site")
STATE = state(
    listens("tcp 0.0.0.0:80", "unit nginx.service", pid=7), units=[unit("nginx.service"), unit("aisafe-x.service")],
    containers=[container("web", config_hash="abcdef012345")], packages={"nginx": "1.22"},
)  # fmt: skip
PLAN = replace(
    forecast(marks=(TaskMark(task=task("First", 3), digest="a"), TaskMark(task=task("Second", 9), digest="b"))),
    files={"/srv/site/site.yml": "11", "/etc/ansible/hosts": "22"},
)


def made(before: HostState = STATE, plan: Forecast = PLAN, reads: dict[str, str] | None = None) -> SavedPlan:
    return saved({"web1": before}, plan, {"web1": reads or {"/etc/x": "1"}}, salt="s", cwd=CWD)


def with_marks(*marks: TaskMark) -> Forecast:
    return replace(PLAN, hosts={"web1": replace(PLAN.hosts["web1"], marks=marks)})


def test_nothing_moved() -> None:
    later = state(
        listens("tcp 0.0.0.0:80", "unit nginx.service", pid=99), units=[unit("nginx.service", main_pid=99)],
        containers=[container("web", config_hash="abcdef012345")], packages={"nginx": "1.22"},
    )  # fmt: skip
    assert list(moved(made(), made(later))) == []
    check(made(), made(later), path=Path("plan.json"))


FIRST, SECOND = PLAN.hosts["web1"].marks


@pytest.mark.parametrize(
    ("now", "line"),
    [
        (lambda: made(plan=replace(PLAN, files={**PLAN.files, "/srv/site/site.yml": "12"})), "file site.yml has changed"),
        (lambda: made(plan=replace(PLAN, files={"/srv/site/site.yml": "11"})), "file /etc/ansible/hosts is gone"),
        (lambda: made(plan=with_marks(FIRST, replace(SECOND, digest="c"))),
         "web1: task 'Second' (site.yml:9) has other arguments"),
        (lambda: made(plan=with_marks(FIRST)), "web1: task 'Second' (site.yml:9) is not run any more"),
        (lambda: made(plan=with_marks(FIRST, SECOND, replace(FIRST, task=task("New", 1)))),
         "web1: task 'New' (site.yml:1) is new to the run"),
        (lambda: made(plan=with_marks(SECOND, FIRST)), "web1: the tasks run in another order"),
        (lambda: made(reads={"/etc/x": "2"}), "web1: file /etc/x has changed"),
        (lambda: made(reads={"/etc/x": "1", "apt:tree": "1"}), "web1: what apt says of tree is new"),
        (lambda: made(replace(STATE, packages={"nginx": "1.24"})), "web1: package nginx has changed (1.22 -> 1.24)"),
        (lambda: made(replace(STATE, listeners=())), "web1: socket 0.0.0.0:80/tcp is gone (it was: unit nginx.service)"),
        (lambda: made(replace(STATE, units={"nginx.service": unit("nginx.service", active_state="failed")})),
         "web1: unit nginx.service has changed (running, enabled -> not running, enabled)"),
        (lambda: made(replace(STATE, containers={})), "web1: container web is gone "
         "(it was: running, image web:1, configuration abcdef012345)"),
        (lambda: made(plan=replace(PLAN, ansible_version="2.21.0")), "ansible-core is 2.21.0, it was 2.19.4"),
        (lambda: made(plan=replace(PLAN, hosts={})), "web1 is not addressed any more"),
    ],
)  # fmt: skip
def test_what_moved_is_named(now: Callable[[], SavedPlan], line: str) -> None:
    assert list(moved(made(), now())) == [line]
    with pytest.raises(StalePlan) as caught:
        check(made(), now(), path=Path("plan.json"))
    assert line in caught.value.message
    assert "aisafe plan -o plan.json" in caught.value.fix
    assert caught.value.state == "Nothing was changed on any host."


def test_a_long_list_is_cut_and_counted() -> None:
    many = made(replace(STATE, packages={f"p{number}": "1" for number in range(100)}))
    with pytest.raises(StalePlan, match=f"and {101 - MOST} more"):
        check(made(), many, path=Path("plan.json"))


def test_it_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    write(made(), path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(moved(read(path), made())) == []


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", json.dumps({"schema": "aisafe-plan/1"}), '{"schema": "aisafe-saved-plan/1"}']
)
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="is no plan that aisafe saved"):
        read(path)
