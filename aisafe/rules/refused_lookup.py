"""Code of the playbook that would have run on the controller while it was judged."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Finding
from aisafe.rules import Case, rule


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
        yield case.find(
            f"{note.message.rstrip('.')}. Its value is unknown in the forecast.",
            when="possible",
            task=note.task,
            fix=note.fix or "Pass the value as a variable (-e): a lookup that runs code is never run while judging.",
        )
