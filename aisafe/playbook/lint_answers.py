"""What ansible-lint asks of ansible's own programs before it looks at a play, answered from memory.

Each of its runs asks ``ansible-config dump``, ``ansible --version`` and ``ansible-doc --json -l -t become``, whatever the
play: nearly half of its time. The answers depend on the installation and the configuration alone, so a program of each name
that stands first in its PATH asks the real one once, and repeats what that said. Any other question goes to the real one.

And it has ansible-playbook load each play (--syntax-check), of which it looks at nothing but the failure. The simulation loads
the same plays at the same time with the same ansible, so a program of that name waits for its word; where that is not a plain
yes, the real one is asked.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from aisafe.playbook.configuration import setting
from aisafe.versions import installed_version

KEPT = 24 * 3600
"""Seconds that an answer is used again."""
LARGEST = 4 * 1024 * 1024
"""Bytes of an answer."""
QUESTIONS: Mapping[str, str] = {
    "ansible-config": "dump",
    "ansible": "--version",
    "ansible-doc": "--json -l -t become",
}
"""Program -> the one question to it that is answered from memory."""
MADE_BY_LINT = ("roles", "collections")
_SCRIPT = """\
#!/bin/sh
# Written by aisafe (aisafe/playbook/lint_answers.py): says again what the real program said to this question.
kept="${{0%/*}}/{name}.answer"
[ "$*" = "{question}" ] || exec {real} "$@"
[ -s "$kept" ] && exec cat "$kept"
( : >"$kept.$$" ) 2>/dev/null || kept="${{TMPDIR:-/tmp}}/{name}.answer"
{real} "$@" >"$kept.$$" || {{ code=$?; cat "$kept.$$"; rm -f "$kept.$$"; exit $code; }}
cat "$kept.$$" && mv "$kept.$$" "$kept"
"""

LOADED = "AISAFE_LOADED"
"""Variable of ansible-lint's environment: the file in which the playbooks stand that were loaded, once that is known."""
SYNTAX_CHECK = "ansible-playbook"
_SYNTAX_SCRIPT = """\
#!/bin/sh
# Written by aisafe (aisafe/playbook/lint_answers.py): the forecast loads the same play; when it could, that is not tried again.
[ $# = 3 ] && [ "$1 $2" = "--syntax-check -vv" ] && [ -n "${LOADED}" ] || exec {real} "$@"
tries=0
while [ ! -e "${LOADED}" ] && [ $tries -lt 300 ]; do sleep 0.03; tries=$((tries + 1)); done
if [ -e "${LOADED}" ]; then
  while IFS= read -r playbook; do [ "$3" -ef "$playbook" ] && exit 0; done <"${LOADED}"
fi
exec {real} "$@"
"""


def answering(environ: Mapping[str, str], *, cwd: Path, cache: Path) -> dict[str, str]:
    """``environ`` with a directory of such programs first in PATH; as it is where they cannot be written.

    ``cache``: the directory under which they are kept, private to the user.
    """
    path = environ.get("PATH", os.defpath)
    real = {name: shutil.which(name, path=path) for name in (*QUESTIONS, SYNTAX_CHECK)}
    if None in real.values():
        return dict(environ)
    place = cache / _key(environ, cwd=cwd, programs=filter(None, real.values()))
    try:
        _forget(cache)
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, program in real.items():
            script = place / name
            if not script.exists():
                scratch = place / f".{name}.{os.getpid()}"
                scratch.write_text(_script(name, shlex.quote(str(program))), encoding="utf-8")
                scratch.chmod(0o700)
                scratch.replace(script)
    except OSError:
        return dict(environ)
    return {**environ, "PATH": f"{place}{os.pathsep}{path}"}


def homed(environ: Mapping[str, str], *, cache: Path) -> dict[str, str]:
    """``environ`` with a home of ansible's (ANSIBLE_HOME) that has ``roles`` and ``collections``, of the user's where they are.

    ansible-lint makes them where they are missing, and gives up where it may not write. ``cache``: the directory below which
    such a home is kept; ``environ`` is as it was where none is needed or it cannot be made.
    """
    real = Path(environ.get("ANSIBLE_HOME") or Path(environ.get("HOME") or "/", ".ansible"))
    if all((real / name).is_dir() for name in MADE_BY_LINT):
        return dict(environ)
    place = cache / f"home-{hashlib.sha256(os.fsencode(real)).hexdigest()[:12]}"
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        there = {path.name for path in real.iterdir()} - {"cp", "tmp"} if real.is_dir() else set()
        for old in place.iterdir():
            if old.is_symlink() and old.name not in there:
                old.unlink()
        for name in there:
            if (place / name).is_dir() and not (place / name).is_symlink():
                (place / name).rmdir()
            if not (place / name).is_symlink():
                (place / name).symlink_to(real / name)
        for name in MADE_BY_LINT:
            (place / name).mkdir(exist_ok=True)
    except OSError:
        return dict(environ)
    return {**environ, "ANSIBLE_HOME": str(place)}


def _script(name: str, real: str) -> str:
    if name == SYNTAX_CHECK:
        return _SYNTAX_SCRIPT.replace("LOADED", LOADED).replace("{real}", real)
    return _SCRIPT.format(name=name, question=QUESTIONS[name], real=real)


def told(playbooks: Iterable[str], *, environ: Mapping[str, str]) -> None:
    """Write down for the programs of ``environ`` which playbooks (absolute paths) could be loaded. Raises OSError."""
    if environ.get(LOADED):
        place = Path(environ[LOADED])
        fresh = place.with_name(f"{place.name}.new")
        fresh.write_text("".join(f"{path}\n" for path in playbooks if "\n" not in path), encoding="utf-8")
        fresh.replace(place)


def keep(scratch: Path, environ: Mapping[str, str], *, cache: Path) -> None:
    """Take over the answers that a confined ansible-lint could write into its own ``scratch`` directory only.

    The project can forge them; but they are answers about this project alone, whose findings it can turn off anyhow.
    """
    place = Path(environ.get("PATH", "").partition(os.pathsep)[0])
    if place.parent != cache:
        return
    for name in QUESTIONS:
        answer, kept = scratch / f"{name}.answer", place / f"{name}.answer"
        try:
            if answer.is_file() and not answer.is_symlink() and answer.stat().st_size < LARGEST and not kept.exists():
                fresh = place / f".{name}.{os.getpid()}.answer"
                fresh.write_bytes(answer.read_bytes())
                fresh.replace(kept)
        except OSError:
            continue


def _key(environ: Mapping[str, str], *, cwd: Path, programs: Iterable[str]) -> str:
    """A hash over all that the answers depend on: programs, versions, variables, configuration, installed collections."""
    named = [cwd / environ["ANSIBLE_CONFIG"]] if environ.get("ANSIBLE_CONFIG") else []
    home = Path(environ.get("HOME", "/"))
    configs = [*named, cwd / "ansible.cfg", home / ".ansible.cfg", Path("/etc/ansible/ansible.cfg")]
    searched = setting(environ, cwd, variable="ANSIBLE_COLLECTIONS_PATH", section="defaults", key="collections_path")
    roots = [*(searched or "").split(os.pathsep), "~/.ansible/collections", "/usr/share/ansible/collections",
             "collections", ".ansible/collections"]  # fmt: skip
    collections = [cwd / Path(root.replace("~", str(home), 1)) / "ansible_collections" for root in roots if root]
    facts = [str(cwd), *(f"{name}={value}" for name, value in sorted(environ.items()) if _matters(name))]
    facts += [
        f"{name} {installed_version(name)}" for name in ("ansible-core", "ansible-lint") if installed_version(name)
    ]
    facts += [_stamp(Path(program).resolve()) for program in programs]
    facts += [_stamp(path) for path in configs]
    facts += [_stamp(path) for root in collections for path in (root, *sorted(root.glob("*")))]
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:24]


def _matters(name: str) -> bool:
    return name.startswith(("ANSIBLE_", "PYTHON", "LC_")) or name in ("PATH", "HOME", "USER", "LANG", "VIRTUAL_ENV")


def _stamp(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return f"{path} -"
    return f"{path} {status.st_mtime_ns} {status.st_size} {status.st_ino}"


def _forget(cache: Path) -> None:
    for old in cache.glob("*/"):
        if time.time() - old.stat().st_mtime > KEPT:
            shutil.rmtree(old, ignore_errors=True)
