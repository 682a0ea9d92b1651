"""An older ansible-core applies, ours judges: `make older` names the directory of its programs (AISAFE_TEST_ANSIBLE)."""

from __future__ import annotations

import json
import os

import pytest

from tests.hosts.test_runner import FAILS, PLAY
from tests.hosts.test_shows import observe
from tests.story import workplace
from tests.testbed.listing import differences

OLDER = os.environ.get("AISAFE_TEST_ANSIBLE", "")
pytestmark = pytest.mark.skipif(not OLDER, reason="its own target: make older")


def test_an_older_ansible_core_applies(host, tmp_path):
    place = workplace(tmp_path / "work", [host.inventory_line()])
    place.write("site.yml", PLAY)
    place.write("fails.yml", FAILS)
    core = place.run("ansible-playbook", "--version").stdout.partition("[core ")[2].partition("]")[0]
    assert core.startswith("2.16.")
    before = observe(host)
    undone = place.playbook("fails.yml")
    assert undone.returncode == 21, undone.stderr
    assert "failed=1" in undone.stdout
    assert differences(before, observe(host)) == []
    done = place.playbook("site.yml")
    assert done.returncode == 0, done.stderr
    assert "confirmed" in done.stderr
    assert done.stderr.count(f"what applies is ansible-core {core}") == 1
    assert host.run("cat /etc/aisafe-same").stdout == "x\n"
    last = max((place.directory / "state" / "aisafe" / "runs").iterdir())
    applied = json.loads((last / "applied.json").read_text(encoding="utf-8"))
    assert [item["status"] for item in applied["results"]].count("changed") == 1, "its callback told us"
    assert json.loads((last / "applies.json").read_text(encoding="utf-8"))["core"] == core
