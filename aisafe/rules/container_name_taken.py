"""A container of the run wants a name that another one has."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.knowledge.programs import repository_of
from aisafe.model import Container, Effect, Finding, Party
from aisafe.remedy import remove_container
from aisafe.rules import Case, rule

_PROJECT, _SERVICE = "com.docker.compose.project", "com.docker.compose.service"


@rule("container-name-taken", severity="error", stage="forecast")
def container_name_taken(case: Case) -> Iterator[Finding]:
    """The run wants a container name that something else has: the engine refuses it, or the other one is taken away.

    ``docker run`` and Compose end with 'The container name is already in use'. docker_container does not ask: it takes the
    container of that name, whoever made it, for an older version of its own and removes it, which is a warning.

    Wrong:

        - name: Run the worker
          ansible.builtin.command: docker run -d --name worker registry.example.org/worker:2

    Right:

        - name: Run the worker
          community.docker.docker_container:
            name: worker
            image: registry.example.org/worker:2
    """
    removed: set[str] = set()
    for effect in case.forecast.effects:
        if effect.kind != "container":
            continue
        if effect.action == "remove" and effect.certainty == "certain":
            removed.add(effect.name)
        there = case.before.containers.get(effect.name)
        if there is None or effect.name in removed:
            continue
        if effect.action == "create":
            yield _refused(case, effect, there)
        elif effect.action == "change" and effect.detail.startswith("made anew"):
            yield from _taken(case, effect, there)


def _parties(effect: Effect, there: Container) -> tuple[Party, ...]:
    return (
        Party(kind="container", name=there.name, live=True, pid=there.pid),
        Party(kind="container", name=effect.name, live=False, task=effect.task),
    )


def _refused(case: Case, effect: Effect, there: Container) -> Finding:
    return case.find(
        f"{effect.task} makes a container {effect.name}, and there is one of that name already ({there.image}, {there.state}): "
        "the engine refuses it.",
        when="now", task=effect.task, parties=_parties(effect, there), evidence=(f"container {there.name} is {there.id[:12]}",),
        fix="Remove the old one first, or let docker_container make it, which replaces it when it differs.",
        yaml=remove_container(effect.name),
    )  # fmt: skip


def _taken(case: Case, effect: Effect, there: Container) -> Iterator[Finding]:
    project = there.labels.get(_PROJECT, "")
    planned = next((service for service in case.forecast.services if service.holder == effect.holder), None)
    image = (planned.evidence if planned else "").partition("image ")[2].split(" ")[0]
    same = not image or repository_of(image).rpartition("/")[2] == repository_of(there.image).rpartition("/")[2]
    if same and not project:
        return
    owner = (
        f"the Compose project {project} ({there.labels.get(_SERVICE, '')})"
        if project
        else f"an image of its own, {there.image}"
    )
    yield case.find(
        f"{effect.task} takes the name {effect.name} from a container of {owner}: that one is removed.",
        severity="warning", when="now", task=effect.task, parties=_parties(effect, there),
        evidence=(effect.detail,), fix="Give it another name, or remove the old one where it was made (docker compose down).",
    )  # fmt: skip
