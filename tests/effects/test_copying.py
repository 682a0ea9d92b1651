"""copy beside the real one, in one run of ansible-playbook; template and assemble on what the engine hands over."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from aisafe.effects.api import SourceFile
from aisafe.model import Unknown
from tests.effects.scenes import predicted, run, this_machine
from tests.effects.test_same_as_module import listing

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "data" / "copy.yml").read_text())


def sources(folder: Path, name: str) -> tuple[SourceFile, ...]:
    """As the simulation brings them: relative to a directory, or alone."""
    path = folder / name
    if path.is_file():
        return (SourceFile(name="", content=path.read_bytes(), mode=stat.S_IMODE(path.stat().st_mode)),)
    return tuple(
        SourceFile(
            name=str(one.relative_to(path)), content=b"" if one.is_dir() else one.read_bytes(), directory=one.is_dir()
        )
        for one in sorted(path.rglob("*"))
    )


def prepared(top: Path, case: dict[str, Any]) -> tuple[dict[str, Any], Path, Path]:
    host, here = top / "host", top / "controller"
    for folder, files in ((host, case.get("files", {})), (here, case.get("controller", {}))):
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content)
    for name, target in case.get("links", {}).items():
        (host / name).symlink_to(target)
    for name, mode in case.get("modes", {}).items():
        (host / name).chmod(mode)
    if "executable" in case:
        (here / case["executable"]).chmod(0o755)
    args = dict(case["args"])
    args["dest"] = f"{host}/{args['dest']}"
    if "src" in args:
        args["src"] = f"{host if args.get('remote_src') else here}/{args['src']}"
    return args, host, here


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, ...]]:
    """What the model says of every case, then what one real run did."""
    top = tmp_path_factory.mktemp("copy")
    told, tasks = [], []
    for number, case in enumerate(CASES):
        args, folder, here = prepared(top / str(number), case)
        machine, before = this_machine(), listing(folder)
        src = case["args"].get("src")
        source = sources(here, src) if src is not None and not args.get("remote_src") else None
        result = run(machine, "copy", args, source=source)
        wanted = {path: file for path, file in before.items() if path not in machine.files.all_changed()}
        for path, file in machine.files.all_changed().items():
            wanted[path] = (file.kind, file.mode or 0, file.target if file.kind == "link" else file.content)  # type: ignore[assignment]
        told.append((result, wanted, folder))
        tasks.append({"ansible.builtin.copy": args, "register": f"r{number}", "ignore_errors": True})
    answers = {str(number): f"{{{{ r{number} }}}}" for number in range(len(CASES))}
    tasks.append({"ansible.builtin.copy": {"content": answers, "dest": f"{top}/answers"}})
    play = top / "play.yml"
    play.write_text(json.dumps([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks,
                                 "vars": {"ansible_python_interpreter": sys.executable}}]))  # fmt: skip
    environment = {
        **os.environ,
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "ANSIBLE_CONFIG": str(top / "ansible.cfg"),
        "ANSIBLE_PIPELINING": "1",
    }
    (top / "ansible.cfg").write_text("")
    subprocess.run([Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", play], check=True,
                   capture_output=True, env=environment, umask=0o022)  # fmt: skip
    real = json.loads((top / "answers").read_text())
    return [(*one, real[str(number)]) for number, one in enumerate(told)]


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: json.dumps(CASES[number]["args"])[:70])
def test_copy_leaves_what_copy_leaves(number: int, outcomes: list[tuple[Any, ...]]) -> None:
    result, wanted, folder, real = outcomes[number]
    assert bool(result.failed) == bool(real.get("failed")), (result.failed, real.get("msg"))
    if result.failed:
        return
    found = listing(folder)
    unnamed = CASES[number].get("unnamed")
    assert wanted == {
        path: one for path, one in found.items() if unnamed is None or not Path(path).name.startswith(unnamed)
    }
    assert result.changed == real["changed"]
    for key in ("checksum", "mode", "size", "owner"):
        assert key not in result.values or result.values[key] == real[key]


def test_template_of_unknown_text_is_a_possible_change_of_an_existing_file() -> None:
    host = predicted({"/etc/app.conf": b"old\n"})
    source = (SourceFile(name="", content=Unknown("the output of 'look'", "x ⟦⟧")),)
    result = run(host, "template", {"src": "app.conf.j2", "dest": "/etc/app.conf"}, source=source)
    assert (result.changed, [effect.certainty for effect in result.effects]) == (None, ["possible"])
    assert "the output of 'look'" in result.effects[0].why


def test_template_into_a_directory_keeps_the_name_of_the_template() -> None:
    host = predicted()
    result = run(host, "template", {"src": "app.conf.j2", "dest": "/etc/"}, source=(SourceFile(name="", content=b"x"),))
    assert [effect.name for effect in result.effects] == ["/etc/app.conf.j2"]
    assert host.file("/etc/app.conf.j2").content == b"x"


def test_unknown_destination_counts_as_opaque() -> None:
    host = predicted()
    result = run(host, "copy", {"content": "x", "dest": Unknown("the output of 'where'", "/etc/⟦⟧")})
    assert result.changed is None
    assert "the output of 'where'" in result.opaque
    assert ("file", "opaque", "/etc/⟦⟧") in [(one.kind, one.certainty, one.name) for one in result.effects]


def test_no_log_keeps_values_out_of_effects() -> None:
    host = predicted()
    result = run(host, "copy", {"content": "s3cret", "dest": Unknown("s3cret", "/s3cret")}, no_log=True)
    assert "s3cret" not in repr(result)


def test_assemble_of_controller_fragments() -> None:
    host = predicted()
    source = (
        SourceFile(name="2", content=b"two\n"),
        SourceFile(name="1", content=b"one"),
        SourceFile(name="d/x", content=b"no"),
    )
    run(host, "assemble", {"src": "parts", "dest": "/etc/all", "remote_src": False, "delimiter": "--"}, source=source)
    assert host.file("/etc/all").content == b"one\n--\ntwo\n"
