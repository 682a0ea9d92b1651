"""ansible's setup module as one program."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from aisafe.errors import AnsibleError
from aisafe.playbook import facts_build, facts_payload


def test_payload_gathers_facts_and_is_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs with nothing but Python, from another directory, and says what this machine is."""
    made = facts_payload.facts_payload(cache=tmp_path / "cache")
    names = zipfile.ZipFile(io.BytesIO(made.data)).namelist()
    assert "ansible/modules/setup.py" in names
    program = tmp_path / "facts.pyz"
    program.write_bytes(made.data)
    done = subprocess.run([sys.executable, "-I", program], capture_output=True, check=True, timeout=120, cwd="/")
    facts = json.loads(done.stdout)["ansible_facts"]
    assert facts["ansible_system"] == "Linux"
    assert facts["gather_subset"] == ["all"]
    assert facts["module_setup"] is True
    monkeypatch.setattr(facts_payload, "_build", lambda: pytest.fail("built again"))
    assert facts_payload.facts_payload(cache=tmp_path / "cache") == made


def test_unwritable_cache_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("a file is in the way")
    monkeypatch.setattr(facts_payload, "_build", lambda: b"program")
    assert facts_payload.facts_payload(cache=tmp_path / "cache").data == b"program"


def test_failed_build_names_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'ImportError: no ansible' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(facts_payload.sys, "executable", str(broken))
    with pytest.raises(AnsibleError, match="could not pack its setup module: ImportError: no ansible"):
        facts_payload.facts_payload(cache=tmp_path / "cache")


def test_another_script_is_refused() -> None:
    with pytest.raises(ValueError, match="another script than is known"):
        facts_build.archive("print('{}')")
