"""The knowledge files as data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read(name: str) -> Any:
    """What a file of this directory says, JSON or YAML by its name. Raises ValueError or yaml.YAMLError where it is wrong."""
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    return json.loads(text) if name.endswith(".json") else parse(text)


def parse(text: str) -> Any:
    """YAML of plain data, by libyaml's parser where PyYAML was built with it. Raises yaml.YAMLError."""
    import yaml  # noqa: PLC0415  most runs need no more than the files in JSON

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(text, Loader=loader)  # noqa: S506  a safe loader, either way
