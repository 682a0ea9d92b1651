"""The models of file editing modules beside the modules: same bytes, modes, links, verdicts; and idempotence."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import pwd
import stat
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.effects.scenes import run, this_machine

CASES = yaml.safe_load((Path(__file__).parent / "data" / "same_as_module.yml").read_text())
HOMES = {
    "ini_file": ("ansible_collections.community.general.plugins.modules.ini_file", "community.general.ini_file"),
    "authorized_key": (
        "ansible_collections.ansible.posix.plugins.modules.authorized_key",
        "ansible.posix.authorized_key",
    ),
}
HOMES["sysctl"] = ("ansible_collections.ansible.posix.plugins.modules.sysctl", "ansible.posix.sysctl")
PATHS = ("sysctl_file", "path", "dest", "cron_file", "sudoers_path", "blacklist_file", "fstab", "reposdir", "file",
         "ssh_config_file")  # fmt: skip


def homes(module: str) -> tuple[str, str]:
    """Where the module's code is, and the name of its model."""
    if module.count(".") == 2:
        namespace, collection, name = module.split(".")
        return f"ansible_collections.{namespace}.{collection}.plugins.modules.{name}", module
    return HOMES.get(module, (f"ansible.modules.{module}", f"ansible.builtin.{module}"))


def really(module: str, args: dict[str, Any]) -> dict[str, Any]:
    """Run the module in this process, as ansible's own unit tests do."""
    basic = importlib.import_module("ansible.module_utils.testing")
    home = homes(module)[0]
    out = io.StringIO()
    before = os.umask(0o022)
    try:
        with (
            basic.patch_module_args({**args, "_ansible_remote_tmp": "/tmp", "_ansible_keep_remote_files": False}),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # of libraries that the module uses, not of ours
            code = importlib.import_module(home)
            with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
                try:
                    code.main()
                except Exception as error:
                    return {"failed": True, "msg": str(error)}
    finally:
        os.umask(before)
    answer: dict[str, Any] = json.loads(out.getvalue().strip().splitlines()[-1])
    return answer


def listing(top: Path) -> dict[str, tuple[str, int, bytes | str | None]]:
    found: dict[str, tuple[str, int, bytes | str | None]] = {}
    for path in sorted(top.rglob("*")):
        info = path.lstat()
        mode = stat.S_IMODE(info.st_mode)
        if path.is_symlink():
            found[str(path)] = ("link", 0o777, os.readlink(path))
        elif path.is_dir():
            found[str(path)] = ("directory", mode, None)
        else:
            found[str(path)] = ("file", mode, path.read_bytes())
    return found


def laid_out(top: Path, case: dict[str, Any]) -> dict[str, Any]:
    top.mkdir(parents=True, exist_ok=True)
    for name, content in case.get("files", {}).items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(content.encode())
    for name, target in case.get("links", {}).items():
        (top / name).symlink_to(target)
    args = dict(case["args"])
    for key in PATHS:
        if key in args and not (case["module"] == "yum_repository" and key == "file"):
            args[key] = str(top / args[key])
    if case["module"] == "assemble":
        args["src"] = str(top / args["src"])
    return args


def compare(top: Path, case: dict[str, Any]) -> None:
    args = laid_out(top, case)
    host = this_machine()
    before = listing(top)
    name = homes(case["module"])[1]
    me = pwd.getpwuid(os.getuid()).pw_name
    result = run(host, name, args, become_user=me)
    assert not result.opaque
    wanted = dict(before)
    for path, file in host.files.all_changed().items():
        wanted.pop(path, None)
        if file.kind == "absent":
            wanted = {key: value for key, value in wanted.items() if not key.startswith(f"{path}/")}
        else:
            content = file.target if file.kind == "link" else file.content
            wanted[path] = (file.kind, file.mode or 0, content)  # type: ignore[assignment]
    real = really(case["module"], args)
    assert bool(result.failed) == bool(real.get("failed")), (result.failed, real)
    if result.failed:
        return
    assert wanted == listing(top)
    assert result.changed == real.get("changed", False)
    if case["args"].get("state") != "touch":
        again = run(this_machine(), name, args, become_user=me)
        assert (again.changed, again.failed) == (really(case["module"], args).get("changed", False), "")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # mount leaves its files open
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['module']}-{json.dumps(case['args'])[:60]}")
def test_model_leaves_what_the_module_leaves(
    case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if case["module"] in (
        "cron",
        "community.general.cronvar",
    ):  # the module wants the program crontab to be there, though it does not use it for a file
        program = tmp_path / "bin" / "crontab"
        program.parent.mkdir()
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    compare(tmp_path / "case", case)


TEXT = st.lists(st.sampled_from(["a", "b=1", "#b=2", "", "c d", "b=1\r"]), max_size=5).map("\n".join)
WORDS = st.sampled_from(["a", "b=1", "n"])
ANCHORS = st.sampled_from(["^a", "b", "^q", "EOF", "BOF", ""])
CALM = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@CALM
@given(data=st.data())
def test_lineinfile_on_any_text(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    text = data.draw(TEXT) + data.draw(st.sampled_from(["", "\n"]))
    args: dict[str, Any] = {"path": "f", "line": data.draw(WORDS), "firstmatch": data.draw(st.booleans())}
    if data.draw(st.booleans()):
        args["regexp"] = data.draw(st.sampled_from(["^b", "c", "^$"]))
        args["backrefs"] = data.draw(st.booleans())
    if data.draw(st.booleans()):
        args[data.draw(st.sampled_from(["insertafter", "insertbefore"]))] = data.draw(ANCHORS)
    compare(tmp_path_factory.mktemp("line"), {"module": "lineinfile", "files": {"f": text}, "args": args})


@CALM
@given(data=st.data())
def test_blockinfile_on_any_text(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    marks = st.sampled_from(["# BEGIN ANSIBLE MANAGED BLOCK", "# END ANSIBLE MANAGED BLOCK", "a", "", "x"])
    text = "\n".join(data.draw(st.lists(marks, max_size=6))) + data.draw(st.sampled_from(["", "\n"]))
    args: dict[str, Any] = {"path": "f", "block": data.draw(st.sampled_from(["", "x", "x\n\ny\n"]))}
    args["state"] = data.draw(st.sampled_from(["present", "absent"]))
    args["append_newline"], args["prepend_newline"] = data.draw(st.booleans()), data.draw(st.booleans())
    if data.draw(st.booleans()):
        args[data.draw(st.sampled_from(["insertafter", "insertbefore"]))] = data.draw(ANCHORS)
    compare(tmp_path_factory.mktemp("block"), {"module": "blockinfile", "files": {"f": text}, "args": args})


@CALM
@given(data=st.data())
def test_replace_on_any_text(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    args: dict[str, Any] = {"path": "f", "regexp": data.draw(st.sampled_from(["a|b", "^b", "$", "(b)=", "^$"]))}
    args["replace"] = data.draw(st.sampled_from(["", "z", "zz\n"]))
    for key, values in {"after": ["a", "c"], "before": ["c", "#"]}.items():
        if data.draw(st.booleans()):
            args[key] = data.draw(st.sampled_from(values))
    compare(tmp_path_factory.mktemp("replace"), {"module": "replace", "files": {"f": data.draw(TEXT)}, "args": args})
