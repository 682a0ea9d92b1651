"""Code of the playbook that would have run on the controller while it was judged."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Finding
from aisafe.rules import Case, rule

_FIXES = {
    "refused-lookup": "Pass the value as a variable (-e): a lookup that runs code is never run while judging.",
    "refused-plugin": "The forecast does without it, and the real run does not: look at it if it is not yours.",
}


@rule("refused-lookup", severity="warning", stage="forecast")
def refused_lookup(case: Case) -> Iterator[Finding]:
    """A lookup such as pipe, or a plugin beside the playbook, was not run: nothing of a play runs before it is judged.

    Its value is unknown in the forecast; what depends on it is only possible there. The real run does run it.

    Wrong:

        - name: Write the release
          ansible.builtin.copy:
            content: "{{ lookup('ansible.builtin.pipe', 'git describe') }}"
            dest: /etc/release-of-app

    Right:

        - name: Write the release
          ansible.builtin.copy:
            content: "{{ release }}"   # ansible-playbook -e release=$(git describe)
            dest: /etc/release-of-app
    """
    for note in case.noted("refused-lookup", "refused-plugin"):
        value = " Its value is unknown in the forecast." if note.kind == "refused-lookup" else ""
        yield case.find(
            f"{note.message.rstrip('.')}.{value}",
            when="possible",
            task=note.task,
            fix=note.fix or _FIXES[note.kind],
        )
