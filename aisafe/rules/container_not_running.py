"""A container that the run started is not up, or does not stay up."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Container, Finding, Party, Service
from aisafe.occupancy import container_of
from aisafe.rules import Case, rule


@rule("container-not-running", severity="error", stage="proof")
def container_not_running(case: Case) -> Iterator[Finding]:
    """A container of the run is gone, was never started, ended, is unhealthy, or is started again and again.

    Wrong:

        - name: Run the application
          community.docker.docker_container:
            name: app
            image: app:2
            command: --no-such-option
            restart_policy: always      # hides that it ends at once

    Right:

        - name: Run the application
          community.docker.docker_container:
            name: app
            image: app:2
            restart_policy: always
            healthcheck:
              test: ["CMD", "wget", "-qO-", "http://127.0.0.1:8080/health"]
    """
    if not case.ran_through or any(spot.kind in ("host", "container") for spot in case.after[-1].blind_spots):
        return
    for service in case.forecast.services:
        if service.holder.kind != "container" or service.certainty != "certain":
            continue
        if service.by_run and service.active and (wrong := _wrong(case, service)):
            last = container_of(case.after[-1], service.holder)
            look = f"{last.engine if last else 'docker'} logs {service.holder.name}"
            yield case.find(
                f"Container {service.holder.name} is not well: {wrong}.",
                task=service.task,
                parties=(Party(kind="container", name=service.holder.name, live=False, task=service.task),),
                evidence=(_seen(last),) if last else (),
                fix=f"See why: {look}, while it is there: a roll-back takes it away.",
            )


def _wrong(case: Case, service: Service) -> str:
    samples = [found for state in case.after if (found := container_of(state, service.holder))]
    last = container_of(case.after[-1], service.holder)
    if last is None:
        return "it is not there after the run"
    why = next((text for item in reversed(samples) if (text := _why(item))), "")
    if last.state == "restarting":
        return f"it ends and is started again all the time{why}"
    if not last.active:
        never = " and was never started" if last.state == "created" else ""
        return f"it is {last.state}{never}{_why(last)}"
    before = container_of(case.before, service.holder)
    same = [item for item in samples if item.id == last.id]
    if last.restart_count > (before.restart_count if before and before.id == last.id else 0):
        times = "once" if last.restart_count == 1 else f"{last.restart_count} times"
        return f"Docker has started it again {times}{why}"
    if len({item.started_at for item in same if item.started_at}) > 1:
        return f"it was started again while it was watched{why}"
    if last.health == "unhealthy":
        return "its health check fails"
    return ""


def _why(container: Container) -> str:
    words = []
    if container.exit_code is not None and (container.exit_code or not container.active):
        words.append(f"exit code {container.exit_code}")
    if container.error:
        words.append(container.error)
    return f" ({', '.join(words)})" if words else ""


def _seen(container: Container) -> str:
    policy = f", restart policy {container.restart_policy}"
    health = f", health {container.health}" if container.health else ""
    return f"after the run: {container.state}, {container.restart_count} restarts{policy}{health}{_why(container)}"
