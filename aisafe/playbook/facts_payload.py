"""The program that gathers ansible's facts on a host, built once per version of ansible-core and kept in a cache."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from platformdirs import user_cache_path

from aisafe.errors import AnsibleError
from aisafe.transport.payload import FactsPayload

LIMIT = 60.0
"""Seconds that the child may take; it needs about one."""


def facts_payload(*, cache: Path | None = None) -> FactsPayload:
    """ansible's ``setup`` module with everything it imports, for :func:`aisafe.collect.collect`.

    ``cache``: where the result is kept (default: the user's cache directory). Raises AnsibleError when ansible-core
    cannot pack its module.
    """
    place = user_cache_path("aisafe") if cache is None else cache
    target = place / f"facts-{_key()}.pyz"
    try:
        data = target.read_bytes()
    except OSError:
        data = _build()
        _keep(target, data)
    return FactsPayload(version=hashlib.sha256(data).hexdigest(), data=data)


def _key() -> str:
    """Changes with ansible-core, with the files of its setup module (a development checkout), and with our builder."""
    text = [version("ansible-core")]
    spec = find_spec("ansible")
    roots = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    files = [root / part for root in roots for part in ("modules/setup.py", "module_utils/basic.py", "release.py")]
    for path in (*files, Path(__file__).with_name("facts_build.py")):
        if path.exists():
            status = path.stat()
            text.append(f"{path} {status.st_mtime_ns} {status.st_size}")
    return hashlib.sha256("\n".join(text).encode()).hexdigest()[:16]


def _build() -> bytes:
    """In a child, so that nobody else pays for ansible's imports; no settings of the user's reach it."""
    with tempfile.TemporaryDirectory(prefix="aisafe-facts-") as scratch:
        output = Path(scratch) / "facts.pyz"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        settings = Path(scratch) / "ansible.cfg"
        settings.touch()
        clean |= {"ANSIBLE_CONFIG": str(settings), "ANSIBLE_HOME": scratch, "ANSIBLE_LOCAL_TEMP": scratch}
        clean["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        try:
            done = subprocess.run(
                [sys.executable, "-m", "aisafe.playbook.facts_build", str(output)], cwd=scratch, env=clean,
                stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT, check=False, text=True, errors="replace",
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise AnsibleError(f"ansible-core did not pack its setup module within {LIMIT:.0f} s.") from None
        if done.returncode != 0 or not output.exists():
            why = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise AnsibleError(
                f"ansible-core {version('ansible-core')} could not pack its setup module: {why}.",
                fix="Check that ansible-core is one of the versions that aisafe is tested with (aisafe doctor).",
            )
        return output.read_bytes()


def _keep(target: Path, data: bytes) -> None:
    """Atomically; a cache that cannot be written costs a second at the next run, and nothing else."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as file:
            file.write(data)
        Path(file.name).replace(target)
    except OSError:
        pass
