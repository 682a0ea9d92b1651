"""Settings among the extra variables: a survey of AWX can give nothing else to a job.

``-e aisafe_accept=port-conflict@web1`` is ``--aisafe-accept=port-conflict@web1``, and an option goes before it. Files are
read as ansible reads them (ansible.utils.vars.load_extra_vars); one that is encrypted as a whole holds no settings.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from aisafe.options import Option
from aisafe.playbook.commandline import CommandLine

PREFIX = "aisafe_"


class _Tolerant(yaml.SafeLoader):
    """A SafeLoader to which a tag it does not know (``!vault``) is no value; AWX writes what a survey brings as ``!unsafe``."""


_Tolerant.add_constructor(None, lambda _loader, _node: None)
_Tolerant.add_constructor("!unsafe", lambda _loader, node: node.value)


def extra_settings(line: CommandLine, cwd: Path, *, known: Iterable[Option]) -> dict[str, tuple[str, ...]]:
    """Option name (``aisafe-accept``) -> values, of the options ``known``. What is empty was left blank in the survey."""
    found: dict[str, tuple[str, ...]] = {}
    names = {option.name.replace("-", "_"): option for option in known if option.name}
    for text in line.values("-e", "--extra-vars"):
        for key, value in _variables(text, cwd).items():
            if isinstance(key, str) and key in names:
                found[names[key].name] = tuple(_texts(value, several=names[key].repeated))
    return {name: values for name, values in found.items() if values}


def _variables(text: str, cwd: Path) -> Mapping[Any, Any]:
    try:
        if text.startswith("@"):
            content = (cwd / Path(text[1:]).expanduser()).read_text(encoding="utf-8")
            data = None if content.startswith("$ANSIBLE_VAULT") else _load(content)
        elif text[:1] in ("{", "["):
            data = _load(text)
        else:
            data = dict(word.split("=", 1) for word in shlex.split(text) if "=" in word)
    except (OSError, ValueError, yaml.YAMLError):
        return {}  # ansible itself says what is wrong with it
    return data if isinstance(data, dict) else {}


def _load(text: str) -> Any:
    return yaml.load(text, Loader=_Tolerant) if PREFIX in text else None  # noqa: S506  a SafeLoader


def _texts(value: Any, *, several: bool) -> Iterable[str]:
    """A list, or with ``several`` a text with commas or lines between its items, as texts; else the one value as text."""
    items = (
        re.split(r"[,\n]", value)
        if several and isinstance(value, str)
        else value
        if isinstance(value, list)
        else [value]
    )
    return [text for item in items if item is not None and (text := str(item).strip())]
