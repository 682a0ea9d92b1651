"""The forecast came from an engine that it was not tested with."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Finding
from aisafe.rules import Case, rule


@rule("untested-ansible", severity="warning", stage="forecast")
def untested_ansible(case: Case) -> Iterator[Finding]:
    """The forecast was made with an ansible-core that aisafe was not tested with, since the settings allow it.

    The forecast replaces parts inside of ansible's engine, and these change from version to version.

    Wrong:

        allow_untested_ansible: true     # in .aisafe.yml

    Right:

        allow_untested_ansible: false    # pip install 'ansible-core>=2.19,<2.22'
    """
    for note in case.noted("untested-ansible"):
        yield case.find(
            f"{note.message.rstrip('.')}.",
            when="possible",
            fix="Install a tested version beside aisafe, and take allow_untested_ansible (AISAFE_ALLOW_UNTESTED_ANSIBLE) out.",
        )
