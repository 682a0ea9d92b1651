"""A host that can't be reached any more."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Finding
from aisafe.rules import Case, rule


@rule("unreachable-after", severity="error", stage="proof")
def unreachable_after(case: Case) -> Iterator[Finding]:
    """After the run a fresh connection to the host fails, however well the run's own, older one went.

    Wrong:

        - name: Allow only the office
          ansible.builtin.iptables:
            chain: INPUT
            source: "!198.51.100.0/24"
            jump: DROP

    Right:

        - name: Allow only the office and the controller
          ansible.builtin.iptables:
            chain: INPUT
            source: "{{ item }}"
            jump: ACCEPT
          loop: [198.51.100.0/24, 192.0.2.7/32]
    """
    if not case.after:
        return
    for spot in case.after[-1].blind_spots:
        if spot.kind == "host":
            yield case.find(
                f"No fresh connection to the host after the run: {spot.reason.rstrip('.')}.",
                fix="Nothing to do now: without a confirmation the host rolls itself back at its deadline.",
            )
