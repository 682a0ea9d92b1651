"""What could not be seen on a host, before the run or after it."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Finding
from aisafe.rules import Case, rule

_WHAT = {
    "host": "The host could not be seen at all",
    "listener": "Who listens on which port could not be seen",
    "unit": "The systemd units could not be seen",
    "container": "The containers could not be seen",
    "podman": "Podman's containers could not be seen",
    "package": "The packages could not be seen",
    "file": "Files could not be seen",
    "user": "The accounts could not be seen",
    "facts": "The facts could not be gathered",
    "space": "The free space could not be seen",
    "include": "An included file could not be followed",
    "firewall": "The packet filter could not be seen",
    "inventory": "The inventory could not be read to the end",
}


@rule("blind-spot", severity="error", stage="both")
def blind_spot(case: Case) -> Iterator[Finding]:
    """Something could not be seen, and what is not seen is not taken for absent.

    A dead Docker daemon is not zero containers: a port conflict with one of them would go unnoticed. What the
    judgement can't do without blocks; the rest warns.

    Wrong:

        - hosts: web            # the inventory lets nobody become root there
          tasks: []

    Right:

        - hosts: web
          become: true
          tasks: []
    """
    if case.after:
        spots = dict.fromkeys(spot for spot in case.after[-1].blind_spots if spot.kind != "host")
    elif case.proof:
        return
    else:
        spots = dict.fromkeys([*case.before.blind_spots, *case.forecast.blind_spots])
    whole = any(spot.kind == "host" for spot in spots)
    for spot in spots:
        if whole and spot.kind != "host":
            continue  # it follows from the host's own
        yield case.find(
            f"{_WHAT[spot.kind]}: {spot.reason.rstrip('.')}.",
            severity=None if spot.blocks else "warning",
            when="after" if case.after else "possible",
            fix=spot.fix,
        )
