"""A small part of the fidelity suite (tests/fidelity): what is foreseen happens, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.fidelity.run import catalogue, run_on
from tests.testbed import Host
from tests.testbed.pool import Pool

PLAYS = ("unit_template", "roles_site", "containers", "live_edits", "users")
KINDS = ("file", "content", "unit", "socket", "container", "network", "volume", "user", "group")


ALONE = "containers"
"""On a host of its own: it runs a program that another of the plays runs as a unit."""


def test_plays_do_what_was_foreseen(hosts: Callable[[int], list[Host]], testbed: Pool, tmp_path: Path) -> None:
    """One after the other; together they touch every kind."""
    shared, own = hosts(2)
    plays = {play.name: play for play in catalogue()}
    seen: dict[str, int] = {}
    for name in PLAYS:
        host = own if name == ALONE else shared
        outcome = run_on(plays[name], [host], tmp_path / name, twice=name == PLAYS[0], pool=testbed)
        assert not outcome.trouble, (name, outcome.trouble)
        assert not outcome.blocked_by, name
        for kind in KINDS:
            tally = outcome.tallies[kind]
            assert (name, kind, tally.missed, tally.wrong, tally.wrong_certain) == (name, kind, [], [], [])
            seen[kind] = seen.get(kind, 0) + tally.found
        if outcome.again:
            assert (outcome.again["certain"], outcome.again["blocked_by"], outcome.again["changed"]) == ([], [], 0)
    assert all(seen[kind] for kind in KINDS), seen
