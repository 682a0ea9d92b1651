"""A host on which a run could not be undone."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Finding
from aisafe.rules import Case, rule

_FIX = {
    "rsync": "Install rsync on the host: apt-get install rsync, or dnf install rsync.",
    "root": "Let the run become root: become: true and the user's rights in sudoers.",
    "systemd": "The host's own switch is a systemd unit: manage a host without systemd with ansible-playbook itself.",
    "python": "Install Python 3.8 or newer on the host, or set ansible_python_interpreter.",
    "space": "Make room for the snapshot under /var/lib/aisafe.",
    "docker": "Start Docker on the host (systemctl start docker), or remove it if the host does not need it.",
}


@rule("guard-impossible", severity="error", stage="forecast")
def guard_impossible(case: Case) -> Iterator[Finding]:
    """Something that a snapshot or the host's own switch needs is missing, and the run changes the host.

    Wrong:

        - hosts: web              # rsync is missing there
          tasks: []

    Right:

        - hosts: web
          pre_tasks:
            - name: Install what a roll-back needs
              ansible.builtin.apt:
                name: rsync
                state: present
    """
    if not case.forecast.effects:
        return
    for name, missing in sorted(case.before.agent_checks.items()):
        if missing:
            needless = name == "docker" and not _touches_containers(case)
            yield case.find(
                f"The run could not be undone on this host ({name}): {missing.rstrip('.')}.",
                severity="warning" if needless else None,
                fix=_FIX.get(name, ""),
            )


def _touches_containers(case: Case) -> bool:
    return any(
        effect.kind in ("container", "image", "network", "volume") or effect.certainty == "opaque"
        for effect in case.forecast.effects
    )
