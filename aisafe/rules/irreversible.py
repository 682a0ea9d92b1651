"""What a roll-back could not bring back."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Finding
from aisafe.rules import Case, rule


@rule("irreversible", severity="warning", stage="forecast")
def irreversible(case: Case) -> Iterator[Finding]:
    """The run does what a restore of the host can't undo: calls to other systems, removed volumes, logs, kernels.

    Wrong:

        - name: Remove the old data
          community.docker.docker_volume:
            name: data
            state: absent

    Right:

        - name: Keep the old data aside
          ansible.builtin.command: docker run --rm -v data:/data -v /srv/backup:/to busybox tar -cf /to/data.tar /data
    """
    effects = [effect for effect in case.forecast.effects if not effect.reversible]
    if not effects:
        return
    lines = {
        f"{effect.task}: {effect.action} {effect.kind} {effect.name}" + (f" ({effect.why})" if effect.why else ""): None
        for effect in effects
    }
    total = len(case.forecast.effects)
    share = 100 * (total - len(effects)) // total
    yield case.find(
        f"{len(effects)} of {total} effects cannot be undone by a roll-back; {share} % can.",
        task=effects[0].task,
        evidence=tuple(lines),
        fix="Save what they destroy or tell beforehand, or take them into a run of their own.",
    )
