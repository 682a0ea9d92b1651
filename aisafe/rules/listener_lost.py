"""Something was served before the run and is not any more."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Finding, Holder, Party
from aisafe.occupancy import DOCKER_UNITS, Entry, covering, live_entries, same_party
from aisafe.rules import Case, rule

EPHEMERAL = range(32768, 61000)
"""Ports that the kernel hands out by itself (ip(7), ip_local_port_range)."""


@rule("listener-lost", severity="error", stage="proof")
def listener_lost(case: Case) -> Iterator[Finding]:
    """A socket that answered before the run does not any more, and the forecast did not say that it would go.

    Wrong:

        - name: Remove what is not needed
          ansible.builtin.apt:
            name: libpq5            # and with it, the application that depends on it
            state: absent

    Right:

        - name: Remove the client
          ansible.builtin.apt:
            name: postgresql-client
            state: absent
    """
    if not case.ran_through or any(spot.kind in ("host", "listener") for spot in case.after[-1].blind_spots):
        return
    now = live_entries(case.after[-1])
    changed = _changed(case)
    lost: dict[Holder, list[Entry]] = {}
    for entry in live_entries(case.before):
        if _passing(entry) or covering(entry.socket, now):
            continue
        process = entry.live.process if entry.live and entry.live.process else "unknown"
        owner = entry.holder or Holder(kind="process", name=process)
        if not any(same_party(owner, holder, case.before) for holder in changed):
            lost.setdefault(owner, []).append(entry)
    for holder, entries in lost.items():
        live = entries[0].live
        sockets = ", ".join(str(entry.socket) for entry in entries)
        pid = f" (pid {live.pid})" if live and live.pid else ""
        yield case.find(
            f"{holder}{pid} served {sockets} before the run, and nothing does now; the forecast did not foresee it.",
            parties=(Party(kind=holder.kind, name=holder.name, live=True, pid=live.pid if live else None),),
            evidence=tuple(f"before the run: {entry.socket} was held by {holder}" for entry in entries),
            fix=f"See why: {_look(holder)}",
        )


def _changed(case: Case) -> frozenset[Holder]:
    """Holders of which the forecast said that they lose or change their sockets, for certain or possibly.

    A stop or a removal takes them away; a start or a restart may bind others (and not-listening looks at those).
    """
    holders: set[Holder] = set()
    for effect in case.forecast.effects:
        holders.update(effect.frees)
        if effect.holder and effect.action in ("start", "stop", "restart", "reload", "create", "change", "remove"):
            holders.add(effect.holder)
    return frozenset(holders)


def _passing(entry: Entry) -> bool:
    """Sockets that come and go by themselves: a port of the kernel's choice, a login session's forwarding."""
    holder = entry.holder
    if holder is None:
        return entry.socket.port in EPHEMERAL
    if holder.name.endswith(".scope") and entry.socket.address.is_loopback:
        return True
    chosen = holder.kind == "process" or entry.socket.protocol == "udp" or entry.socket.address.is_loopback
    return entry.socket.port in EPHEMERAL and (chosen or holder.name in DOCKER_UNITS)


def _look(holder: Holder) -> str:
    if holder.kind == "container":
        return f"docker logs {holder.name}"
    return f"journalctl -u {holder.name}" if holder.kind == "unit" else "journalctl -e"
