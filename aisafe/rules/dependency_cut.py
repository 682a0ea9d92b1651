"""The run takes away what another service needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from aisafe.model import Effect, Finding, Holder, Need, Party, Service
from aisafe.remedy import service_of
from aisafe.rules import Case, rule

_ENDS = ("stop", "remove", "restart", "change", "mask")
_VERBS = {"change": "makes anew", "restart": "restarts", "remove": "removes", "stop": "stops", "mask": "masks"}


@rule("dependency-cut", severity="error", stage="forecast")
def dependency_cut(case: Case) -> Iterator[Finding]:
    """The run stops, removes or changes something that another running unit or container needs, and leaves that one as it is.

    A unit stops with the one it requires (systemd.unit(5), Requires=). A container that uses the network of another one has
    none when that is made or started anew, and a network that is removed disconnects. A socket that is mounted into a container
    is a dead file when its unit makes a new one. A program, working directory or mounted file that is removed is missed at the
    next start. A proxy answers 502 when nothing listens behind it.

    Wrong:

        - name: Stop the old application server
          ansible.builtin.systemd_service:
            name: app.service          # nginx sends everything to its port
            state: stopped

    Right:

        - name: Take it out of the proxy first
          ansible.builtin.file:
            path: /etc/nginx/sites-enabled/app
            state: absent
          notify: Reload nginx
        - name: Stop the old application server
          ansible.builtin.systemd_service:
            name: app.service
            state: stopped
    """
    told: set[tuple[Holder, str]] = set()
    for need in case.forecast.needs:
        service = service_of(case.forecast, need.who)
        if service is None or not (service.active or service.at_boot) or (need.who, need.name) in told:
            continue
        cause = _cause(case, need, service)
        if cause is None:
            continue
        told.add((need.who, need.name))
        yield _finding(case, need, service, cause)


def _cause(case: Case, need: Need, service: Service) -> Effect | None:
    """The last effect that took it away, when nothing brought it back."""
    if need.kind == "unit":
        return _unit(case, need, service)
    if need.kind == "container":
        ends = ("stop", "remove", "change", "restart")  # started again, it has another network
        return _last(case, "container", need.name, ends, unless=(), after=service)
    if need.kind == "network":
        return _last(case, "network", need.name, ("remove",), unless=("create",), after=service)
    if need.kind == "socket":
        return _socket(case, need)
    return _path(case, need)


def _unit(case: Case, need: Need, service: Service) -> Effect | None:
    wanted = service_of(case.forecast, Holder(kind="unit", name=need.name))
    live = case.before.units.get(need.name)
    if live is None or not live.active:
        return None
    if wanted is not None and not wanted.active:
        return _last(case, "unit", need.name, ("stop", "mask"), unless=("start", "restart"), after=None)
    if need.who.kind == "container" and need.name.endswith(".socket"):
        return _last(case, "unit", need.name, ("stop", "restart"), unless=(), after=service)
    return None


def _last(
    case: Case, kind: str, name: str, actions: tuple[str, ...], *, unless: tuple[str, ...], after: Service | None
) -> Effect | None:
    """``after``: the service, which a later restart or a new making of its own reconciles."""
    found: Effect | None = None
    for effect in case.forecast.effects:
        if effect.kind == kind and effect.name == name:
            if effect.action in actions:
                found = effect
            elif effect.action in unless:
                found = None
        elif (
            after is not None
            and effect.holder == after.holder
            and effect.action in ("restart", "change", "create", "start")
        ):
            found = None
    return found


def _socket(case: Case, need: Need) -> Effect | None:
    socket = need.socket
    if socket is None:
        return None
    if any(
        theirs.overlaps(socket) for service in case.forecast.services if service.active for theirs in service.sockets
    ):
        return None
    listening = [item for item in case.before.listeners if item.socket.overlaps(socket)]
    holders = {item.holder for item in listening}
    holders |= {Holder(kind="container", name=name) for name, container in case.before.containers.items()
                if any(port.socket.overlaps(socket) for port in container.ports)}  # fmt: skip
    unknown = [service for service in case.forecast.services if service.active and not service.sockets_known]
    if any(service.holder in holders for service in unknown):
        return None  # it runs at the end, and where it listens then could not be worked out
    found = next((effect for effect in reversed(case.forecast.effects)
                  if effect.holder in holders and effect.action in _ENDS), None)  # fmt: skip
    if found is not None and any(service.by_run for service in unknown):
        return replace(found, certainty="possible")
    return found


def _path(case: Case, need: Need) -> Effect | None:
    """An archive, a checkout or a link that is put in its place may hold it; so may what a command leaves there."""
    found: Effect | None = None
    for effect in case.forecast.effects:
        within = need.name == effect.name or need.name.startswith(effect.name.rstrip("/") + "/")
        if effect.kind == "file" and effect.action == "remove" and within:
            found = effect
        elif found is None:
            continue
        elif effect.kind == "file" and within and (effect.name == need.name or effect.detail != "directory"):
            found = None
        elif effect.kind in ("command", "package") or effect.certainty == "opaque":
            found = replace(found, certainty="possible")
    return found


def _finding(case: Case, need: Need, service: Service, cause: Effect) -> Finding:
    certain = cause.certainty == service.certainty == "certain"
    what = {"socket": f"{need.name}, which nothing serves then", "path": need.name}.get(
        need.kind, f"{need.kind} {need.name}"
    )
    moment = "when it starts the next time" if need.starting else "from then on"
    verb = {"change": "makes anew", "restart": "restarts", "remove": "removes", "stop": "stops", "mask": "masks"}.get(
        cause.action, cause.action
    )
    when = ("boot" if need.starting else "now") if certain else "possible"
    return case.find(
        f"{cause.task} {verb} {cause.kind} {cause.name}, and {need.who} needs {what} {moment}.",
        severity=None if certain else "warning", when=when, task=cause.task,  # type: ignore[arg-type]
        parties=(
            Party(kind=need.who.kind, name=need.who.name, live=service.live, pid=service.pid, task=service.task),
            Party(kind=cause.kind, name=cause.name, live=False, task=cause.task),
        ),
        evidence=(need.why,),
        fix=f"Change {need.who} first, so that it does without, or stop it in the same run; or leave {cause.name} as it is.",
    )  # fmt: skip
