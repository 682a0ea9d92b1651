"""Versions of the Python packages beside ours."""

from __future__ import annotations


def installed_version(package: str) -> str:
    """The version of a Python package beside ours, '' where there is none."""
    from importlib import metadata  # noqa: PLC0415  it costs more than all else here

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def ansible_core() -> str:
    """The version of the one that judges."""
    from ansible.release import __version__ as version  # noqa: PLC0415  importlib.metadata costs more

    return str(version)
