"""Two things that the run itself starts want one socket."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Finding, Party
from aisafe.occupancy import Entry, clashes
from aisafe.remedy import free_port, other_port, same_program, service_of
from aisafe.rules import Case, rule


@rule("port-conflict-in-run", severity="error", stage="forecast")
def port_conflict_in_run(case: Case) -> Iterator[Finding]:
    """Two units or containers that the run starts bind the same socket; nothing live is needed for the clash.

    Whichever comes second does not get it. On a host where only one of the two was tried before, the play worked.

    Wrong:

        - name: Run the proxy
          community.docker.docker_container: {name: proxy, image: nginx:1.27, ports: ["8080:80"]}
        - name: Run the dashboard
          community.docker.docker_container: {name: dashboard, image: traefik:v3, ports: ["8080:8080"]}

    Right:

        - name: Run the proxy
          community.docker.docker_container: {name: proxy, image: nginx:1.27, ports: ["8080:80"]}
        - name: Run the dashboard
          community.docker.docker_container: {name: dashboard, image: traefik:v3, ports: ["8081:8080"]}
    """
    for clash in clashes(case.before, case.forecast):
        if not clash.in_run:
            continue
        second, first = clash.wanted, clash.held
        assert second.effect is not None
        socket, theirs = clash.sockets[0]
        source = f" (from {first.effect.task})" if first.effect else ""
        verb = "binds" if clash.certain else "may bind"
        program = same_program(case.forecast, second.holder, first.holder)
        yield case.find(
            f"{second.holder} {verb} {socket}, which {first.holder}{source} takes earlier in the same run as {theirs}.",
            severity=None if clash.certain else "warning",
            when="now" if clash.certain else "possible",
            task=second.effect.task,
            parties=(_party(first), _party(second)),
            evidence=tuple(_evidence(first)) + tuple(_evidence(second)),
            **_fix(case, second, first, program),
        )


def _party(entry: Entry) -> Party:
    assert entry.holder is not None
    task = entry.effect.task if entry.effect else None
    return Party(kind=entry.holder.kind, name=entry.holder.name, live=False, task=task)


def _evidence(entry: Entry) -> Iterator[str]:
    if entry.effect:
        detail = f": {entry.effect.detail}" if entry.effect.detail else ""
        depends = f" (depends on {entry.effect.why})" if entry.effect.why else ""
        yield f"run: {entry.effect.task} makes {entry.holder} bind {entry.socket}{detail}{depends}"


def _fix(case: Case, second: Entry, first: Entry, program: str) -> dict[str, str]:
    assert second.holder is not None
    if program:
        return {"fix": f"Both are {program}: drop one of the two tasks."}
    port = free_port(second.socket, case.before, case.forecast)
    if port is None:
        return {"fix": f"Drop {first.holder} or {second.holder}: no higher port is free."}
    service = service_of(case.forecast, second.holder)
    move = other_port(
        second.holder, second.socket, port, argv=service.argv if service else (),
        detail=second.effect.detail if second.effect else "",
    )  # fmt: skip
    return {"fix": f"Use another port: {move.fix} (it is free), or drop one of the two.", "yaml": move.yaml}
