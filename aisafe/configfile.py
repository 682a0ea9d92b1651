"""The settings file: read, and checked against its schema. Imported only where there is something to check (0.1 s)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from aisafe.errors import UsageError


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema of the settings file."""
    text = resources.files("aisafe").joinpath("config.schema.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def read(path: Path) -> dict[str, Any]:
    """What the file says. Raises UsageError with file and line for what is no valid settings file."""
    try:
        text = path.read_text(encoding="utf-8")
        data = yaml.load(text, Loader=_PlainText)  # noqa: S506  a SafeLoader
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise UsageError(f"{path}{line} is not valid YAML: {getattr(error, 'problem', None) or error}.",
                         fix="Correct the YAML at that place.") from error  # fmt: skip
    if data is None:
        return {}
    validate(data, str(path), tree)
    return dict(data)


class _PlainText(yaml.SafeLoader):
    """A SafeLoader that leaves dates and ``on``, ``off``, ``yes``, ``no`` as text, for the schema to judge."""


_PlainText.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":bool"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_PlainText.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$", re.IGNORECASE), list("tTfF"))


def validate(data: Any, source: str, tree: Any = None) -> None:
    """Check ``data`` against the schema. ``tree``: the composed YAML, for the line. Raises UsageError."""
    problems = jsonschema.Draft202012Validator(schema()).iter_errors(data)
    worst = min(problems, key=lambda problem: list(map(str, problem.absolute_path)), default=None)
    if worst is None:
        return
    steps = list(worst.absolute_path)
    key = ".".join(map(str, steps))
    fix = ""
    if worst.validator == "additionalProperties":
        known = worst.schema.get("properties", {})
        unknown = next(name for name in worst.instance if name not in known)
        message = f"unknown key {unknown!r}" + (f" in {key}" if key else "")
        fix = nearest(str(unknown), known) or f"Known keys: {', '.join(sorted(known))}."
        steps.append(unknown)
    elif worst.validator == "oneOf":
        message = f"{key} needs exactly one of command, tcp and http"
    elif worst.validator == "enum":
        message = f"{key}: {worst.instance!r} is none of {', '.join(map(str, worst.validator_value))}"
        fix = nearest(str(worst.instance), dict.fromkeys(worst.validator_value))
    else:
        message = f"{key}: {worst.message}" if key else worst.message
    line = _line(tree, steps)
    raise UsageError(f"{source}{f':{line}' if line else ''}: {message}.", fix=fix)


def _line(tree: Any, steps: Sequence[Any]) -> int | None:
    """The line (from 1) of the key or item that ``steps`` leads to in a composed YAML document."""
    line: int | None = None
    for step in steps:
        if isinstance(tree, yaml.SequenceNode) and isinstance(step, int):
            tree = tree.value[step]
            line = tree.start_mark.line + 1
        elif isinstance(tree, yaml.MappingNode):
            for name, value in tree.value:
                if name.value == str(step):
                    line, tree = name.start_mark.line + 1, value
                    break
    return line


def nearest(name: str, known: Mapping[str, Any], prefix: str = "") -> str:
    """'Did you mean …?', or '' when nothing is near."""
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"Did you mean {prefix}{close[0]}?" if close else ""
