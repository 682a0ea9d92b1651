"""Apache: ``Listen`` with includes and conditional sections (Apache 2.4, mpm_common and core)."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field

from aisafe.formats.configfiles import Found, NotUnderstood, Reader, address, closed, included

BUILT_IN = frozenset(("core", "so", "http", "log_config", "logio", "version", "unixd", "watchdog", "mpm_common"))


@dataclass(slots=True)
class _State:
    files: Reader
    root: str
    modules: set[str] = field(default_factory=set)
    defined: dict[str, str] = field(default_factory=dict)
    found: Found = field(default_factory=list)


def read(text: str, path: str, files: Reader) -> Found:
    """All that ``Listen`` names. Modules are those that LoadModule loaded before; ``-D`` of the command is not seen."""
    state = _State(files=files, root="/etc/httpd" if path.startswith("/etc/httpd") else posixpath.dirname(path))
    _file(text, path, state, 0)
    return [closed("http", f"no Listen in {path}"), *state.found]


def _file(text: str, path: str, state: _State, level: int) -> None:
    conditions: list[bool] = []
    for number, line in enumerate(re.sub(r"\\\r?\n", " ", text).splitlines(), start=1):
        words = re.findall(r'"(?:\\.|[^"\\])*"|\S+', line)
        if not words or words[0].startswith("#"):
            continue
        name = words[0].lower()
        values = [_filled(word.strip('"'), state) for word in words[1:]]
        opened = re.match(r"<(ifmodule|ifdefine|iffile|ifversion|if\b)", name)
        if opened:
            conditions.append(_holds(opened[1], " ".join(values).rstrip("> "), state))
        elif re.match(r"</if", name) and conditions:
            conditions.pop()
        elif all(conditions) and values:
            _directive(name, values, f"{path}:{number}", state, level)


def _directive(name: str, values: list[str], where: str, state: _State, level: int) -> None:
    value = values[0]
    if name == "listen":
        if "${" in value:
            raise NotUnderstood(f"Listen {value} in {where} uses a variable that is not defined there")
        state.found.append(address("http", value, f"Listen {value} in {where}"))
    elif name == "loadmodule":
        state.modules.add(value.lower().removesuffix("_module"))
    elif name == "define":
        state.defined[value] = values[1] if len(values) > 1 else ""
    elif name == "undefine":
        state.defined.pop(value, None)
    elif name == "serverroot":
        state.root = value
    elif name in ("include", "includeoptional"):
        pattern = posixpath.join(state.root, value)
        for path, text in included(pattern, state.files, level):
            _file(text, path, state, level + 1)


def _holds(kind: str, text: str, state: _State) -> bool:
    wanted = not text.startswith("!")
    name = text.lstrip("! ")
    if kind == "ifmodule":
        module = name.lower().removeprefix("mod_").removesuffix(".c").removesuffix("_module")
        return (module in state.modules | BUILT_IN) is wanted
    if kind == "ifdefine":
        return (name in state.defined) is wanted
    if kind == "iffile":
        return (state.files.text(posixpath.join(state.root, name)) is not None) is wanted
    return True


def _filled(text: str, state: _State) -> str:
    return re.sub(r"\$\{([^}]+)\}", lambda match: state.defined.get(match[1], match[0]), text)
