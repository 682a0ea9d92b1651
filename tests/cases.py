"""Small builders of hosts, forecasts and samples, for tests of the judge, the rules and the reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

from aisafe.config import Settings
from aisafe.judge import judge, prove
from aisafe.model import (
    Applied,
    Claim,
    Container,
    Coverage,
    Effect,
    Finding,
    Forecast,
    Holder,
    HostForecast,
    HostState,
    Listener,
    Note,
    PublishedPort,
    Service,
    Socket,
    TaskRef,
    Unit,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EXPORTER = "prometheus-node-exporter.service"


def sock(text: str) -> Socket:
    """``tcp 0.0.0.0:80``, ``udp [::]:53``, and ``tcp6only [::]:80`` for IPV6_V6ONLY."""
    protocol, _, where = text.rpartition(" ")
    address, _, port = where.rpartition(":")
    return Socket(
        protocol="udp" if protocol == "udp" else "tcp", address=ip_address(address.strip("[]")), port=int(port),
        ipv6_only=protocol == "tcp6only",
    )  # fmt: skip


def holder(text: str) -> Holder:
    """``unit x.service``, ``container x``, ``process x``."""
    kind, _, name = text.partition(" ")
    return Holder(kind=kind, name=name)  # type: ignore[arg-type]


def task(name: str = "Do it", line: int = 10, path: str = "site.yml") -> TaskRef:
    return TaskRef(name=name, path=path, line=line)


def listens(where: str, who: str | None, *, pid: int | None = None, process: str | None = None) -> Listener:
    return Listener(socket=sock(where), holder=holder(who) if who else None, pid=pid, process=process)


def unit(name: str, **given: Any) -> Unit:
    return Unit(
        **{"name": name, "active_state": "active", "sub_state": "running", "unit_file_state": "enabled", **given}
    )


def container(name: str, *ports: str, **given: Any) -> Container:
    published = tuple(PublishedPort(socket=sock(port), container_port=80) for port in ports)
    return Container(**{"name": name, "id": f"id-of-{name}", "image": f"{name}:1", "ports": published, **given})


def state(
    *listeners: Listener,
    units: Iterable[Unit] = (),
    containers: Iterable[Container] = (),
    host: str = "web1",
    **given: Any,
) -> HostState:
    return HostState(
        host=host, taken_at=NOON, listeners=listeners, units={item.name: item for item in units},
        containers={item.name: item for item in containers}, root=given.pop("root", True), **given,
    )  # fmt: skip


def effect(action: str, who: str, *binds: str, line: int = 10, name: str = "Do it", **given: Any) -> Effect:
    """An effect on a unit or container, which is its holder; ``frees``: texts of holders."""
    target = holder(who)
    frees = tuple(map(holder, given.pop("frees", ())))
    given.setdefault("holder", target)
    return Effect(
        kind=target.kind, action=action, name=target.name, task=task(name, line),  # type: ignore[arg-type]
        binds=tuple(map(sock, binds)), frees=frees, **given,
    )  # fmt: skip


def service(who: str, *sockets: str, **given: Any) -> Service:
    return Service(holder=holder(who), sockets=tuple(map(sock, sockets)), **given)


def claim(where: str, who: str, **given: Any) -> Claim:
    return Claim(**{"socket": sock(where), "holder": holder(who), "certainty": "certain", "task": task(), **given})


def forecast(
    *effects: Effect, services: Iterable[Service] = (), claims: Iterable[Claim] = (), host: str = "web1",
    coverage: Coverage | None = None, notes: Iterable[Note] = (), complete: bool = True, **given: Any,
) -> Forecast:  # fmt: skip
    one = HostForecast(
        host=host, effects=effects, services=tuple(services), claims=tuple(claims),
        coverage=coverage or Coverage(tasks=len(effects), modelled=len(effects)), **given,
    )  # fmt: skip
    return Forecast(hosts={host: one}, notes=tuple(notes), complete=complete, ansible_version="2.19.4")


def found(
    rule: str,
    before: HostState,
    plan: Forecast,
    *,
    settings: Settings | None = None,
    states: Mapping[str, HostState] | None = None,
) -> list[Finding]:
    """What one rule finds in the forecast."""
    verdict = judge(states or {before.host: before}, plan, settings=settings or Settings())
    return [finding for finding in verdict.findings if finding.rule == rule]


def proven(
    rule: str,
    before: HostState,
    plan: Forecast,
    *after: HostState,
    applied: Applied | None = None,
    checks: Iterable[Any] = (),
    settings: Settings | None = None,
) -> list[Finding]:
    """What one rule finds after the run."""
    verdict = prove(
        {before.host: before}, plan, {before.host: after}, applied or ran(), checks, settings=settings or Settings()
    )
    return [finding for finding in verdict.findings if finding.rule == rule]


def ran(exit_code: int = 0, *results: Any) -> Applied:
    return Applied(exit_code=exit_code, started_at=NOON, ended_at=NOON, results=results)


def story() -> tuple[dict[str, HostState], Forecast]:
    """The exporter runs as a unit; the play brings it as a container on the same port."""
    before = state(
        listens("tcp [::]:9100", f"unit {EXPORTER}", pid=49, process="prometheus-node"),
        listens("tcp 0.0.0.0:22", "unit ssh.service", pid=31, process="sshd"),
        units=[unit(EXPORTER, main_pid=49), unit("ssh.service", main_pid=31)],
    )
    run = "Run the exporter as a container"
    plan = forecast(
        Effect(
            kind="file",
            action="create",
            name="/etc/exporter",
            task=task("Make its directory", 9),
            paths=("/etc/exporter",),
        ),
        Effect(kind="image", action="pull", name="prom/node-exporter:v1.8.2", task=task(run, 14), reversible=True),
        effect(
            "create",
            "container node-exporter",
            "tcp 0.0.0.0:9100",
            "tcp [::]:9100",
            line=14,
            name=run,
            detail="published 0.0.0.0:9100/tcp -> 9100 of container node-exporter",
        ),
        Effect(
            kind="command",
            action="run",
            name="curl -X POST https://example.org/hook",
            certainty="opaque",
            why="what the command does",
            reversible=False,
            task=task("Tell the others", 25),
        ),
        services=[
            service(
                f"unit {EXPORTER}",
                "tcp [::]:9100",
                program="node_exporter",
                live=True,
                pid=49,
                at_boot=True,
                evidence="ExecStart runs /usr/bin/prometheus-node-exporter",
            ),
            service(
                "container node-exporter",
                "tcp 0.0.0.0:9100",
                "tcp [::]:9100",
                program="node_exporter",
                by_run=True,
                at_boot=True,
                task=task(run, 14),
                evidence="image prom/node-exporter",
            ),
        ],
        claims=[
            claim("tcp 0.0.0.0:9100", "container node-exporter", task=task(run, 14)),
            claim("tcp [::]:9100", "container node-exporter", task=task(run, 14)),
        ],
        coverage=Coverage(tasks=4, modelled=3, opaque=1),
        notes=[
            Note(kind="opaque-task", host="web1", task=task("Tell the others", 25), message="what the command does")
        ],
    )
    return {"web1": before}, plan
