"""The few settings of ansible.cfg that decide how the real run is started; all others are ansible's own business."""

from __future__ import annotations

import configparser
import os
import stat
from collections.abc import Mapping
from pathlib import Path


def find_file(environ: Mapping[str, str], cwd: Path) -> Path | None:
    """The ansible.cfg that ansible-playbook would read (Ansible documentation, "Configuration file" order).

    ANSIBLE_CONFIG, then ./ansible.cfg unless the directory is world-writable, then ~/.ansible.cfg, then
    /etc/ansible/ansible.cfg.
    """
    candidates: list[Path] = []
    if named := environ.get("ANSIBLE_CONFIG"):
        path = Path(named).expanduser()
        candidates.append(path / "ansible.cfg" if path.is_dir() else path)
    if not cwd.stat().st_mode & stat.S_IWOTH or cwd.stat().st_mode & stat.S_ISVTX:
        candidates.append(cwd / "ansible.cfg")
    candidates += [Path.home() / ".ansible.cfg", Path("/etc/ansible/ansible.cfg")]
    return next((path for path in candidates if path.is_file() and os.access(path, os.R_OK)), None)


def setting(environ: Mapping[str, str], cwd: Path, *, variable: str, section: str, key: str) -> str | None:
    """One setting as ansible would see it: the environment first, then ansible.cfg; None where neither has it."""
    if variable in environ:
        return environ[variable]
    path = find_file(environ, cwd)
    if path is None:
        return None
    parser = configparser.ConfigParser(inline_comment_prefixes=(";",), interpolation=None, strict=False)
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return None  # ansible itself will say what is wrong with it
    return parser.get(section, key, fallback=None)


def plugin_path(environ: Mapping[str, str], cwd: Path, *, kind: str, add: Path) -> str:
    """The search path of one kind of plugin (``callback``, ``vars``) with ``add`` at its end.

    Relative entries of ansible.cfg are relative to that file.
    """
    key, variable = f"{kind}_plugins", f"ANSIBLE_{kind.upper()}_PLUGINS"
    value = setting(environ, cwd, variable=variable, section="defaults", key=key)
    if value is None:
        home = environ.get("ANSIBLE_HOME", "~/.ansible")
        entries = [str(Path(home).expanduser() / "plugins" / kind), f"/usr/share/ansible/plugins/{kind}"]
    else:
        config = find_file(environ, cwd)
        base = cwd if variable in environ or config is None else config.parent
        entries = [str(base / Path(os.path.expandvars(item)).expanduser()) for item in value.split(":") if item]
    return ":".join([*entries, str(add)])


def truthy(value: str | None) -> bool:
    """ansible's reading of a boolean (ansible.module_utils.parsing.convert_bool)."""
    return (value or "").strip().lower() in ("1", "true", "yes", "on", "y", "t")
