"""A socket that the run binds is held by something else at that moment."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Finding, Party
from aisafe.occupancy import Clash, Entry, clashes
from aisafe.remedy import Remedy, free_port, other_port, same_program, service_of, stop_for_good
from aisafe.rules import Case, rule


@rule("port-conflict", severity="error", stage="forecast")
def port_conflict(case: Case) -> Iterator[Finding]:
    """Something the run starts binds a socket that something live holds at that moment of the run.

    Only one socket of a protocol can have an address and port (bind(2), EADDRINUSE), and a wildcard address covers
    every address of its family. A unit that loses dies right after systemctl said that it started, a container stays
    behind as 'Created', and the run may end with exit code 0 all the same.

    Wrong:

        - name: Run the exporter as a container
          community.docker.docker_container:
            name: node-exporter
            image: prom/node-exporter:v1.8.2
            ports: ["9100:9100"]   # prometheus-node-exporter.service holds 9100

    Right:

        - name: Stop and disable prometheus-node-exporter.service
          ansible.builtin.systemd_service:
            name: prometheus-node-exporter.service
            state: stopped
            enabled: false
        - name: Run the exporter as a container
          community.docker.docker_container:
            name: node-exporter
            image: prom/node-exporter:v1.8.2
            ports: ["9100:9100"]
    """
    for clash in clashes(case.before, case.forecast):
        if clash.in_run:
            continue
        newcomer, resident = (clash.wanted, clash.held) if clash.held.live else (clash.held, clash.wanted)
        effect = newcomer.effect
        task = effect.task if effect else None
        remedy = _way_out(case, clash, newcomer, resident)
        yield case.find(
            _message(clash, newcomer, resident),
            severity=None if clash.certain else "warning",
            when="now" if clash.certain else "possible",
            task=task,
            parties=(_resident(resident), _newcomer(newcomer)),
            evidence=tuple(_evidence(case, clash, newcomer, resident)),
            fix=remedy.fix,
            yaml=remedy.yaml,
        )


def _message(clash: Clash, newcomer: Entry, resident: Entry) -> str:
    live = resident.live
    socket = clash.sockets[0][0] if newcomer is clash.wanted else clash.sockets[0][1]
    theirs = resident.socket if resident is clash.wanted else clash.sockets[0][1]
    who = str(resident.holder) if resident.holder else "something whose process could not be seen"
    pid = f" (pid {live.pid})" if live and live.pid else ""
    if clash.certain:
        text = f"{newcomer.holder} binds {socket}, but {who}{pid} holds {theirs} at that moment."
    else:
        text = f"{newcomer.holder} may find {socket} taken: {who}{pid} may still hold {theirs} at that moment."
        why = [item.effect.why for item in (newcomer, resident) if item.effect and item.effect.why]
        text += f" It depends on {why[0]}." if why else ""
    if newcomer.holder and newcomer.holder.kind == "container":
        engine = newcomer.effect.engine if newcomer.effect else ""
        if engine == "swarm":
            return f"{text} The swarm would try to start its task again and again."
        return f"{text} {engine.capitalize() or 'Docker'} would leave the container behind as 'Created'."
    return f"{text} systemctl may report success while the service dies on 'Address already in use'."


def _resident(entry: Entry) -> Party:
    process, pid = (entry.live.process, entry.live.pid) if entry.live else (None, None)
    if entry.holder is None:
        return Party(kind="process", name=process or "unknown", live=True, pid=pid)
    return Party(kind=entry.holder.kind, name=entry.holder.name, live=True, pid=pid)


def _newcomer(entry: Entry) -> Party:
    assert entry.holder is not None
    task = entry.effect.task if entry.effect else None
    return Party(kind=entry.holder.kind, name=entry.holder.name, live=False, task=task)


def _evidence(case: Case, clash: Clash, newcomer: Entry, resident: Entry) -> Iterator[str]:
    live = resident.live
    if live:
        process = f" by {live.process}" if live.process else ""
        pid = f", pid {live.pid}" if live.pid else ""
        yield f"live: {live.socket} is held{process}{pid} ({resident.holder or 'owner not seen'})"
    if resident is clash.wanted and resident.effect:
        yield f"run: {resident.effect.task} {resident.effect.action}s {resident.holder} again"
    effect = newcomer.effect
    if effect:
        detail = f": {effect.detail}" if effect.detail else ""
        yield f"run: {effect.task} makes {newcomer.holder} bind {newcomer.socket}{detail}"
    program = same_program(case.forecast, newcomer.holder, resident.holder)
    for service in (service_of(case.forecast, resident.holder), service_of(case.forecast, newcomer.holder)):
        if program and service and service.evidence:
            yield f"{service.holder} is {program}: {service.evidence}"


def _way_out(case: Case, clash: Clash, newcomer: Entry, resident: Entry) -> Remedy:
    assert newcomer.holder is not None
    program = same_program(case.forecast, newcomer.holder, resident.holder)
    before = f"before {newcomer.effect.task}" if newcomer.effect else "first"
    if resident.holder and program:
        stop = stop_for_good(resident.holder, case.before)
        return Remedy(fix=f"Both are {program}: {stop.fix} {before}.", yaml=stop.yaml)
    port = free_port(newcomer.socket, case.before, case.forecast)
    theirs = resident.holder or "what holds it"
    if port is None:
        return Remedy(fix=f"Stop {theirs} {before}: no higher port is free.")
    service = service_of(case.forecast, newcomer.holder)
    move = other_port(
        newcomer.holder, newcomer.socket, port,
        argv=service.argv if service else (), detail=newcomer.effect.detail if newcomer.effect else "",
    )  # fmt: skip
    return Remedy(fix=f"{_capital(move.fix)} (it is free), or stop {theirs} {before}.", yaml=move.yaml)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
