"""ansible-lint as a child process beside the collection of the hosts' state, judged by its JSON and kept by content.

It loads custom rules and plugins of the project, and what they do is refused by the kernel (:mod:`aisafe.playbook.confined`).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import platformdirs

from aisafe.model import Finding, Severity, TaskRef
from aisafe.model.codec import dump, load
from aisafe.playbook.confined import UNABLE, launcher
from aisafe.playbook.lint_answers import LOADED, answering, homed, keep, told
from aisafe.playbook.program import beside
from aisafe.versions import installed_version

ARGUMENTS = ("-f", "json", "--offline", "-q", "--nocolor")
NOT_PASSED_ON = (
    "ANSIBLE_STDOUT_CALLBACK", "ANSIBLE_CALLBACK_PLUGINS", "AWX_ISOLATED_DATA_DIR", "ORIGINAL_STDOUT_CALLBACK",
    "ANSIBLE_CACHE_PLUGIN", "ANSIBLE_CACHE_PLUGIN_CONNECTION", "RUNNER_OMIT_EVENTS", "RUNNER_ONLY_FAILED_EVENTS",
    "JOB_ID", "FORCE_COLOR",
)  # fmt: skip
"""Variables of ansible-runner with which an inner run of ansible would write into the outer job's events."""
KEPT = 24 * 3600
"""Seconds that a result is used again: what lies outside the project (collections) may change meanwhile."""
_LOOKED_AT = (".yml", ".yaml", ".j2", ".cfg", ".json", ".toml", ".ini", ".py")
_CONFIGS = (
    ".ansible-lint", ".ansible-lint-ignore", ".yamllint", ".config/ansible-lint.yml", ".config/ansible-lint.yaml",
    "ansible.cfg",
)  # fmt: skip
_NOT_ENTERED = ("venv", "node_modules", "__pycache__")
_MOST_FILES = 5000
_HIDING = ("syntax-check", "load-failure", "parser-error", "internal-error")
_FORMATTING = (
    "yaml", "name", "fqcn", "jinja[spacing]", "key-order", "var-naming", "no-tabs", "role-name", "only-builtins",
)  # fmt: skip


class LintJob:
    """A lint that goes on, or one that is done already. ``result`` waits for it, ``stop`` or leaving the context ends it."""

    def __init__(self, findings: tuple[Finding, ...] | None = None, child: _Child | None = None) -> None:
        self._findings, self._child = findings, child

    def result(self) -> tuple[Finding, ...]:
        """Its findings; that it could not run is one of them. Waits at most as long as was allowed at the start."""
        if self._findings is None:
            assert self._child is not None
            self._findings = self._child.findings()
        return self._findings

    def loaded(self, playbooks: Iterable[str]) -> None:
        """Tell it that ansible has loaded these (absolute paths), so that it need not have that tried once more."""
        if self._child is not None:
            self._child.loaded(playbooks)

    def stop(self) -> None:
        """End it without a result; harmless when it is done."""
        if self._child is not None:
            self._child.stop()

    def __enter__(self) -> LintJob:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()


def start_lint(
    playbooks: Sequence[str], *, cwd: Path, environ: Mapping[str, str], ansible_playbook: Path | str,
    cache_dir: Path | None = None, timeout: float = 180.0, required: bool = False, loads_too: bool = False,
) -> LintJob:  # fmt: skip
    """Begin to lint ``playbooks`` (as on the command line, seen from ``cwd``).

    ``ansible_playbook``: the real one, which ansible-lint is to call. ``timeout`` in seconds. ``required``: that
    it could not run is an error instead of a warning, and it runs even where the kernel cannot confine it. ``loads_too``: the
    caller has them loaded by the ansible beside our own Python, and says so (:meth:`LintJob.loaded`).
    """
    severity: Severity = "error" if required else "warning"
    files = [name for name in playbooks if (cwd / name).is_file()]
    if not files:
        return LintJob(())
    program = find_ansible_lint(environ)
    if program is None:
        fix = "pip install ansible-lint, or --aisafe-lint=off."
        return LintJob((_could_not(severity, "it is not installed", fix=fix),))
    env = environment(environ, Path(ansible_playbook), program)
    cache = cache_dir if cache_dir is not None else platformdirs.user_cache_path("aisafe") / "lint"
    key = content_key(files, cwd=cwd, environ=env, program=program)
    kept = cache / f"{key}.json" if key else None
    if kept is not None and (known := _recall(kept)) is not None:
        return LintJob(known)
    loads_too = loads_too and beside(Path(ansible_playbook))
    try:
        env = answering(homed(env, cache=cache), cwd=cwd, cache=cache / "answers")
        return LintJob(
            child=_Child(
                [str(program), *ARGUMENTS, "--", *files],
                cwd,
                env,
                kept,
                timeout,
                severity,
                cache / "answers",
                loads_too,
            )
        )
    except OSError as error:
        return LintJob((_could_not(severity, str(error)),))


def find_ansible_lint(environ: Mapping[str, str]) -> Path | None:
    """The one beside our own Python, else the first in PATH."""
    own = Path(sys.executable).parent / "ansible-lint"
    if own.is_file() and os.access(own, os.X_OK):
        return own
    found = shutil.which("ansible-lint", path=environ.get("PATH", os.defpath))
    return Path(found) if found else None


def environment(environ: Mapping[str, str], ansible_playbook: Path, program: Path) -> dict[str, str]:
    """Of the child: the real ansible-playbook first in PATH, nothing of a surrounding ansible-runner."""
    env = {name: value for name, value in environ.items() if name not in NOT_PASSED_ON}
    path = [str(ansible_playbook.parent), str(program.parent), environ.get("PATH", os.defpath)]
    return {**env, "PATH": os.pathsep.join(path), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}


class _Child:
    def __init__(
        self, argv: list[str], cwd: Path, env: dict[str, str], kept: Path | None, timeout: float, severity: Severity,
        answers: Path, loads_too: bool,
    ) -> None:  # fmt: skip
        self._answers = answers
        self._kept, self._severity, self._timeout = kept, severity, timeout
        self._until = time.monotonic() + timeout
        self._scratch = tempfile.TemporaryDirectory(prefix="aisafe-lint-")
        place = self._scratch.name
        env = {**env, "TMPDIR": place, "ANSIBLE_LOCAL_TEMP": place, "XDG_CACHE_HOME": place}
        if loads_too:
            env[LOADED] = str(Path(place, "loaded"))
        self._env = env
        argv = [*launcher(place, must=severity != "error"), *argv]
        self._out: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed by findings() or stop()
        self._err: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._process = subprocess.Popen(
                argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=self._out, stderr=self._err,
                start_new_session=True,
            )  # fmt: skip
        except OSError:
            self._close()
            raise

    def loaded(self, playbooks: Iterable[str]) -> None:
        with contextlib.suppress(OSError):  # then it has them loaded itself
            told(playbooks, environ=self._env)

    def findings(self) -> tuple[Finding, ...]:
        try:
            code = self._process.wait(max(0.0, self._until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.stop()
            return (_could_not(self._severity, f"it took longer than {self._timeout:g} s", fix="Raise lint_timeout."),)
        self._out.seek(0)
        self._err.seek(0)
        out, err = self._out.read().decode(errors="replace"), self._err.read().decode(errors="replace")
        self._close()
        if code == UNABLE:
            why = "this kernel cannot keep rules and plugins of the project from acting on this machine (Landlock)"
            return (_could_not(self._severity, why, fix="If you trust the project: --aisafe-lint=on."),)
        try:
            findings = tuple(parse(out))
        except ValueError:
            said = next((line.strip() for line in reversed(err.splitlines()) if line.strip()), "it said nothing")
            return (_could_not(self._severity, f"it ended with exit code {code} and without a result: {said}"),)
        curable = any(finding.severity == "error" for finding in findings)  # by installing a collection, for one
        if self._kept is not None and not curable:
            _keep(self._kept, findings)
        return findings

    def stop(self) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._close()

    def _close(self) -> None:
        self._out.close()
        self._err.close()
        keep(Path(self._scratch.name), self._env, cache=self._answers)
        self._scratch.cleanup()


def parse(text: str) -> Iterator[Finding]:
    """Code Climate JSON (``ansible-lint -f json``) to findings. Raises ValueError when it is something else."""
    issues = json.loads(text)
    if not isinstance(issues, list):
        raise ValueError("ansible-lint's result is not a list")
    for issue in issues:
        if not isinstance(issue, dict) or "check_name" not in issue:
            raise ValueError("ansible-lint's result holds something that is no issue")
        yield _finding(issue)


def severity_of(name: str) -> Severity:
    """Ours, by ansible-lint's rule: its own is nearly always 'major'."""
    if name.startswith(_HIDING):
        return "error"
    return "note" if name.startswith(_FORMATTING) else "warning"


def _finding(issue: Mapping[str, Any]) -> Finding:
    name = str(issue["check_name"])
    location = issue.get("location") or {}
    begin = (location.get("positions") or {}).get("begin") or (location.get("lines") or {}).get("begin") or 1
    line = int(begin.get("line", 1) if isinstance(begin, dict) else begin)
    path = str(location.get("path", ""))
    body = str((issue.get("content") or {}).get("body") or "").strip()
    text = str(issue.get("description") or name).strip().rstrip(".")
    message = f"{text} ({body.rstrip('.')})." if body and body not in text else f"{text}."
    if name.startswith(_HIDING):
        message += " This hides every other finding of ansible-lint in that file."
    return Finding(
        rule=f"lint:{name}", severity=severity_of(name), message=message,
        task=TaskRef(name="", path=path, line=line), evidence=(str(issue.get("url")),) if issue.get("url") else (),
    )  # fmt: skip


def _could_not(severity: Severity, why: str, *, fix: str = "") -> Finding:
    return Finding(rule="lint", severity=severity, message=f"ansible-lint could not run: {why.rstrip('.')}.", fix=fix)


def content_key(files: Iterable[str], *, cwd: Path, environ: Mapping[str, str], program: Path) -> str:
    """A hash over all that the result depends on, '' when there are too many files."""
    digest = hashlib.sha256()
    facts = [str(cwd), str(program), str(program.stat().st_mtime_ns)]
    facts += [installed_version("ansible-lint"), installed_version("ansible-core")]
    facts += [f"{name}={value}" for name, value in sorted(environ.items()) if name.startswith(("ANSIBLE_", "PATH"))]
    digest.update("\0".join([*facts, *files]).encode())
    looked_at = _looked_at([cwd / name for name in files], cwd)
    if len(looked_at) > _MOST_FILES:
        return ""
    for path in looked_at:
        try:
            content = path.read_bytes()
        except OSError:
            return ""
        digest.update(f"\0{path}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _looked_at(playbooks: Sequence[Path], cwd: Path) -> list[Path]:
    found: set[Path] = set()
    for top in {path.resolve().parent for path in playbooks}:
        for directory, names, files in os.walk(top):
            names[:] = [name for name in names if not (name.startswith(".") or name in _NOT_ENTERED)]
            found.update(Path(directory, name) for name in files if name.endswith(_LOOKED_AT))
            if len(found) > _MOST_FILES:
                return sorted(found)
        found.update(above / name for above in (top, *top.parents, cwd) for name in _CONFIGS)
    return sorted(path for path in found if path.is_file())


def _recall(path: Path) -> tuple[Finding, ...] | None:
    try:
        if time.time() - path.stat().st_mtime > KEPT:
            return None
        return tuple(load(Finding, item) for item in json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def _keep(path: Path, findings: tuple[Finding, ...]) -> None:
    """A cache that can't be written is no reason to fail."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        for old in path.parent.glob("*.json"):
            if time.time() - old.stat().st_mtime > KEPT:
                old.unlink(missing_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
            json.dump([dump(finding) for finding in findings], file)
        os.replace(file.name, path)
