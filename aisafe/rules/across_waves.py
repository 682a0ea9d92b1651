"""Something of the play that waves would make another thing of."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Finding, Note
from aisafe.rules import Case, rule

BREAKS = ("run-once", "delegated", "outside-waves")


@rule("across-waves", severity="error", stage="forecast")
def across_waves(case: Case) -> Iterator[Finding]:
    """The run goes over its hosts in waves (--aisafe-waves), and a task or play means something else then.

    Each wave is one run of ansible-playbook with --limit. So ``run_once`` would run once in each wave; a task that is
    delegated to another host would change it while it is not guarded; a play on the implicit localhost and hosts of
    ``add_host`` would be left out. These block. A warning are ``serial``, which divides each wave, plays on different hosts,
    which no longer wait for each other, and what reads ``ansible_play_hosts`` or other hosts' variables: it sees the
    wave's hosts alone.

    Wrong:

        - name: Migrate the database        # once in every wave
          ansible.builtin.command: ./migrate
          run_once: true

    Right:

        - name: Migrate the database        # in a play of its own, run before, without waves
          ansible.builtin.command: ./migrate
          when: inventory_hostname == "db1"
    """
    if not case.settings.waves:
        return
    for note in case.noted("run-once", "delegated", "outside-waves", "batches", "other-hosts", "looks-across"):
        breaks = note.kind in BREAKS and not (note.kind == "run-once" and _only_looks(case, note))
        yield case.find(
            f"{note.message.rstrip('.')}.",
            severity="error" if breaks else "warning",
            task=note.task,
            fix="Take it into a playbook of its own that is run without waves, or run all of it without them.",
        )


def _only_looks(case: Case, note: Note) -> bool:
    """A task without an effect and about which nothing stayed unknown may as well run once in each wave."""
    told = any(other.task == note.task for other in case.noted("unguarded-host", "opaque-task", "delegated"))
    return not told and not any(effect.task == note.task for effect in case.forecast.effects)
