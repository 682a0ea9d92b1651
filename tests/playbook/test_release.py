"""The ansible-core that applies, where it is another one: asked away from the project, recorded, and said once."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from aisafe.playbook.program import beside
from aisafe.playbook.release import Asked, Release, difference
from tests.story import workplace

OLDER = """#!/bin/sh
echo "$PWD $ANSIBLE_CONFIG" > {log}
echo "ansible-playbook [core 2.16.14]"
echo "  python version = 3.10.13 (main) [GCC]"
"""


@pytest.fixture
def older(tmp_path: Path) -> Path:
    program = tmp_path / "older" / "ansible-playbook"
    program.parent.mkdir()
    program.write_text(OLDER.format(log=tmp_path / "asked"), encoding="utf-8")
    program.chmod(0o755)
    return program


def test_it_is_asked_away_from_the_project(older: Path) -> None:
    asked = Asked(older, {**os.environ, "ANSIBLE_CONFIG": "/project/ansible.cfg"})
    assert asked.result() == Release(program=str(older), core="2.16.14", python="3.10.13")
    assert (older.parents[1] / "asked").read_text(encoding="utf-8").split() == ["/"]
    assert difference(Release(program="x", core="2.16.14"), "2.19.1") == (
        "judged with ansible-core 2.19.1; what applies is ansible-core 2.16.14 (x)."
    )


def test_our_own_is_not_asked(tmp_path: Path) -> None:
    own = Path(sys.executable).parent / "ansible-playbook"
    link = tmp_path / "ansible-playbook"
    link.symlink_to(own)
    assert beside(own)
    assert beside(link)
    assert Asked(link, {}).result() is None


@pytest.mark.parametrize("text", ["#!/nowhere\n", "#!/bin/sh\nexit 3\n", "#!/bin/sh\necho '[core 2.19.1]'\n"])
def test_what_does_not_say_or_is_the_same_is_no_difference(older: Path, text: str) -> None:
    older.write_text(text, encoding="utf-8")
    found = Asked(older, os.environ).result()
    assert found is not None
    assert difference(found, "2.19.1") == ""


def test_a_plan_says_it_once_and_records_it(older: Path, tmp_path: Path) -> None:
    place = workplace(tmp_path / "work", ["web1"])
    place.write("site.yml", "- {hosts: monitored, gather_facts: false, tasks: [{ansible.builtin.debug: {msg: x}}]}\n")
    words = ("aisafe", "plan", "-i", "inventory.ini", "--aisafe-state=none", "site.yml")
    done = place.run(*words, AISAFE_LINT="off", AISAFE_ANSIBLE_PLAYBOOK=str(older))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("what applies is ansible-core 2.16.14") == 1
    (record,) = (place.directory / "state" / "aisafe" / "runs").glob("*/applies.json")
    assert json.loads(record.read_text(encoding="utf-8"))["core"] == "2.16.14"
    assert "applied with: ansible-core 2.16.14" in place.run("aisafe", "show", "last").stdout
