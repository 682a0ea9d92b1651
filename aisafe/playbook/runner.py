"""Inside a job of ansible-runner or AWX: what was judged becomes the job's artifacts, as ``set_stats`` would make it.

Where the real run goes on, our callback puts it into that run's own statistics: a second run of ansible in the job would
end it with the wrong ones. Where it was refused, ansible has not run, and a play of our own says why.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from aisafe.playbook.program import deeper

PLAY = Path(__file__).parent / "plays" / "judged.yml"
PLUGINS = Path(__file__).parent / "plugins"
ARTIFACTS, REFUSAL = "AISAFE_ARTIFACTS", "AISAFE_REFUSAL"
KEY = "aisafe"
"""The name of the artifact, as ``set_stats`` would give it."""
OWN = ("AWX_ISOLATED_DATA_DIR", "ANSIBLE_STDOUT_CALLBACK", "RUNNER_OMIT_EVENTS", "RUNNER_ONLY_FAILED_EVENTS", "JOB_ID")
"""Variables that ansible-runner's own callback needs to write the job's events."""


def within_runner(environ: Mapping[str, str]) -> bool:
    """Whether ansible-runner started us and reads our output (``AWX_ISOLATED_DATA_DIR``: where its callback writes)."""
    return bool(environ.get("AWX_ISOLATED_DATA_DIR"))


def tell(program: Path, artifacts: Path, *, refusal: Path | None, environ: Mapping[str, str]) -> None:
    """Run the play that gives the job its artifacts, and fails with the text of ``refusal`` where there is one.

    Nothing of the project is loaded by it: it has been refused. Of ansible's settings only those of ansible-runner count.
    """
    env = {name: value for name, value in environ.items() if name in OWN or not name.startswith("ANSIBLE_")}
    env.pop("ORIGINAL_STDOUT_CALLBACK", None)
    callbacks = [item for item in environ.get("ANSIBLE_CALLBACK_PLUGINS", "").split(":") if item]
    env["ANSIBLE_CALLBACK_PLUGINS"] = ":".join([*callbacks[-1:], str(PLUGINS / "callback")])  # its own is the last
    env["ANSIBLE_CONFIG"] = str(PLAY.with_name("ansible.cfg"))
    env["ANSIBLE_RETRY_FILES_ENABLED"] = "false"
    env |= {ARTIFACTS: str(artifacts), REFUSAL: str(refusal or "")}
    subprocess.run(
        [str(program), "-i", "localhost,", str(PLAY)], env=deeper(env), cwd=artifacts.parent, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
