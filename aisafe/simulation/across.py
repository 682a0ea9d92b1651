"""What of a run concerns several hosts together. Told as notes, for the rule about runs in waves."""

from __future__ import annotations

from typing import Any

from aisafe.model import TaskRef
from aisafe.simulation.journal import Journal
from aisafe.simulation.target import play_hosts


def note_plays(plays: list[Any], inventory: Any, variables: Any, loader: Any, *, journal: Journal) -> None:
    """Plays with batches of their own, on the implicit localhost, or on other hosts than the first. Raises ansible's errors."""
    first: set[str] | None = None
    for play in plays:
        hosts, implicit = play_hosts(play, inventory, variables, loader)
        names = {host.name for host in hosts if not getattr(host, "implicit", False)}
        where = _place(play, journal)
        if implicit:
            text = "the play addresses the controller, which is no host of the inventory: every wave would leave it out"
            journal.note("outside-waves", text, task=where)
        batches = [str(size) for size in (play.serial if isinstance(play.serial, list) else [play.serial])]
        if batches not in ([], ["0"], ["100%"]):
            sizes = ", ".join(batches)
            journal.note("batches", f"serial: {sizes} divides each wave, and not all of the hosts", task=where)
        if not names:
            continue
        if first is not None and names != first:
            text = "the play addresses other hosts than one before it, and in waves it no longer waits for that one's hosts"
            journal.note("other-hosts", text, task=where)
        first = names if first is None else first


def _place(play: Any, journal: Journal) -> TaskRef:
    path, _, line = play.get_path().rpartition(":")
    return TaskRef(name=str(play.get_name()), path=journal.display_path(path), line=int(line) if line.isdigit() else 1)
