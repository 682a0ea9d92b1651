"""The configuration that the simulation runs with: taken over from the user's, key by key, from an allow-list.

An ``ansible.cfg`` in the working directory belongs to the play under judgement. Of what it may set, much changes which
code ansible loads (callbacks, strategies, caches); nothing of that is taken over. Paths of plugins that a forecast needs are, and
what lies there is loaded only when it is trusted (:mod:`aisafe.simulation.safety`). Imports no ansible.
"""

from __future__ import annotations

import configparser
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from aisafe.errors import UsageError
from aisafe.frozen import frozen

_PATH, _PATHS, _TEXT = "path", "paths", "text"

# (section, key) -> kind. Names and meanings: ansible's config/base.yml, and the options of ssh, local, sudo and su.
TAKEN: Mapping[tuple[str, str], str] = {
    ("defaults", "inventory"): _PATHS,
    ("defaults", "roles_path"): _PATHS,
    ("defaults", "collections_path"): _PATHS,
    ("defaults", "collections_paths"): _PATHS,
    ("defaults", "library"): _PATHS,  # modules are looked up there, never run
    **{("defaults", f"{kind}_plugins"): _PATHS for kind in ("filter", "test", "lookup", "inventory")},  # if trusted
    ("defaults", "vault_password_file"): _PATH,
    ("defaults", "vault_identity_list"): _TEXT,
    ("defaults", "vault_identity"): _TEXT,
    ("defaults", "vault_id_match"): _TEXT,
    ("defaults", "private_key_file"): _PATH,
    ("defaults", "playbook_vars_root"): _TEXT,
    **{
        ("defaults", key): _TEXT
        for key in [
            "hash_behaviour",
            "jinja2_extensions",
            "jinja2_native",
            "jinja2_native_warning",
            "remote_user",
            "remote_port",
            "host_key_checking",
            "timeout",
            "forks",
            "interpreter_python",
            "gathering",
            "gather_subset",
            "gather_timeout",
            "fact_caching_timeout",
            "inject_facts_as_vars",
            "force_handlers",
            "error_on_undefined_vars",
            "error_on_missing_handler",
            "ansible_managed",
            "force_valid_group_names",
            "any_errors_fatal",
            "allow_broken_conditionals",
            "duplicate_dict_key",
            "invalid_task_attribute_failed",
            "private_role_vars",
            "role_skip_tasks",
            "precedence",
            "transport",
            "executable",
            "module_lang",
            "module_args",
            "no_log",
            "max_fail_percentage",
            "poll_interval",
            "legacy_playbook_variables",
        ]
    },
    **{
        ("privilege_escalation", key): _TEXT
        for key in [
            "become",
            "become_method",
            "become_user",
            "become_exe",
            "become_flags",
            "become_ask_pass",
            "agnostic_become_prompt",
        ]
    },
    **{
        ("ssh_connection", key): _TEXT
        for key in [
            "ssh_args",
            "ssh_common_args",
            "ssh_extra_args",
            "sftp_extra_args",
            "scp_extra_args",
            "host_key_checking",
            "ssh_executable",
            "timeout",
            "retries",
            "pipelining",
            "usetty",
        ]
    },
    **{("paramiko_connection", key): _TEXT for key in ["host_key_checking", "look_for_keys", "proxy_command"]},
    **{("sudo_become_plugin", key): _TEXT for key in ("user", "executable", "flags")},
    **{("su_become_plugin", key): _TEXT for key in ("user", "executable", "flags")},
    **{("tags", key): _TEXT for key in ("run", "skip")},
    **{
        ("inventory", key): _TEXT
        for key in ("any_unparsed_is_failed", "unparsed_is_failed", "ignore_extensions", "enable_plugins")
    },
}

# Variables of the environment that decide which code runs, what is written, or that would stop the simulation.
_DROPPED_MARKS = (
    "PLUGIN", "CALLBACK", "CACHE", "STRATEGY", "DEBUG", "LOG", "LOCAL_TEMP", "RETRY", "PAGER", "GALAXY", "COW",
    "VARS_ENABLED", "SSH_AGENT",
)  # fmt: skip
_DROPPED = frozenset(
    {"ANSIBLE_CONFIG", "ANSIBLE_HOME", "ANSIBLE_LIBRARY", "ANSIBLE_MODULE_UTILS", "ANSIBLE_NETCONF_SSH_CONFIG"}
)
_KEPT = frozenset(
    {"ANSIBLE_NO_LOG", *(f"ANSIBLE_{kind}_PLUGINS" for kind in ("FILTER", "TEST", "LOOKUP", "INVENTORY"))}
)
_SET: Mapping[str, str] = {
    "ANSIBLE_RETRY_FILES_ENABLED": "0",
    "ANSIBLE_DEPRECATION_WARNINGS": "0",
    "ANSIBLE_LOCALHOST_WARNING": "0",
    "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
    "ANSIBLE_CACHE_PLUGIN": "memory",
    "ANSIBLE_DEVEL_WARNING": "0",
    "ANSIBLE_NOCOLOR": "1",
    "ANSIBLE_NOCOWS": "1",
    "ANSIBLE_SSH_AGENT": "none",
}
"""What every simulation has; a user who sets the same misses nothing."""
_VARIABLES = frozenset({"defaults.vars_plugins", "defaults.vars_plugins_enabled"})
_LARGEST = 1024 * 1024
"""Bytes of an ansible.cfg."""


@frozen
class Configuration:
    """``source``: the file ansible-playbook would use, None for none. ``own``: it is the user's or the system's, not
    one below the working directory. ``values``: what is taken over. ``ignored``: what is not, as ``section.key``."""

    source: Path | None
    own: bool
    values: Mapping[str, Mapping[str, str]]
    ignored: tuple[str, ...] = ()

    def left_out(self, environ: Mapping[str, str]) -> list[tuple[str, str]]:
        """(kind of note, message) for what the user's configuration and environment set, and the simulation has not."""
        notes: list[tuple[str, str]] = []
        name = self.source.name if self.source else ""
        if variables := sorted(_VARIABLES.intersection(self.ignored)):
            notes.append(("refused-plugin", f"{name} sets {', '.join(variables)}: plugins that set variables were not "
                          "run, so what they would set is not known"))  # fmt: skip
        rest = [key for key in self.ignored if key not in _VARIABLES]
        rest += [variable for variable in sorted(environ) if variable.startswith("ANSIBLE_") and _dropped(variable)
                 and environ[variable] != _SET.get(variable)]  # fmt: skip
        if rest:
            notes.append(("assumed", f"{', '.join(rest)} (from {name or 'the environment'}) chooses code, files or "
                          "output of the controller, and nothing on the hosts; it was left out while judging"))  # fmt: skip
        return notes

    def text(self) -> str:
        """The private ansible.cfg."""
        lines = []
        for section, values in self.values.items():
            lines.append(f"[{section}]")
            for key, value in values.items():
                lines.append(f"{key} = " + value.replace("\n", "\n    "))
        return "\n".join(lines) + "\n"


def find(*, cwd: Path, environ: Mapping[str, str]) -> Path | None:
    """The file that ansible-playbook would read (ansible.config.manager.find_ini_config_file): ANSIBLE_CONFIG, the
    working directory unless everybody may write to it, the home directory, /etc/ansible."""
    candidates = []
    if named := environ.get("ANSIBLE_CONFIG"):
        path = cwd / Path(named).expanduser()
        candidates.append(path / "ansible.cfg" if path.is_dir() else path)
    if not cwd.stat().st_mode & stat.S_IWOTH:
        candidates.append(cwd / "ansible.cfg")
    home = environ.get("HOME")
    if home:
        candidates.append(Path(home) / ".ansible.cfg")
    candidates.append(Path("/etc/ansible/ansible.cfg"))
    return next((path for path in candidates if path.is_file() and os.access(path, os.R_OK)), None)


def take_over(*, cwd: Path, environ: Mapping[str, str]) -> Configuration:
    """Read the user's configuration; raises UsageError when it cannot be parsed."""
    source = find(cwd=cwd, environ=environ)
    if source is None:
        return Configuration(source=None, own=True, values={})
    parser = configparser.ConfigParser(inline_comment_prefixes=(";",), interpolation=None, strict=False)
    try:
        if source.stat().st_size > _LARGEST:
            raise configparser.Error(f"it is larger than {_LARGEST >> 20} MiB")
        parser.read_string(source.read_text(encoding="utf-8"), source=str(source))
    except (configparser.Error, UnicodeError) as error:
        raise UsageError(
            f"The configuration file {source} cannot be read: {str(error).splitlines()[0]}",
            fix="Correct it, or name another one: ANSIBLE_CONFIG.",
        ) from None
    named = bool(environ.get("ANSIBLE_CONFIG")) and source != cwd / "ansible.cfg"
    own = (
        named
        or not source.resolve().is_relative_to(cwd.resolve())
        or source == Path(environ.get("HOME", "/")) / ".ansible.cfg"
    )
    values: dict[str, dict[str, str]] = {}
    ignored = []
    for section in parser.sections():
        for key, value in parser.items(section):
            kind = TAKEN.get((section, key))
            if kind is None:
                ignored.append(f"{section}.{key}")
                continue
            values.setdefault(section, {})[key] = _absolute(value, kind=kind, key=key, base=source.parent, home=environ)
    return Configuration(source=source, own=own, values=values, ignored=tuple(ignored))


def _absolute(value: str, *, kind: str, key: str, base: Path, home: Mapping[str, str]) -> str:
    if kind == _TEXT:
        return value
    separator = "," if key == "inventory" else ":"
    if key == "inventory" and value.rstrip().endswith(","):  # a list of hosts
        return value
    parts = []
    for part in value.split(separator) if kind == _PATHS else [value]:
        text = part.strip()
        text = text.replace("{{CWD}}", os.getcwd()).replace("{{ CWD }}", os.getcwd())
        if text == "~" or text.startswith("~/"):
            text = home.get("HOME", "~") + text[1:]
        parts.append(str(base / os.path.expandvars(text)) if text and not _is_host(text, base, key) else text)
    return separator.join(parts)


def _is_host(text: str, base: Path, key: str) -> bool:
    return key == "inventory" and not (base / text).exists() and "/" not in text and "." not in text


def environment(environ: Mapping[str, str], *, config: Path, scratch: Path) -> dict[str, str]:
    """The child's environment: the user's, without what chooses code or files to write, and with our configuration."""
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(("_ANSIBLE_", "PYTHON")) and not _dropped(name)
    }
    kept.update(_SET, ANSIBLE_CONFIG=str(config), ANSIBLE_LOCAL_TEMP=str(scratch))
    return kept


def _dropped(name: str) -> bool:
    if not name.startswith("ANSIBLE_") or name in _KEPT:
        return False
    return name in _DROPPED or any(mark in name for mark in _DROPPED_MARKS)
