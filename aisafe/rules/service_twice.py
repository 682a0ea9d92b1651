"""The same program as a unit and as a container."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Finding, Party, Service
from aisafe.remedy import stop_for_good
from aisafe.rules import Case, rule


@rule("service-twice", severity="error", stage="forecast")
def service_twice(case: Case) -> Iterator[Finding]:
    """A program runs as a systemd unit and as a container, whatever their ports: nearly always one was forgotten.

    Both scrape, write or serve the same thing; monitoring counts it twice; the next change is made to the wrong one.
    Where it is meant, accept it: --aisafe-accept=service-twice@HOST, or accept in .aisafe.yml.

    Wrong:

        - name: Run the exporter as a container on another port
          community.docker.docker_container:
            name: node-exporter
            image: prom/node-exporter:v1.8.2
            ports: ["9101:9100"]   # prometheus-node-exporter.service runs on 9100

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
    there = [item for item in case.forecast.services if item.program and (item.active or item.at_boot)]
    for unit in there:
        for container in there:
            pair = (unit.holder.kind, container.holder.kind) == ("unit", "container")
            if pair and unit.program == container.program and (unit.by_run or container.by_run):
                yield _finding(case, unit, container)


def _finding(case: Case, unit: Service, container: Service) -> Finding:
    leaves, stays = (unit, container) if not unit.by_run or container.by_run else (container, unit)
    sure = unit.certainty == container.certainty == "certain"
    now = unit.active and container.active
    stop = stop_for_good(leaves.holder, case.before)
    task = stays.task if stays.by_run else leaves.task
    return case.find(
        f"{unit.program} runs twice {'at the end of the run' if now else 'after the next boot'}: as "
        f"{unit.holder} and as {container.holder}.",
        severity=None if sure else "warning",
        when=("now" if sure else "possible") if now else "boot",
        task=task,
        parties=(_party(leaves), _party(stays)),
        evidence=tuple(f"{item.holder}: {item.evidence}; {_ports(item)}" for item in (unit, container)),
        fix=f"If {stays.holder} is to replace it, {stop.fix} before {task or 'it'}; else accept service-twice.",
        yaml=stop.yaml,
    )


def _party(item: Service) -> Party:
    return Party(
        kind=item.holder.kind,
        name=item.holder.name,
        live=item.live,
        pid=item.pid if item.live else None,
        task=item.task,
    )


def _ports(item: Service) -> str:
    if item.sockets:
        return "binds " + ", ".join(map(str, item.sockets))
    return "binds no port" if item.sockets_known else "its ports are not known"
