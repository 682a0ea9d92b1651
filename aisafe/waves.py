"""A run in waves: which hosts make up each, and the ``--limit`` that keeps ansible-playbook to one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from aisafe.errors import UsageError

INLINE = 50
"""Hosts of a wave that are named on the command line; more go into a file."""

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*")


def waves_of(sizes: Sequence[str], hosts: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The hosts of each wave, in the order of ``hosts``; one wave of all without ``sizes``.

    A size is a number of hosts or a percentage of all of them, and the last one holds for what is left, as for the keyword
    ``serial`` (ansible documentation, "Setting the batch size with serial"); a percentage of less than one host is one.
    Raises UsageError for a host that cannot be named in a ``--limit``.
    """
    if not sizes or not hosts:
        return (tuple(hosts),)
    for host in hosts:
        if not _PLAIN_NAME.fullmatch(host):
            raise UsageError(
                f"The host {host!r} cannot be in a wave: ansible's --limit would read its name as a pattern.",
                fix="Give it another name in the inventory, or run without waves.",
            )
    left, found, number = list(hosts), [], 0
    while left:
        size = sizes[min(number, len(sizes) - 1)]
        count = int(len(hosts) * int(size[:-1]) / 100) if size.endswith("%") else int(size)
        found.append(tuple(left[: max(1, count)]))
        del left[: max(1, count)]
        number += 1
    return tuple(found)


def limited(arguments: Sequence[str], hosts: Sequence[str], file: Path) -> tuple[str, ...]:
    """ansible-playbook's arguments with a ``--limit`` to ``hosts`` beside those given: the last one counts (argparse).

    ``hosts`` are among those that a ``--limit`` of the user's own left. ``file``: where many of them are written to. The comma
    at the end keeps a colon within a name from being read as a separator (ansible.inventory.manager.split_host_pattern).
    """
    text = ",".join(hosts) + ","
    if len(hosts) > INLINE and not set(",:&!") & set(str(file)):
        file.touch(mode=0o600)
        file.write_text("\n".join(hosts) + "\n", encoding="utf-8")
        text = f"@{file}"
    end = list(arguments).index("--") if "--" in arguments else len(arguments)
    return (*arguments[:end], "--limit", text, *arguments[end:])


def told(waves: Sequence[Sequence[str]]) -> str:
    """``1: web1; 2: web2, web3``, with long ones cut."""
    return "; ".join(f"{number}: {some(hosts)}" for number, hosts in enumerate(waves, 1))


def some(hosts: Sequence[str], most: int = 8) -> str:
    """The first of them by name."""
    more = f" and {len(hosts) - most} more" if len(hosts) > most else ""
    return ", ".join(hosts[:most]) + more
