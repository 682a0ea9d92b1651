"""The controller's end of a conversation that broke off."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from aisafe.agent import talk
from aisafe.agent.store import Store


def test_only_the_process_that_was_noted_is_ended(tmp_path: Path) -> None:
    run = Store(base=str(tmp_path)).run("r1")
    Path(run.path).mkdir(parents=True)
    talk.end(run)  # nothing was noted
    talk.note(run)
    mark = Path(run.file("talk"))
    assert mark.read_text().split()[0] == str(os.getpid())
    with subprocess.Popen(["sleep", "60"]) as process:
        began = talk._started(process.pid)
        mark.write_text(f"{process.pid} {int(began) - 1}")
        talk.end(run)
        assert process.poll() is None, "an earlier process had that number"
        mark.write_text(f"{process.pid} {began}")
        talk.end(run)
        assert process.wait(10) == -15
    talk.end(run)
