from __future__ import annotations

from pathlib import Path

import pytest

from aisafe.errors import UsageError
from aisafe.simulation.configuration import environment, find, take_over


def test_order(tmp_path: Path) -> None:
    home, cwd = tmp_path / "home", tmp_path / "cwd"
    for path in (home, cwd):
        path.mkdir()
    named = tmp_path / "named.cfg"
    environ = {"HOME": str(home), "ANSIBLE_CONFIG": str(named)}
    (home / ".ansible.cfg").touch()
    assert find(cwd=cwd, environ=environ) == home / ".ansible.cfg"
    (cwd / "ansible.cfg").touch()
    assert find(cwd=cwd, environ=environ) == cwd / "ansible.cfg"
    cwd.chmod(0o777)
    assert find(cwd=cwd, environ=environ) == home / ".ansible.cfg"
    named.touch()
    assert find(cwd=cwd, environ=environ) == named
    environ["ANSIBLE_CONFIG"] = str(cwd)
    assert find(cwd=cwd, environ=environ) == cwd / "ansible.cfg"


def test_only_listed_keys_and_absolute_paths(tmp_path: Path) -> None:
    (tmp_path / "inv").mkdir()
    (tmp_path / "ansible.cfg").write_text(
        "[defaults]\nroles_path = roles:~/r:/abs\ninventory = inv,host9\ncallback_plugins = x\nforks = 7\n"
        "vault_password_file = p\nlog_path = l\n[inventory]\nenable_plugins = evil\n[callback_x]\na = b\n"
    )
    taken = take_over(cwd=tmp_path, environ={"HOME": "/home/u"})
    assert taken.values == {
        "defaults": {
            "roles_path": f"{tmp_path}/roles:/home/u/r:/abs",
            "inventory": f"{tmp_path}/inv,host9",
            "forks": "7",
            "vault_password_file": f"{tmp_path}/p",
        },
        "inventory": {"enable_plugins": "evil"},
    }
    assert set(taken.ignored) == {"defaults.callback_plugins", "defaults.log_path", "callback_x.a"}
    assert not taken.own
    (kind, message), *more = taken.left_out({"ANSIBLE_LOG_PATH": "x", "ANSIBLE_FORKS": "3"})
    assert (kind, more) == ("assumed", [])
    for name in (*taken.ignored, "ANSIBLE_LOG_PATH"):
        assert name in message
    assert "ANSIBLE_FORKS" not in message


def test_a_variable_that_says_what_holds_anyway_is_no_news(tmp_path: Path) -> None:
    taken = take_over(cwd=tmp_path, environ={})
    assert taken.left_out({"ANSIBLE_NOCOWS": "1"}) == []
    ((_, message),) = taken.left_out({"ANSIBLE_NOCOWS": "1", "ANSIBLE_CACHE_PLUGIN": "jsonfile"})
    assert message.startswith("ANSIBLE_CACHE_PLUGIN (from")


def test_plugins_that_set_variables_are_missed(tmp_path: Path) -> None:
    (tmp_path / "ansible.cfg").write_text("[defaults]\nvars_plugins_enabled = host_group_vars,evil\n")
    ((kind, message),) = take_over(cwd=tmp_path, environ={}).left_out({})
    assert kind == "refused-plugin"
    assert "defaults.vars_plugins_enabled" in message


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "ansible.cfg").open("wb") as file:
        file.truncate(10 * 1024**3)
    with pytest.raises(UsageError, match="larger than 1 MiB"):
        take_over(cwd=tmp_path, environ={})


def test_whose_it_is(tmp_path: Path) -> None:
    home, cwd = tmp_path / "home", tmp_path / "home" / "cwd"
    cwd.mkdir(parents=True)
    (home / ".ansible.cfg").touch()
    assert take_over(cwd=cwd, environ={"HOME": str(home)}).own
    (cwd / "ansible.cfg").touch()
    assert not take_over(cwd=cwd, environ={"HOME": str(home)}).own
    assert take_over(cwd=tmp_path, environ={"HOME": str(tmp_path / "none")}).own


def test_not_readable(tmp_path: Path) -> None:
    (tmp_path / "ansible.cfg").write_text("nothing\n")
    with pytest.raises(UsageError, match="cannot be read"):
        take_over(cwd=tmp_path, environ={})


def test_environment(tmp_path: Path) -> None:
    kept = environment(
        {
            "PATH": "/bin", "PYTHONPATH": "/evil", "PYTHONSTARTUP": "x", "ANSIBLE_CONFIG": "mine",
            "ANSIBLE_STRATEGY": "evil",
            "ANSIBLE_FILTER_PLUGINS": "/evil", "ANSIBLE_CALLBACKS_ENABLED": "evil", "ANSIBLE_LOG_PATH": "/log",
            "ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_HOST_KEY_CHECKING": "False", "ANSIBLE_ROLES_PATH": "/roles",
            "ANSIBLE_VARS_PLUGINS": "/evil", "ANSIBLE_LIBRARY": "/evil", "ANSIBLE_NO_LOG": "1",
            "ANSIBLE_COW_PATH": "/evil", "ANSIBLE_VARS_ENABLED": "evil",
        },
        config=tmp_path / "c",
        scratch=tmp_path / "t",
    )  # fmt: skip
    assert kept["ANSIBLE_CONFIG"] == str(tmp_path / "c")
    assert (kept["ANSIBLE_HOST_KEY_CHECKING"], kept["ANSIBLE_ROLES_PATH"], kept["ANSIBLE_NO_LOG"]) == (
        "False",
        "/roles",
        "1",
    )
    assert kept["ANSIBLE_CACHE_PLUGIN"] == "memory"
    assert not {
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "ANSIBLE_STRATEGY",
        "ANSIBLE_CALLBACKS_ENABLED",
    } & set(kept)
    left = {"ANSIBLE_LOG_PATH", "ANSIBLE_VARS_PLUGINS", "ANSIBLE_LIBRARY", "ANSIBLE_COW_PATH", "ANSIBLE_VARS_ENABLED"}
    assert not left & set(kept)
    assert kept["ANSIBLE_FILTER_PLUGINS"] == "/evil"  # looked through, and loaded where it is trusted
