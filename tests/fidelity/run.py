"""One play: forecast, applied by plain ansible-playbook, compared, and forecast and applied once more."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from tests.fidelity.compare import Tally, compare
from tests.fidelity.control import alone
from tests.fidelity.truth import brought, look, settle
from tests.testbed import Host
from tests.testbed.pool import Pool

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
PREPARE, STANDIN = HERE / "prepare.sh", HERE / "standin.py"
BIN = Path(sys.executable).parent
ROLES = "AISAFE_FIDELITY_ROLES"
"""Environment variable: a directory with public roles (`OWNER+REPOSITORY/`), see sources.yml; their code is not ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """One entry of catalogue.yml.

    Attributes:
        name: a word for the table.
        playbook: below plays/.
        hosts: how many it takes.
        prepare: shell script that makes each host what the play expects to find.
        leaves_out: directories that running services write to, which no task does.
        source: the repository in sources.yml that it needs, "" for none.
        extra: more words for ansible-playbook.
        why: the reason where the play falls short, told in the table.
    """

    name: str
    playbook: str
    hosts: int = 1
    prepare: str = ""
    leaves_out: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    why: str = ""


def catalogue() -> list[Play]:
    """All plays, in the order of the table."""
    listed = yaml.safe_load((HERE / "catalogue.yml").read_text(encoding="utf-8"))
    return [
        Play(**{key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()})
        for entry in listed
    ]


def sources() -> dict[str, dict[str, str]]:
    """Public roles and collections: name -> repository, commit, and where ansible looks for it."""
    return dict(yaml.safe_load((HERE / "sources.yml").read_text(encoding="utf-8")))


def missing(play: Play) -> str:
    """Which public source the play lacks, "" when it can run."""
    known, root = sources(), os.environ.get(ROLES, "")
    for name in play.source:
        if not root or not (Path(root) / known[name]["place"]).is_dir():
            return f"{known[name]['repository']} is not in ${ROLES}"
    return ""


@dataclass(slots=True)
class Outcome:
    """What came of one play; plain data but for the tallies."""

    name: str
    tallies: dict[str, Tally] = field(default_factory=dict)
    trouble: str = ""
    exit_code: int = 0
    stopped: str = ""
    verdict: str = ""
    blocked_by: list[str] = field(default_factory=list)
    coverage: list[int] = field(default_factory=list)
    opaque: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    again: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def dump(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> Outcome:
        tallies = {kind: Tally(**values) for kind, values in data["tallies"].items()}
        return cls(**{**data, "tallies": tallies})


def run(play: Play, pool: Pool, directory: Path, *, twice: bool = True) -> Outcome:
    """Do one play on pristine hosts. What goes wrong with the suite itself is told in ``trouble``."""
    hosts = pool.take([f"web{number + 1}" for number in range(play.hosts)])
    try:
        return run_on(play, hosts, directory, twice=twice, pool=pool)
    finally:
        pool.release(hosts)


def run_on(play: Play, hosts: Sequence[Host], directory: Path, *, twice: bool = True, pool: Pool) -> Outcome:
    """The same on hosts that are there. ``pool`` has the host on which packages are looked at by themselves."""
    outcome, began = Outcome(play.name), time.monotonic()
    _compared(play, hosts, directory, outcome, twice=twice, pool=pool)
    outcome.seconds = round(time.monotonic() - began, 1)
    return outcome


def _compared(play: Play, hosts: Sequence[Host], directory: Path, outcome: Outcome, *, twice: bool, pool: Pool) -> None:
    _workplace(directory, hosts)
    _prepare(play, hosts)
    before = {host.name: look(host, without=play.leaves_out) for host in hosts}
    told = _foresee(play, directory, outcome)
    if told is None:
        return
    done = _apply(play, directory)
    outcome.exit_code = done.returncode
    if done.returncode:
        outcome.stopped = _failure(done.stdout + done.stderr)
        if not any(text.startswith("predicted-failure") for text in outcome.blocked_by):
            outcome.trouble = f"the real run failed: {outcome.stopped}"
    for host in hosts:
        settle(host)
    after = {host.name: look(host, without=play.leaves_out, since=before[host.name]) for host in hosts}
    for host in hosts:
        packages = alone(pool, before[host.name], after[host.name])
        packaged = brought(host, before[host.name], after[host.name], packages)
        found = compare(before[host.name], told, after[host.name], packaged, host.name, without=play.leaves_out)
        for kind, tally in found.items():
            outcome.tallies[kind] = _sum(outcome.tallies.get(kind, Tally()), tally)
    if twice and not done.returncode:
        _second(play, directory, outcome)


def _prepare(play: Play, hosts: Sequence[Host]) -> None:
    for host in hosts:
        if play.prepare:
            host.write("/usr/lib/standin.py", STANDIN.read_text(encoding="utf-8"))
            host.run(PREPARE.read_text(encoding="utf-8") + play.prepare, timeout=300)
            settle(host)


def _sum(one: Tally, other: Tally) -> Tally:
    return Tally(*(getattr(one, item.name) + getattr(other, item.name) for item in dataclasses.fields(Tally)))


def _workplace(directory: Path, hosts: Sequence[Host]) -> None:
    shutil.copytree(HERE / "plays", directory, dirs_exist_ok=True)
    lines = ["[test]", *(host.inventory_line() for host in hosts), ""]
    (directory / "inventory.ini").write_text("\n".join(lines), encoding="utf-8")


def _environ(directory: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE", "AISAFE"))}
    environ = {
        **kept, "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "AISAFE_LINT": "off",
        "XDG_STATE_HOME": str(directory / ".state"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default", "ANSIBLE_NOCOWS": "1",
        "ANSIBLE_PIPELINING": "1",
    }  # fmt: skip
    if root := os.environ.get(ROLES):
        environ["ANSIBLE_ROLES_PATH"] = str(Path(root) / "roles")
        environ["ANSIBLE_COLLECTIONS_PATH"] = root
        environ["AISAFE_TRUST"] = root
    return environ


def _words(play: Play) -> list[str]:
    return ["-i", "inventory.ini", *play.extra, play.playbook]


def _call(words: Sequence[str], directory: Path, *, timeout: float = 2400) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=directory, env=_environ(directory), capture_output=True, text=True, errors="replace", check=False,
        timeout=timeout, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def _plan(play: Play, directory: Path) -> tuple[int, dict[str, Any], dict[str, Any] | None, str]:
    output = directory / "told.json"
    output.unlink(missing_ok=True)
    done = _call([sys.executable, "-m", "tests.fidelity.foresee", str(output), *_words(play)], directory)
    told = json.loads(output.read_text(encoding="utf-8")) if output.exists() else None
    document = json.loads(done.stdout) if done.stdout.startswith("{") else {}
    return done.returncode, document, told, done.stderr


def _foresee(play: Play, directory: Path, outcome: Outcome) -> dict[str, Any] | None:
    code, document, told, errors = _plan(play, directory)
    if told is None or not document:
        outcome.trouble = f"there was no forecast (exit {code}): {errors.strip()[-600:]}"
        return None
    summary = document["summary"]
    outcome.verdict = document["verdict"]
    outcome.blocked_by = _blocks(document)
    outcome.coverage = [summary[key] for key in ("tasks", "modelled", "opaque", "not_reached")]
    outcome.notes = [f"{note['kind']}: {note['message']}" for note in told["forecast"]["notes"]]
    outcome.opaque = [
        f"{effect['task']['name']}: {effect['name']}: {effect['why']}"
        for host in told["forecast"]["hosts"].values()
        for effect in host["effects"]
        if effect["certainty"] == "opaque"
    ]
    (directory / "first.json").write_text(json.dumps({"document": document, **told}, indent=1), encoding="utf-8")
    return told


def _blocks(document: Mapping[str, Any]) -> list[str]:
    return [
        f"{finding['rule']}: {finding['message']}"
        for finding in document["findings"]
        if finding["severity"] == "error" and not finding["accepted"]
    ]


def _apply(play: Play, directory: Path) -> subprocess.CompletedProcess[str]:
    done = _call(["ansible-playbook", *_words(play)], directory)
    with (directory / "ansible.log").open("a", encoding="utf-8") as log:
        log.write(done.stdout + done.stderr)
    return done


def _failure(output: str) -> str:
    lines = [line for line in output.splitlines() if re.match(r"(fatal|failed|\[ERROR\]|ERROR)", line)]
    return " | ".join(lines)[-700:] or output.strip()[-300:]


def _second(play: Play, directory: Path, outcome: Outcome) -> None:
    """The converged host: what is forecast, whether anything blocks, and what the second run really changes."""
    code, document, told, errors = _plan(play, directory)
    if told is None or not document:
        outcome.again = {"trouble": f"no forecast (exit {code}): {errors.strip()[-300:]}"}
        return
    (directory / "second.json").write_text(json.dumps({"document": document, **told}, indent=1), encoding="utf-8")
    effects = [effect for host in told["forecast"]["hosts"].values() for effect in host["effects"]]
    done = _apply(play, directory)
    really = sum(int(number) for number in re.findall(r"\bchanged=(\d+)", done.stdout))
    tasks = re.findall(r"^TASK \[(.*?)\] \*+$|^(changed): ", done.stdout, re.MULTILINE)
    told_changed = [before[0] for before, now in pairwise(tasks) if now[1] and before[0]]
    here = [name for name in told_changed if name not in _in_memory(directory / play.playbook)]
    outcome.again = {
        "blocked_by": _blocks(document),
        "certain": [_line(effect) for effect in effects if effect["certainty"] == "certain"],
        "unsure": len([effect for effect in effects if effect["certainty"] != "certain"]),
        "changed": really if here or not told_changed else 0,
        "changed_tasks": here,
        "exit_code": done.returncode,
    }


def _in_memory(playbook: Path) -> set[str]:
    """Tasks that always report a change, which is one of ansible's own inventory in memory and of no host."""
    plays = yaml.safe_load(playbook.read_text(encoding="utf-8"))
    tasks = [task for play in plays for task in play.get("tasks") or ()]
    return {
        task["name"] for task in tasks
        if "name" in task and {"group_by", "add_host"} & {key.rpartition(".")[2] for key in task}
    }  # fmt: skip


def _line(effect: Mapping[str, Any]) -> str:
    return f"{effect['kind']} {effect['action']} {effect['name']} ({effect['task']['name']})"
