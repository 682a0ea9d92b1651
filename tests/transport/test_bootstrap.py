"""The start of the agent, run for real by a shell and a Python of this machine, with a directory of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from aisafe.transport import bootstrap, payload

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]
AGENT = payload.pack(
    {
        "__main__.py": payload.MAIN,
        "agent/__init__.py": b"",
        "agent/bytecode.py": (payload.AGENT / "bytecode.py").read_bytes(),
        "agent/main.py": b"import sys\ndef main(argv):\n  print(argv, sys.stdin.readline(), __file__)\n  return 0\n",
    }
)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    place = tmp_path / "lib"
    source = bootstrap.SOURCE.replace("/var/lib/aisafe", str(place)).replace("~/.cache/aisafe", f"{place}/bin")
    monkeypatch.setattr(bootstrap, "SOURCE", source)

    def start(
        data: bytes, *, python: str | None = sys.executable, **options: bool
    ) -> subprocess.CompletedProcess[bytes]:
        line = bootstrap.command(version=AGENT.version, size=len(AGENT.data), python=python, **options)
        return subprocess.run(
            ["/bin/sh", "-c", line], input=data, capture_output=True, timeout=60, check=False, cwd="/"
        )

    return start


def test_first_and_second_start(run: Run, tmp_path: Path) -> None:
    first = run(AGENT.data + b"hello\n")
    assert first.stdout.startswith(b"aisafe:need\naisafe:here\n['serve'] hello\n")
    second = run(b"again\n")
    assert second.stdout.startswith(b"aisafe:here\n['serve'] again\n")
    files = sorted((tmp_path / "lib/bin").iterdir())
    assert [path.name for path in files] == [
        f"agent-{AGENT.version}.{sys.implementation.cache_tag}.pyz",
        f"agent-{AGENT.version}.pyz",
    ]
    assert [path.stat().st_mode & 0o777 for path in files] == [0o644, 0o644]
    assert files[0].name.encode() in second.stdout, "it runs from the archive with bytecode"


def test_damaged_archive_is_brought_again(run: Run, tmp_path: Path) -> None:
    run(AGENT.data)
    (tmp_path / f"lib/bin/agent-{AGENT.version}.pyz").write_bytes(b"damaged")
    assert run(AGENT.data + b"x\n").stdout.startswith(b"aisafe:need\naisafe:here\n")


def test_damage_on_the_way(run: Run, tmp_path: Path) -> None:
    done = run(b"x" * len(AGENT.data))
    assert done.stdout == b"aisafe:need\naisafe:damaged\n"
    assert not (tmp_path / "lib").exists()


def test_broken_off(run: Run, tmp_path: Path) -> None:
    assert run(AGENT.data[:10]).stdout == b"aisafe:need\n"
    assert not (tmp_path / "lib").exists()


def test_no_space(run: Run, tmp_path: Path) -> None:
    (tmp_path / "lib").write_text("a file is in the way")
    assert b"aisafe:cannot-write" in run(AGENT.data).stdout


def test_crash(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        bootstrap, "SOURCE", bootstrap.SOURCE.replace("from agent.main import main", "from agent.none import x")
    )
    assert b"aisafe:crashed ModuleNotFoundError: No module named 'agent.none'\n" in run(AGENT.data).stdout


def test_no_python(run: Run) -> None:
    assert run(b"", python="/not/there/python3").stdout == b"aisafe:no-python\n"


def test_search_skips_what_is_no_python(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3.20").symlink_to(shutil.which("false") or "/bin/false")
    (tmp_path / "bin/python3.19").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    assert run(AGENT.data, python=None, search=True).stdout.startswith(b"aisafe:need\naisafe:here\n")


def _python(version: str) -> str:
    found = shutil.which(f"python{version}")
    pyenv = sorted(Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python{version}"))
    if found is None and not pyenv:
        pytest.skip(f"no Python {version} on this machine")
    return str(pyenv[0]) if pyenv else str(found)


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.7"])
def test_old_python_says_so(run: Run, version: str) -> None:
    assert run(b"", python=_python(version)).stdout.startswith(b"aisafe:old-python " + version.encode())


@pytest.mark.parametrize("version", ["3.8", "3.12", "3.13"])
def test_agent_answers_on_other_versions(version: str, tmp_path: Path) -> None:
    """The real agent gives its host's state on the oldest Python that is supported, and on newer ones."""
    archive = tmp_path / "agent.pyz"
    archive.write_bytes(payload.agent().data)
    asked = (
        json.dumps({"id": 1, "op": "state"})
        + "\n"
        + json.dumps({"id": 2, "op": "checks", "args": {"command": ["true"]}})
        + "\n"
    )
    done = subprocess.run(
        [_python(version), str(archive), "serve"], input=asked.encode(), capture_output=True, check=True, timeout=60
    )
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first["ok"]["users"]["root"]["uid"] == 0
    assert [spot for spot in first["ok"]["blind_spots"] if "Error" in spot["reason"]] == []
    assert second["ok"]["checks"][0]["ok"]


def test_archive_is_the_same_each_time() -> None:
    files = {"b.py": b"2", "a.py": b"1"}
    assert payload.pack(files) == payload.pack(dict(reversed(files.items())))
    assert payload.pack(files).version != payload.pack({**files, "a.py": b"3"}).version
